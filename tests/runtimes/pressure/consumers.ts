/**
 * Users who do not read at first: each way to stop reading, and how it goes on.
 *
 * @module
 */
import { StreamedMessage, type WebSocketConnection } from "../../../mod.ts";
import { PatternChecker } from "./pattern.ts";

/** The ways. */
export type ConsumerWay = "iteration" | "readable" | "handler" | "pause" | "pieces";

/** What came: binary messages that make up the pattern, and then a text. */
export class Received {
  bytes = 0;
  messages = 0;
  readonly #checker = new PatternChecker();
  readonly #complete = Promise.withResolvers<void>();

  /** Resolves with the text; rejects if a byte is wrong. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  /** Takes a message; false after the last one. */
  async take(message: string | Uint8Array | StreamedMessage): Promise<boolean> {
    if (!(message instanceof StreamedMessage)) return this.takeWhole(message);
    if (message.type === "text") return this.takeWhole(await message.text());
    for await (const piece of message.stream()) this.#push(piece);
    this.messages++;
    return true;
  }

  /** The same for one that has come whole. */
  takeWhole(message: string | Uint8Array): boolean {
    if (typeof message === "string") {
      this.#complete.resolve();
      return false;
    }
    this.#push(message);
    this.messages++;
    return true;
  }

  #push(piece: Uint8Array): void {
    try {
      this.#checker.push(piece);
    } catch (error) {
      this.#complete.reject(error);
      throw error;
    }
    this.bytes = this.#checker.position;
  }
}

/** A connection that is not read until `go`. */
export interface Consumer {
  readonly received: Received;
  go(): void;
}

/** What such a user needs of a connection. */
type Pausable = Pick<WebSocketConnection, "pause" | "resume">;

type Whole = WebSocketConnection;
type Pieces = WebSocketConnection<undefined, StreamedMessage>;

/** Reads until the text, from when the gate opens on. */
async function readAll(
  messages: AsyncIterable<string | Uint8Array | StreamedMessage>,
  received: Received,
): Promise<void> {
  for await (const message of messages) {
    if (!await received.take(message)) return;
  }
}

/** One who iterates, or reads a stream, but not yet. */
export function laterConsumer(connection: Whole, way: "iteration" | "readable"): Consumer {
  const received = new Received();
  const messages = way === "iteration" ? connection : connection.readable;
  return { received, go: (): void => void readAll(messages, received) };
}

/** One who asks for a message in pieces and does not read it yet. */
export function piecesConsumer(connection: Pieces): Consumer {
  const received = new Received(), gate = Promise.withResolvers<void>();
  void (async (): Promise<void> => {
    const first = await connection.receive();
    await gate.promise;
    if (await received.take(first)) await readAll(connection, received);
  })();
  return { received, go: gate.resolve };
}

/** One who handles messages: the promise of the first is pending, or `pause` was called at once. */
export class HandlingConsumer implements Consumer {
  readonly received: Received = new Received();
  readonly #way: "handler" | "pause";
  readonly #gate = Promise.withResolvers<void>();
  #paused: Pausable | undefined;

  /** Makes it, for a connection that is to come. */
  constructor(way: "handler" | "pause") {
    this.#way = way;
  }

  /** The handler `open`. */
  open(connection: Pausable): void {
    if (this.#way === "handler") return;
    this.#paused = connection;
    connection.pause();
  }

  /** The handler `message`. */
  message(data: string | Uint8Array): void | Promise<void> {
    this.received.takeWhole(data);
    if (this.#way === "handler") return this.#gate.promise;
  }

  /** Lets the first message be done, or reads again. */
  go(): void {
    this.#gate.resolve();
    this.#paused?.resume();
  }
}
