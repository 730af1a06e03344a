/** Echo of bare bytes on node:net: what the runtime's own socket costs. */
import { type AddressInfo, createServer } from "node:net";
import { announce } from "./announce.ts";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk) => socket.write(chunk));
  socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
