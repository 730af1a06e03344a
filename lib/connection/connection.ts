/**
 * A WebSocket connection: the same class on either side, in every runtime.
 *
 * @module
 */
import type { CloseInfo, CloseStatus, ConnectionClosedError } from "../errors.ts";
import { type Capabilities, type Link, type LinkTap, OPEN, type ReadyState } from "../link/link.ts";
import type { TransportAddress } from "../link/transport.ts";
import { isNormalEnd, writeClosePayload } from "../message/close.ts";
import type { MessageData } from "../message/message.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { readCloseArguments, readSignal } from "./arguments.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { HandshakeResponse } from "../handshake/response.ts";
import type { ConnectionParts } from "./parts.ts";
import type { PingArguments, PingOptions } from "./pings.ts";
import type { Receiver } from "./receiver.ts";
import {
  bytesOf,
  isSource,
  readCompress,
  readSourceOptions,
  type SendData,
  type SendOptions,
  type SendSource,
  type SendSourceOptions,
} from "./send_data.ts";
import type { Sender } from "./sender.ts";
import type { ConnectionStats } from "./stats.ts";
import type { AnyMessage } from "./streamed_message.ts";
import { readableOf, writableOf } from "./streams.ts";

/**
 * What is called as things happen, in this order: `open`, then `message`, `ping`, `pong` and `drain`
 * as they come, then `close`. Every handler is called synchronously, while the bytes are decoded.
 *
 * A handler that throws, or returns a promise that rejects, closes the connection with 1011; the
 * error goes to `onError`.
 */
export interface ConnectionHandlers<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> {
  /** The connection is open. */
  open?(connection: WebSocketConnection<Data, Message>): void | Promise<void>;
  /**
   * A message came: a string for text, a Uint8Array for binary, which is yours to keep. When a
   * promise is returned, the next message waits for it; pings, pongs and the peer's Close are handled
   * meanwhile, until more than `receiveHighWaterMark` waits. Without this handler messages are dropped.
   *
   * Messages that came before the connection closed are still given to it; each call then has
   * `closeTimeout` to settle, or else the rest is dropped and `onError` is called.
   *
   * With `messages: "stream"` a {@linkcode StreamedMessage} has begun to come. When the
   * handler's promise settles, the rest of the message is discarded. A handler that returns no promise
   * has to begin to read before it returns, or the whole message is discarded.
   */
  message?(connection: WebSocketConnection<Data, Message>, data: Message): void | Promise<void>;
  /** Called when no more than `sendHighWaterMark` waits, after a `send` that returned false. */
  drain?(connection: WebSocketConnection<Data, Message>): void | Promise<void>;
  /** A ping came; its pong is on its way. */
  ping?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** A pong came. */
  pong?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** The connection is closed: called once, last, after the `message` handler is done with what came. */
  close?(connection: WebSocketConnection<Data, Message>, info: CloseInfo): void | Promise<void>;
}

/** Handlers, or a function that is given each connection once it is open. */
export type ConnectionHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> =
  | ConnectionHandlers<Data, Message>
  | ((connection: WebSocketConnection<Data, Message>) => void | Promise<void>);

/** Where an error belongs: what is known of it besides the error. */
export interface ErrorContext<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> {
  /** The connection; undefined in the opening handshake, before there is one. */
  readonly connection: WebSocketConnection<Data, Message> | undefined;
  /** On a server, the request, as far as it could be read. */
  readonly request: Request | undefined;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
}

/**
 * Called with each fault of the user's own code (a handler or a hook that throws, or returns what it
 * must not; a connection that is not read) and of the server itself (no more files to accept a
 * connection with). What a handler throws is passed as it is. A handshake that a server refuses is no
 * fault: see {@linkcode RefusalHandler}.
 *
 * It may be async. If it fails itself, that is printed together with the error.
 */
export type ErrorHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> = (
  error: unknown,
  context: ErrorContext<Data, Message>,
) => void | Promise<void>;

/** What a connection is created with. */
export interface ConnectionInit<Data, Message extends AnyMessage> {
  /** The connection's URL, with the scheme `ws:` or `wss:`. */
  url: string;
  /** On a server, the request that opened it, or its header lines, packed, which need `parts`. */
  request?: Request | string | undefined;
  /** What the `handshake` hook attached. */
  data: Data;
  /** Limits and times. */
  options: ResolvedLimits;
  /** What only our own protocol can do; undefined for a platform's WebSocket that cannot. */
  parts?: ConnectionParts | undefined;
  /** On a client, what the server answered, packed, which needs `parts`. */
  response?: string | undefined;
  /** Called once it is closed. */
  onClosed?:
    | ((connection: WebSocketConnection<Data, Message>, info: CloseInfo) => void)
    | undefined;
  /** Called with errors of the user's code. @default {prints them by console.error} */
  onError?: ErrorHandler<Data, Message> | undefined;
}

