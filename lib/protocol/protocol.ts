/**
 * The protocol as a state machine without I/O: bytes and calls in, bytes and calls out.
 *
 * @module
 */
import { type CloseStatus, closeStatusFor, LimitError, ProtocolError } from "../errors.ts";
import { FrameEncoder, type OutputFlusher } from "../frame/encoder.ts";
import { OutputBuffer } from "../frame/output_buffer.ts";
import type { Role } from "../frame/opcode.ts";
import { fitReason } from "../message/close.ts";
import type { MessageSink } from "../message/decoder.ts";
import { MessageEncoder } from "../message/encoder.ts";
import type { MessageExtension } from "../message/extension.ts";
import type { MessageData, MessageType } from "../message/message.ts";
import { DecoderPool, type PooledDecoder } from "./decoder_pool.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/** Receives the messages and control frames that a {@linkcode Protocol} decodes. */
export interface ProtocolSink {
  /** Called with a whole message. */
  onMessage(data: MessageData): void;
  /** Called in its place with `messages: "stream"`: a message begins. */
  onMessageStart(type: MessageType, announcedLength: number | undefined): void;
  /** Called with each piece of that message. */
  onMessageData(piece: Uint8Array<ArrayBuffer>): void;
  /** Called when that message is complete. */
  onMessageEnd(): void;
  /** Called with a ping, which the protocol answers. */
  onPing(payload: Uint8Array<ArrayBuffer>): void;
  /** Called with a pong. */
  onPong(payload: Uint8Array<ArrayBuffer>): void;
}

/** What the protocol tells its link. */
export interface ProtocolEvents {
  /** The peer's Close frame came; ours is on its way, if it was not sent before. */
  onCloseReceived(): void;
  /** The peer broke a rule or passed a limit; the Close that says so is on its way. */
  onFailed(error: ProtocolError | LimitError): void;
}

/** What a {@linkcode Protocol} is made of. */
export interface ProtocolInit {
  /** This end's role. */
  role: Role;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
  /** What is to be filled. @default {an output of its own} */
  output?: OutputBuffer;
  /** Where it leaves to. */
  flusher?: OutputFlusher;
  /** Limits and times. */
  options: ResolvedConnectionOptions;
}

/**
 * One end of an open WebSocket connection. `receive` takes what came; what has to leave is appended
 * to `output`, which the owner empties.
 */
export class Protocol implements MessageSink {
  /** The bytes that have to leave: whole frames. */
  readonly output: OutputBuffer;
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
  #decoder: PooledDecoder | undefined;
  readonly #encoder: MessageEncoder;
  readonly #options: ResolvedConnectionOptions;
  #failed = false;
  #pingsSince = 0;
  #pings = 0;
  #blocked = false;
  #owedPong: Uint8Array | undefined;

  /** Makes the protocol of one end. */
  constructor(init: ProtocolInit, events: ProtocolEvents) {
    const { role, extension, options, flusher: way } = init;
    this.#events = events;
    this.output = init.output ?? new OutputBuffer();
    this.#decoders = DecoderPool.of(options, { role, extension });
    this.#encoder = new MessageEncoder(
      new FrameEncoder({ role, mask: options.mask, ...(way && { flusher: way }) }, this.output),
      extension,
    );
    this.#options = options;
  }

  /** Whether data can still be sent: no Close has been. */
  get open(): boolean {
    return this.closeSent === undefined;
  }

  /** Whether nothing more is read: the peer's Close came, or it broke a rule. */
  get receiveDone(): boolean {
    return this.#failed || this.closeReceived !== undefined;
  }

  /**
   * Takes bytes and gives the offset up to which they were read: all of them, or less after
   * `stopReading`. Bytes after a Close or a violation are dropped (section 5.5.1, 7.1.7).
   */
  receive(chunk: Uint8Array, from = 0): number {
    if (this.receiveDone) return chunk.length;
    const decoder = this.#decoder ??= this.#decoders.acquire(this);
    try {
      const read = decoder.frames.decode(chunk, from);
      if (!this.receiveDone) {
        if (decoder.idle) {
          this.#decoder = undefined;
          this.#decoders.release(decoder);
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
    this.#events.onFailed(error);
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
  onMessage(data: string | Uint8Array<ArrayBuffer>): void {
    this.sink.onMessage(data);
  }

  /** @internal A message begins, from the decoder. */
  onMessageStart(type: MessageType, announcedLength: number | undefined): void {
    this.sink.onMessageStart(type, announcedLength);
  }

  /** @internal A piece of it. */
  onMessageData(piece: Uint8Array<ArrayBuffer>): void {
    this.sink.onMessageData(piece);
  }

  /** @internal Its end. */
  onMessageEnd(): void {
    this.sink.onMessageEnd();
  }

  /** @internal A ping, from the decoder. */
  onPing(payload: Uint8Array<ArrayBuffer>): void {
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
    this.sink.onPing(payload);
  }

  /** @internal A pong, from the decoder. */
  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.sink.onPong(payload);
  }

  /** @internal A Close frame, from the decoder: answered with the same code (section 5.5.1). */
  onClose(status: CloseStatus): void {
    this.closeReceived = status;
    this.#decoder?.stop();
    this.sendClose({ closeCode: status.closeCode, reason: "" });
    this.#events.onCloseReceived();
  }
}
