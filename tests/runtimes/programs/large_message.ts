/**
 * One end of a connection on which messages of any size pass each way, and are not held in memory:
 * `server`, which prints its port, or `client PORT SIZE...`, which sends messages of these sizes and
 * has each come back. For each message, each end prints a line of JSON with its peak of memory.
 */
import process from "node:process";
import { connect, type StreamedMessage, type WebSocketConnection } from "../../../mod.ts";
import { listen } from "../../../lib/server/mod.ts";
import { litter, MIB, readMemory } from "../pressure/memory.ts";
import { PatternChecker, patternChunks, patternStream } from "../pressure/pattern.ts";

/** How often progress is told, in bytes. */
const STEP = 64 * MIB;
/** Neither a fragment's size nor a divisor of it: what is sent is gathered from odd parts. */
const ODD_SIZE = 100_004;

type Connection = WebSocketConnection<undefined, StreamedMessage>;

const [role, port, ...sizes] = process.argv.slice(2);

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Tells how far it is, now and then. */
function progressOf(way: "sent" | "received"): (position: number) => void {
  let next = STEP;
  return (position): void => {
    if (position < next) return;
    next += STEP;
    print({ [way]: position, rss: readMemory().rss });
  };
}

/** Takes one message and gives its length. */
async function take(message: StreamedMessage): Promise<number> {
  const checker = new PatternChecker(), progress = progressOf("received");
  for await (const piece of message.stream()) {
    checker.push(piece);
    progress(checker.position);
  }
  return checker.position;
}

async function serve(connection: Connection): Promise<void> {
  for await (const message of connection) {
    const length = await take(message);
    await connection.send(patternStream(length, 65_536, progressOf("sent")));
    print({ length, peak: readMemory().peak });
  }
}

async function exchange(connection: Connection, length: number): Promise<void> {
  const begun = performance.now();
  await connection.send(patternChunks(length, ODD_SIZE, progressOf("sent")));
  const came = await take(await connection.receive());
  if (came !== length) throw new Error(`${length} bytes were sent, ${came} came back`);
  print({ length, peak: readMemory().peak, seconds: (performance.now() - begun) / 1000 });
}

await litter(512 * MIB);
if (role === "server") {
  const server = await listen({
    hostname: "127.0.0.1",
    messages: "stream",
    async websocket(connection): Promise<void> {
      await serve(connection);
      await server.shutdown();
    },
  });
  print({ port: server.address.port });
} else {
  await using connection = await connect(`ws://127.0.0.1:${port}`, { messages: "stream" });
  for (const size of sizes) await exchange(connection, Number(size));
}
