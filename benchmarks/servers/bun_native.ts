/** Echo on Bun's own WebSocket server, told after how many seconds of silence it drops a peer. */
import process from "node:process";
import { announce } from "./announce.ts";
import { bun } from "./bun.ts";

const server = bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response(null, { status: 426 });
  },
  websocket: {
    message: (socket, data) => void socket.send(data),
    perMessageDeflate: false,
    idleTimeout: Number(process.argv[2] ?? 0),
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
  },
});
announce(server.port);
