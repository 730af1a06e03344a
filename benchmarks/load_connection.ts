/**
 * One connection of the load, and of the idle crowd: it shakes hands, sends batches, and judges what
 * comes back. It runs on Bun, whose sockets cost a client least.
 *
 * @module
 */
import { type LoadCase, makeMaskedFrames, type ReplyCounter } from "./frames.ts";
import { requestText } from "../tests/support/opening.ts";
import { bun, type BunSocket } from "./bun.ts";

/** The first byte of a ping frame: FIN and opcode 9 (RFC 6455 section 5.2). */
const PING = 0x89;

/** What the connections of one round share. */
export interface Round {
  readonly request: Pick<LoadCase, "mode" | "depth"> & { port: number };
  /** What each connection sends at once, one batch after the other. */
  readonly batches: readonly Uint8Array[];
  /** Which of them follows the last. */
  readonly again: number;
  /** So many batches are sent at most. */
  readonly most: number;
  /** The extension that is offered, and what the response's head must then match. */
  readonly extension?: { offer: string; answer: RegExp } | undefined;
  /** Messages that have come back. */
  messages: number;
  /** No connection sends another batch. */
  stopping: boolean;
  /** Creates the checker of the replies of one connection. */
  judge(): ReplyCounter;
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
  #batch = 0;
  #sent = 0;
  #done = false;

  constructor(round: Round) {
    this.#round = round;
    this.#replies = round.judge();
  }

  /** Connects and shakes hands. */
  async open(): Promise<void> {
    const { request: { port, mode }, extension } = this.#round;
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
        requestText({ "Host": `127.0.0.1:${port}`, "Sec-WebSocket-Extensions": extension?.offer }),
      ),
    );
    await this.#opened.promise;
  }

  /** Sends the first batch, or the next; the replies keep it going. */
  start(): void {
    const { request, batches, again } = this.#round;
    this.#left = request.depth;
    this.#sent++;
    const batch = batches[this.#batch++];
    if (this.#batch === batches.length) this.#batch = again;
    this.#write(batch);
  }

  /** Resolves once all that was sent is back, after the last batch or when `round.stopping` is set. */
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
    else if (this.#round.stopping || this.#sent >= this.#round.most) this.#idle.resolve();
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
    const { extension } = this.#round;
    if (!head.startsWith("HTTP/1.1 101")) {
      this.#round.fail(new Error(`the server refused: ${head.split("\r\n")[0]}`));
    } else if (extension !== undefined && !extension.answer.test(head)) {
      this.#round.fail(new Error(`the server agreed to something else: ${head}`));
    } else this.#opened.resolve();
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
