/**
 * Rooms to talk in, as routes of Hono on Deno.
 *
 *     deno run --allow-net --allow-env=PORT examples/hono_deno/main.ts
 *
 * @module
 */
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { type ServeInfo, upgrade } from "../../lib/adapters/deno.ts"; // "@sluice/websocket/deno"
import type { ConnectionHandlers, WebSocketConnection } from "../../mod.ts";

/** Who talks, and where: `connection.data`. */
interface Person {
  name: string;
  room: string;
}

const people = new Set<WebSocketConnection<Person>>();

const websocket: ConnectionHandlers<Person> = {
  open: (connection) => void people.add(connection),
  message({ data: { name, room } }, text): void {
    for (const other of people) {
      if (other.data.room === room) other.send(`${name}: ${text}`);
    }
  },
  close: (connection) => void people.delete(connection),
};

// On Deno, Hono's bindings are what Deno.serve tells of the request.
const app = new Hono<{ Bindings: ServeInfo }>();
app.use(secureHeaders());

app.get("/", (c) => c.json({ rooms: [...new Set([...people].map(({ data }) => data.room))] }));

app.get("/rooms/:room", (c) => {
  const room = c.req.param("room"), name = c.req.query("name");
  if (name === undefined) return c.text("Say who you are: ?name=NAME\n", 401);
  return upgrade<Person>(c.req.raw, {
    info: c.env,
    handshake: () => ({ data: { name, room } }),
    websocket,
  });
});

Deno.serve({
  port: Number(Deno.env.get("PORT") ?? 8080),
  onListen: ({ port }) => console.log(`Rooms on ws://localhost:${port}/rooms/ROOM?name=NAME`),
}, app.fetch);
