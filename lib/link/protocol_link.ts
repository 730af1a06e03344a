/**
 * Our protocol over a transport: it moves bytes between the two, gathers what leaves into one write,
 * and minds the times.
 *
 * @module
 */
import { type CloseInfo, type CloseStatus, LimitError, TransportError } from "../errors.ts";
import type { Role } from "../frame/opcode.ts";
import { OutputBuffer } from "../frame/output_buffer.ts";
import { ABNORMAL } from "../message/close.ts";
import type { ExtensionBytes, MessageExtension } from "../message/extension.ts";
import type { MessageType } from "../message/message.ts";
import { ReadingTimer, Timers } from "./timers.ts";
import { Keepalive, type KeepaliveEvents } from "./keepalive.ts";
import {
  type Capabilities,
  CLOSED,
  CLOSING,
  type Link,
  type LinkSink,
  OPEN,
  type ReadyState,
} from "./link.ts";
import type { ResolvedConnectionOptions } from "../protocol/protocol_options.ts";
import { type WriteEvents, WriteScheduler } from "./write_scheduler.ts";
import { Protocol, type ProtocolEvents } from "../protocol/protocol.ts";
import type { Transport, TransportAddress, TransportSink } from "./transport.ts";

/**
 * A peer that broke a rule and then was quiet for so long, in milliseconds, has finished what it was
 * sending and has had its chance to read why we close.
 */
const LINGER_QUIET = 2_000;

const EMPTY = new Uint8Array(0);
const ALL_CAPABILITIES: Capabilities = {
  pause: true,
  ping: true,
  compression: true,
  streaming: true,
  anyCloseCode: true,
};

/**
 * Whether the peer has ended its direction:
 *
 * ```text
 * open ── its end has come ──> ended ── without a Close, with nothing held ──> dropped
 * ```
 *
 * In "dropped" the transport is being closed, which it will tell.
 */
type PeerEnd = "open" | "ended" | "dropped";

/** All that those below a link tell it. */
type Below = TransportSink & ProtocolEvents & WriteEvents & KeepaliveEvents;

/** What a {@linkcode ProtocolLink} is made of. */
export interface ProtocolLinkInit {
  /** This end's role. */
  role: Role;
  /** The bytes below, after the opening handshake. */
  transport: Transport;
  /** The agreed subprotocol. @default {""} */
  protocol?: string;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
  /** Limits and times. */
  options: ResolvedConnectionOptions;
}

/** A compressed message that is being sent in fragments. */
interface CompressedMessage {
  /** When the system last took bytes of it. */
  takenAt: number;
  /** Whether the keepalive's ping waits for its end. */
  pingWaits: boolean;
}

/** A link over a transport: everything works here. */
export class ProtocolLink implements Link {
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;

  readonly #role: Role;
  readonly #extension: MessageExtension | undefined;
  readonly #transport: Transport;
  readonly #protocol: Protocol;
  readonly #options: ResolvedConnectionOptions;
  readonly #events: Below;
  #sink!: LinkSink;

  /** Bytes that came while reading was paused, or behind the message at which it stopped. */
  #held: Uint8Array = EMPTY;
  #paused = false;
  #inPass = false;
  #peerEnd: PeerEnd = "open";

  #wantsDrain = false;
  /** The compressed message that is being sent in fragments. */
  #compressed: CompressedMessage | undefined;

  /** Our Close has been handed to the system; what still comes is dropped. */
  #closeFlushed = false;
  #lingering = false;
  #terminated = false;
  #closed = false;
  #error: Error | undefined;

  readonly #writes: WriteScheduler;
  readonly #keepalive: Keepalive;
  /** Made when they are first needed. */
  #closeTimer: ReadingTimer | undefined;
  #quietTimer: ReadingTimer | undefined;

  /** Makes the link; nothing moves before `start`. */
  constructor(init: ProtocolLinkInit) {
    const { role, transport, extension, options } = init;
    this.#role = role;
    this.#transport = transport;
    this.protocol = init.protocol ?? "";
    this.#extension = extension;
    this.#options = options;
    const events = this.#events = new ProtocolLink.#Events(this);
    const output = new OutputBuffer();
    this.#writes = new WriteScheduler({ output, transport, options }, events);
    this.#protocol = new Protocol(
      { role, extension, output, flusher: this.#writes, options },
      events,
    );
    this.#keepalive = new Keepalive(options, events);
  }

