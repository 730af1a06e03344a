/**
 * A WebSocket connection: the same class on either side, in every runtime.
 *
 * @module
 */
import { type CloseInfo, type CloseStatus, ConnectionClosedError } from "../errors.ts";
import { isNormalEnd, writeClosePayload } from "../message/close.ts";
import type { Clock } from "./clock.ts";
import type { ConnectionHandlers, ConnectionUser, ErrorHandler } from "./handlers.ts";
import { Inbox, type MessageData } from "./inbox.ts";
import { type Capabilities, type Link, type LinkSink, OPEN, type ReadyState } from "./link.ts";
import { Pings } from "./pings.ts";
import { readableOf, type SendData, writableOf } from "./streams.ts";
import type { TransportAddress } from "./transport.ts";

/** What a connection is made of. */
export interface ConnectionInit<Data> {
  /** The connection's URL, with the scheme `ws:` or `wss:`. */
  url: string;
  /** On a server, gives the request that opened it. */
  request?: (() => Request) | undefined;
  /** What the `handshake` hook attached. */
  data: Data;
  /** How much may wait to be taken, in bytes. */
  receiveHighWaterMark: number;
  /** The time source. */
  clock: Clock;
  /** Where errors of the user's code go. @default {console.error} */
  onError?: ErrorHandler<Data> | undefined;
}

/** How much has passed. */
export interface ConnectionStats {
  /** Messages received. */
  messagesReceived: number;
  /** Messages sent. */
  messagesSent: number;
}

/** The ways to read a connection. */
type Reading = "handlers" | "iteration" | "streams";

/**
 * An open WebSocket connection.
 *
 * It is read one way: by handlers, by iteration (`for await`, `receive`) or as a stream; a second way
 * is a TypeError. What is not taken waits, and past `receiveHighWaterMark` the peer is made to wait.
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   async websocket(connection) {
 *     for await (const message of connection) connection.send(message);
 *   },
 * });
 * await using connection = await connect(`ws://localhost:${server.address.port}`);
 * connection.send("Hello");
 * assert.equal(await connection.receive(), "Hello");
 * ```
 */
export class WebSocketConnection<Data = undefined> implements AsyncIterable<MessageData> {
  /** What the `handshake` hook attached; yours to use. */
  data: Data;
  /** The connection's URL. */
  readonly url: string;

  readonly #link: Link;
  readonly #clock: Clock;
  readonly #onError: ErrorHandler<Data>;
  readonly #makeRequest: (() => Request) | undefined;
  #request: Request | undefined;
  #handlers: ConnectionHandlers<Data> | undefined;
  #reading: Reading | undefined;
  #dropping = false;
  /** A `message` handler has not settled. */
  #handling = false;
  readonly #inbox: Inbox;
  readonly #pings = new Pings();
  readonly #closed = Promise.withResolvers<CloseInfo>();
  #closeInfo: CloseInfo | undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  #readable: ReadableStream<MessageData> | undefined;
  #writable: WritableStream<SendData> | undefined;
  #messagesReceived = 0;
  #messagesSent = 0;

  /** Made by the library: use `listen`, `accept` or `connect`. */
  constructor(link: Link, init: ConnectionInit<Data>) {
    this.#link = link;
    this.url = init.url;
    this.data = init.data;
    this.#clock = init.clock;
    this.#makeRequest = init.request;
    this.#onError = init.onError ?? ((error): void => console.error(error));
    this.#inbox = new Inbox(init.receiveHighWaterMark, () => link.pause(), () => link.resume());
  }

  /** The request that opened the connection; undefined on a client. */
  get request(): Request | undefined {
    return this.#request ??= this.#makeRequest?.();
  }

  /** The agreed subprotocol, or `""`. */
  get protocol(): string {
    return this.#link.protocol;
  }

  /** The agreed extensions as in the header, or `""`. */
  get extensions(): string {
    return this.#link.extensions;
  }

  /** The peer's address, where known. */
  get remoteAddress(): TransportAddress | undefined {
    return this.#link.remoteAddress;
  }

  /** 1 while open, 2 while closing, 3 once closed: the numbers of the WebSocket standard. */
  get readyState(): ReadyState {
    return this.#link.readyState;
  }

  /** Framed bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#link.bufferedAmount;
  }

  /** What this connection can do: what a `false` names, the platform below cannot. */
  get capabilities(): Capabilities {
    return this.#link.capabilities;
  }

