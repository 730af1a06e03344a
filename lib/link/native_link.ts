/**
 * A platform's own WebSocket as a link: in a browser, say, or behind `Bun.serve`. It has the
 * platform's limits, and `capabilities` names them.
 *
 * @module
 */
import { type CloseInfo, type CloseStatus, LimitError, TransportError } from "../errors.ts";
import { plainMemory } from "../frame/memory.ts";
import { ABNORMAL, NO_STATUS } from "../message/close.ts";
import { CallbackTimer, ReadingTimer, Timers } from "./timers.ts";
import type { DataSink } from "../message/decoder.ts";
import type { MessageData } from "../message/message.ts";
import {
  type Capabilities,
  CLOSING,
  type Link,
  type LinkEvents,
  type LinkMessages,
  type LinkStats,
  type LinkTap,
  OPEN,
  type ReadyState,
} from "./link.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { LinkTimes } from "./link_times.ts";
import type { TransportAddress } from "./transport.ts";

/** A platform's socket, as the link drives it. What it does not have it cannot do. */
export interface NativeSocket {
  /** Where it stands. */
  readonly readyState: number;
  /** Bytes that the platform holds. */
  readonly bufferedAmount: number;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;
  /** Sends a message, uncompressed if so asked and the platform can. */
  send(data: string | Uint8Array<ArrayBuffer>, compress?: boolean): void;
  /** Begins the closing handshake; throws for a code that the platform refuses. */
  close(code?: number, reason?: string): void;
  /** Drops the peer. */
  terminate?(): void;
  /** Stops reading. */
  pause?(): void;
  /** Reads again. */
  resume?(): void;
  /** Sends a ping. */
  ping?(payload: Uint8Array): void;
  /** Sends a pong. */
  pong?(payload: Uint8Array): void;
}

/** What a link over a platform's socket is made with. */
export interface NativeLinkInit {
  /** Limits and times. */
  readonly options: ResolvedLimits;
  /** What the platform can do. */
  readonly capabilities: Capabilities;
  /** The peer's address, where known. @default {undefined} */
  readonly remoteAddress?: TransportAddress | undefined;
  /** The agreed subprotocol, where the socket does not know it. @default {the socket's} */
  readonly protocol?: string | undefined;
  /** Whether the platform reports when its buffer has drained; if not, it is polled. @default {false} */
  readonly tellsDrain?: boolean;
  /** Whether the platform sends shared and resizable memory as well. @default {false} */
  readonly anyMemory?: boolean;
}

/** How the platform says that it is over: a CloseEvent, as far as it is used. */
export interface NativeClose {
  readonly code?: number;
  readonly reason?: string;
  readonly wasClean?: boolean;
}

/** A message held for a connection that cannot pause its platform counts this much more. */
const MESSAGE_COST = 64;
/** How often the platform is asked whether its buffer has drained: it has no event for it. */
const DRAIN_POLL = 10;
/** What turns a code that the platform refuses, 1001 say, into one that it sends: 4001. */
const REFUSED_CODE_OFFSET = 3000;

/** No character of UTF-16 takes more bytes of UTF-8. */
const MAX_UTF8_PER_UTF16 = 3;
/** The most that a message takes on the wire besides: its header, and what does not compress. */
const FRAME_COST = 32;

const utf8 = /* @__PURE__ */ new TextEncoder();

/** A ping or pong that came while the connection was paused. */
interface HeldControl {
  readonly handler: "onPing" | "onPong";
  readonly payload: Uint8Array<ArrayBuffer>;
}

/**
 * A link over an open WebSocket of the platform's. The code that creates it passes on the
 * platform's events, by `onMessage`, `onPing`, `onPong`, `onDrain` and `onClose`.
 */
export class NativeLink implements Link {
  /** What it can do. */
  readonly capabilities: Capabilities;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;