  /**
   * What those below call. One small object: a closure for each of these calls would double what an
   * idle connection costs.
   */
  static readonly #Events = class implements Below {
    readonly #link: ProtocolLink;

    constructor(link: ProtocolLink) {
      this.#link = link;
    }

    onData(chunk: Uint8Array): void {
      this.#link.#onData(chunk);
    }
    onDrain(): void {
      this.#link.#onDrain();
    }
    onEnd(): void {
      this.#link.#onEnd();
    }
    onClose(error?: Error): void {
      this.#link.#finish(error);
    }

    onCloseReceived(): void {
      this.#link.#keepalive.stop();
    }
    onFailed(error: Error): void {
      this.#link.#error ??= error;
      this.#link.#keepalive.stop();
    }

    onFlushed(): void {
      this.#link.#onFlushed();
    }
    onBlockedChange(blocked: boolean): void {
      this.#link.#protocol.setBlocked(blocked);
      if (!blocked) this.#link.#checkDrain();
    }
    onSendTimeout(error: LimitError): void {
      this.#link.#protocol.fail(error);
      this.#link.terminate(); // the Close cannot get past what is stuck
    }

    pingDelay(): number {
      return this.#link.#pingDelay();
    }
    sendPing(): boolean {
      if (this.#link.#writes.blocked) return false; // sendTimeout minds a peer that takes nothing
      this.#link.ping(EMPTY);
      return true;
    }
    onPingTimeout(error: LimitError): void {
      this.#link.#protocol.fail(error);
      this.#link.#writes.flush();
    }
  };

  /** The agreed extensions, or `""`. */
  get extensions(): string {
    return this.#extension?.header ?? "";
  }

  /** The peer's address, where known. */
  get remoteAddress(): TransportAddress | undefined {
    return this.#transport.remoteAddress;
  }

  /** What it can do: everything. */
  get capabilities(): Capabilities {
    return ALL_CAPABILITIES;
  }