/**
 * An open WebSocket connection.
 *
 * It is read one way: by handlers, by iteration (`for await`, `receive`) or as a stream; a second way
 * is a TypeError. What is not taken waits, and past `receiveHighWaterMark` the peer is made to wait.
 *
 * `Data` is the type of `data`; `Message` that of the messages, a {@linkcode StreamedMessage} with the
 * option `messages: "stream"`.
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
export class WebSocketConnection<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> implements AsyncIterable<Message> {
  /** What the `handshake` hook attached; yours to use. */
  data: Data;
  /** The connection's URL. */
  readonly url: string;

  readonly #link: Link;
  readonly #dispatcher: Dispatcher<WebSocketConnection<Data, Message>, Message>;
  /** Only the header lines until it is asked for. */
  #request: Request | string | undefined;
  /** Packed until it is asked for. */
  #response: HandshakeResponse | string | undefined;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<SendData | SendSource> | undefined;

  /** @internal Created by the library: use `listen`, `accept` or `connect`. */
  constructor(link: Link, init: ConnectionInit<Data, Message>) {
    const { options, onClosed, onError, parts } = init;
    this.#link = link;
    this.url = init.url;
    this.data = init.data;
    this.#request = init.request;
    this.#response = init.response;
    this.#dispatcher = new Dispatcher<WebSocketConnection<Data, Message>, Message>(
      { link, connection: this, options },
      { onClosed, onError, parts },
    );
  }

  /** The request that opened the connection; undefined on a client. */
  get request(): Request | undefined {
    if (typeof this.#request !== "string") return this.#request;
    return this.#request = this.#dispatcher.parts!.unpackRequest(this.url, this.#request);
  }

  /**
   * What the server answered to open the connection: 101 and its headers, cookies among them (200 over
   * HTTP/2). Undefined on a server, and on a platform's WebSocket, which does not show it.
   */
  get response(): HandshakeResponse | undefined {
    if (typeof this.#response !== "string") return this.#response;
    return this.#response = this.#dispatcher.parts!.unpackResponse(this.#response);
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
    return this.#sender.readyState;
  }

  /** Framed bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  /** What this connection can do: a `false` means that the platform below cannot. */
  get capabilities(): Capabilities {
    return this.#link.capabilities;
  }

  /**
   * What has passed so far, and how long it took: messages, frames, bytes, round trips. Each reading returns
   * a new object; nothing is reset. It can also be read after the connection has closed.
   */
  get stats(): ConnectionStats {
    const { compression, stats } = this.#link, { roundTrips } = this.#dispatcher;
    return {
      ...stats,
      messagesReceived: this.#receiver.count,
      messagesSent: this.#sender.count,
      roundTrip: roundTrips?.last,
      smoothedRoundTrip: roundTrips?.smoothed,
      ...(compression && { compression: { ...compression } }),
    };
  }

  /**
   * Resolves when the connection is closed, with how it ended. Never rejects.
   *
   * With handlers it resolves after `close` was called, when the `message` handler is done with all
   * messages that had come. So do not await it in a `message` handler: the handler would
   * wait for itself, until `closeTimeout` ends that.
   */
  get closed(): Promise<CloseInfo> {
    return this.#dispatcher.closed;
  }

  /**
   * Resolves when no more than `sendHighWaterMark` waits to leave, or the connection is closed. While
   * more waits it is pending, also after a `send` that returned true.
   */
  get ready(): Promise<void> {
    return this.#sender.ready;
  }

  /**
   * Sends a message: text for a string, binary for anything else. The data is copied. With
   * `{ compress: false }` it is sent as it is, though compression was agreed on.
   *
   * Returns false if more than `sendHighWaterMark` was waiting to leave before this message (it is
   * sent all the same; await `ready` then), or if nothing can be sent any more, and nothing
   * was. (Behind the peer's Close replies may still be sent for a moment, though `readyState` is 2.) One
   * message of any size into an empty buffer returns true.
   *
   * @throws {TypeError} If the data has another type, its memory is detached or out of bounds, or an
   * option is unknown or invalid.
   */
  send(data: SendData, options?: SendOptions): boolean;
  /**
   * Sends one message as it is read: from a Blob, a stream, an async iterable, or the message of
   * another connection. It leaves in fragments of 64 KiB, or of what has come within 10 ms, and is read
   * no faster than the peer takes it; what is sent meanwhile waits behind it.
   *
   * Pings and pongs may leave between two fragments. Some peers (tornado 6.2, aiohttp 3.8, wsproto)
   * forget at a ping in the middle of a compressed message that it is compressed, and drop the
   * connection. So the keepalive sends no ping before the end of such a message, unless the peer has taken
   * nothing of it for a `pingInterval`; pongs and `ping` do not wait. For these peers,
   * send a source that may be slow with `{ compress: false }`.
   *
   * Resolves when all of it is encoded. Rejects with what the source failed with, with the signal's
   * reason, or with a {@linkcode ConnectionClosedError}; the source is cancelled then. A message of
   * which something has been sent cannot be taken back: the connection is then closed with 1011. A
   * rejection that is not handled is not reported as unhandled.
   *
   * @throws {TypeError} If the stream is locked, the message was read before, or an option is unknown or
   * invalid.
   */
  send(source: SendSource, options?: SendSourceOptions): Promise<void>;
  send(data: SendData | SendSource, options?: SendSourceOptions): boolean | Promise<void> {
    if (typeof data === "string" || data instanceof Uint8Array && data.length > 0) {
      return this.#sender.send(data, readCompress(options));
    }
    if (isSource(data)) return this.#sender.stream(data, readSourceOptions(options));
    return this.#sender.send(bytesOf(data), readCompress(options));
  }

  /**
   * Stops reading, so that the peer has to wait. What has been read already can still be taken; the
   * `message` handler is not called until `resume`. The keepalive does not drop the peer for a
   * pause. Where the platform cannot pause (`capabilities`), what comes is kept, up to
   * `maxReceiveBuffered`. `close` ends the pause; after `close`, `pause` does nothing.
   *
   * When the connection ends during a pause (the peer goes, or a limit is passed), a connection
   * with handlers keeps the messages that had come, and reports its end only after `resume` or
   * `terminate`: then `close` is called and `closed` resolves. So one of the two must be called at
   * some time.
   */
  pause(): void {
    this.#receiver.pause();
  }

  /** Reads again, after `pause`. */
  resume(): void {
    this.#receiver.resume();
  }

  /** Drops the messages that wait and all that will come; the peer never waits for it. */
  discard(): void {
    this.#receiver.discard();
  }

  /**
   * One message.
   *
   * Rejects with a {@linkcode ConnectionClosedError} once the connection is closed and all messages
   * are taken, or with the signal's reason.
   *
   * @throws {TypeError} If the connection is read another way, or an option is unknown or invalid
   * (rejects).
   */
  async receive(options?: { signal?: AbortSignal }): Promise<Message> {
    const signal = readSignal("receive", options);
    this.#receiver.claim("iteration");
    signal?.throwIfAborted();
    const message = this.#receiver.take() ?? await this.#receiver.wait(signal);
    if (message === undefined) throw this.closedError();
    return message;
  }

  /**
   * The messages, one after the other. It ends after a normal close (1000, 1001, 1005) and throws a
   * {@linkcode ConnectionClosedError} after any other. Leaving the loop does not close.
   *
   * @throws {TypeError} If the connection is read another way.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    this.#receiver.claim("iteration");
    const result = (late: Message | undefined) => this.#result(late);
    const iterator: AsyncIterableIterator<Message, undefined> = {
      next: () => this.#next(result),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * The messages as a stream, with the same ending as iteration. Cancelling it closes with 1000.
   *
   * @throws {TypeError} If the connection is read another way.
   */
  get readable(): ReadableStream<Message> {
    if (this.#readable === undefined) {
      this.#receiver.claim("streams");
      this.#readable = readableOf({
        take: () => this.#receiver.take(),
        next: () => this.#next((late) => this.#result(late)),
        close: () => this.close(),
      });
    }
    return this.#readable;
  }

  /**
   * A stream that sends what is written, with backpressure. Closing it closes with 1000, aborting it
   * with 1011.
   */
  get writable(): WritableStream<SendData | SendSource> {
    return this.#writable ??= writableOf<SendData | SendSource>(this, {
      canSend: () => this.#sender.canSend,
      sendSource: (source, options) => this.send(source, options),
    });
  }

  /**
   * Sends a ping with this payload, of at most 125 bytes, and waits for the pong: the round trip in
   * milliseconds. What is said of `ping` without a payload holds here too.
   *
   * @throws {TypeError | RangeError} If the payload has another type or is too long (rejects).
   */
  ping(payload: string | ArrayBufferLike | ArrayBufferView, options?: PingOptions): Promise<number>;
  /**
   * Sends a ping and waits for the pong: the round trip in milliseconds.
   *
   * Without a signal it rejects with a {@linkcode LimitError} when no pong has come after `pingTimeout`
   * (`Infinity`: never); the connection goes on. A peer may answer only one of several pings, so this
   * says nothing about whether it is alive. While reading is paused, by `pause` or because more than
   * `receiveHighWaterMark` waits, a pong is not seen: that time does not count, and the whole timeout
   * starts again when reading goes on. With a signal, the signal alone ends the wait.
   *
   * Rejects with a {@linkcode ConnectionClosedError} when the connection closes first, with the
   * signal's reason, or with a NotSupportedError where the platform has no pings (`capabilities`). A
   * rejection that is not handled is not reported as unhandled.
   *
   * @throws {TypeError} If an option is unknown or invalid (rejects).
   */
  ping(options?: PingOptions): Promise<number>;
  ping(...given: PingArguments): Promise<number> {
    try {
      this.#needPings();
      return this.#dispatcher.pings.ping((payload) => this.#link.ping(payload), given);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends a pong that answers no ping, with a payload of at most 125 bytes: a sign of life that wants no
   * answer (RFC 6455 section 5.5.3). Pings of the peer are answered without it.
   *
   * @throws {DOMException} NotSupportedError Where the platform has no pongs (`capabilities`).
   * @throws {ConnectionClosedError} If the connection is not open.
   * @throws {TypeError | RangeError} If the payload has another type or is too long.
   */
  pong(payload?: string | ArrayBufferLike | ArrayBufferView): void {
    this.#needPings();
    this.#dispatcher.pings.pong((bytes) => this.#link.pong(bytes), payload);
  }

  #needPings(): void {
    if (!this.#link.capabilities.ping) {
      throw new DOMException("This platform's WebSocket cannot send pings", "NotSupportedError");
    }
    if (this.readyState !== OPEN) throw this.closedError();
  }

  /**
   * Closes with a code and a reason, like `WebSocket.close()` of the WebSocket standard:
   * `close(4001, "kicked")` is the same as `close({ closeCode: 4001, reason: "kicked" })`. Without a code
   * it closes with 1000; with 1005 the Close frame has neither code nor reason.
   *
   * @throws {RangeError} If the code may not be sent, or the reason has more than 123 bytes of UTF-8.
   * @throws {TypeError} If the code is not a number, or the reason is not a string, or there is a reason
   * with 1005.
   */
  close(closeCode?: number, reason?: string): void;
  /**
   * Begins the closing handshake (RFC 6455 section 7.1.2); `closed` resolves when it is over.
   * Messages that still come are delivered until the peer's Close. They no longer make the peer
   * wait: those over `receiveHighWaterMark`, and all behind them, are dropped. A second call does
   * nothing.
   *
   * A message that is being sent from its source, and what waits behind it, is sent first, as long
   * as the source gives a chunk every `closeTimeout` milliseconds.
   *
   * @throws {RangeError} If the code may not be sent, or the reason has more than 123 bytes of UTF-8.
   * @throws {TypeError} If the code is not a number, the reason is not a string, or there is something
   * else in the status.
   */
  close(status?: Partial<CloseStatus>): void;
  close(first?: Partial<CloseStatus> | number, second?: string): void {
    const status = readCloseArguments(first, second);
    writeClosePayload(status);
    this.#sender.close(status);
    this.#receiver.close();
  }

  /**
   * Drops the peer at once, without a closing handshake: the peer sees 1006. Messages that wait are
   * not passed to the `message` handler any more, and `close` is called without waiting for one
   * that is pending.
   */
  terminate(): void {
    this.#receiver.stop();
    this.#link.terminate();
  }

  /** Closes with 1000 and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  /** Returns the error that says how the connection ended, or that it is closing. */
  closedError(): ConnectionClosedError {
    return this.#dispatcher.closedError();
  }

  get #receiver(): Receiver<WebSocketConnection<Data, Message>, Message> {
    return this.#dispatcher.receiver;
  }

  get #sender(): Sender {
    return this.#dispatcher.sender;
  }

  /** @internal This end's role, where it is known. */
  get role(): "client" | "server" | undefined {
    return this.#link.role ?? (this.#request === undefined ? undefined : "server");
  }

  /** @internal Sets what sees what passes: `create` is given the link. */
  setTap(create: ((link: Link) => LinkTap) | undefined): void {
    this.#link.setTap(create?.(this.#link));
  }

  /** @internal Begins: called once by the code that opened the connection. */
  start(user: ConnectionHandler<Data, Message> | undefined): void {
    this.#dispatcher.start(user);
  }

  #next(
    result: (late: Message | undefined) => IteratorResult<Message, undefined>,
  ): Promise<IteratorResult<Message, undefined>> {
    const message = this.#receiver.take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    return this.#receiver.waitFor(result);
  }

  #result(message: Message | undefined): IteratorResult<Message, undefined> {
    if (message !== undefined) return { done: false, value: message };
    if (isNormalEnd(this.#dispatcher.closeInfo!.closeCode)) return { done: true, value: undefined };
    throw this.closedError();
  }
}
