/** Opens, uses and closes 200 connections, and prints how many files were open before and after. */
import { readdirSync } from "node:fs";
import { connect, type WebSocketConnection } from "../../../mod.ts";
import { listen } from "../../../lib/server/mod.ts";
import { ca, cert, key } from "../../certificates/mod.ts";

const openFiles = (): number => readdirSync("/proc/self/fd").length;

/** One way to use a connection and to be done with it. */
const ways: ((connection: WebSocketConnection) => Promise<unknown>)[] = [
  async (connection) => {
    connection.close();
    await connection.closed;
  },
  async (connection) => {
    connection.send("close");
    await connection.closed;
  },
  async (connection) => {
    connection.terminate();
    await connection.closed;
  },
  async (connection) => {
    connection.send("terminate");
    await connection.closed;
  },
];

async function round(scheme: "ws" | "wss", count: number): Promise<void> {
  const server = await listen({
    hostname: "127.0.0.1",
    ...(scheme === "ws" ? {} : { tls: { cert, key } }),
    handshake: (request) =>
      request.url.endsWith("/no") ? new Response("no", { status: 403 }) : undefined,
    websocket: {
      message(connection, data): void {
        if (data === "close") connection.close();
        else if (data === "terminate") connection.terminate();
        else connection.send(data);
      },
    },
  });
  const url = `${scheme}://127.0.0.1:${server.address.port}`;
  const tls = { caCerts: [ca] };
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    const connection = await connect(url, { tls });
    connection.send(`message ${i}`);
    if (await connection.receive() !== `message ${i}`) throw new Error("no echo");
    await ways[i % ways.length](connection);
  }));
  await connect(`${url}/no`, { tls }).catch(() => {});
  await server.shutdown();
}

// What a runtime opens once and keeps (an event queue, a resolver) is open after a first round.
await round("ws", 4);
await round("wss", 4);
const before = openFiles();
await round("ws", 100);
await round("wss", 100);
// The end of a socket may be a turn or two behind the end of its connection.
for (let turns = 0; openFiles() > before && turns < 200; turns++) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(JSON.stringify({ before, after: openFiles() }));
