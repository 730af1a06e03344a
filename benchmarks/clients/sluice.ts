/** This library's `connect` with handlers, the same file on every runtime. */
import { connect } from "../../mod.ts";
import { serveRequests } from "./work.ts";

await serveRequests((url, events) => {
  connect(url, {
    maxBufferedAmount: 64 * 1024 * 1024,
    websocket: {
      open: (connection) =>
        events.onOpen({
          send: (data) => void connection.send(data),
          close: () => void connection.close(1000),
        }),
      message: (_, data) => events.onMessage(data.length),
      close: (_, { wasClean, error, closeCode }) => {
        events.onClose(
          wasClean ? undefined : error ?? new Error(`it was closed with ${closeCode}`),
        );
      },
    },
  }).catch((error: unknown) => events.onClose(error));
});
