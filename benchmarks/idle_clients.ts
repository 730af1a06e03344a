/**
 * The other end of the idle connections: a process of its own that opens them, lets each echo one
 * message, and from then on only answers pings. A request is a line of JSON on stdin; the answer, a
 * line on stdout.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import {
  ByteCounter,
  FrameCounter,
  type LoadCase,
  makeMaskedFrames,
  makePayload,
  makeReply,
} from "./frames.ts";
import { LoadConnection, type Round } from "./load_connection.ts";

/** Connections to open. */
interface OpenRequest {
  open: number;
  mode: LoadCase["mode"];
  port: number;
}

/** Connections to open, or the end of all that are open. */
export type ClientsRequest = OpenRequest | { close: true };

/** How many are open then, or why it could not be done. */
export type ClientsAnswer = { open: number } | { error: string };

/** Bytes in the message that each connection sends. */
const PAYLOAD = 64;
/** Connections that are being opened at once: few enough for any listener's queue. */
const AT_ONCE = 32;

const connections: LoadConnection[] = [];
const failed = Promise.withResolvers<never>();
failed.promise.catch(() => {});

async function open({ open, mode, port }: OpenRequest): Promise<void> {
  const payload = makePayload(PAYLOAD);
  const batch = makeMaskedFrames(2, payload, [Uint8Array.of(1, 2, 3, 4)]);
  const round: Round = {
    request: { mode, port, depth: 1 },
    batches: [batch],
    again: 0,
    most: 1,
    judge: () =>
      mode === "bare"
        ? new ByteCounter(batch.length)
        : new FrameCounter(makeReply(2, payload), { payload: PAYLOAD, verified: 1 }),
    messages: 0,
    stopping: false,
    fail: failed.reject,
  };
  let left = open;
  const openNext = async (): Promise<void> => {
    while (left-- > 0) {
      const connection = new LoadConnection(round);
      connections.push(connection);
      await connection.open();
      connection.start();
      await connection.idle;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openNext));
}

async function run(request: ClientsRequest): Promise<void> {
  if ("open" in request) return await open(request);
  for (const connection of connections.splice(0)) connection.close();
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer: ClientsAnswer;
  try {
    await Promise.race([run(JSON.parse(line) as ClientsRequest), failed.promise]);
    answer = { open: connections.length };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