  readonly #socket: NativeSocket;
  readonly #protocol: string | undefined;
  readonly #options: ResolvedLimits;
  readonly #tellsDrain: boolean;
  readonly #anyMemory: boolean;
  #messages: LinkMessages | undefined;
  /** What messages are delivered to: the receiver, or a tap before it. */
  #sink!: Required<DataSink>;
  #tap: LinkTap | undefined;
  #events!: LinkEvents;
  #paused = false;
  readonly #times: LinkTimes;
  #held: (MessageData | HeldControl)[] = [];
  /** How many of them have been given. */
  #deliveredSize = 0;
  #heldSize = 0;
  /** The most that the platform can hold: what it held when it was last asked, and what came since. */
  #buffered = 0;
  #wantsDrain = false;
  #sent: CloseStatus | undefined;
  #terminated = false;
  #closed = false;
  #error: Error | undefined;
  /** Created when they are first needed. */
  #drainPoll: CallbackTimer | undefined;
  #closeTimer: ReadingTimer | undefined;

  /** Creates the link over a socket that is open. */
  constructor(socket: NativeSocket, init: NativeLinkInit) {
    const { options, capabilities, remoteAddress, tellsDrain = false, anyMemory = false } = init;
    this.#socket = socket;
    this.#protocol = init.protocol;
    this.#options = options;
    this.#times = new LinkTimes(options.clock);
    this.capabilities = capabilities;
    this.remoteAddress = remoteAddress;
    this.#tellsDrain = tellsDrain;
    this.#anyMemory = anyMemory;
  }

  /** The agreed subprotocol, or `""`. */
  get protocol(): string {
    return this.#protocol ?? this.#socket.protocol;
  }

  /** The agreed extensions, or `""`. */
  get extensions(): string {
    return this.#socket.extensions;
  }

  /** How long it has been open and paused: the platform shows nothing else. */
  get stats(): LinkStats {
    return {
      bytesReceived: undefined,
      bytesSent: undefined,
      framesReceived: undefined,
      framesSent: undefined,
      openTime: this.#times.openTime,
      bufferedTime: undefined,
      pausedTime: this.#times.pausedTime,
    };
  }

  /** Undefined: the platform shows messages alone. */
  get role(): undefined {
    return undefined;
  }

  /** Undefined: the platform does not say. */
  get compression(): undefined {
    return undefined;
  }