  /** How much has passed so far. */
  get stats(): ConnectionStats {
    return { messagesReceived: this.#messagesReceived, messagesSent: this.#messagesSent };
  }

  /** Resolves when the connection is closed, and tells how. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /** Resolves when what waits to leave is below `sendHighWaterMark`, or the connection is closed. */
  get ready(): Promise<void> {
    return this.#ready?.promise ?? Promise.resolve();
  }

  /**
   * Sends a message: text for a string, binary for anything else. The data is copied.
   *
   * Gives false when more than `sendHighWaterMark` waits to leave (await `ready` then), or when the
   * connection is no longer open and nothing was sent.
   *
   * @throws {TypeError} for data that is none of these.
   */
  send(data: SendData): boolean {
    const message = typeof data === "string" || data instanceof Uint8Array ? data : bytesOf(data);
    if (this.#link.send(message)) {
      this.#messagesSent++;
      return true;
    }
    if (this.#link.readyState === OPEN) {
      this.#messagesSent++;
      this.#ready ??= Promise.withResolvers();
    }
    return false;
  }

  /**
   * One message.
   *
   * Rejects with a {@linkcode ConnectionClosedError} once the connection is closed and all messages
   * are taken, or with the signal's reason.
   *
   * @throws {TypeError} if the connection is read another way.
   */
  async receive(options: { signal?: AbortSignal } = {}): Promise<MessageData> {
    this.#claim("iteration");
    options.signal?.throwIfAborted();
    const message = this.#inbox.take() ?? await this.#inbox.wait(options.signal);
    if (message === undefined) throw this.closedError();
    return message;
  }

  /**
   * The messages, one after the other. It ends after a normal close (1000, 1001, 1005) and throws a
   * {@linkcode ConnectionClosedError} after any other. Leaving the loop does not close.
   *
   * @throws {TypeError} if the connection is read another way.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageData, undefined> {
    this.#claim("iteration");
    const iterator: AsyncIterableIterator<MessageData, undefined> = {
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * The messages as a stream, with the same ending as iteration. Cancelling it closes with 1000.
   *
   * @throws {TypeError} if the connection is read another way.
   */
  get readable(): ReadableStream<MessageData> {
    if (this.#readable === undefined) {
      this.#claim("streams");
      this.#readable = readableOf(() => this.#next(), () => this.close());
    }
    return this.#readable;
  }

  /**
   * A stream that sends what is written, with backpressure. Closing it closes with 1000, aborting it
   * with 1011.
   */
  get writable(): WritableStream<SendData> {
    return this.#writable ??= writableOf(this);
  }

  /**
   * Sends a ping and waits for the pong: the round trip in milliseconds.
   *
   * Rejects with a {@linkcode ConnectionClosedError} when the connection closes first, with the
   * signal's reason, or with a NotSupportedError where the platform has no pings (`capabilities`).
   */
  ping(options: { signal?: AbortSignal } = {}): Promise<number> {
    if (!this.#link.capabilities.ping) {
      return Promise.reject(
        new DOMException("This platform's WebSocket cannot send pings", "NotSupportedError"),
      );
    }
    if (this.#link.readyState !== OPEN) return Promise.reject(this.closedError());
    return this.#pings.ping(
      (payload) => this.#link.ping(payload),
      () => this.#clock.now(),
      options.signal,
    );
  }

  /**
   * Begins the closing handshake (RFC 6455 section 7.1.2); `closed` tells when it is over. Messages
   * that still come are delivered until the peer's Close. A second call does nothing.
   *
   * @throws {RangeError | TypeError} if the code may not be sent, or the reason has more than 123
   * bytes of UTF-8.
   */
  close(status: Partial<CloseStatus> = {}): void {
    const { closeCode = 1000, reason = "" } = status;
    writeClosePayload({ closeCode, reason });
    this.#link.close({ closeCode, reason });
  }

  /** Drops the peer at once, without a closing handshake: the peer sees 1006. */
  terminate(): void {
    this.#dropping = true;
    this.#link.terminate();
  }

  /** Closes with 1000 and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#closed.promise;
  }

  /** The error that tells how the connection ended, or that it is closing. */
  closedError(): ConnectionClosedError {
    return new ConnectionClosedError(
      this.#closeInfo ?? {
        closeCode: 1006,
        reason: "",
        wasClean: false,
        sent: undefined,
        received: undefined,
        initiator: "local",
        error: undefined,
      },
    );
  }

