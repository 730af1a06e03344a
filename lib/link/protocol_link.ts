/**
 * Our protocol over a transport: it moves bytes between the two, collects output into one write,
 * and keeps the timeouts.
 *
 * @module
 */
import {
  type CloseInfo,
  type CloseStatus,
  LimitError,
  type ProtocolError,
  TransportError,
} from "../errors.ts";
import { concat } from "../frame/memory.ts";
import type { Role } from "../frame/opcode.ts";
import { OutputBuffer } from "../frame/output_buffer.ts";
import { ABNORMAL } from "../message/close.ts";
import type { ExtensionBytes, MessageExtension } from "../message/extension.ts";
import type { MessageType } from "../message/message.ts";
import { Closing, type ClosingEvents } from "./closing.ts";
import { Keepalive, type KeepaliveEvents } from "./keepalive.ts";
import {
  type Capabilities,
  CLOSED,
  CLOSING,
  type Link,
  type LinkEvents,
  type LinkMessages,
  type LinkStats,
  type LinkTap,
  OPEN,
  type ReadyState,
} from "./link.ts";
import type { ResolvedConnectionOptions } from "../protocol/protocol_options.ts";
import { LinkTimes } from "./link_times.ts";
import { type WriteEvents, WriteScheduler } from "./write_scheduler.ts";
import { canSend } from "../protocol/closing.ts";
import { Protocol, type ProtocolEvents } from "../protocol/protocol.ts";
import type { Transport, TransportAddress, TransportSink } from "./transport.ts";

const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const ALL_CAPABILITIES: Capabilities = {
  pause: true,
  ping: true,
  compression: true,
  streaming: true,
  anyCloseCode: true,
};

/** What a {@linkcode ProtocolLink} is created with. */
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

