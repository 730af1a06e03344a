/**
 * A page and its WebSocket behind `Deno.serve`: a button, and how often everybody has pressed it.
 *
 *     deno run --allow-net --allow-env=PORT examples/deno_serve/main.ts
 *
 * @module
 */
import { upgrade } from "../../lib/adapters/deno.ts"; // "@sluice/websocket/deno"
import type { ConnectionHandlers, WebSocketConnection } from "../../mod.ts";
import { page } from "./page.ts";

const people = new Set<WebSocketConnection>();
let presses = 0;

function tellEverybody(): void {
  const news = JSON.stringify({ people: people.size, presses });
  for (const connection of people) connection.send(news);
}

const websocket: ConnectionHandlers = {
  open(connection): void {
    people.add(connection);
    tellEverybody();
  },
  message(): void {
    presses++;
    tellEverybody();
  },
  close(connection): void {
    people.delete(connection);
    tellEverybody();
  },
};

const port = Number(Deno.env.get("PORT") ?? 8080);
const server = Deno.serve({ port, onListen }, (request, info) => {
  switch (new URL(request.url).pathname) {
    case "/":
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    case "/button":
      // Pages of other hosts are refused (option origins), and so is what is longer than a press.
      return upgrade(request, { info, websocket, maxMessageSize: 16 });
    default:
      return new Response("There is nothing here\n", { status: 404 });
  }
});

function onListen(address: { port: number }): void {
  console.log(`A button on http://localhost:${address.port}/`);
}

Deno.addSignalListener("SIGINT", async () => {
  for (const connection of people) connection.close({ closeCode: 1001 });
  await server.shutdown();
});