  /** Where it stands. */
  get readyState(): ReadyState {
    if (this.#closed || this.#terminated || this.#peerEnd === "dropped") return CLOSED;
    return this.#protocol.open ? OPEN : CLOSING;
  }

  /** What compression has saved so far; undefined where none was agreed on. */
  get compression(): ExtensionBytes | undefined {
    return this.#extension?.bytes;
  }

  /** Bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#writes.bufferedAmount;
  }

  /** Begins to tell `sink`. */
  start(sink: LinkSink): void {
    this.#sink = this.#protocol.sink = sink;
    this.#transport.start(this.#events);
    this.#keepalive.start();
  }

  /** Takes the bytes that came right behind the handshake, once, after `start`. */
  feed(head: Uint8Array): void {
    if (head.length > 0) this.#onData(head);
  }

  /** Sends a message: false if more than the high-water mark waited before, or once closing began. */
  send(data: string | Uint8Array, compress?: boolean): boolean {
    if (this.readyState !== OPEN) return false;
    const before = this.bufferedAmount;
    if (before > this.#options.maxBufferedAmount) {
      this.overflow(before);
      return false;
    }
    this.#protocol.send(data, compress);
    this.#writes.schedule(this.#inPass);
    if (before <= this.#options.sendHighWaterMark) return true;
    this.wantDrain();
    return false;
  }

  /** Begins a message in fragments (section 5.4). */
  beginMessage(type: MessageType, compress?: boolean): void {
    this.#protocol.beginMessage(type, compress);
    if (this.#protocol.sendingCompressed) {
      this.#compressed = { takenAt: this.#options.clock.now(), pingWaits: false };
    }
  }

  /** Sends its next fragment; `final` makes it the last. */
  writeMessage(piece: Uint8Array, final: boolean): boolean {
    if (this.readyState !== OPEN) return false;
    const leaves = this.#protocol.sendFragment(piece, final);
    const compressed = this.#compressed;
    if (final) {
      this.#compressed = undefined;
      if (compressed?.pingWaits) this.#keepalive.release();
    } else if (leaves && !this.#writes.blocked) this.#fragmentTaken();
    this.#writes.schedule(this.#inPass);
    if (this.bufferedAmount <= this.#options.sendHighWaterMark) return true;
    this.wantDrain();
    return false;
  }

  #fragmentTaken(): void {
    if (this.#compressed !== undefined) this.#compressed.takenAt = this.#options.clock.now();
  }

  /**
   * The keepalive's ping waits for the end of a compressed message, as long as the peer has taken bytes
   * of it within the last `pingInterval`: tornado 6.2, aiohttp 3.8 and wsproto forget at a ping between
   * two fragments that the message is compressed, and drop the connection.
   */
  #pingDelay(): number {
    const compressed = this.#compressed;
    if (compressed === undefined) return 0;
    const { pingInterval, clock } = this.#options;
    const delay = compressed.takenAt + pingInterval - clock.now();
    compressed.pingWaits = delay > 0;
    return delay;
  }

  /** Asks for a `drain` when some of what is buffered has left and no more than the mark waits. */
  wantDrain(): void {
    this.#wantsDrain = true;
    this.#writes.watch();
  }

  /** Sends a ping with this payload. */
  ping(payload: Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.sendPing(payload);
    this.#writes.schedule(this.#inPass);
  }

  /** Begins the closing handshake (section 7.1.2). */
  close(status: CloseStatus): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.sendClose(status);
    this.#keepalive.stop();
    this.#writes.schedule(this.#inPass);
    this.resume();
  }

  /** Closes because of an error, which `closed` will tell. */
  fail(status: CloseStatus, error: Error): void {
    this.#error ??= error;
    this.close(status);
  }

  /** Drops the peer at once. */
  terminate(): void {
    this.#terminated = true;
    if (this.#inPass) this.#protocol.stopReading();
    this.#writes.close();
    this.#transport.close();
  }

  /** Stops decoding after the message at hand, and reading. */
  pause(): void {
    if (this.#inPass) this.#protocol.stopReading();
    if (this.#paused || this.readyState !== OPEN) return;
    this.#paused = true;
    this.#transport.pause();
    this.#keepalive.pause();
  }

  /** Decodes what is held, soon, then reads again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#keepalive.resume();
    if (this.#held.length === 0) this.#transport.resume();
    else queueMicrotask(() => this.#catchUp());
  }

  /**
   * Decodes what was held when the transport closed, as far as there is room for it: as after a reset,
   * the rest is lost.
   */
  #decodeHeld(): void {
    this.#inPass = true;
    while (this.#held.length > 0 && !this.#sink.isFull) {
      const held = this.#held;
      this.#held = EMPTY;
      const read = this.#protocol.receive(held);
      if (read < held.length) this.#held = held.subarray(read);
    }
    this.#inPass = false;
    this.#held = EMPTY;
    this.#writes.close(); // what answers it cannot leave
  }

  #timers(): Timers {
    return Timers.of(this.#options.clock);
  }

  #onData(chunk: Uint8Array): void {
    this.#keepalive.onActivity();
    if (this.#terminated) return;
    if (this.#lingering) {
      if (this.#quietTimer?.pending) this.#timers().set(this.#quietTimer, LINGER_QUIET);
    } else if (this.#paused || this.#held.length > 0) this.#hold(chunk, 0);
    else this.#pass(chunk, false);
  }

  /** One synchronous pass over a chunk; all that it makes leaves in one write. */
  #pass(chunk: Uint8Array, own: boolean): void {
    this.#inPass = true;
    const read = this.#protocol.receive(chunk);
    this.#inPass = false;
    if (read < chunk.length) {
      // What is our own already is not copied again.
      if (own) this.#held = chunk.subarray(read);
      else this.#hold(chunk, read);
      if (!this.#paused) queueMicrotask(() => this.#catchUp());
    }
    // Who made room for what is held is at work, and will send more in this tick.
    if (own) this.#writes.schedule(false);
    else this.#writes.flush();
  }

  /** Keeps a copy of what cannot be decoded yet. */
  #hold(chunk: Uint8Array, from: number): void {
    const held = new Uint8Array(this.#held.length + chunk.length - from);
    held.set(this.#held);
    held.set(from === 0 ? chunk : chunk.subarray(from), this.#held.length);
    this.#held = held;
  }

  #catchUp(): void {
    if (this.#paused || this.#closed || this.#terminated) return;
    const held = this.#held;
    this.#held = EMPTY;
    if (held.length > 0) this.#pass(held, true);
    if (this.#held.length > 0) return;
    // The end may have come while something was held; nothing tells of it again.
    if (this.#peerEnd !== "open") this.#onEnd();
    else if (!this.#paused) this.#transport.resume();
  }

  /** All that was written is with the system. */
  #onFlushed(): void {
    if (!this.#protocol.open) this.#onCloseFlushed();
    this.#checkDrain();
  }

  /** Called when the transport seems to have taken all that was written. */
  #onDrain(): void {
    if (this.#transport.bufferedAmount === 0) this.#fragmentTaken();
    this.#writes.drained();
    this.#checkDrain();
  }

  /** Something has left. */
  #checkDrain(): void {
    if (!this.#wantsDrain || this.#closed) return;
    if (this.bufferedAmount > this.#options.sendHighWaterMark) return this.#writes.watch();
    this.#wantsDrain = false;
    this.#sink.onDrain();
  }

  /** Too much is waiting: what has not begun to leave is dropped, and the connection with it. */
  overflow(actual: number): void {
    const limit = this.#options.maxBufferedAmount;
    this.#writes.drop();
    this.#protocol.fail(
      new LimitError(
        `Cannot send: ${actual} bytes wait for the peer, maxBufferedAmount is ${limit}`,
        {
          option: "maxBufferedAmount",
          limit,
          actual,
          closeCode: 1008,
        },
      ),
    );
    this.#writes.schedule(this.#inPass);
  }

  /** Our Close is with the system: what comes next depends on who has said what. */
  #onCloseFlushed(): void {
    if (!this.#closeFlushed) {
      this.#closeFlushed = true;
      this.#closeTimer = new ReadingTimer(() => this.#onCloseTimeout());
      this.#timers().set(this.#closeTimer, this.#options.closeTimeout);
    }
    if (!this.#protocol.receiveDone || this.#lingering) return;
    this.#lingering = true;
    if (this.#paused) {
      this.#paused = false;
      this.#transport.resume();
    }
    this.#held = EMPTY;
    // Section 7.1.1: the server closes TCP first, the client waits for it; who fails does not wait.
    const { closeReceived } = this.#protocol;
    const isServer = this.#role === "server";
    if (isServer || closeReceived === undefined || this.#peerEnd !== "open") {
      this.#transport.closeWrite();
    }
    // The peer has nothing more to say. To wait for its end would make both wait where the transport
    // cannot half-close, and the peer does not see that we ended.
    if (isServer && closeReceived !== undefined) this.#transport.close();
    // Who fails reads on, time alone being the limit: many a peer looks for our Close only when it has
    // sent the whole of a frame that was too large, and a reset before that would take our Close away.
    if (closeReceived !== undefined) return;
    this.#quietTimer = new ReadingTimer(() => this.#transport.close());
    this.#timers().set(this.#quietTimer, LINGER_QUIET);
  }

  /** The time for the peer's Close, or for its end of the socket, is over. */
  #onCloseTimeout(): void {
    if (!this.#protocol.receiveDone) {
      const limit = this.#options.closeTimeout;
      this.#error ??= new LimitError(
        `The peer has not answered our Close within ${limit} ms (closeTimeout)`,
        { option: "closeTimeout", limit, actual: limit, closeCode: 1008 },
      );
    }
    this.#transport.close();
  }

  #onEnd(): void {
    if (this.#peerEnd === "dropped") return;
    this.#peerEnd = "ended";
    if (this.#held.length > 0 && !this.#lingering) return;
    if (this.#protocol.closeReceived === undefined && !this.#lingering) {
      this.#peerEnd = "dropped";
      this.#keepalive.stop();
      this.#error ??= new TransportError(
        "CONNECTION_ENDED",
        "The peer ended the connection without a Close frame",
      );
      this.#writes.flush(); // what was sent in this tick
      this.#writes.close();
      this.#transport.close();
    } else if (this.#closeFlushed) this.#transport.closeWrite();
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#paused = false;
    this.#keepalive.stop();
    this.#writes.close();
    this.#closeTimer?.cancel();
    this.#quietTimer?.cancel();
    if (!this.#terminated) this.#decodeHeld();
    this.#extension?.release?.();
    const { closeReceived: received, closeSent, closedFirst } = this.#protocol;
    const sent = this.#closeFlushed ? closeSent : undefined;
    const wasClean = sent !== undefined && received !== undefined;
    const info: CloseInfo = {
      closeCode: received?.closeCode ?? ABNORMAL,
      reason: received?.reason ?? "",
      wasClean,
      sent,
      received,
      initiator: closedFirst || this.#terminated ? "local" : "remote",
      error: this.#error ?? (wasClean ? undefined : error),
    };
    this.#sink.onClose(info);
  }
}
