/**
 * Echoes every message by its type, for a suite that tests servers:
 *
 *     PORT=9001 deno run -A tests/conformance/echo_server.ts
 *
 * and likewise with `bun` or `node`. With `COMPRESS=1` in the environment it agrees to
 * permessage-deflate, which a suite needs for its cases of compression. It prints `listening` and its
 * URL when it is up.
 */
import process from "node:process";
import { listen } from "../../lib/server/mod.ts";

const server = await listen({
  port: Number(process.env.PORT ?? 9001),
  origins: "*",
  maxMessageSize: 64 * 1024 * 1024,
  perMessageDeflate: process.env.COMPRESS === "1",
  websocket: {
    message(connection, data): Promise<void> | void {
      // A peer that reads slowly is not sent more until it has read.
      if (!connection.send(data)) return connection.ready;
    },
  },
});
console.log(`listening on ws://127.0.0.1:${server.address.port}`);