  /** Where it stands. */
  get readyState(): ReadyState {
    if (this.#closed || this.#terminated) return 3;
    const state = this.#socket.readyState as ReadyState;
    return this.#sent !== undefined && state < CLOSING ? CLOSING : state;
  }

  /** Bytes that the platform holds. */
  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** Whether messages can be sent: the platform answers the peer's Close at once. */
  get canSend(): boolean {
    return this.readyState === OPEN;
  }

  /** Begins to read: messages go to one receiver, everything else to the other. */
  start(messages: LinkMessages, events: LinkEvents): void {
    this.#messages = messages;
    this.#events = events;
    this.setTap(this.#tap);
    this.#times.start();
  }

  /** Undefined: the platform shows no frames. */
  get closeInitiator(): undefined {
    return undefined;
  }

  /** Sets what sees the messages. */
  setTap(tap: LinkTap | undefined): void {
    this.#tap = tap;
    if (this.#messages === undefined) return; // it has not begun
    this.#sink = tap === undefined ? this.#messages : tap.messages(this.#messages);
  }

  /** The platform has a message. */
  onMessage(data: MessageData): void {
    // After a failure nothing more is delivered: behind a message that was dropped there would be a gap.
    if (this.#closed || this.#terminated || this.#error !== undefined) return;
    if (this.#isTooLong(data)) return;
    if (!this.#paused && this.#held.length === 0) return this.#deliver(data);
    this.#hold(data, data.length);
  }

  #hold(data: MessageData | HeldControl, size: number): void {
    // A platform that can pause still gives what it has read: one message of any size may be of that.
    const before = this.#heldSize, after = before + size + MESSAGE_COST;
    const held = this.capabilities.pause ? before : after;
    if (held > this.#options.maxReceiveBuffered) {
      return this.#exceed("maxReceiveBuffered", held, "Messages are not taken");
    }
    this.#held.push(data);
    this.#heldSize = after;
  }

  /** The platform has a ping, and answers it. */
  onPing(payload: Uint8Array<ArrayBuffer>): void {
    this.#onControl("onPing", payload);
  }

  /** The platform has a pong. */
  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.#onControl("onPong", payload);
  }

  #onControl(handler: "onPing" | "onPong", payload: Uint8Array<ArrayBuffer>): void {
    if (this.#closed || this.#terminated) return;
    if (!this.#paused && this.#held.length === 0) this.#events[handler](payload);
    else if (this.#error === undefined) this.#hold({ handler, payload }, payload.length);
  }

  /** The platform's buffer has drained. */
  onDrain(): void {
    this.#checkDrain();
  }

  /** The platform failed the connection: it closes next. */
  onError(error: Error): void {
    if (!this.#closed) this.#error ??= error;
  }

  /** The platform's socket is closed: what is held is given to the connection, which keeps it. */
  onClose(event: NativeClose | undefined): void {
    this.#finish(event);
  }

  /** Sends a message: false if more than the high-water mark waited before, or once closing began. */
  send(data: string | Uint8Array, compress?: boolean): boolean {
    if (!this.canSend) return false;
    const { maxBufferedAmount, sendHighWaterMark } = this.#options;
    // To ask the platform costs as much as to send: it is asked where the answer can matter.
    if (this.#buffered > sendHighWaterMark || this.#buffered > maxBufferedAmount) {
      this.#buffered = this.bufferedAmount;
    }
    const before = this.#buffered;
    if (before > maxBufferedAmount) {
      this.overflow(before);
      return false;
    }
    const accepted = typeof data === "string" || this.#anyMemory ? data : plainMemory(data);
    this.#socket.send(accepted as string | Uint8Array<ArrayBuffer>, compress);
    this.#tap?.onMessageSent(data);
    this.#buffered += data.length * MAX_UTF8_PER_UTF16 + FRAME_COST;
    if (before <= sendHighWaterMark) return true;
    this.wantDrain();
    return false;
  }

  /** Nothing: the platform sends whole messages only (`capabilities.streaming`). */
  beginMessage(): void {}

  /** Nothing, like `beginMessage`. */
  writeMessage(): boolean {
    return false;
  }

  /** Asks for a `drain` when no more than the mark waits. */
  wantDrain(): void {
    this.#wantsDrain = true;
    if (this.#drainPoll?.pending !== true) this.#pollDrain();
  }

  /** Closes with 1008; what the platform holds it keeps. */
  overflow(actual: number): void {
    this.#exceed("maxBufferedAmount", actual, "Cannot send: too many bytes wait for the peer");
  }

  /** Undefined: the platform has no keepalive of ours. */
  onEmptyPong(): undefined {
    return undefined;
  }

  /** Sends a ping, where the platform can. */
  ping(payload: Uint8Array): void {
    if (this.readyState === 1) this.#socket.ping?.(payload);
  }

  /** Sends a pong, where the platform can. */
  pong(payload: Uint8Array): void {
    if (this.readyState === 1) this.#socket.pong?.(payload);
  }

  /** Begins the closing handshake. */
  close(status: CloseStatus): void {
    if (this.readyState !== 1) return;
    const { closeCode, reason } = status;
    this.#sent = status;
    try {
      if (closeCode === NO_STATUS) this.#socket.close();
      else this.#socket.close(closeCode, reason);
    } catch {
      // The standard lets a client send 1000 and 3000 to 4999 only.
      this.#sent = { closeCode: closeCode + REFUSED_CODE_OFFSET, reason };
      this.#socket.close(this.#sent.closeCode, reason);
    }
    this.#closeTimer = new ReadingTimer(() => this.#finish(undefined));
    Timers.of(this.#options.clock).set(this.#closeTimer, this.#options.closeTimeout);
    this.resume();
  }

  /** Nothing: the platform answers the peer's Close. */
  onRepliesDone(): void {}

  /** Closes because of an error, which `closed` reports. */
  fail(status: CloseStatus, error: Error): void {
    this.#error ??= error;
    this.close(status);
  }

  /** As near as the platform gets to dropping the peer. */
  terminate(): void {
    if (this.#closed) return;
    if (this.#socket.terminate === undefined) this.close({ closeCode: 1000, reason: "" });
    this.#terminated = true;
    this.#socket.terminate?.(); // which may tell at once
    queueMicrotask(() => this.#finish(undefined));
  }

  /** Holds what comes from now on: a platform that cannot pause goes on reading. */
  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    this.#times.pause();
    this.#socket.pause?.();
  }

  /** Delivers what is held, soon, and then what comes. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#times.resume();
    if (this.#held.length > 0) queueMicrotask(() => this.#catchUp());
    else if (!this.#closed) this.#socket.resume?.();
  }

  /** The platform has judged by a limit of its own, if any. */
  #isTooLong(data: MessageData): boolean {
    const limit = this.#options.maxMessageSize;
    if (data.length * MAX_UTF8_PER_UTF16 <= limit) return false;
    const size = typeof data === "string" && data.length <= limit
      ? utf8.encode(data).length
      : data.length;
    if (size <= limit) return false;
    this.#exceed("maxMessageSize", size, "The message is too long");
    return true;
  }

  /** The platform delivers whole messages; as a stream, each has one piece. */
  #deliver(data: MessageData): void {
    const sink = this.#sink;
    if (this.#options.messages === "whole") return sink.onMessage(data);
    const isText = typeof data === "string";
    const bytes = isText ? utf8.encode(data) : data;
    sink.onMessageStart(isText ? "text" : "binary", bytes.length);
    if (bytes.length > 0) sink.onMessageData(bytes);
    sink.onMessageEnd();
  }

  #catchUp(): void {
    this.#deliverHeld();
    if (!this.#paused && !this.#terminated && !this.#closed) this.#socket.resume?.();
  }

  /** May be called while it delivers: a handler closes, and the platform reports that within the call. */
  #deliverHeld(): void {
    while (!this.#paused && !this.#terminated && this.#deliveredSize < this.#held.length) {
      const held = this.#held[this.#deliveredSize++];
      if (typeof held === "object" && "handler" in held) {
        this.#heldSize -= held.payload.length + MESSAGE_COST;
        this.#events[held.handler](held.payload);
      } else {
        this.#heldSize -= held.length + MESSAGE_COST;
        this.#deliver(held);
      }
    }
    this.#held.splice(0, this.#deliveredSize);
    this.#deliveredSize = 0;
  }

  #exceed(
    option: "maxBufferedAmount" | "maxReceiveBuffered" | "maxMessageSize",
    actual: number,
    what: string,
  ): void {
    const limit = this.#options[option], closeCode = option === "maxMessageSize" ? 1009 : 1008;
    this.fail(
      { closeCode, reason: option },
      new LimitError(`${what}: ${actual} bytes, ${option} is ${limit}`, {
        option,
        limit,
        actual,
        closeCode,
      }),
    );
  }

  /** Asks the platform later whether its buffer has drained, if it does not report that. */
  #pollDrain(): void {
    if (this.#tellsDrain) return;
    this.#drainPoll ??= new CallbackTimer(() => this.#checkDrain());
    Timers.of(this.#options.clock).set(this.#drainPoll, DRAIN_POLL);
  }

  #checkDrain(): void {
    if (!this.#wantsDrain || this.#closed) return;
    if (this.bufferedAmount > this.#options.sendHighWaterMark) return this.#pollDrain();
    this.#wantsDrain = false;
    this.#events.onDrain();
  }

  #finish(event: NativeClose | undefined): void {
    if (this.#closed) return;
    this.#drainPoll?.cancel();
    this.#closeTimer?.cancel();
    this.#closed = true; // from here on nothing pauses it
    this.#times.stop();
    this.#paused = false;
    this.#deliverHeld();
    const { code = ABNORMAL, reason = "", wasClean = false } = event ?? {};
    const received = wasClean ? { closeCode: code, reason } : undefined;
    // A platform that failed the connection reports the code that it sent, or 0: the peer sent none.
    const failed = !wasClean && (code === 0 || this.#error !== undefined);
    const dropped = this.#terminated ||
      this.#error instanceof TransportError && this.#error.code === "TIMED_OUT";
    const info: CloseInfo = {
      closeCode: failed ? ABNORMAL : code,
      reason: failed ? "" : reason,
      wasClean,
      sent: this.#sent,
      received,
      initiator: this.#sent === undefined && !dropped ? "remote" : "local",
      error: this.#error,
    };
    this.#events.onClose(info);
  }
}
