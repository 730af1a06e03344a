/**
 * A connection that comes back: one after the other, seen as one.
 *
 * ```text
 * connecting ── open ── closed by the peer, or lost ──> waiting ── time over, or a page wakes ──> connecting
 *     │  └───── failed ───────────────────────────────────^
 *     └── close(), the signal, a code of stayAway, an option that cannot work ──> closed
 * ```
 *
 * @module
 */
import { readCloseArguments } from "../../connection/arguments.ts";
import type { WebSocketConnection } from "../../connection/connection.ts";
import { MessageQueue } from "../../connection/message_queue.ts";
import { callHandler } from "../../connection/report.ts";
import { bytesOf, isSource, type SendData } from "../../connection/send_data.ts";
import { readableOf, writableOf } from "../../connection/streams.ts";
import {
  type CloseInfo,
  type CloseStatus,
  ConnectionClosedError,
  LimitError,
  SluiceError,
} from "../../errors.ts";
import { CallbackTimer, Timers } from "../../link/timers.ts";
import { isNormalEnd, writeClosePayload } from "../../message/close.ts";
import type { MessageData } from "../../message/message.ts";
import { isInstance, printError, toError } from "../../thrown.ts";
import type { Connect } from "../options.ts";
import { type AttemptValues, attemptValues } from "./attempt.ts";
import { Backoff } from "./backoff.ts";
import { Confirmations } from "./confirmations.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ReconnectingPlan, ReconnectingState } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { onWake } from "./wake.ts";

/**
 * A connection that comes back, which {@linkcode reconnecting} returns: messages of all its connections one
 * after the other, and a queue of those to send.
 *
 * Read it with `for await`, `receive` or `readable`, or call `discard`. While more than
 * `receiveHighWaterMark` waits to be read, the peer is made to wait; after a loss it connects again when
 * what had come was taken up to that mark.
 */
