/**
 * A Cloudflare Worker that counts the words of what it is sent.
 *
 *     deno bundle --platform=browser -o examples/worker/worker.js examples/worker/worker.ts
 *     npx workerd serve examples/worker/workerd.capnp
 *
 * @module
 */
// "@sluice/websocket"
import { type ConnectionHandlers, fromWebSocket, isWebSocketUpgrade } from "../../mod.ts";
import type { WorkerResponseInit, WorkerSocket } from "./types.ts";

declare const WebSocketPair: new () => { 0: WorkerSocket; 1: WorkerSocket };

/** What is counted for one peer: `connection.data`. */
interface Count {
  words: number;
}

const websocket: ConnectionHandlers<Count> = {
  message(connection, data): void {
    if (typeof data !== "string") {
      return connection.close({ closeCode: 1003, reason: "only text has words" });
    }
    connection.data.words += data.split(/\s+/).filter((word) => word !== "").length;
    connection.send(`${connection.data.words} words so far`);
  },
};

export default {
  fetch(request: Request): Response {
    if (!isWebSocketUpgrade(request)) {
      return new Response("Here is a WebSocket\n", { status: 426 });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    // A Worker's end can send any close code, as a server's.
    fromWebSocket(server, { anyCloseCode: true, data: { words: 0 }, websocket });
    return new Response(null, { status: 101, webSocket: client } as WorkerResponseInit);
  },
};
