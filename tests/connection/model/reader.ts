/** The ways to read a connection, each as slowly as the test wants. */

import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../../lib/connection/connection.ts";
import type { ConnectionHandler } from "../../../lib/connection/connection.ts";
import { type AnyMessage, StreamedMessage } from "../../../lib/connection/streamed_message.ts";
import type { MessageMode } from "../../../lib/protocol/options.ts";
import { Content } from "./content.ts";

/** How a connection is read; `deaf` has handlers, and none for messages. */
export type Reading = "handlers" | "promises" | "deaf" | "iteration" | "receive" | "streams";

/** What is done with a message in pieces. */
export type BodyUse = "bytes" | "pieces" | "skip" | "cancel" | "leave";

/** How one side reads. */
export interface ReaderSetup {
  reading: Reading;
  messages: MessageMode;
  body: BodyUse;
  /** Takes at once whatever there is. */
  eager: boolean;
}

/** A message that the user was given. */
export interface Delivery {
  readonly content: Content;
  /** The user read it to its end, or to an error; or did not want the rest. */
  outcome: "reading" | "whole" | "cut" | "left";
  error?: unknown;
}

type Connection = WebSocketConnection<undefined, AnyMessage>;
type Next = () => Promise<IteratorResult<AnyMessage, undefined>>;

/** What a reader tells its end. */
export interface ReaderEvents {
  /** A handler runs, or a message was taken: anything may be done from here. */
  event(name: string): void;
  /** A message handler is about to throw. */
  failing(): void;
}

/** One way to read, and what came of it. */
export class Reader {
  /** What the user was given, in order. */
  readonly delivered: Delivery[] = [];
  /** Takes that have got nothing yet. */
  asks = 0;
  /** What settles the promise that the message handler gave. */
  busy: PromiseWithResolvers<void> | undefined;
  /** The promise of the message handler that has not settled. */
  pending = 0;
  /** How iteration ended: normally, or with an error. */
  ending: { error: unknown } | { done: true } | undefined;
  /** The next message handler throws. */
  failNext: Error | undefined;
  readonly setup: ReaderSetup;
  readonly #events: ReaderEvents;
  readonly #session: PromiseWithResolvers<void> = Promise.withResolvers();
  #next: Next | undefined;
  #cancelStream: (() => Promise<void>) | undefined;
  /** The messages that are read piece by piece: handlers may have several. */
  readonly #pieces: { reader: ReadableStreamDefaultReader<Uint8Array>; delivery: Delivery }[] = [];
  #reading = false;
  #eager: boolean;

  /** Makes it; it begins with its connection. */
  constructor(setup: ReaderSetup, events: ReaderEvents) {
    this.setup = setup;
    this.#eager = setup.eager;
    this.#events = events;
    this.#session.promise.catch(() => {});
  }

  /** Whether it is read by taking. */
  get pulls(): boolean {
    return this.#next !== undefined;
  }

  /** What the connection is started with. */
  get user(): ConnectionHandler<undefined, AnyMessage> {
    const { reading } = this.setup;
    const event = (name: string) => (): void => this.#events.event(name);
    if (reading === "iteration" || reading === "receive" || reading === "streams") {
      return (connection): Promise<void> => {
        this.#events.event("open");
        this.#pull(connection, reading);
        return this.#session.promise;
      };
    }
    return {
      open: event("open"),
      drain: event("drain"),
      ping: event("ping"),
      pong: event("pong"),
      close: event("close"),
      ...(reading === "deaf" ? {} : {
        message: (_connection, message): void | Promise<void> => this.#message(message),
      }),
    };
  }

