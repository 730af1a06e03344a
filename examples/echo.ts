import process from "node:process";
import { listen } from "../lib/server/mod.ts";

const server = await listen({
  port: process.env.PORT ?? 8080,
  websocket: {
    // While this peer does not read, its next message is not read either.
    message: (connection, data) => connection.send(data) ? undefined : connection.ready,
  },
});
console.log(`Echo on ws://localhost:${server.address.port}/`);
