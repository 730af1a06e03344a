/**
 * The way in: messages from the link to whoever reads the connection, and makes the peer wait when
 * that takes its time.
 *
 * @module
 */
import type { MessageType } from "../message/message.ts";
import { Body } from "./body.ts";
import { Inbox, type InboxOwner, type MessageData } from "./inbox.ts";
import { type AnyMessage, IncomingMessage } from "./incoming_message.ts";
import { type Link, OPEN } from "./link.ts";
import type { ResolvedLimits } from "./options.ts";

/** The ways to read a connection. */
export type Reading = "handlers" | "iteration" | "streams";

/** Why the link is paused: each reason goes by itself. */
const HANDLER_BUSY = 1, INBOX_FULL = 2, USER_PAUSED = 4;

/** What a receiver needs to know of its connection. */
export interface ReceiverOwner<Message> {
  /** Gives a message to the user's handler. */
  handle(message: Message): void | Promise<void>;
  /** The user's code failed. */
  failed(error: unknown): void;
  /** How the connection ended, for those who wait for what will not come. */
  closedError(): Error;
  /** Called when reading stops, so that not even a pong is seen; also when it had stopped already. */
  onPause(): void;
  /** Called when reading goes on. */
  onResume(): void;
}

/** Gives messages to handlers as they come, or keeps them for those who ask. */
export class Receiver<Message extends AnyMessage> implements InboxOwner {
  /** Messages received. */
  count = 0;
  readonly #link: Link;
  readonly #owner: ReceiverOwner<Message>;
  readonly #options: ResolvedLimits;
  /** Made when a message first has to wait: a connection with handlers may never need it. */
  #inbox: Inbox<Message> | undefined;
  readonly #inPieces: boolean;
  #reading: Reading | undefined;
  #handled = false;
  /** The promise that the handler gave for a message has not settled. */
  #handling = false;
  #holds = 0;
  #dropping = false;
  #closing = false;
  #overflowed = false;
  #ended = false;
  /** The message whose pieces are coming, and the one that was last asked for. */
  #arriving: Body | undefined;
  #current: Message | undefined;

  /** Makes it for `link`, which is paused past `receiveHighWaterMark` bytes or 16 messages. */
  constructor(link: Link, options: ResolvedLimits, owner: ReceiverOwner<Message>) {
    this.#link = link;
    this.#inPieces = options.messages === "stream";
    this.#owner = owner;
    this.#options = options;
  }

  /** Whether what the peer sends is read: messages, pings and pongs. */
  get isReading(): boolean {
    return this.#holds === 0;
  }

  /** Chooses a way to read: a second one is a TypeError. */
  claim(reading: Reading): void {
    if (this.#reading !== undefined && this.#reading !== reading) {
      throw new TypeError(
        `Cannot read connection: it is already read by ${this.#reading}; choose one of handlers, ` +
          `iteration (for await, receive) and streams (readable)`,
      );
    }
    this.#reading = reading;
  }

  /** The connection has handlers: each message is given to its owner's `handle`, or dropped. */
  handle(options: { messages: boolean }): void {
    this.claim("handlers");
    this.#handled = options.messages;
    this.#dropping = !options.messages;
  }

