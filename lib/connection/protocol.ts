/**
 * The protocol as a state machine without I/O: bytes and calls in, bytes and calls out.
 *
 * @module
 */
import { type CloseStatus, closeStatusFor, LimitError, ProtocolError } from "../errors.ts";
import { FrameEncoder, type FrameWay } from "../frame/encoder.ts";
import { Output } from "../frame/output.ts";
import type { Role } from "../frame/opcode.ts";
import { fitReason } from "../message/close.ts";
import type { MessageSink } from "../message/decoder.ts";
import { MessageEncoder } from "../message/encoder.ts";
import type { MessageExtension } from "../message/extension.ts";
import type { MessageType } from "../message/message.ts";
import { DecoderPool, type LentDecoder } from "./decoders.ts";
import type { LinkSink } from "./link.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/** Whom the protocol tells of messages: the connection, over the link. */
export type ProtocolSink = Omit<LinkSink, "isFull" | "drain" | "close">;

/** What the protocol tells its link. */
export interface ProtocolEvents {
  /** The peer's Close frame came; ours is on its way, if it was not sent before. */
  closeReceived(): void;
  /** The peer broke a rule or passed a limit; the Close that says so is on its way. */
  failed(error: ProtocolError | LimitError): void;
}

/** What a {@linkcode Protocol} is made of. */
export interface ProtocolInit {
  /** This end's role. */
  role: Role;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
  /** What is to be filled. @default {an output of its own} */
  output?: Output;
  /** Where it leaves to. */
  way?: FrameWay;
  /** Limits and times. */
  options: ResolvedConnectionOptions;
}

/**
 * One end of an open WebSocket connection. `receive` takes what came; what has to leave is appended
 * to `output`, which the owner empties.
 */
export class Protocol implements MessageSink {
  /** The bytes that have to leave: whole frames. */
  readonly output: Output;
  /** Who is told of messages, pings and pongs; set before the first bytes come. */
  sink!: ProtocolSink;
  /** The Close frame that was sent. */
  closeSent: CloseStatus | undefined;
  /** The Close frame that was received. */
  closeReceived: CloseStatus | undefined;
  /** Whether this side was the first to send Close. */
  closedFirst = false;

  readonly #events: ProtocolEvents;
  readonly #decoders: DecoderPool;
  /** The decoder, from the first byte of a frame or message to its last. */
  #decoder: LentDecoder | undefined;
  readonly #encoder: MessageEncoder;
  readonly #options: ResolvedConnectionOptions;
  #failed = false;
  #pingsSince = 0;
  #pings = 0;
  #blocked = false;
  #owedPong: Uint8Array | undefined;