  /** @internal Begins: called once by whoever opened the connection. */
  start(user: ConnectionUser<Data> | undefined): void {
    const handlers = typeof user === "object" ? user : undefined;
    if (handlers !== undefined) {
      this.#handlers = handlers;
      this.#reading = "handlers";
      this.#dropping = handlers.message === undefined;
    }
    this.#link.start(this.#events());
    if (typeof user === "function") this.#call(() => user(this));
    else if (handlers?.open !== undefined) this.#call(() => handlers.open!(this));
  }

  #events(): LinkSink {
    return {
      message: (data): void => this.#message(data),
      ping: (payload): void => {
        if (this.#handlers?.ping !== undefined) {
          this.#call(() => this.#handlers!.ping!(this, payload));
        }
      },
      pong: (payload): void => {
        this.#pings.pong(payload, this.#clock.now());
        if (this.#handlers?.pong !== undefined) {
          this.#call(() => this.#handlers!.pong!(this, payload));
        }
      },
      drain: (): void => {
        this.#ready?.resolve();
        this.#ready = undefined;
        if (this.#handlers?.drain !== undefined) this.#call(() => this.#handlers!.drain!(this));
      },
      close: (info): void => this.#finish(info),
    };
  }

  #message(data: MessageData): void {
    this.#messagesReceived++;
    if (this.#dropping) return;
    if (this.#handlers !== undefined && !this.#handling) return this.#handle(data);
    // Nobody makes the peer wait once closing began: what is over the mark is dropped.
    if (!this.#inbox.full || this.#link.readyState === OPEN) this.#inbox.push(data);
  }

  #handle(data: MessageData): void {
    try {
      const result = this.#handlers!.message!(this, data);
      if (result !== undefined) this.#await(result);
    } catch (error) {
      this.#userFailed(error);
    }
  }

  /**
   * The next message waits for the promise that a `message` handler returned: with the peer, or here
   * once closing began, when reading does not stop any more.
   */
  #await(result: Promise<void>): void {
    this.#handling = true;
    this.#link.pause();
    Promise.resolve(result).catch((error) => this.#userFailed(error)).then(() => {
      this.#handling = false;
      this.#handleWaiting();
      if (!this.#handling) this.#link.resume();
    });
  }

  /** Nothing is handled after `close`: what waits when the connection ends is dropped. */
  #handleWaiting(): void {
    while (!this.#handling && !this.#dropping && this.#closeInfo === undefined) {
      const data = this.#inbox.take();
      if (data === undefined) return;
      this.#handle(data);
    }
  }

  #call(handler: () => void | Promise<void>): void {
    try {
      handler()?.catch?.((error: unknown) => this.#userFailed(error));
    } catch (error) {
      this.#userFailed(error);
    }
  }

  /** The user's code failed: 1011 for the peer, the error for `onError`. */
  #userFailed(error: unknown): void {
    // A `for await` in the user's function ends with the connection's own error: no news to anybody.
    if (error instanceof ConnectionClosedError && this.#closeInfo !== undefined) return;
    this.#dropping = true;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#link.fail({ closeCode: 1011, reason: "" }, cause);
    try {
      this.#onError(error, this);
    } catch (again) {
      console.error(again);
    }
  }

  async #next(): Promise<IteratorResult<MessageData, undefined>> {
    const message = this.#inbox.take() ?? await this.#inbox.wait(undefined);
    if (message !== undefined) return { done: false, value: message };
    if (isNormalEnd(this.#closeInfo!.closeCode)) return { done: true, value: undefined };
    throw this.closedError();
  }

  #claim(reading: Reading): void {
    if (this.#reading !== undefined && this.#reading !== reading) {
      throw new TypeError(
        `Cannot read connection: it is already read by ${this.#reading}; choose one of handlers, ` +
          `iteration (for await, receive) and streams (readable)`,
      );
    }
    this.#reading = reading;
  }

  #finish(info: CloseInfo): void {
    this.#closeInfo = info;
    this.#inbox.end();
    this.#ready?.resolve();
    this.#ready = undefined;
    this.#pings.fail(this.closedError());
    if (this.#handlers?.close !== undefined) {
      this.#call(() => this.#handlers!.close!(this, info));
    }
    this.#closed.resolve(info);
  }
}

function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  const tag = Object.prototype.toString.call(data);
  if (tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]") {
    return new Uint8Array(data);
  }
  throw new TypeError("Cannot send: data must be a string, an ArrayBuffer or a view of one");
}
