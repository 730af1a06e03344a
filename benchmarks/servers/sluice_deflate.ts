/**
 * Echo on this library with permessage-deflate, the same file on every runtime: each connection with
 * its own contexts or, told `alone`, each message with none.
 */
import process from "node:process";
import { listen } from "../../lib/server/mod.ts";
import { announce } from "./announce.ts";

const alone = process.argv[2] === "alone";
const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  maxMessageSize: 64 * 1024 * 1024,
  perMessageDeflate: {
    threshold: 0,
    serverNoContextTakeover: alone,
    clientNoContextTakeover: alone,
  },
  websocket: {
    message: (connection, data) => void connection.send(data),
  },
});
announce(server.address.port);
