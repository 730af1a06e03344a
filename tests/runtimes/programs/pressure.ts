/**
 * A process under pressure: it serves, or connects when told to, and then sends more than its peer
 * takes, or does not read what its peer sends. What it does with a connection stands in the URL,
 * `?id=...&way=...`; a connection to `/control` asks it about that.
 *
 * The first argument has the options of its connections, as JSON. It prints its ports: of a server
 * whose users are functions, of one of handlers, and of one of messages in pieces.
 */
import process from "node:process";
import {
  connect,
  LimitError,
  type StreamedMessage,
  type WebSocketConnection,
} from "../../../mod.ts";
import { listen, type WebSocketServer } from "../../../lib/server/mod.ts";
import {
  type Consumer,
  HandlingConsumer,
  laterConsumer,
  piecesConsumer,
} from "../pressure/consumers.ts";
import { litter, MIB, readMemory } from "../pressure/memory.ts";
import { Offer } from "../pressure/offers.ts";
import type { Answer, Question, SubjectOptions, Way } from "../pressure/subject.ts";

/** A connection and what is done with it. */
interface Case {
  connection: Pick<
    WebSocketConnection,
    "bufferedAmount" | "closed" | "readyState" | "send" | "stats"
  >;
  offer?: Offer;
  consumer?: Consumer;
}

const options = JSON.parse(process.argv[2] ?? "{}") as SubjectOptions;
const cases = new Map<string, Case>();

/** The id and the way that stand in a URL. */
function plan(url: string): { id: string; way: Way } {
  const { searchParams } = new URL(url);
  return { id: searchParams.get("id") ?? "", way: searchParams.get("way") as Way };
}

/** A connection whose user is a function. */
function begin(connection: WebSocketConnection): void {
  if (new URL(connection.url).pathname === "/control") return void control(connection);
  const { id, way } = plan(connection.url);
  if (way === "offer" || way === "flood") {
    const offer = new Offer(connection);
    cases.set(id, { connection, offer });
    void (way === "offer" ? offer.run() : offer.flood());
  } else {
    const consumer = laterConsumer(connection, way === "readable" ? way : "iteration");
    cases.set(id, { connection, consumer });
  }
}

/** One whose messages come in pieces. */
function beginPieces(connection: WebSocketConnection<undefined, StreamedMessage>): void {
  const { id } = plan(connection.url);
  cases.set(id, { connection, consumer: piecesConsumer(connection) });
}

/** The user of one that is handled. */
function handlingFor(url: string): HandlingConsumer {
  return new HandlingConsumer(plan(url).way === "pause" ? "pause" : "handler");
}

async function open(url: string): Promise<void> {
  const { id, way } = plan(url);
  if (way === "pieces") return beginPieces(await connect(url, { ...options, messages: "stream" }));
  if (way !== "handler" && way !== "pause") return begin(await connect(url, options));
  const consumer = handlingFor(url);
  const connection = await connect(url, {
    ...options,
    websocket: {
      open: (connection) => consumer.open(connection),
      message: (_, data) => consumer.message(data),
    },
  });
  cases.set(id, { connection, consumer });
}

async function control(connection: WebSocketConnection): Promise<void> {
  for await (const text of connection) {
    const [number, question] = JSON.parse(String(text)) as [number, Question];
    void answer(question).then(
      (answer) => connection.send(JSON.stringify([number, answer])),
      (error) => connection.send(JSON.stringify([number, { failed: String(error) }])),
    );
  }
  process.exit();
}

async function answer(question: Question): Promise<Answer> {
  if (question.do === "connect") {
    await open(question.url);
    return {};
  }
  if (question.do === "memory" || question.do === "litter") {
    if (question.do === "litter") await litter(512 * MIB);
    return { peak: readMemory().peak };
  }
  const found = cases.get(question.id);
  if (found === undefined) throw new Error(`There is no connection ${question.id}`);
  const { connection, offer, consumer } = found;
  switch (question.do) {
    case "state": {
      const { readyState, bufferedAmount, stats: { messagesReceived } } = connection;
      const { sent, mostBuffered } = offer ?? {};
      return { readyState, bufferedAmount, messagesReceived, sent, mostBuffered };
    }
    case "send":
      return { accepted: connection.send("too late") };
    case "limit":
      offer!.size = Math.max(offer!.sent, question.size);
      return { size: offer!.size };
    case "read": {
      consumer!.go();
      await consumer!.received.complete;
      const { bytes, messages } = consumer!.received;
      return { bytes, messages };
    }
    case "closed": {
      const { wasClean, sent, error } = await connection.closed;
      const option = error instanceof LimitError ? error.option : undefined;
      return { wasClean, closeCode: sent?.closeCode, option };
    }
  }
}

const base = { hostname: "127.0.0.1", ...options };
const servers: Pick<WebSocketServer, "address">[] = [
  await listen({ ...base, websocket: begin }),
  await listen<HandlingConsumer>({
    ...base,
    handshake: (request) => ({ data: handlingFor(request.url) }),
    websocket: {
      open(connection): void {
        cases.set(plan(connection.url).id, { connection, consumer: connection.data });
        connection.data.open(connection);
      },
      message: (connection, data) => connection.data.message(data),
    },
  }),
  await listen({ ...base, messages: "stream", websocket: beginPieces }),
];
console.log(JSON.stringify({ ports: servers.map(({ address }) => address.port) }));
