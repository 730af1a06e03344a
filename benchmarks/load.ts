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
import { type LoadCase, makeMaskedFrames, makePayload, makeReply } from "./frames.ts";
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

/** Keeps the server busy for one round. */
async function runRound(request: LoadRequest): Promise<LoadResult> {
  const payload = makePayload(request.payload);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const round: Round = {
    request,
    batch: makeMaskedFrames(request.opcode, payload, makeMasks(request.depth)),
    reply: makeReply(request.opcode, payload),
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

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: LoadResult | { error: string };
    try {
      answer = await runRound(JSON.parse(line) as LoadRequest);
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit();
}