export class ReconnectingConnection implements AsyncIterable<MessageData> {
  readonly #connect: Connect;
  readonly #plan: ReconnectingPlan;
  readonly #timers: Timers;
  readonly #backoff: Backoff;
  readonly #outbox: Outbox;
  readonly #confirmations: Confirmations;
  readonly #inbox: MessageQueue<MessageData>;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #closed = Promise.withResolvers<CloseInfo>();
  readonly #stopWaking: () => void;
  readonly #stopListening: () => void;
  #state: ReconnectingState = {
    name: "connecting",
    failures: 0,
    delay: undefined,
    retryAt: undefined,
    reason: undefined,
  };
  #connection: WebSocketConnection | undefined;
  /** Whether what waits may be sent: `onReconnect` is done. */
  #mayFlush = false;
  #openedAt: number | undefined;
  #wasOpen = false;
  /** Ends the attempt under way. */
  #attempt: AbortController | undefined;
  /** Ends the time between two attempts. */
  #retry: (() => void) | undefined;
  /** What `close` was called with. */
  #closing: CloseStatus | undefined;
  /** Why it ends without a closing handshake. */
  #ending: CloseInfo | undefined;
  #info: CloseInfo | undefined;
  #discards = false;
  /** Resolved when no more than the mark waits to be sent. */
  #ready: PromiseWithResolvers<void> | undefined;
  #awaitsDrain = false;
  /** All that was sent before the last beat of the heart. */
  #beatMark = 0;
  #readable: ReadableStream<MessageData> | undefined;
  #writable: WritableStream<SendData> | undefined;

  /** @internal Created by the library: use `reconnecting`. */
  constructor(connect: Connect, plan: ReconnectingPlan) {
    const { limits, given: { signal }, heartbeat } = plan;
    this.#connect = connect;
    this.#plan = plan;
    this.#timers = Timers.of(limits.clock);
    this.#backoff = new Backoff(plan);
    this.#outbox = new Outbox(plan.maxQueueSize);
    this.#confirmations = new Confirmations(this.#outbox, this.#timers, () => this.#flush());
    this.#inbox = new MessageQueue(limits.receiveHighWaterMark, {
      onFull: () => this.#pause(),
      onRoom: () => this.#resume(),
    });
    this.#heartbeat = heartbeat && new Heartbeat(heartbeat, this.#timers, {
      onBeat: () => this.#beat(),
      onDead: () => this.#connection?.terminate(),
    });
    this.#stopWaking = onWake(() => this.retry());
    const abort = (): void => this.#stop(infoOf(LOST, toError(signal!.reason)));
    signal?.addEventListener("abort", abort);
    this.#stopListening = () => signal?.removeEventListener("abort", abort);
    if (signal?.aborted) abort();
    // Handlers are called after the caller has what this returns.
    queueMicrotask(() => void this.#run());
  }

  /** Where it stands. */
  get state(): ReconnectingState {
    return this.#state;
  }

  /** The connection of now, while it is open: for its `ping`, `stats` and `protocol`. */
  get connection(): WebSocketConnection | undefined {
    return this.#connection;
  }

  /** Resolves when it has ended, with how. Never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /** What waits to be sent, in bytes: in the queue (each message with 256 bytes more) and in the socket. */
  get bufferedAmount(): number {
    return this.#outbox.waitingSize + (this.#connection?.bufferedAmount ?? 0);
  }

  /** Resolves when no more than `sendHighWaterMark` waits to be sent, or all is over. */
  get ready(): Promise<void> {
    if (!this.#isAboveMark || this.#info !== undefined) return Promise.resolve();
    return (this.#ready ??= Promise.withResolvers()).promise;
  }

  /**
   * Sends a message, or keeps it until there is a connection: text for a string, binary for anything else.
   * The data is copied.
   *
   * Returns false if more than `sendHighWaterMark` waits with it, or if it was not taken, as all is over or
   * `close` was called.
   *
   * @throws {LimitError} If it has no room in the queue (`maxQueueSize`, `whenFull`).
   * @throws {TypeError} If the data has another type.
   */
  send(data: SendData): boolean {
    const message = keepable(data);
    if (this.#closing !== undefined || this.#info !== undefined) return false;
    this.#makeRoom(message);
    this.#outbox.push(message);
    this.#flush();
    return !this.#isAboveMark;
  }

  /** Connects at once, if it waits to; checks the connection of now, if there is a heartbeat. */
  retry(): void {
    this.#retry?.();
    if (this.#state.name === "open" && !this.#inbox.full) this.#heartbeat?.beat();
  }

  /**
   * One message.
   *
   * Rejects with a {@linkcode ConnectionClosedError} once all is over and all messages are taken.
   */
  async receive(): Promise<MessageData> {
    const message = this.#inbox.take() ?? await this.#inbox.wait(undefined);
    if (message === undefined) throw this.closedError();
    return message;
  }

  /**
   * The messages of all connections, one after the other. It ends after `close` with a normal code, and
   * throws a {@linkcode ConnectionClosedError} after any other end. Leaving the loop does not close.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageData, undefined> {
    const iterator: AsyncIterableIterator<MessageData, undefined> = {
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** The messages as a stream, with the same ending as iteration. Cancelling it closes with 1000. */
  get readable(): ReadableStream<MessageData> {
    return this.#readable ??= readableOf({
      take: () => this.#inbox.take(),
      next: () => this.#next(),
      close: () => this.close(),
    });
  }

  /** A stream that sends what is written. A write waits while more than `sendHighWaterMark` waits. */
  get writable(): WritableStream<SendData> {
    return this.#writable ??= writableOf(this, { canSend: () => this.#info === undefined });
  }

  /** Drops the messages that wait and all that will come. */
  discard(): void {
    this.#discards = true;
    while (this.#inbox.take() !== undefined);
  }

  /** Ends it with a code and a reason, as a connection's `close` does. */
  close(closeCode?: number, reason?: string): void;
  /**
   * Ends it. While a connection is open, what waits is sent first; otherwise `onUnsent` is called with it.
   * A second call does nothing.
   *
   * @throws {RangeError} If the code may not be sent, or the reason has more than 123 bytes of UTF-8.
   * @throws {TypeError} If the code is not a number, or the reason is not a string.
   */
  close(status?: Partial<CloseStatus>): void;
  close(first?: Partial<CloseStatus> | number, second?: string): void {
    const status = readCloseArguments(first, second);
    writeClosePayload(status);
    if (this.#closing !== undefined || this.#info !== undefined) return;
    this.#closing = status;
    if (this.#connection === undefined) this.#stop(infoOf(status));
    else this.#startFlush(this.#connection);
  }

  /** Closes with 1000 and waits until it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  /** Returns the error that says how it ended. */
  closedError(): ConnectionClosedError {
    return new ConnectionClosedError(this.#info ?? infoOf(LOST));
  }

  /** Too much waits to be read: the peer has to wait. */
  #pause(): void {
    this.#connection?.pause();
    this.#heartbeat?.stop();
  }

  #resume(): void {
    this.#connection?.resume();
    if (this.#connection !== undefined) this.#heartbeat?.start();
  }

  #beat(): void {
    const { message } = this.#plan.heartbeat!;
    this.#beatMark = this.#outbox.mark;
    this.#call(() => {
      this.#connection?.send(typeof message === "function" ? message() : message);
    });
  }

  /** One connection after the other, until it has ended. */
  async #run(): Promise<void> {
    while (this.#ending === undefined) {
      this.#setState("connecting", this.#state.reason);
      if (this.#ending !== undefined) break; // by onState
      const { end, isHopeless } = await this.#connectOnce();
      if (this.#ending !== undefined) break;
      if (this.#closing !== undefined || isHopeless || this.#staysAway(end)) {
        if (isHopeless) this.#report(end);
        return this.#finish(asInfo(end));
      }
      await this.#wait(end);
    }
    this.#finish(this.#ending);
  }

  /** Connects, and resolves when that connection has ended, or why there was none. */
  async #connectOnce(): Promise<AttemptEnd> {
    const { signal } = this.#attempt = new AbortController();
    this.#openedAt = undefined;
    let values: AttemptValues;
    try {
      values = await attemptValues(this.#plan, this.#timers, signal);
    } catch (error) {
      return { end: toError(error), isHopeless: false };
    }
    try {
      const connection = await this.#connect(values.url, {
        ...this.#plan.connectOptions,
        protocols: values.protocols,
        headers: values.headers,
        signal,
        onError: (error: unknown) => this.#report(error),
        websocket: {
          open: (opened) => this.#onOpen(opened),
          message: (_, data) => this.#onMessage(data),
        },
      });
      const info = await connection.closed;
      this.#onLost(info);
      return { end: info, isHopeless: false };
    } catch (error) {
      return { end: toError(error), isHopeless: !isInstance(error, SluiceError) };
    }
  }

  #onOpen(connection: WebSocketConnection): void {
    if (this.#ending !== undefined) return connection.terminate();
    this.#connection = connection;
    this.#openedAt = this.#plan.limits.clock.now();
    this.#outbox.confirms = connection.capabilities.ping || this.#heartbeat !== undefined;
    if (this.#inbox.full) this.#pause();
    else this.#heartbeat?.start();
    const { onReconnect } = this.#plan.given, isBack = this.#wasOpen;
    this.#wasOpen = true;
    this.#setState("open", undefined);
    if (!isBack || onReconnect === undefined) return this.#startFlush(connection);
    void this.#call(() => onReconnect(connection)).then(() => this.#startFlush(connection));
  }

  #startFlush(connection: WebSocketConnection): void {
    if (connection !== this.#connection) return;
    this.#mayFlush = true;
    this.#flush();
  }

  #onMessage(data: MessageData): void {
    const { heartbeat } = this.#plan;
    let isAnswer = false;
    if (heartbeat !== undefined) void this.#call(() => void (isAnswer = heartbeat.isAnswer(data)));
    if (isAnswer) {
      this.#outbox.confirm(this.#beatMark);
      if (!this.#inbox.full) this.#heartbeat!.start();
      this.#flush();
    } else if (!this.#discards) this.#inbox.push(data);
  }

  /** The connection has ended. Where there are no pings, a Close that answers ours says that all arrived. */
  #onLost({ wasClean, initiator, sent, received }: CloseInfo): void {
    const isAnswered = wasClean && initiator === "local" && sent?.closeCode === received?.closeCode;
    if (isAnswered && !this.#connection?.capabilities.ping) this.#outbox.confirm(this.#outbox.mark);
    this.#connection = undefined;
    this.#mayFlush = false;
    this.#heartbeat?.stop();
    this.#confirmations.stop();
    const messages = this.#outbox.takeUnconfirmed(), { onUnconfirmed } = this.#plan.given;
    if (messages.length > 0) void this.#call(() => onUnconfirmed?.(messages));
  }

  /** Waits for the next attempt, or for what ends the wait. */
  async #wait(reason: CloseInfo | Error): Promise<void> {
    const { clock } = this.#plan.limits, openedAt = this.#openedAt;
    const openTime = openedAt === undefined ? undefined : clock.now() - openedAt;
    const delay = Math.round(this.#backoff.fail(openTime));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = new CallbackTimer(resolve);
    this.#timers.set(timer, delay);
    this.#retry = resolve;
    this.#setState("waiting", reason, delay);
    await promise;
    this.#retry = undefined;
    timer.cancel();
  }

  /** Whether the peer says to stay away; a limit of ours with the same code does not. */
  #staysAway(end: CloseInfo | Error): boolean {
    const { stayAway = [1008] } = this.#plan.given;
    let stays = false;
    if (typeof stayAway === "function") void this.#call(() => void (stays = stayAway(end)));
    else if (!(end instanceof Error)) stays = stayAway.includes(end.received?.closeCode ?? 0);
    return stays;
  }

  /** Ends it from outside: without a closing handshake. */
  #stop(info: CloseInfo): void {
    if (this.#ending !== undefined || this.#info !== undefined) return;
    this.#ending = info;
    this.#attempt?.abort(info.error);
    this.#connection?.terminate();
    this.#retry?.();
  }

  #finish(info: CloseInfo): void {
    this.#info = info;
    this.#stopWaking();
    this.#stopListening();
    this.#inbox.end();
    const messages = this.#outbox.takeWaiting(), { onUnsent } = this.#plan.given;
    if (messages.length > 0) void this.#call(() => onUnsent?.(messages, "closed"));
    this.#setState("closed", info);
    this.#checkReady();
    this.#closed.resolve(info);
  }

  #makeRoom(message: MessageData): void {
    const actual = this.#outbox.overflow(message);
    if (actual === undefined) return;
    const { maxQueueSize, given: { whenFull, onUnsent } } = this.#plan;
    if (whenFull !== "drop-oldest") {
      throw new LimitError(
        `Cannot send: ${actual} bytes would wait, ${maxQueueSize} may (maxQueueSize); await ready, or ` +
          'set whenFull: "drop-oldest"',
        { option: "maxQueueSize", limit: maxQueueSize, actual, closeCode: 1008 },
      );
    }
    const dropped = this.#outbox.makeRoom(message);
    void this.#call(() => onUnsent?.(dropped, "dropped"));
  }

  /** Sends what waits, as far as the socket takes it. */
  #flush(): void {
    const connection = this.#connection, outbox = this.#outbox;
    if (connection === undefined || !this.#mayFlush) return;
    while (outbox.waiting > 0 && connection.readyState === 1 && !outbox.isFull) {
      if (connection.bufferedAmount > this.#plan.limits.sendHighWaterMark) {
        this.#flushLater(connection);
        break;
      }
      connection.send(outbox.take());
    }
    this.#checkReady();
    const status = this.#closing;
    if (status === undefined || outbox.waiting > 0) return this.#confirmations.soon(connection);
    void this.#confirmations.beforeClose(connection, {
      timeout: this.#plan.limits.closeTimeout,
      close: () => connection.close(status),
    });
  }

  #flushLater(connection: WebSocketConnection): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    void connection.ready.then(() => {
      this.#awaitsDrain = false;
      this.#flush();
    });
  }

  get #isAboveMark(): boolean {
    return this.#outbox.waitingSize > this.#plan.limits.sendHighWaterMark;
  }

  #checkReady(): void {
    if (this.#ready === undefined || this.#isAboveMark) return;
    this.#ready.resolve();
    this.#ready = undefined;
  }

  #next(): Promise<IteratorResult<MessageData, undefined>> {
    const message = this.#inbox.take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    return this.#inbox.waitFor((late) => {
      if (late !== undefined) return { done: false, value: late };
      if (isNormalEnd(this.#info!.closeCode)) return { done: true, value: undefined };
      throw this.closedError();
    });
  }

  #setState(
    name: ReconnectingState["name"],
    reason: CloseInfo | Error | undefined,
    delay?: number,
  ): void {
    const { onState } = this.#plan.given,
      retryAt = delay === undefined ? undefined : Date.now() + delay;
    const state = this.#state = { name, failures: this.#backoff.failures, delay, retryAt, reason };
    void this.#call(() => onState?.(state));
  }

  /** Calls a function of the user; what it throws, or rejects with, is reported. */
  async #call(call: () => void | Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const { onError } = this.#plan.given;
    if (onError === undefined) printError("Error of reconnecting:", error);
    else callHandler("onError", error, () => onError(error));
  }
}

/** How an attempt has ended; a hopeless one would fail again and again, by its options. */
interface AttemptEnd {
  end: CloseInfo | Error;
  isHopeless: boolean;
}

/** Returns a message that can be kept: text, or a copy of the bytes. */
function keepable(data: SendData): MessageData {
  if (typeof data === "string") return data;
  if (isSource(data)) {
    throw new TypeError(
      "Cannot send: reconnecting keeps messages until they have arrived, and cannot keep what is read in " +
        "pieces; read it first, or send it on its `connection`",
    );
  }
  return bytesOf(data).slice();
}

/** How it ended, where no connection says so. */
function infoOf({ closeCode, reason }: CloseStatus, error?: Error): CloseInfo {
  return {
    closeCode,
    reason,
    wasClean: false,
    sent: undefined,
    received: undefined,
    initiator: "local",
    error,
  };
}

const LOST: CloseStatus = { closeCode: 1006, reason: "" };

function asInfo(end: CloseInfo | Error): CloseInfo {
  return end instanceof Error ? infoOf(LOST, end) : end;
}
