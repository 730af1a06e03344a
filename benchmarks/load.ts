/**
 * The load: a process of its own that keeps a server busy and counts what comes back. It runs on
 * Bun, whose sockets cost a client least. A request is a line of JSON on stdin; its result, a line
 * on stdout. The CPU time of the server is read here, at the moments the counting begins and ends.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { cpuBetween, readCpuTimes } from "./cpu.ts";
import { CompressedCounter, DEFLATE, makeConversation } from "./compressed_frames.ts";
import {
  ByteCounter,
  FrameCounter,
  type LoadCase,
  makeMaskedFrames,
  makePayload,
  makeReply,
} from "./frames.ts";
import { LoadConnection, type Round } from "./load_connection.ts";

/** One round to run. */
export interface LoadRequest extends LoadCase {
  /** Where the server listens on 127.0.0.1. */
  port: number;
  /** The server's process. */
  pid: number;
  /** Milliseconds under load before the counting begins. */
  warmup: number;
  /** Milliseconds to count for. */
  duration: number;
}

/** A conversation on one connection, of which every reply is inflated and compared. */
export interface SizeRequest extends LoadCase {
  /** What tells this from a round. */
  measureSize: true;
  /** Where the server listens on 127.0.0.1. */
  port: number;
}

/** What a conversation gave. */
export interface SizeResult {
  /** Bytes of a message. */
  plain: number;
  /** Bytes of payload that a reply has once the window is full. */
  reply: number;
}

/** What a round gave. */
export interface LoadResult {
  /** Messages that came back. */
  messages: number;
  /** Seconds that they took. */
  seconds: number;
  /** Seconds of CPU time that the server used meanwhile. */
  serverCpu: number;
  /** Seconds that the server's threads stood in line for their core: the machine is not quiet. */
  serverWaited: number;
  /** Seconds of CPU time that the load itself used. */
  loadCpu: number;
}

function makeMasks(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => crypto.getRandomValues(new Uint8Array(4)));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

type Load = Pick<Round, "batches" | "again" | "extension" | "judge">;

/** The same message again and again. */
function makePlainLoad({ mode, payload: size, opcode, depth }: LoadCase): Load {
  const payload = makePayload(size);
  const batch = makeMaskedFrames(opcode, payload, makeMasks(depth));
  const reply = makeReply(opcode, payload);
  return {
    batches: [batch],
    again: 0,
    judge: () =>
      mode === "websocket"
        ? new FrameCounter(reply, { payload: size, verified: depth })
        : new ByteCounter(batch.length / depth),
  };
}

/** A conversation, of which the counter tells the bytes. */
function makeCompressedLoad({ payload, depth }: LoadCase): Load {
  return {
    ...makeConversation({ payload, depth, takeover: true }),
    extension: DEFLATE,
    judge: () => new CompressedCounter({ keep: false }),
  };
}

/** Keeps the server busy for one round. */
async function runRound(request: LoadRequest): Promise<LoadResult> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const round: Round = {
    request,
    ...(request.compressed ? makeCompressedLoad(request) : makePlainLoad(request)),
    most: Infinity,
    messages: 0,
    stopping: false,
    fail: failed.reject,
  };
  const connections = Array.from(
    { length: request.connections },
    () => new LoadConnection(round),
  );
  const within = <T>(step: Promise<T>): Promise<T> => Promise.race([step, failed.promise]);
  try {
    for (const connection of connections) await within(connection.open());
    for (const connection of connections) connection.start();
    await within(sleep(request.warmup));

    const cpuBefore = readCpuTimes(request.pid);
    const loadBefore = process.cpuUsage();
    const before = round.messages;
    const began = performance.now();
    await within(sleep(request.duration));
    const seconds = (performance.now() - began) / 1000;
    const messages = round.messages - before;
    const load = process.cpuUsage(loadBefore);
    const { used, waited } = cpuBetween(cpuBefore, readCpuTimes(request.pid));

    round.stopping = true;
    const late = sleep(5000).then(() => {
      throw new Error("replies are missing");
    });
    late.catch(() => {});
    await within(Promise.race([Promise.all(connections.map(({ idle }) => idle)), late]));
    for (const connection of connections) connection.close();
    return {
      messages,
      seconds,
      serverCpu: used / 1e9,
      serverWaited: waited / 1e9,
      loadCpu: (load.user + load.system) / 1e6,
    };
  } catch (error) {
    for (const connection of connections) connection.terminate();
    throw error;
  }
}

/** Has a conversation on one connection: all messages so many times. Gives the bytes of the replies. */
async function converse(request: SizeRequest, times: 1 | 2): Promise<number> {
  const failed = Promise.withResolvers<never>();
  const { messages, batches, again } = makeConversation({ ...request, takeover: true });
  const replies = new CompressedCounter({ keep: true });
  const connection = new LoadConnection({
    request,
    batches,
    again,
    most: again * times,
    extension: DEFLATE,
    messages: 0,
    stopping: false,
    judge: () => replies,
    fail: failed.reject,
  });
  const late = setTimeout(() => failed.reject(new Error("replies are missing")), 20_000);
  try {
    await Promise.race([connection.open(), failed.promise]);
    connection.start();
    await Promise.race([connection.idle, failed.promise]);
    replies.verify(messages);
    return replies.bytes;
  } finally {
    clearTimeout(late);
    connection.close();
  }
}

/** What replies take when the window is full: what the messages take the second time. */
async function measureSize(request: SizeRequest): Promise<SizeResult> {
  const { messages } = makeConversation({ ...request, takeover: true });
  const once = await converse(request, 1);
  const twice = await converse(request, 2);
  const plain = messages.reduce((sum, { length }) => sum + length, 0);
  return { plain: plain / messages.length, reply: (twice - once) / messages.length };
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: LoadResult | SizeResult | { error: string };
    try {
      const request = JSON.parse(line) as LoadRequest | SizeRequest;
      answer = await ("measureSize" in request ? measureSize(request) : runRound(request));
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}
