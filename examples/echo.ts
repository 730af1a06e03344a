import process from "node:process";
import { listen } from "../lib/server/mod.ts";

const server = await listen({
  port: process.env.PORT ?? 8080,
  websocket: {
    // A peer that does not read is not read from: its next message waits until there is room.
    message: (connection, data) => connection.send(data) ? undefined : connection.ready,
  },
});
console.log(`Echo on ws://localhost:${server.address.port}/`);