  /** Takes one message, or one piece; or lets the message handler's promise resolve. */
  take(): void {
    if (this.#pieces.length > 0) return this.#piece();
    if (this.busy !== undefined) {
      this.busy.resolve();
      this.busy = undefined;
    } else if (this.#next !== undefined && this.ending === undefined) this.#ask(this.#next);
  }

  /** The user's code fails. */
  fail(error: Error): void {
    if (this.busy !== undefined) {
      this.busy.reject(error);
      this.busy = undefined;
    } else if (this.pulls) this.#session.reject(error);
    else this.failNext = error;
  }

  /** Cancels the stream of messages, where that is how they are read. */
  cancel(): Promise<void> | undefined {
    return this.#cancelStream?.();
  }

  /** From now on takes whatever there is. */
  release(): void {
    this.#eager = true;
    this.take();
  }

  #pull(connection: Connection, reading: Reading): void {
    if (reading === "streams") {
      const reader = connection.readable.getReader();
      this.#next = () => reader.read() as ReturnType<Next>;
      this.#cancelStream = () => reader.cancel();
    } else if (reading === "iteration") {
      const iterator = connection[Symbol.asyncIterator]();
      this.#next = () => iterator.next();
    } else {
      this.#next = async () => ({ done: false, value: await connection.receive() });
    }
    if (this.#eager) this.take();
  }

  #ask(next: Next): void {
    // With messages in pieces, asking again says that the one before is not wanted.
    const most = this.setup.messages === "stream" ? 1 : 3;
    if (this.asks >= most) return;
    this.asks++;
    next().then(({ done, value }) => {
      this.asks--;
      if (done) this.ending ??= { done };
      else {
        this.#take(value);
        this.#events.event("message");
        if (this.#eager && !this.#reading) this.take();
      }
    }).catch((error) => {
      this.asks--;
      this.ending ??= { error };
    });
  }

  #message(message: AnyMessage): void | Promise<void> {
    assert.equal(this.pending, 0, "a message while the one before is being handled");
    const read = this.#take(message);
    this.#events.event("message");
    const error = this.failNext;
    if (error !== undefined) {
      this.failNext = undefined;
      this.#events.failing();
      throw error;
    }
    if (this.setup.reading === "handlers") return;
    if (this.#eager) return this.#handle(read ?? Promise.resolve());
    this.busy = Promise.withResolvers();
    return this.#handle(this.busy.promise);
  }

  #handle(promise: Promise<void>): Promise<void> {
    this.pending++;
    const settled = (): void => void this.pending--;
    promise.then(settled, settled);
    return promise;
  }

  /** Notes a message, and reads it. */
  #take(message: AnyMessage): Promise<void> | undefined {
    if (!(message instanceof StreamedMessage)) {
      this.delivered.push({ content: Content.of(message), outcome: "whole" });
      // What is delivered is the user's own, and stays as it is whatever the user does to it.
      if (typeof message !== "string") message.fill(0xee);
      return undefined;
    }
    const delivery: Delivery = { content: new Content(message.type), outcome: "reading" };
    this.delivered.push(delivery);
    const { body } = this.setup;
    if (body === "leave") delivery.outcome = "left";
    else if (body === "bytes") return this.#whole(message, delivery);
    else {
      this.#pieces.push({ reader: message.stream().getReader(), delivery });
      if (this.#eager || !this.pulls) this.#piece();
    }
    return undefined;
  }

  async #whole(message: StreamedMessage, delivery: Delivery): Promise<void> {
    this.#reading = true;
    try {
      delivery.content.add(await message.bytes());
      delivery.content.complete = true;
      delivery.outcome = "whole";
    } catch (error) {
      Object.assign(delivery, { outcome: "cut", error });
    }
    this.#reading = false;
    if (this.#eager && this.pulls) this.take();
  }

  #piece(): void {
    if (this.#reading || this.#pieces.length === 0) return;
    const [{ reader, delivery }] = this.#pieces;
    const over = (outcome: Delivery["outcome"], error?: unknown): void => {
      this.#pieces.shift();
      Object.assign(delivery, { outcome, error });
    };
    this.#reading = true;
    reader.read().then(({ done, value }) => {
      if (done) {
        delivery.content.complete = true;
        return over("whole");
      }
      delivery.content.add(value);
      if (this.setup.body === "pieces") return;
      over("left");
      // A handler that wants no more has to say so; who takes the next message has said it.
      if (this.setup.body === "cancel" || !this.pulls) void reader.cancel();
    }).catch((error) => over("cut", error)).finally(() => {
      this.#reading = false;
      if (this.#eager) this.take();
    });
  }
}
