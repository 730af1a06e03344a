/**
 * A poll on one page behind `Bun.serve`, with two endpoints of different kinds: `/vote` is for the page
 * alone and takes a word at a time, `/results` is for every site and only tells.
 *
 *     bun examples/bun_serve/main.ts
 *
 * @module
 */
/// <reference path="../bun.d.ts" />
import process from "node:process";
import { upgrade, websocketWith } from "../../lib/adapters/bun/mod.ts"; // "@sluice/websocket/bun"
import type { ConnectionHandlers, WebSocketConnection } from "../../mod.ts";

/** One vote each: `connection.data`. */
interface Voter {
  choice: string | undefined;
}

const choices = ["Tea", "Coffee", "Water"];
const voters = new Set<WebSocketConnection<Voter>>();
const readers = new Set<WebSocketConnection>();

function results(): string {
  const votes = [...voters].map(({ data }) => data.choice);
  return JSON.stringify(
    Object.fromEntries(choices.map((each) => [each, votes.filter((vote) => vote === each).length])),
  );
}

function tellReaders(): void {
  for (const reader of readers) reader.send(results());
}

const voting: ConnectionHandlers<Voter> = {
  open: (connection) => void voters.add(connection),
  message(connection, choice): void {
    if (typeof choice !== "string" || !choices.includes(choice)) {
      return connection.close({ closeCode: 4000, reason: "That is not one of the choices" });
    }
    connection.data.choice = choice;
    tellReaders();
  },
  close(connection): void {
    voters.delete(connection);
    tellReaders();
  },
};

const reading: ConnectionHandlers = { // no `message`: what readers send is dropped
  open(connection): void {
    readers.add(connection);
    connection.send(results());
  },
  close: (connection) => void readers.delete(connection),
};

const server = Bun.serve({
  port: Number(process.env.PORT ?? 8080),
  routes: {
    "/": () => new Response(Bun.file(new URL("page.html", import.meta.url))),
    "/vote": (request, server) =>
      upgrade<Voter>(request, server, {
        handshake: () => ({ data: { choice: undefined } }),
        maxMessageSize: 16,
        websocket: voting,
      }),
    "/results": (request, server) => upgrade(request, server, { origins: "*", websocket: reading }),
    "/*": new Response("There is nothing here\n", { status: 404 }),
  },
  websocket: websocketWith({ perMessageDeflate: true }),
});
console.log(`A poll on http://localhost:${server.port}/`);

process.once("SIGINT", async () => {
  for (const each of [...voters, ...readers]) each.close({ closeCode: 1001 });
  await server.stop(true); // also what a browser keeps open for later
});
