/**
 * Echo on `ws` with permessage-deflate, its level left as it is: each connection with its own contexts
 * or, told `alone`, each message with none.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { announce } from "./announce.ts";

interface Socket {
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  send(data: Uint8Array, options: { binary: boolean }): void;
}

interface Server {
  on(event: "connection", listener: (socket: Socket) => void): void;
  on(event: "listening", listener: () => void): void;
  address(): { port: number };
}

interface Ws {
  WebSocketServer: new (
    options: {
      host: string;
      port: number;
      perMessageDeflate: {
        threshold: number;
        serverNoContextTakeover: boolean;
        clientNoContextTakeover: boolean;
      };
      skipUTF8Validation: boolean;
      clientTracking: boolean;
    },
  ) => Server;
}

const require = createRequire(import.meta.url);
const { WebSocketServer } = require("ws") as Ws;
const { unmask } = require("bufferutil") as { unmask: () => void };
// bufferutil falls back to JavaScript without a word where its binary does not load.
if (!String(unmask).includes("[native code]")) {
  throw new Error("Cannot measure ws: the native addon of bufferutil did not load");
}

const alone = process.argv[2] === "alone";
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: {
    threshold: 0,
    serverNoContextTakeover: alone,
    clientNoContextTakeover: alone,
  },
  skipUTF8Validation: false,
  clientTracking: false,
});
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on("listening", () => announce(server.address().port));
