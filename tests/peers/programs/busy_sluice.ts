/** This library's own client as the peer of a busy server; busy.ts says what it does. */
import { connect } from "../../../mod.ts";
import { keepBusy, readOrder } from "./busy.ts";

const order = readOrder();
const connection = await connect(order.url, { websocket: {} });
const closed = keepBusy({
  send: (data) => void connection.send(data),
  ping: (answered) => void connection.ping().then(answered, () => {}),
  close: () => connection.close(),
}, order);
connection.closed.then(({ closeCode }) => closed(closeCode));
