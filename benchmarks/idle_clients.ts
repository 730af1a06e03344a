/**
 * The other end of the idle connections: a process of its own that opens them, lets each echo a
 * message or ten, and from then on only answers pings. A request is a line of JSON on stdin; the answer, a
 * line on stdout.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import {
  CompressedCounter,
  DEFLATE,
  DEFLATE_ALONE,
  makeConversation,
} from "./compressed_frames.ts";
import {
  ByteCounter,
  FrameCounter,
  type LoadCase,
  makeMaskedFrames,
  makePayload,
  makeReply,
} from "./frames.ts";
import { LoadConnection, type Round } from "./load_connection.ts";

/** What each connection sends once it is open. */
export type IdleTraffic = "plain" | "compressed" | "compressed-alone";

/** Connections to open. */
interface OpenRequest {
  open: number;
  mode: LoadCase["mode"];
  port: number;
  traffic: IdleTraffic;
}

/** Connections to open, or the end of all that are open. */
export type ClientsRequest = OpenRequest | { close: true };

/** How many are open then, or why it could not be done. */
export type ClientsAnswer = { open: number } | { error: string };

/** Bytes in the one plain message that each connection sends. */
const PAYLOAD = 64;
/** Bytes in a compressed message, about, and how many there are. */
const COMPRESSED_PAYLOAD = 110;
const COMPRESSED_MESSAGES = 10;
/** Connections that are being opened at once: few enough for any listener's queue. */
const AT_ONCE = 32;

const connections: LoadConnection[] = [];
const failed = Promise.withResolvers<never>();
failed.promise.catch(() => {});

type Talk = Pick<Round, "batches" | "most" | "extension" | "judge">;

/** One message of which every byte is compared. */
function onePlain(mode: LoadCase["mode"]): Talk {
  const payload = makePayload(PAYLOAD);
  const batch = makeMaskedFrames(2, payload, [Uint8Array.of(1, 2, 3, 4)]);
  return {
    batches: [batch],
    most: 1,
    judge: () =>
      mode !== "websocket"
        ? new ByteCounter(batch.length)
        : new FrameCounter(makeReply(2, payload), { payload: PAYLOAD, verified: 1 }),
  };
}

/** Several messages, one after the other. */
function someCompressed(takeover: boolean): Talk {
  const conversation = makeConversation({ payload: COMPRESSED_PAYLOAD, depth: 1, takeover });
  return {
    batches: conversation.batches,
    most: COMPRESSED_MESSAGES,
    extension: takeover ? DEFLATE : DEFLATE_ALONE,
    judge: () => new CompressedCounter({ keep: false }),
  };
}

async function open({ open, mode, port, traffic }: OpenRequest): Promise<void> {
  const round: Round = {
    request: { mode, port, depth: 1 },
    again: 0,
    ...(traffic === "plain" ? onePlain(mode) : someCompressed(traffic === "compressed")),
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
