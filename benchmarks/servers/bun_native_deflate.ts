/**
 * Echo on Bun's own WebSocket server with permessage-deflate: each connection with its own context
 * or, told `alone`, each message with none.
 */
import process from "node:process";
import { announce } from "./announce.ts";
import { bun, type BunCompressor } from "./bun.ts";

const compressor: BunCompressor = process.argv[2] === "alone" ? "shared" : "dedicated";
const server = bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response(null, { status: 426 });
  },
  websocket: {
    // Without the second argument it sends messages as they are.
    message: (socket, data) => void socket.send(data, true),
    perMessageDeflate: { compress: compressor, decompress: compressor },
    idleTimeout: 0,
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 64 * 1024 * 1024,
  },
});
announce(server.port);
