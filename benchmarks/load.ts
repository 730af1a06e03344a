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
import {
  ByteCounter,
  FrameCounter,
  type LoadCase,
  makeMaskedFrames,
  makePayload,
  makeReply,
  type ReplyCounter,
} from "./frames.ts";

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

interface BunSocket {
  write(bytes: Uint8Array): number;
  end(): void;
  terminate(): void;
}

interface BunLike {
  connect(options: {
    hostname: string;
    port: number;
    socket: {
      data(socket: BunSocket, chunk: Uint8Array): void;
      drain(socket: BunSocket): void;
      close(socket: BunSocket): void;
    };
  }): Promise<BunSocket>;
}

const bun = (globalThis as unknown as { Bun: BunLike }).Bun;

/** What the connections of one round share. */
interface Round {
  readonly request: LoadRequest;
  readonly batch: Uint8Array;
  readonly reply: Uint8Array;
  messages: number;
  stopping: boolean;
  fail(error: Error): void;
}

class LoadConnection {
  readonly #round: Round;
  readonly #replies: ReplyCounter;
  readonly #idle = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  #socket: BunSocket | undefined;
  #head: string | undefined;
  #unsent: Uint8Array = new Uint8Array(0);
  #left = 0;
  #done = false;

  constructor(round: Round) {
    const { mode, payload, depth } = round.request;
    this.#round = round;
    this.#replies = mode === "bare"
      ? new ByteCounter(round.batch.length / depth)
      : new FrameCounter(round.reply, { payload, verified: depth });
  }

  /** Connects and shakes hands. */
  async open(): Promise<void> {
    const { port, mode } = this.#round.request;
    this.#socket = await bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => this.#data(chunk),
        drain: () => this.#flush(),
        close: () => this.#done || this.#round.fail(new Error("the server closed a connection")),
      },
    });
    if (mode === "bare") return;
    this.#head = "";
    this.#write(
      new TextEncoder().encode(
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      ),
    );
    await this.#opened.promise;
  }

  /** Sends the first batch; the replies keep it going. */
  start(): void {
    this.#left = this.#round.request.depth;
    this.#write(this.#round.batch);
  }

  /** Resolves once all that was sent is back, after `round.stopping` was set. */
  get idle(): Promise<void> {
    return this.#idle.promise;
  }

  /** Ends politely: a Close frame (RFC 6455 section 5.5.1) before the end of the stream. */
  close(): void {
    this.#done = true;
    if (this.#round.request.mode === "websocket") {
      this.#write(makeMaskedFrames(8, Uint8Array.of(0x03, 0xe8), [Uint8Array.of(1, 2, 3, 4)]));
    }
    this.#socket?.end();
  }

  /** Drops the socket. */
  terminate(): void {
    this.#done = true;
    this.#socket?.terminate();
  }

  #data(chunk: Uint8Array): void {
    if (this.#done) return;
    if (this.#head !== undefined) return this.#shakeHands(chunk);
    let ended: number;
    try {
      ended = this.#replies.count(chunk);
    } catch (error) {
      return this.#round.fail(error as Error);
    }
    this.#round.messages += ended;
    this.#left -= ended;
    if (this.#left > 0) return;
    if (this.#left < 0) this.#round.fail(new Error("more replies than messages"));
    else if (this.#round.stopping) this.#idle.resolve();
    else this.start();
  }

  #shakeHands(chunk: Uint8Array): void {
    this.#head += new TextDecoder().decode(chunk);
    if (!this.#head?.endsWith("\r\n\r\n")) return;
    const head = this.#head;
    this.#head = undefined;
    if (head.startsWith("HTTP/1.1 101")) this.#opened.resolve();
    else this.#round.fail(new Error(`the server refused: ${head.split("\r\n")[0]}`));
  }

  #write(bytes: Uint8Array): void {
    this.#unsent = bytes;
    this.#flush();
  }

  #flush(): void {
    if (this.#unsent.length === 0 || this.#socket === undefined) return;
    const taken = this.#socket.write(this.#unsent);
    if (taken > 0) this.#unsent = this.#unsent.subarray(taken);
  }
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