/** A link over a transport: everything works here. */
export class ProtocolLink
  implements Link, TransportSink, ProtocolEvents, WriteEvents, KeepaliveEvents, ClosingEvents {
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** This end's role. */
  readonly role: Role;

  readonly #extension: MessageExtension | undefined;
  readonly #transport: Transport;
  readonly #protocol: Protocol;
  readonly #options: ResolvedConnectionOptions;
  #messages!: LinkMessages;
  #tap: LinkTap | undefined;
  #events!: LinkEvents;

  /** Bytes that came while reading was paused, or behind the message at which it stopped. */
  #held: Uint8Array = EMPTY;
  #paused = false;
  #inPass = false;
  /** How many messages had come when the pass began. */
  #countBefore = 0;
  /** The peer has ended its direction; with bytes held, what that means is decided behind them. */
  #peerEnded = false;
  /** The transport has closed. */
  #closed = false;

  #wantsDrain = false;

  #bytesReceived = 0;
  readonly #times: LinkTimes;

  #closing: Closing | undefined;
  #error: Error | undefined;

  readonly #writes: WriteScheduler;
  readonly #keepalive: Keepalive;

  /** Creates the link; nothing moves before `start`. */
  constructor(init: ProtocolLinkInit) {
    const { role, transport, extension, options } = init;
    this.role = role;
    this.#transport = transport;
    this.protocol = init.protocol ?? "";
    this.#extension = extension;
    this.#options = options;
    this.#times = new LinkTimes(options.clock);
    const output = new OutputBuffer();
    this.#writes = new WriteScheduler({ output, transport, options }, this);
    this.#protocol = new Protocol(
      { role, extensions: extension ? [extension] : [], output, flusher: this.#writes, options },
      this,
    );
    this.#keepalive = new Keepalive(options, this);
  }

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
    const { state } = this.#protocol;
    if (state === "open") return this.#closed ? CLOSED : OPEN;
    return this.#closed || state === "dropped" || state === "terminated" ? CLOSED : CLOSING;
  }

  /** Whether messages can be sent. */
  get canSend(): boolean {
    return canSend(this.#protocol.state) && !this.#closed;
  }

  /** What has passed. */
  get stats(): LinkStats {
    return {
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#writes.bytesSent,
      framesReceived: this.#protocol.framesReceived,
      framesSent: this.#protocol.encoder.frameCount,
      openTime: this.#times.openTime,
      bufferedTime: this.#writes.blockedTime,
      pausedTime: this.#times.pausedTime,
    };
  }

  /** What compression has saved so far; undefined where none was agreed on. */
  get compression(): ExtensionBytes | undefined {
    return this.#extension?.bytes;
  }

  /** Bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#writes.bufferedAmount;
  }

  /** Begins to read: messages go to one receiver, everything else to the other. */
  start(messages: LinkMessages, events: LinkEvents): void {
    this.#messages = messages;
    this.#events = events;
    this.#protocol.start(messages, events);
    this.#times.start();
    this.#transport.start(this);
    this.#keepalive.start();
  }

  /** Which side was the first to close. */
  get closeInitiator(): "local" | "remote" | undefined {
    const { state, closedFirst } = this.#protocol;
    return state === "open" ? undefined : closedFirst ? "local" : "remote";
  }

  /** Sets what sees what passes: from the next frame on. */
  setTap(tap: LinkTap | undefined): void {
    this.#tap = tap;
    this.#protocol.setTap(tap);
    if (this.#inPass) this.#protocol.stopReading();
  }

  /** Takes the bytes that came right behind the handshake, once, after `start`. */
  feed(head: Uint8Array): void {
    if (head.length > 0) this.onData(head);
  }

  /** Sends a message: false if more than the high-water mark waited before, or once closing began. */
  send(data: string | Uint8Array, compress?: boolean): boolean {
    if (!this.canSend) return false;
    const before = this.bufferedAmount;
    if (before > this.#options.maxBufferedAmount) {
      this.overflow(before);
      return false;
    }
    this.#tap?.onSending(data);
    this.#protocol.encoder.message(data, compress);
    this.#writes.schedule(this.#inPass);
    if (before <= this.#options.sendHighWaterMark) return true;
    this.wantDrain();
    return false;
  }

  /** Begins a message in fragments (section 5.4). */
  beginMessage(type: MessageType, compress?: boolean): void {
    const { encoder } = this.#protocol;
    encoder.begin(type, compress);
    this.#tap?.onMessageSentStart(type);
    if (encoder.inTransformed) this.#keepalive.onCompressedBegun();
  }

  /** Sends its next fragment; `final` makes it the last. */
  writeMessage(piece: Uint8Array, final: boolean): boolean {
    if (!this.canSend) return false;
    const leaves = this.#protocol.encoder.fragment(piece, final);
    this.#tap?.onMessageSentData(piece, final);
    if (final) this.#keepalive.onMessageSent();
    else if (leaves && !this.#writes.blocked) this.#keepalive.onFragmentTaken();
    this.#writes.schedule(this.#inPass);
    if (this.bufferedAmount <= this.#options.sendHighWaterMark) return true;
    this.wantDrain();
    return false;
  }

  /** Asks for a `drain` when some of what is buffered has left and no more than the mark waits. */
  wantDrain(): void {
    this.#wantsDrain = true;
    this.#writes.watch();
  }

  /** An empty pong came: the round trip, if it answers a ping of the keepalive. */
  onEmptyPong(): number | undefined {
    return this.#keepalive.onPong();
  }

  /** Sends a ping with this payload. */
  ping(payload: Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.encoder.ping(payload);
    this.#writes.schedule(this.#inPass);
  }

  /** Sends a pong with this payload. */
  pong(payload: Uint8Array): void {
    if (this.readyState !== OPEN) return;
    this.#protocol.encoder.pong(payload);
    this.#writes.schedule(this.#inPass);
  }

  /** Begins the closing handshake (section 7.1.2), or lets our answer to the peer's leave at once. */
  close(status: CloseStatus): void {
    if (!this.canSend) return;
    this.#protocol.close(status);
    this.#onCloseEncoded();
  }

  /** Closes because of an error, which `closed` reports. */
  fail(status: CloseStatus, error: Error): void {
    this.#error ??= error;
    if (!this.canSend) return;
    if (this.#protocol.state === "open") this.#protocol.close(status);
    else this.#protocol.answer(status);
    this.#onCloseEncoded();
  }

  #onCloseEncoded(): void {
    this.#beginClosing().stopAwaitingReplies();
    this.#writes.schedule(this.#inPass);
    this.resume();
  }

  /** Called when no message is queued any more, or a handler is done. */
  onRepliesDone(): void {
    this.#closing?.onRepliesDone();
  }

  /** Drops the peer at once. */
  terminate(): void {
    this.#protocol.move("terminate");
    if (this.#inPass) this.#protocol.stopReading();
    this.#writes.close();
    this.#transport.close();
  }

  /** Stops decoding after the current message, and reading. */
  pause(): void {
    if (this.#inPass) this.#protocol.stopReading();
    if (this.#paused || this.readyState !== OPEN) return;
    this.#paused = true;
    this.#times.pause();
    this.#transport.pause();
    this.#keepalive.pause();
  }

  /** Decodes what is held, soon, then reads again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#times.resume();
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
    while (this.#held.length > 0 && !this.#messages.isFull) {
      const held = this.#held;
      this.#held = EMPTY;
      const read = this.#protocol.receive(held);
      if (read < held.length) this.#held = held.subarray(read);
    }
    this.#inPass = false;
    this.#held = EMPTY;
    this.#writes.close(); // what answers it cannot leave
  }

  /** @internal From the transport: bytes. */
  onData(chunk: Uint8Array): void {
    this.#bytesReceived += chunk.length;
    this.#keepalive.onActivity();
    if (this.#closing?.isLast) this.#closing.onActivity();
    else if (this.#paused || this.#held.length > 0) this.#hold(chunk, 0);
    else this.#pass(chunk, false);
  }

  /** One synchronous pass over a chunk; all that it makes leaves in one write. */
  #pass(chunk: Uint8Array, own: boolean): void {
    this.#inPass = true;
    this.#countBefore = this.#messages.count;
    const read = this.#protocol.receive(chunk);
    this.#inPass = false;
    if (read < chunk.length) {
      // What is our own already is not copied again.
      if (own) this.#held = chunk.subarray(read);
      else this.#hold(chunk, read);
      if (!this.#paused) queueMicrotask(() => this.#catchUp());
    }
    // The code that made room for what is held runs now, and will send more in this tick.
    if (own) this.#writes.schedule(false);
    else this.#writes.flush();
  }

  /** Keeps a copy of what cannot be decoded yet. */
  #hold(chunk: Uint8Array, from: number): void {
    this.#held = concat(this.#held, from === 0 ? chunk : chunk.subarray(from));
  }

  #catchUp(): void {
    if (this.#paused || this.readyState === CLOSED) return;
    const held = this.#held;
    this.#held = EMPTY;
    if (held.length > 0) this.#pass(held, true);
    if (this.#held.length > 0) return;
    // The end may have come while something was held; it is not reported again.
    if (this.#peerEnded) this.onEnd();
    else if (!this.#paused) this.#transport.resume();
  }

  /** @internal From the write scheduler: all that was written is with the system. */
  onFlushed(): void {
    if (this.#closing !== undefined) this.#onCloseFlushed(this.#closing);
    this.#checkDrain();
  }

  /**
   * @internal From the write scheduler: the transport holds back what is written, or has taken it
   * all.
   */
  onBlockedChange(blocked: boolean): void {
    this.#protocol.setBlocked(blocked);
    if (!blocked) this.#checkDrain();
  }

  /** @internal From the write scheduler: the peer has taken nothing for `sendTimeout`. */
  onSendTimeout(error: LimitError): void {
    this.#fail(error);
    this.terminate(); // the Close cannot get past what is stuck
  }

  /** @internal From the transport, or its state: it seems to have taken all that was written. */
  onDrain(): void {
    if (this.#transport.bufferedAmount === 0) this.#keepalive.onFragmentTaken();
    this.#writes.drained();
    this.#checkDrain();
  }

  /** Reports that there is room, if that was asked for and is true. */
  #checkDrain(): void {
    if (!this.#wantsDrain || this.#closed) return;
    if (this.bufferedAmount > this.#options.sendHighWaterMark) return this.#writes.watch();
    this.#wantsDrain = false;
    this.#events.onDrain();
  }

  /** @internal From the keepalive: sends its ping; false if none can leave now. */
  sendPing(): boolean {
    if (this.#writes.blocked) return false; // sendTimeout is for a peer that takes nothing
    this.ping(EMPTY);
    return true;
  }

  /** @internal From the keepalive: the peer has sent nothing for `pingTimeout`. */
  onPingTimeout(error: LimitError): void {
    this.#fail(error);
    this.#writes.flush();
  }

  /** Too much is waiting: what has not begun to leave is dropped, and the connection with it. */
  overflow(actual: number): void {
    const limit = this.#options.maxBufferedAmount;
    this.#writes.drop();
    this.#fail(
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

  /** Fails the connection at once, because a limit of ours was passed. */
  #fail(error: LimitError): void {
    this.#error ??= error;
    this.#protocol.fail(error);
    this.#beginClosing().stopAwaitingReplies();
  }

  /** @internal From the protocol: the peer's Close has come, or it broke a rule. */
  onClosing(error?: ProtocolError | LimitError): void {
    this.#error ??= error;
    const closing = this.#beginClosing();
    // In pieces, a message that began in an earlier pass may have ended in this one.
    const mayReply = this.#messages.count !== this.#countBefore || this.isReplying ||
      this.#options.messages === "stream";
    if (mayReply && this.canSend) closing.awaitReplies();
    else this.#protocol.answer();
  }

  /** @internal For closing: whether replies may still come. */
  get isReplying(): boolean {
    return this.#events.isReplying;
  }

  /** @internal From closing: our answer has been encoded. */
  onAnswer(): void {
    this.#writes.flush();
  }

  /** @internal From closing: the time for the peer's Close, or for its end of the socket, is over. */
  onCloseTimeout(error: LimitError | undefined): void {
    this.#error ??= error;
    this.#protocol.move("drop");
    this.#transport.close();
  }

  #beginClosing(): Closing {
    this.#keepalive.stop();
    return this.#closing ??= new Closing(
      {
        role: this.role,
        protocol: this.#protocol,
        transport: this.#transport,
        options: this.#options,
      },
      this,
    );
  }

  #onCloseFlushed(closing: Closing): void {
    closing.onFlushed(this.#peerEnded);
    if (!closing.isLast) return;
    this.#held = EMPTY;
    if (!this.#paused) return;
    this.#paused = false;
    this.#times.resume();
    this.#transport.resume();
  }

  /** @internal From the transport: the peer has ended its direction. */
  onEnd(): void {
    this.#peerEnded = true;
    if (this.#held.length > 0) return;
    this.#writes.flush(); // what was sent in this turn
    if (this.#protocol.state === "dropped") return;
    if (this.#protocol.move("end") !== "dropped") return this.#closing?.onPeerEnd();
    this.#keepalive.stop();
    this.#error ??= new TransportError(
      "CONNECTION_ENDED",
      "The peer ended the connection without a Close frame",
    );
    this.#writes.close();
    this.#transport.close();
  }

  /** @internal From the transport: it has closed. */
  onClose(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#times.stop();
    this.#paused = false;
    this.#keepalive.stop();
    this.#writes.close();
    if (this.#protocol.state !== "terminated") this.#decodeHeld();
    this.#closing?.stop();
    this.#extension?.release?.();
    this.#events.onClose(this.#closeInfo(error));
  }

  #closeInfo(error: Error | undefined): CloseInfo {
    const { closeReceived: received, closedFirst, state } = this.#protocol;
    this.#protocol.move("gone");
    const sent = this.#closing?.sent;
    const wasClean = sent !== undefined && received !== undefined;
    return {
      closeCode: received?.closeCode ?? ABNORMAL,
      reason: received?.reason ?? "",
      wasClean,
      sent,
      received,
      initiator: closedFirst || state === "terminated" ? "local" : "remote",
      error: this.#error ?? (wasClean ? undefined : error),
    };
  }
}
