/** Echo on this library, read by `for await`, the same file on every runtime. */
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  maxMessageSize: 64 * 1024 * 1024,
  async websocket(connection) {
    for await (const message of connection) connection.send(message);
  },
});
announce(server.address.port);
