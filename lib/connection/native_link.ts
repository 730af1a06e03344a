/**
 * A platform's own WebSocket as a link: in a browser, say. It has the platform's limits, and
 * `capabilities` names them.
 *
 * @module
 */
import { type CloseInfo, type CloseStatus, LimitError } from "../errors.ts";
import { ABNORMAL, NO_STATUS } from "../message/close.ts";
import { Deadline, Deadlines } from "./deadlines.ts";
import type { MessageData } from "./inbox.ts";
import { type Capabilities, CLOSING, type Link, type LinkSink, type ReadyState } from "./link.ts";
import type { ResolvedConnectionOptions } from "./options.ts";

/** What is used of the interface that the WebSocket standard defines. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  readonly extensions: string;
  readonly url: string;
  binaryType: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: string, listener: (event: never) => void): void;
}

/** A message held for a connection that cannot pause its platform counts this much more. */
const MESSAGE_COST = 64;
/** How often the platform is asked whether its buffer has drained: it has no event for it. */
const DRAIN_POLL = 10;
/** What turns a code that the platform refuses, 1001 say, into one that it sends: 4001. */
const REFUSED_CODE_OFFSET = 3000;

const utf8 = new TextEncoder();
const limited: Capabilities = {
  pause: false,
  ping: false,
  streaming: false,
  anyCloseCode: false,
};

/** A link over an open WebSocket of the platform's. */
export class NativeLink implements Link {
  /** What it can do: neither pause, nor ping, nor send every code. */
  readonly capabilities: Capabilities = limited;
  /** Not known here. */
  readonly remoteAddress: undefined = undefined;

  readonly #socket: WebSocketLike;
  readonly #options: ResolvedConnectionOptions;
  readonly #deadlines: Deadlines;
  #sink!: LinkSink;
  #paused = false;
  #held: MessageData[] = [];
  #heldSize = 0;
  #wantsDrain = false;
  #sent: CloseStatus | undefined;
  #terminated = false;
  #closed = false;
  #error: Error | undefined;
  readonly #drainPoll = new Deadline(() => this.#pollDrain());
  readonly #closeDue = new Deadline(() => this.#finish(undefined));

  /** Makes the link over a socket that is open. */
  constructor(socket: WebSocketLike, options: ResolvedConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#deadlines = Deadlines.of(options.clock);
  }

  /** The agreed subprotocol, or `""`. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** The agreed extensions, or `""`. */
  get extensions(): string {
    return this.#socket.extensions;
  }

  /** The platform does not tell. */
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

  /** Begins to tell `sink`. */
  start(sink: LinkSink): void {
    this.#sink = sink;
    const socket = this.#socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: { data: string | ArrayBuffer }) => {
      this.#message(typeof data === "string" ? data : new Uint8Array(data));
    });
    socket.addEventListener("close", (event: CloseStatusEvent) => this.#finish(event));
  }

  /** Sends a message: false above the high-water mark, or once closing began. */
  send(data: string | Uint8Array): boolean {
    if (this.readyState !== 1) return false;
    const { maxBufferedAmount, sendHighWaterMark } = this.#options;
    const before = this.bufferedAmount;
    if (before > maxBufferedAmount) {
      this.overflow(before);
      return false;
    }
    this.#socket.send(data as string | Uint8Array<ArrayBuffer>);
    if (this.bufferedAmount <= sendHighWaterMark) return true;
    this.#wantsDrain = true;
    if (!this.#drainPoll.pending) this.#deadlines.set(this.#drainPoll, DRAIN_POLL);
    return false;
  }

  /** Nothing: the platform sends whole messages only, and nobody asks for more (`streaming`). */
  beginMessage(): void {}

  /** Nothing, like `beginMessage`. */
  writeMessage(): boolean {
    return false;
  }

  /** Nothing, like `beginMessage`: nothing waits behind a message in pieces. */
  wantDrain(): void {}

  /** Closes with 1008; what the platform holds it keeps. */
  overflow(actual: number): void {
    this.#exceed("maxBufferedAmount", actual, "Cannot send: too many bytes wait for the peer");
  }

  /** Nothing: the platform has no pings. */
  ping(_payload: Uint8Array): void {}

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
    this.#deadlines.set(this.#closeDue, this.#options.closeTimeout);
    this.resume();
  }

  /** Closes because of an error, which `closed` will tell. */
  fail(status: CloseStatus, error: Error): void {
    this.#error ??= error;
    this.close(status);
  }

  /** As near as the platform gets to dropping the peer. */
  terminate(): void {
    if (this.#closed) return;
    this.close({ closeCode: 1000, reason: "" });
    this.#terminated = true;
    queueMicrotask(() => this.#finish(undefined));
  }

  /** Holds what comes from now on: the platform goes on reading. */
  pause(): void {
    this.#paused = true;
  }

  /** Gives what is held, soon, and then what comes. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#held.length > 0) queueMicrotask(() => this.#catchUp());
  }

  #message(data: MessageData): void {
    if (this.#closed || this.#terminated) return;
    if (!this.#paused && this.#held.length === 0) return this.#give(data);
    this.#held.push(data);
    this.#heldSize += data.length + MESSAGE_COST;
    if (this.#heldSize > this.#options.maxReceiveBuffered) {
      this.#held.pop();
      this.#exceed("maxReceiveBuffered", this.#heldSize, "Messages are not taken");
    }
  }

  /** What the platform gives is whole; who wants pieces has it in one. */
  #give(data: MessageData): void {
    const sink = this.#sink;
    if (this.#options.messages === "whole") return sink.message(data);
    const isText = typeof data === "string";
    const bytes = isText ? utf8.encode(data) : data;
    sink.messageStart(isText ? "text" : "binary", bytes.length);
    if (bytes.length > 0) sink.messageData(bytes);
    sink.messageEnd();
  }

  #catchUp(): void {
    let given = 0;
    while (!this.#paused && !this.#terminated && given < this.#held.length) {
      const data = this.#held[given++];
      this.#heldSize -= data.length + MESSAGE_COST;
      this.#give(data);
    }
    this.#held.splice(0, given);
  }

  #exceed(option: "maxBufferedAmount" | "maxReceiveBuffered", actual: number, what: string): void {
    const limit = this.#options[option];
    this.fail(
      { closeCode: 1008, reason: option },
      new LimitError(`${what}: ${actual} bytes, ${option} is ${limit}`, {
        option,
        limit,
        actual,
        closeCode: 1008,
      }),
    );
  }

  #pollDrain(): void {
    if (!this.#wantsDrain || this.#closed) return;
    if (this.bufferedAmount > this.#options.sendHighWaterMark) {
      return this.#deadlines.set(this.#drainPoll, DRAIN_POLL);
    }
    this.#wantsDrain = false;
    this.#sink.drain();
  }

  #finish(event: CloseStatusEvent | undefined): void {
    if (this.#closed) return;
    this.#drainPoll.cancel();
    this.#closeDue.cancel();
    this.#paused = false;
    this.#catchUp();
    this.#closed = true;
    const { code = ABNORMAL, reason = "", wasClean = false } = event ?? {};
    const received = wasClean ? { closeCode: code, reason } : undefined;
    const info: CloseInfo = {
      closeCode: code,
      reason,
      wasClean,
      sent: this.#sent,
      received,
      initiator: this.#sent === undefined ? "remote" : "local",
      error: this.#error,
    };
    this.#sink.close(info);
  }
}

/** A CloseEvent, as far as it is used. */
interface CloseStatusEvent {
  code?: number;
  reason?: string;
  wasClean?: boolean;
}
