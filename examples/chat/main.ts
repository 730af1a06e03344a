/**
 * A chat with rooms and a web page, on one port.
 *
 *     deno run --allow-net --allow-env --allow-read --allow-run examples/chat/main.ts
 *     bun examples/chat/main.ts
 *     node examples/chat/main.ts
 *
 * @module
 */
import process from "node:process";
import { TransportError } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { bundlePage, servePage } from "./page.ts";
import { type Person, type PersonConnection, Rooms } from "./room.ts";
import { BadMessage, readMessage, readName } from "./words.ts";

/** How often everybody is pinged, in milliseconds. */
const PING_INTERVAL = 1000;
/** How often a guest may say something, in milliseconds, */
const PACE = 50;
/** but so many things at once, after a silence. */
const BURST = 20;

const rooms = new Rooms();

/** Decides who may come in: what it returns becomes `connection.data`, a Response refuses. */
function handshake(request: Request): { data: Person } | Response {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== "/chat") return new Response("The chat is at /chat\n", { status: 404 });
  const name = readName(searchParams.get("name"));
  const room = readName(searchParams.get("room"));
  if (name === undefined || room === undefined) {
    return new Response("Say who you are: /chat?room=ROOM&name=NAME\n", { status: 400 });
  }
  return {
    data: {
      name,
      room: rooms.get(room),
      slow: false,
      talkedUntil: 0,
      pingedAt: undefined,
      roundTrip: undefined,
    },
  };
}

/** When there is a promise, the next message waits for it. */
function message(connection: PersonConnection, data: string | Uint8Array): Promise<void> | void {
  const { room, name } = connection.data;
  try {
    const said = readMessage(data);
    if (said.type === "ping") return void connection.send(JSON.stringify({ type: "pong" }));
    room.say(name, said.text);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error; // a mistake of ours: 1011
    return connection.close({ closeCode: error.closeCode, reason: error.message });
  }
  return pace(connection.data);
}

/** Nobody can flood a room: as the connection is not read meanwhile, TCP makes the peer wait. */
function pace(person: Person): Promise<void> | void {
  const now = performance.now();
  person.talkedUntil = Math.max(person.talkedUntil, now - BURST * PACE) + PACE;
  const wait = person.talkedUntil - now;
  if (wait > 0) return new Promise((resolve) => setTimeout(resolve, wait));
}

/** One ping at a time; rejects only when the connection closes, and then nobody asks. */
function ping(connection: PersonConnection): void {
  const person = connection.data;
  if (person.pingedAt !== undefined) return;
  person.pingedAt = performance.now();
  connection.ping().then((roundTrip) => {
    person.roundTrip = roundTrip;
    person.pingedAt = undefined;
  }, () => {});
}

async function start(port: number): Promise<WebSocketServer<Person>> {
  const script = await bundlePage();
  try {
    return await listen<Person>({
      port,
      fetch: (request) => servePage(request, script),
      handshake,
      websocket: {
        open(connection): void {
          connection.data.room.enter(connection);
          ping(connection);
        },
        message,
        drain(connection): void {
          connection.data.slow = false;
        },
        close(connection): void {
          connection.data.room.leave(connection);
        },
      },
      maxConnections: 1000,
      maxMessageSize: 16 * 1024,
      maxBufferedAmount: 1024 * 1024,
    });
  } catch (error) {
    if (!(error instanceof TransportError) || error.code !== "ADDRESS_IN_USE") throw error;
    console.error(`Port ${port} is busy: choose another with PORT, as in PORT=${port + 1}`);
    process.exit(1);
  }
}

const server = await start(Number(process.env.PORT ?? 8080));
console.log(`Chat on http://localhost:${server.address.port}/`);

const timer = setInterval(() => {
  for (const room of rooms.values()) room.tellRoundTrips();
  for (const connection of server.connections) ping(connection);
}, PING_INTERVAL);

async function stop(): Promise<void> {
  clearInterval(timer);
  await server.shutdown({ timeout: 2000 });
  process.exit(0);
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