  /** Makes the protocol of one end. */
  constructor(init: ProtocolInit, events: ProtocolEvents) {
    const { role, extension, options, way } = init;
    this.#events = events;
    this.output = init.output ?? new Output();
    this.#decoders = DecoderPool.of(options, { role, extension });
    this.#encoder = new MessageEncoder(
      new FrameEncoder({ role, mask: options.mask, ...(way && { way }) }, this.output),
      extension,
    );
    this.#options = options;
  }

  /** Whether data can still be sent: no Close has been. */
  get open(): boolean {
    return this.closeSent === undefined;
  }

  /** Whether nothing more is read: the peer's Close came, or it broke a rule. */
  get deaf(): boolean {
    return this.#failed || this.closeReceived !== undefined;
  }

  /**
   * Takes bytes and gives the offset up to which they were read: all of them, or less after
   * `stopReading`. Bytes after a Close or a violation are dropped (section 5.5.1, 7.1.7).
   */
  receive(chunk: Uint8Array, from = 0): number {
    if (this.deaf) return chunk.length;
    const decoder = this.#decoder ??= this.#decoders.lend(this);
    try {
      const read = decoder.frames.decode(chunk, from);
      if (!this.deaf) {
        if (decoder.idle) {
          this.#decoder = undefined;
          this.#decoders.giveBack(decoder);
        }
        return read;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof LimitError)) throw error;
      this.fail(error);
    }
    this.#decoder = undefined;
    return chunk.length;
  }

  /**
   * `receive` returns after the message at hand, or with `messages: "stream"` within it: of what a
   * compressed chunk would inflate to, at most 40 KiB more come.
   */
  stopReading(): void {
    this.#decoder?.stop();
  }

  /** Encodes a message. */
  send(data: string | Uint8Array, compress?: boolean): void {
    this.#encoder.message(data, compress);
  }

  /** Begins a message in fragments (section 5.4); until its last one no other may be sent. */
  beginMessage(type: MessageType, compress?: boolean): void {
    this.#encoder.begin(type, compress);
  }

  /** Encodes its next fragment, and returns whether a frame was written; `final` makes it the last. */
  sendFragment(payload: Uint8Array, final: boolean): boolean {
    return this.#encoder.fragment(payload, final);
  }

  /** Whether a message that is compressed is being sent in fragments. */
  get sendingCompressed(): boolean {
    return this.#encoder.inTransformed;
  }

  /** Encodes a ping. */
  sendPing(payload: Uint8Array): void {
    this.#encoder.ping(payload);
  }

  /** Encodes a Close frame, once (section 5.5.1: nothing may follow it). */
  sendClose(status: CloseStatus): void {
    if (this.closeSent !== undefined) return;
    this.#encoder.close(status);
    this.closeSent = status;
    this.closedFirst = this.closeReceived === undefined;
    this.#owedPong = undefined;
  }

  /** Fails the connection (section 7.1.7): Close with the error's code, and deaf from now on. */
  fail(error: ProtocolError | LimitError): void {
    if (this.#failed) return;
    this.#failed = true;
    const { closeCode, reason } = closeStatusFor(error);
    this.sendClose({ closeCode, reason: fitReason(reason) });
    this.#decoder?.stop();
    this.#events.failed(error);
  }

  /**
   * Tells whether what leaves piles up. Pongs then wait, and only the newest is kept: section 5.5.3
   * allows to answer only the last of several pings.
   */
  setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (blocked || this.#owedPong === undefined || !this.open) return;
    this.#encoder.pong(this.#owedPong);
    this.#owedPong = undefined;
  }

  /** @internal A message, from the decoder. */
  message(data: string | Uint8Array<ArrayBuffer>): void {
    this.sink.message(data);
  }

  /** @internal A message begins, from the decoder. */
  messageStart(type: MessageType, announcedLength: number | undefined): void {
    this.sink.messageStart(type, announcedLength);
  }

  /** @internal A piece of it. */
  messageData(piece: Uint8Array<ArrayBuffer>): void {
    this.sink.messageData(piece);
  }

  /** @internal Its end. */
  messageEnd(): void {
    this.sink.messageEnd();
  }

  /** @internal A ping, from the decoder. */
  ping(payload: Uint8Array<ArrayBuffer>): void {
    const { maxPingsPerSecond: limit, clock } = this.#options;
    const now = clock.now();
    if (now - this.#pingsSince >= 1000) {
      this.#pingsSince = now;
      this.#pings = 0;
    }
    if (++this.#pings > limit) {
      throw new LimitError(
        `Cannot answer ping: more than ${limit} came in a second (maxPingsPerSecond)`,
        {
          option: "maxPingsPerSecond",
          limit,
          actual: this.#pings,
          closeCode: 1008,
        },
      );
    }
    if (this.open) {
      if (this.#blocked) this.#owedPong = payload.slice();
      else this.#encoder.pong(payload);
    }
    this.sink.ping(payload);
  }

  /** @internal A pong, from the decoder. */
  pong(payload: Uint8Array<ArrayBuffer>): void {
    this.sink.pong(payload);
  }

  /** @internal A Close frame, from the decoder: answered with the same code (section 5.5.1). */
  close(status: CloseStatus): void {
    this.closeReceived = status;
    this.#decoder?.stop();
    this.sendClose({ closeCode: status.closeCode, reason: "" });
    this.#events.closeReceived();
  }
}
