/**
 * The way in: messages from the link to the code that reads the connection, making the peer wait when
 * that takes its time.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import type { MessageType } from "../message/message.ts";
import { MessageBody } from "./message_body.ts";
import { CallbackTimer, Timers } from "../link/timers.ts";
import { MessageQueue, type MessageQueueOwner } from "./message_queue.ts";
import type { MessageData } from "../message/message.ts";
import { type AnyMessage, StreamedMessage } from "./streamed_message.ts";
import { CLOSING, type Link, type LinkMessages } from "../link/link.ts";
import type { ResolvedLimits } from "../protocol/options.ts";

/** The ways to read a connection. */
export type Reading = "handlers" | "iteration" | "streams";

/** Why the link is paused: each reason ends by itself. */
const QUEUE_FULL = 1, USER_PAUSED = 2;

/** How long the queue may be full and unread before that is reported, in milliseconds. */
const UNREAD_DELAY = 1_000;

/**
 * Where a receiver stands:
 *
 * ```text
 * open ── the link has closed ──> ended ── no handler works or is to be called ──> over
 * ```
 *
 * Without handlers the second step follows at once: what waits can be taken when all is over.
 */
type Phase = "open" | "ended" | "over";

/** The user's handler of messages: called with the connection. */
export interface MessageHandler<Connection, Message> {
  message?(connection: Connection, data: Message): void | Promise<void>;
}

/** What a receiver asks of its connection, and reports to it. */
export interface ReceiverEvents {
  /** Returns the error for promises that wait for what will not come. */
  closedError(): Error;
  /** Called when a handler has thrown, or its promise was rejected. */
  onHandlerError(error: unknown): void;
  /** Called when reading stops, so that not even a pong is seen; also when it had stopped already. */
  onPause(): void;
  /** Called when reading goes on. */
  onResume(): void;
  /** Called when something is wrong that does not end the connection. */
  onReport(error: Error): void;
  /** Called once, after `end`: no `message` handler works or will be called. */
  onOver(): void;
}

