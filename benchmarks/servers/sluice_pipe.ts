/** Echo on this library, `readable` piped to `writable`, the same file on every runtime. */
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  maxMessageSize: 64 * 1024 * 1024,
  websocket: (connection) => connection.readable.pipeTo(connection.writable),
});
announce(server.address.port);
