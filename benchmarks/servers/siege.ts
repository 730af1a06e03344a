/** Echo on this library as README.md has it, with as many pending handshakes as the siege brings. */
import process from "node:process";
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  maxPendingHandshakes: Number(process.argv[2]),
  websocket: {
    message: (connection, data) => connection.send(data) ? undefined : connection.ready,
  },
  onError(): void {},
  onRefused(): void {},
});
announce(server.address.port);
