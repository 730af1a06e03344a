/** The `ws` package as the peer of a busy server; busy.ts says what it does. */
import { createRequire } from "node:module";
import { keepBusy, readOrder } from "./busy.ts";

interface Socket {
  send(data: string): void;
  ping(payload: string): void;
  close(code: number): void;
  on(event: "open", listener: () => void): void;
  on(event: "pong", listener: (payload: Uint8Array) => void): void;
  on(event: "close", listener: (code: number) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

const { WebSocket } = createRequire(import.meta.url)("ws") as {
  WebSocket: new (url: string) => Socket;
};

const order = readOrder(), socket = new WebSocket(order.url);
const waiting = new Map<string, () => void>();
let pings = 0;
socket.on("error", (error) => console.error(error));
socket.on("pong", (payload) => waiting.get(new TextDecoder().decode(payload))?.());
socket.on("open", () => {
  const closed = keepBusy({
    send: (data) => socket.send(data),
    ping(answered): void {
      const payload = String(pings++);
      waiting.set(payload, answered);
      socket.ping(payload);
    },
    close: () => socket.close(1000),
  }, order);
  socket.on("close", closed);
});
