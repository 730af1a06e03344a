/** The client of `ws`, with its native addon, which it finds by itself. */
import { createRequire } from "node:module";
import { serveRequests } from "./work.ts";

interface Socket {
  on(event: "open", listener: () => void): void;
  on(event: "message", listener: (data: Uint8Array) => void): void;
  on(event: "close", listener: (code: number) => void): void;
  on(event: "error", listener: (error: unknown) => void): void;
  send(data: Uint8Array): void;
  close(code: number): void;
}

interface Ws {
  WebSocket: new (url: string, options: { perMessageDeflate: boolean }) => Socket;
}

const require = createRequire(import.meta.url);
const { WebSocket } = require("ws") as Ws;
const { mask } = require("bufferutil") as { mask: () => void };
if (!String(mask).includes("[native code]")) {
  throw new Error("Cannot measure ws: the native addon of bufferutil did not load");
}

await serveRequests((url, events) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let failure: unknown;
  const handle = {
    send: (data: Uint8Array): void => socket.send(data),
    close: (): void => socket.close(1000),
  };
  socket.on("open", () => events.onOpen(handle));
  socket.on("message", (data) => events.onMessage(data.length));
  socket.on("error", (error) => failure = error);
  socket.on("close", (code) => {
    events.onClose(
      failure ?? (code === 1000 ? undefined : new Error(`it was closed with ${code}`)),
    );
  });
});
