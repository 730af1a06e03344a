/**
 * One connection of the load, and of the idle crowd: it shakes hands, sends batches, and judges what
 * comes back. It runs on Bun, whose sockets cost a client least.
 *
 * @module
 */
import {
  ByteCounter,
  FrameCounter,
  type LoadCase,
  makeMaskedFrames,
  type ReplyCounter,
} from "./frames.ts";

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

/** The first byte of a ping frame: FIN and opcode 9 (RFC 6455 section 5.2). */
const PING = 0x89;

/** What the connections of one round share. */
export interface Round {
  readonly request: Pick<LoadCase, "mode" | "payload" | "depth"> & { port: number };
  /** What each connection sends at once. */
  readonly batch: Uint8Array;
  /** What must come back for each message of it. */
  readonly reply: Uint8Array;
  /** Messages that have come back. */
  messages: number;
  /** No connection sends another batch. */
  stopping: boolean;
  /** Something came that should not have. */
  fail(error: Error): void;
}

/** One connection of the load. */
export class LoadConnection {
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
    if (this.#left === 0 && chunk[0] === PING) return this.#pong(chunk.subarray(2));
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

  /** Nothing is in flight, so that the ping is a chunk of its own (RFC 6455 section 5.5.3). */
  #pong(payload: Uint8Array): void {
    this.#write(makeMaskedFrames(10, payload, [Uint8Array.of(1, 2, 3, 4)]));
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