/** Passes messages to the handler as they come, or keeps them for the code that asks for them. */
export class Receiver<Connection, Message extends AnyMessage>
  implements LinkMessages, MessageQueueOwner {
  /** Messages received. */
  count = 0;
  /** Limits and times of the connection. */
  readonly options: ResolvedLimits;
  readonly #link: Link;
  readonly #connection: Connection;
  readonly #events: ReceiverEvents;
  /** Created when a message first has to wait: a connection with handlers may never need it. */
  #queue: MessageQueue<Message> | undefined;
  #reading: Reading | undefined;
  /** The handlers with the one that messages go to, now or later. */
  #handlers: MessageHandler<Connection, Message> | undefined;
  /** The promise that the handler gave for a message has not settled. */
  #handling = false;
  #holds = 0;
  #dropping = false;
  #closing = false;
  #overflowed = false;
  #phase: Phase = "open";
  /** While open, when to report that nothing reads; after the end, when to stop waiting for a handler. */
  #timer: CallbackTimer | undefined;
  /** The message whose pieces are coming, and the one that was last asked for. */
  #arriving: MessageBody | undefined;
  #current: Message | undefined;

  /** Creates the receiver of `link`, which is paused while more than `receiveHighWaterMark` waits. */
  constructor(
    { link, connection, options }: { link: Link; connection: Connection; options: ResolvedLimits },
    events: ReceiverEvents,
  ) {
    this.#link = link;
    this.#connection = connection;
    this.#events = events;
    this.options = options;
  }

  /** Whether what the peer sends is read: messages, pings and pongs. */
  get isReading(): boolean {
    return this.#holds === 0;
  }

  /** Whether more waits than `receiveHighWaterMark` allows. */
  get isFull(): boolean {
    return this.#queue?.full === true;
  }

  /** Whether messages are queued, or the `message` handler works. */
  get isBusy(): boolean {
    return this.#handling || (this.#queue?.length ?? 0) > 0;
  }

  /** Whether the user has paused the connection. */
  get isPaused(): boolean {
    return (this.#holds & USER_PAUSED) !== 0;
  }

  /** Whether the link has closed and no handler is called any more. */
  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** Chooses a way to read: a second one is a TypeError. */
  claim(reading: Reading): void {
    if (this.#reading !== undefined && this.#reading !== reading) {
      throw new TypeError(
        `Cannot read connection: it is already read by ${this.#reading}; choose one of handlers, ` +
          `iteration (for await, receive) and streams (readable)`,
      );
    }
    if (this.#reading === undefined) this.#timer?.cancel();
    this.#reading = reading;
  }

  /**
   * Reads by handlers: each message is passed to `message`, or dropped where there is no such
   * handler.
   */
  handle(handlers: MessageHandler<Connection, Message>): void {
    this.claim("handlers");
    if (handlers.message === undefined) this.#dropping = true;
    else this.#handlers = handlers;
  }

  /** From the link: a whole message. */
  onMessage(data: MessageData): void {
    this.count++;
    const message = data as Message;
    if (
      this.#queue !== undefined || this.#handlers === undefined || this.#handling ||
      this.#dropping ||
      this.#holds !== 0
    ) {
      this.#deliver(message);
      return;
    }
    // What delivering comes to for nearly every message, without the calls on the way.
    try {
      const result = this.#handlers.message!(this.#connection, message);
      if (result !== undefined) this.#await(message, result);
    } catch (error) {
      this.#events.onHandlerError(error);
    }
  }

  /** From the link: a message begins. */
  onMessageStart(type: MessageType, announcedLength: number | undefined): void {
    this.count++;
    const body = this.#arriving = new MessageBody(this.#waiting());
    const message = new StreamedMessage(type, announcedLength, body);
    if (!this.#deliver(message as Message)) message.discard();
  }

  /** From the link: a piece of it. */
  onMessageData(piece: Uint8Array<ArrayBuffer>): void {
    const body = this.#arriving!;
    // A message with a hole in it must not be delivered.
    if (this.#overflows()) body.discard(this.#events.closedError());
    else body.push(piece);
  }

  /** From the link: it is complete. */
  onMessageEnd(): void {
    this.#arriving!.end();
    this.#arriving = undefined;
  }

  /** The next message, if one waits. What is left of the one before is discarded. */
  take(): Message | undefined {
    if (!this.#inPieces) return this.#queue?.take(); // a whole message is not kept
    if (this.#current instanceof StreamedMessage) this.#current.discard();
    return this.#current = this.#queue?.take();
  }

  /**
   * The next message, or undefined once no more will come; after `take` gave none. Rejects with the
   * signal's reason.
   */
  wait(signal: AbortSignal | undefined): Promise<Message | undefined> {
    this.#onAsked();
    const waited = this.#waiting().wait(signal);
    return this.#inPieces ? waited.then((message) => this.#current = message) : waited;
  }

  /** The same without a signal, made into what `finish` says. */
  waitFor<Result>(finish: (message: Message | undefined) => Result): Promise<Result> {
    this.#onAsked();
    return this.#waiting().waitFor(
      this.#inPieces ? (message): Result => finish(this.#current = message) : finish,
    );
  }

  /** Code asks for a message and none is queued: it has replied to those that it took. */
  #onAsked(): void {
    if (this.#link.readyState === CLOSING) this.#link.onRepliesDone();
  }

  /**
   * Stops reading, whatever there is room for. When the peer has gone already, what waits is not given
   * to the handler until `resume`.
   */
  pause(): void {
    if (this.#phase === "over") return;
    this.#hold(USER_PAUSED);
    if (this.#phase === "ended" && this.isPaused) this.#timer?.cancel();
  }

  /**
   * Closing begins: reading goes on, whether there is room or not. What is over the mark is dropped,
   * and all that comes behind it, so that there is no gap in what was delivered.
   */
  close(): void {
    this.#closing = true;
    this.resume();
    this.#release(this.#holds);
  }

  /** Reads again, unless something else is in the way. */
  resume(): void {
    if (!this.isPaused) return;
    this.#release(USER_PAUSED);
    this.#limitHandler();
    if (this.#reading === "handlers") queueMicrotask(() => this.#handleWaiting());
  }

  /** The connection is given up: no handler is called any more, though what waits can be taken. */
  stop(): void {
    this.#dropping = this.#closing = true;
    this.#handlers = undefined;
    this.#holds = 0;
    if (this.#phase === "ended") queueMicrotask(() => this.#checkOver());
  }

  /** Drops what waits and what will come. */
  discard(): void {
    this.#dropping = true;
    const discard = (message: Message | undefined): void => {
      if (message instanceof StreamedMessage) message.discard();
    };
    discard(this.#current);
    for (let each = this.#queue?.take(); each !== undefined; each = this.#queue?.take()) {
      discard(each);
    }
    this.#arriving?.discard();
    this.#release(this.#holds);
    if (this.#phase !== "ended") return;
    this.#limitHandler();
    queueMicrotask(() => this.#checkOver());
  }

  /** The link has closed: no more will come. `onOver` follows, at once or later. */
  end(): void {
    this.#phase = "ended";
    this.#arriving?.fail(this.#events.closedError());
    this.#arriving = undefined;
    this.#queue?.end();
    this.#timer?.cancel();
    this.#limitHandler();
    this.#checkOver();
  }

  get #inPieces(): boolean {
    return this.options.messages === "stream";
  }

  /** Passes a message on, or queues it; returns false if it is dropped. */
  #deliver(message: Message): boolean {
    if (this.#dropping || this.#overflows()) return false;
    const busy = this.#handling || this.isPaused || (this.#queue?.length ?? 0) > 0;
    if (this.#handlers !== undefined && !busy) this.#handle(message);
    else this.#waiting().push(message);
    return true;
  }

  /** Whether what comes is dropped: it is over the mark, and the peer is not made to wait any more. */
  #overflows(): boolean {
    return this.#overflowed ||= this.#closing && this.isFull;
  }

  #handle(message: Message): void {
    try {
      const result = this.#handlers!.message!(this.#connection, message);
      if (result !== undefined && this.#await(message, result)) return;
    } catch (error) {
      this.#events.onHandlerError(error);
    }
    // A handler that has not asked for the content when it returns does not want it.
    if (message instanceof StreamedMessage && !message.bodyUsed) message.discard();
  }

  /** The next message waits for a promise that the handler returned; other values mean nothing. */
  #await(message: Message, result: Promise<void>): boolean {
    if (typeof result?.then !== "function") return false;
    this.#handling = true;
    this.#limitHandler();
    Promise.resolve(result).then(
      () => this.#onHandlerDone(message),
      (error) => {
        this.#events.onHandlerError(error);
        this.#onHandlerDone(message);
      },
    );
    return true;
  }

  #onHandlerDone(message: Message): void {
    this.#handling = false;
    this.#timer?.cancel();
    if (message instanceof StreamedMessage) message.discard();
    this.#handleWaiting();
  }

  /** Hands on what waits, until a handler takes its time. */
  #handleWaiting(): void {
    while (this.#handlers !== undefined && !this.#handling && !this.#dropping && !this.isPaused) {
      const message = this.#queue?.take();
      if (message === undefined) break;
      this.#handle(message);
    }
    if (!this.isBusy) this.#link.onRepliesDone();
    this.#checkOver();
  }

  /**
   * Each call that works when the link has closed, or begins later, has `closeTimeout` to settle; while
   * the user has paused, none is waited for.
   */
  #limitHandler(): void {
    if (this.#phase !== "ended" || !this.#handling || this.isPaused || this.#timer?.pending) return;
    const { clock, closeTimeout } = this.options;
    this.#timer = new CallbackTimer(() => this.#giveUpHandler());
    Timers.of(clock).set(this.#timer, closeTimeout);
  }

  #giveUpHandler(): void {
    const limit = this.options.closeTimeout, dropped = this.#queue?.length ?? 0;
    this.#events.onHandlerError(
      new LimitError(
        `Cannot wait for the message handler: its promise is pending ${limit} ms after the connection ` +
          `closed (closeTimeout); messages dropped behind it: ${dropped}; a handler that ` +
          `awaits \`connection.closed\` waits for itself`,
        { option: "closeTimeout", limit, actual: limit, closeCode: 1011 },
      ),
    );
  }

  #checkOver(): void {
    if (this.#phase !== "ended") return;
    const waits = !this.#dropping && (this.#queue?.length ?? 0) > 0;
    if (this.#handlers !== undefined && (this.#handling || waits)) return;
    if (this.#reading === "handlers" && this.isPaused) return;
    this.#phase = "over";
    this.#timer?.cancel();
    this.#events.onOver();
  }

  /** @internal From the queue. */
  onFull(): void {
    this.#hold(QUEUE_FULL);
    if (this.#reading !== undefined || this.#timer !== undefined || this.#phase !== "open") return;
    this.#timer = new CallbackTimer(() => this.#reportUnread());
    Timers.of(this.options.clock).set(this.#timer, UNREAD_DELAY);
  }

  /** @internal From the queue. */
  onRoom(): void {
    this.#release(QUEUE_FULL);
  }

  /** Called once, as the timer is kept. */
  #reportUnread(): void {
    if (this.#reading !== undefined || this.#dropping || this.#closing || !this.isFull) return;
    const limit = this.options.receiveHighWaterMark, { length, size } = this.#queue!;
    this.#events.onReport(
      new LimitError(
        `Cannot receive more: ${length} messages wait (receiveHighWaterMark is ${limit}) and nothing ` +
          `reads the connection, so that pings and the peer's Close are not answered; read it, with ` +
          `handlers, \`for await\`, \`receive\` or \`readable\`, or call \`discard()\``,
        { option: "receiveHighWaterMark", limit, actual: size, closeCode: 1008 },
      ),
    );
  }

  #waiting(): MessageQueue<Message> {
    if (this.#queue === undefined) {
      this.#queue = new MessageQueue(this.options.receiveHighWaterMark, this);
      if (this.#phase !== "open") this.#queue.end();
    }
    return this.#queue;
  }

  #hold(reason: number): void {
    // What is dropped anyway need not wait, but where the user says so.
    if (this.#closing || this.#dropping && reason !== USER_PAUSED) return;
    this.#holds |= reason;
    this.#link.pause();
    this.#events.onPause();
  }

  #release(reason: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds > 0) return;
    this.#link.resume();
    this.#events.onResume();
  }
}
