/** Echo on this library, the same file on every runtime. */
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  maxMessageSize: 64 * 1024 * 1024,
  maxBufferedAmount: 64 * 1024 * 1024, // 32 messages of 1 MiB may wait
  websocket: {
    message: (connection, data) => void connection.send(data),
  },
});
announce(server.address.port);
