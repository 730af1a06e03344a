/**
 * Notes that are posted by HTTP and pushed to whoever looks on, as routes of Hono on Bun.
 *
 *     bun examples/hono_bun/main.ts
 *     curl -d "Hello" http://localhost:8080/notes
 *
 * @module
 */
/// <reference path="../bun.d.ts" />
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import process from "node:process";
import { type BunServerLike, upgrade, websocket } from "../../lib/adapters/bun/mod.ts"; // "@sluice/websocket/bun"
import type { WebSocketConnection } from "../../mod.ts";

const notes: string[] = [];
const lookers = new Set<WebSocketConnection>();

// On Bun, Hono's bindings are what is given beside the request: the server, or { server }.
const app = new Hono<{ Bindings: BunServerLike }>();
app.use(secureHeaders());

app.get("/notes", (c) => c.json(notes));

app.post("/notes", async (c) => {
  const note = (await c.req.text()).slice(0, 1000);
  notes.push(note);
  for (const looker of lookers) looker.send(note);
  return c.json(note, 201);
});

app.get("/live", async (c) => {
  const refusal = await upgrade(c.req.raw, c.env, {
    websocket: {
      open(connection): void {
        lookers.add(connection);
        for (const note of notes) connection.send(note);
      },
      close: (connection) => void lookers.delete(connection),
    },
  });
  return refusal ?? c.body(null); // Hono wants an answer, Bun has sent its own
});

const port = Number(process.env.PORT ?? 8080);
const server = Bun.serve({ port, fetch: app.fetch, websocket });
console.log(`Notes on http://localhost:${server.port}/notes`);