  /** From the link: a whole message. */
  message(data: MessageData): void {
    this.count++;
    const message = data as Message;
    if (this.#inbox !== undefined || !this.#handled || this.#handling || this.#dropping) {
      this.#deliver(message);
      return;
    }
    // What delivering comes to for nearly every message, without the calls on the way.
    try {
      const result = this.#owner.handle(message);
      if (result !== undefined) this.#await(message, result);
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  /** From the link: a message begins. */
  messageStart(type: MessageType, announcedLength: number | undefined): void {
    this.count++;
    const body = this.#arriving = new Body(this.#waiting());
    const message = new IncomingMessage(type, announcedLength, body);
    if (!this.#deliver(message as Message)) message.discard();
  }

  /** From the link: a piece of it. */
  messageData(piece: Uint8Array<ArrayBuffer>): void {
    const body = this.#arriving!;
    // A message with a hole in it is none.
    if (this.#overflows()) body.discard(this.#owner.closedError());
    else body.push(piece);
  }

  /** From the link: it is complete. */
  messageEnd(): void {
    this.#arriving!.end();
    this.#arriving = undefined;
    // What follows waits for its handler: the peer's Close too, which would end the connection.
    if (this.#handling) this.#hold(HANDLER_BUSY);
  }

  /** The next message, if one waits. What is left of the one before is discarded. */
  take(): Message | undefined {
    if (!this.#inPieces) return this.#inbox?.take(); // a whole message is not kept
    if (this.#current instanceof IncomingMessage) this.#current.discard();
    return this.#current = this.#inbox?.take();
  }

  /**
   * The next message, or undefined once no more will come; after `take` gave none. Rejects with the
   * signal's reason.
   */
  wait(signal: AbortSignal | undefined): Promise<Message | undefined> {
    const waited = this.#waiting().wait(signal);
    return this.#inPieces ? waited.then((message) => this.#current = message) : waited;
  }

  /** The same without a signal, made into what `finish` says. */
  waitFor<Result>(finish: (message: Message | undefined) => Result): Promise<Result> {
    return this.#waiting().waitFor(
      this.#inPieces ? (message): Result => finish(this.#current = message) : finish,
    );
  }

  /** Stops reading, whatever there is room for. */
  pause(): void {
    this.#hold(USER_PAUSED);
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
    if ((this.#holds & USER_PAUSED) === 0) return;
    this.#release(USER_PAUSED);
    if (this.#inbox !== undefined && this.#handled) {
      queueMicrotask(() => this.#handleWaiting());
    }
  }

  /** Drops what will come; what waits can still be taken, and is handled no more. */
  stop(): void {
    this.#dropping = true;
  }

  /** Drops what waits and what will come. */
  discard(): void {
    this.#dropping = true;
    const discard = (message: Message | undefined): void => {
      if (message instanceof IncomingMessage) message.discard();
    };
    discard(this.#current);
    for (let each = this.#inbox?.take(); each !== undefined; each = this.#inbox?.take()) {
      discard(each);
    }
    this.#arriving?.discard();
    this.#release(this.#holds);
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#arriving?.fail(this.#owner.closedError());
    this.#arriving = undefined;
    this.#inbox?.end();
  }

  /** Hands a message on, or keeps it; false if nobody will ever have it. */
  #deliver(message: Message): boolean {
    if (this.#dropping || this.#overflows()) return false;
    if (this.#handled && !this.#handling && !(this.#inbox?.length)) this.#handle(message);
    else this.#waiting().push(message);
    return true;
  }

  /** Whether what comes is dropped: it is over the mark, and nobody makes the peer wait any more. */
  #overflows(): boolean {
    const full = this.#inbox?.full === true;
    return this.#overflowed ||= full && (this.#closing || this.#link.readyState !== OPEN);
  }

  #handle(message: Message): void {
    try {
      const result = this.#owner.handle(message);
      if (result !== undefined) return this.#await(message, result);
    } catch (error) {
      this.#owner.failed(error);
    }
    // A handler that has not asked for the content when it returns does not want it.
    if (this.#inPieces && message instanceof IncomingMessage && !message.bodyUsed) {
      message.discard();
    }
  }

  /**
   * The next message waits for the promise that the handler returned: with the peer, or here once
   * closing began, when reading does not stop any more. A message in pieces must go on coming, to its
   * end.
   */
  #await(message: Message, result: Promise<void>): void {
    this.#handling = true;
    if (!this.#inPieces) this.#hold(HANDLER_BUSY);
    Promise.resolve(result).catch((error) => this.#owner.failed(error)).then(() => {
      this.#handling = false;
      if (message instanceof IncomingMessage) message.discard();
      this.#handleWaiting();
      if (!this.#handling || this.#arriving !== undefined) this.#release(HANDLER_BUSY);
    });
  }

  /** Nothing is handled after `close`: what waits when the connection ends is dropped. */
  #handleWaiting(): void {
    while (
      !this.#handling && !this.#dropping && !this.#ended && (this.#holds & USER_PAUSED) === 0
    ) {
      const message = this.#inbox?.take();
      if (message === undefined) return;
      this.#handle(message);
    }
  }

  /** @internal From the inbox. */
  full(): void {
    this.#hold(INBOX_FULL);
  }

  /** @internal From the inbox. */
  room(): void {
    this.#release(INBOX_FULL);
  }

  #waiting(): Inbox<Message> {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(this.#options.receiveHighWaterMark, this);
      if (this.#ended) this.#inbox.end();
    }
    return this.#inbox;
  }

  #hold(reason: number): void {
    // What is dropped anyway need not wait, but where the user says so.
    if (this.#closing || this.#dropping && reason !== USER_PAUSED) return;
    if (this.#holds === 0) this.#link.pause();
    this.#holds |= reason;
    this.#owner.onPause();
  }

  #release(reason: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds > 0) return;
    this.#link.resume();
    this.#owner.onResume();
  }
}
