/**
 * Frames to messages (RFC 6455 sections 5.4 to 5.6, 8.1): fragments joined, text checked as it
 * arrives, control frames between fragments.
 *
 * @module
 */
import { type CloseStatus, LimitError, ProtocolError } from "../errors.ts";
import { PayloadBuffer } from "../frame/payload_buffer.ts";
import { DEFAULT_MAX_SIZE, type FrameSink } from "../frame/decoder.ts";
import { maskedCopy, maskInto } from "../frame/mask.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  CONTROL_BIT,
  FIN,
  OPCODE_BITS,
  PING,
  RSV,
  TEXT,
} from "../frame/opcode.ts";
import { readLimit } from "../limits.ts";
import { checkNames, type OptionNames } from "../options.ts";
import { readClosePayload } from "./close.ts";
import type { MessageExtension, PieceSink } from "./extension.ts";
import { decodeWhole, messageTooLarge, releaseScratch } from "./scratch_buffer.ts";
import type { MessageType } from "./message.ts";
import { decodeText, invalidUtf8, unmaskText } from "./text.ts";
import { Utf8Checker } from "./utf8.ts";

/** Receives messages. What is handed over belongs to the sink. */
export interface DataSink {
  /** Called with a whole message: a string for text, bytes for binary. */
  onMessage(data: string | Uint8Array<ArrayBuffer>): void;
  /**
   * With `inPieces`, called in place of `onMessage`: a message begins. Its length is known if its first
   * frame is its last one too, and no extension transforms it.
   */
  onMessageStart?(type: MessageType, announcedLength: number | undefined): void;
  /** Called with a piece of it, never empty; of text, pieces may end within a character. */
  onMessageData?(piece: Uint8Array<ArrayBuffer>): void;
  /** Called when it is complete. */
  onMessageEnd?(): void;
}

/** Receives control frames. What is handed over belongs to the sink. */
export interface ControlSink {
  /** Called with a ping, to be answered by a pong with the same payload (section 5.5.2). */
  onPing(payload: Uint8Array<ArrayBuffer>): void;
  /** Called with a pong, asked for or not (section 5.5.3). */
  onPong(payload: Uint8Array<ArrayBuffer>): void;
  /** Called with a Close frame. Whatever follows it is dropped (section 5.5.1). */
  onClose(status: CloseStatus): void;
}

/** Receives messages and control frames. */
export interface MessageSink extends DataSink, ControlSink {}

/** The limits of a {@linkcode MessageDecoder}. */
export interface MessageDecoderOptions {
  /** The longest message, in bytes, after any extension. @default {16777216} */
  maxMessageSize?: number;
  /** The most fragments a message may have, empty ones included. @default {131072} */
  maxFragments?: number;
  /** Whether messages are passed on in pieces as they come, and never kept. @default {false} */
  inPieces?: boolean;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
}

const OPTIONS: OptionNames<MessageDecoderOptions> = {
  maxMessageSize: true,
  maxFragments: true,
  inPieces: true,
  extension: true,
};

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/**
 * Joins frames to messages. It is the sink of a `FrameDecoder`, and is called with any frames in any
 * order: what section 5.4 forbids throws.
 *
 * A message's size is judged on what its frames announce, before their payload; control frames are
 * never charged to a message. After a Close frame everything is dropped.
 */
export class MessageDecoder implements FrameSink {
  readonly #maxMessageSize: number;
  readonly #maxFragments: number;
  readonly #extension: MessageExtension | undefined;
  #sink!: DataSink;
  #control!: ControlSink;
  /** Take what the extension decodes; the second can stop it, which only `framePiece` bears. */
  #emit: PieceSink | undefined;
  #emitUntilStopped: PieceSink | undefined;
  /** Whether the sink has stopped within the current piece. */
  #stopped = false;
  readonly #inPieces: boolean;

  /** The first bytes of messages that the extension transforms in one frame; -1 without one. */
  readonly #wholeText: number;
  readonly #wholeBinary: number;

  /** The opcode of the message in progress, or 0; whether the extension transforms it. */
  #type = 0;
  #transformed = false;
  #fragments = 0;
  /** How much of that message has come, as the application sees it. */
  #size = 0;
  /** Created for the first message that does not come whole. */
  #payload: PayloadBuffer | undefined;
  #utf8: Utf8Checker | undefined;
  #closed = false;
  /** Whether a message in one frame can be passed on at once. */
  #whole: boolean;

  /** The frame whose payload comes in pieces. */
  #first = 0;
  #announced = 0;
  #controlPayload: Uint8Array<ArrayBuffer> = EMPTY;
  #controlHave = 0;

  /**
   * Creates a decoder that passes on to `sink`.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: MessageDecoderOptions, sink: MessageSink) {
    checkNames(options, OPTIONS);
    this.#maxMessageSize = readLimit("maxMessageSize", options.maxMessageSize, DEFAULT_MAX_SIZE);
    this.#maxFragments = readLimit("maxFragments", options.maxFragments, 131_072);
    this.#extension = options.extension;
    this.#inPieces = options.inPieces ?? false;
    this.#whole = !this.#inPieces;
    const rsv = options.extension?.rsv ?? 0;
    const whole = rsv !== 0 && this.#whole;
    this.#wholeText = whole ? FIN | rsv | TEXT : -1;
    this.#wholeBinary = whole ? FIN | rsv | BINARY : -1;
    this.attach(sink, sink);
  }

  /** Replaces the sinks: `data` receives messages, `control` control frames. */
  attach(data: DataSink, control: ControlSink): void {
    this.#sink = data;
    this.#control = control;
  }

  /** Whether the frames so far end where a message does. */
  get atMessageBoundary(): boolean {
    return this.#type === 0;
  }

  /**
   * Called by a sink within `messageData`: what is left of the current piece is not decoded, and
   * `framePiece` returns where it begins.
   */
  stop(): void {
    this.#stopped = true;
  }

  /** A frame that lies whole in the chunk. */
  onFrame(first: number, chunk: Uint8Array, start: number, end: number, key: number): void {
    const size = end - start;
    // An unfragmented message needs none of what is kept between fragments.
    if ((first & ~3) === FIN && this.#type === 0 && this.#whole) {
      if (first === (FIN | BINARY)) {
        if (size > this.#maxMessageSize) this.#tooLarge(size);
        return this.#sink.onMessage(maskedCopy(chunk, start, end, key));
      }
      if (first === (FIN | TEXT)) {
        if (size > this.#maxMessageSize) this.#tooLarge(size);
        return this.#sink.onMessage(unmaskText(chunk, start, end, key));
      }
    }
    if (this.#closed) return;
    if (this.#type === 0 && (first === this.#wholeText || first === this.#wholeBinary)) {
      return this.#transformWhole(first, chunk, start, end, key);
    }
    if ((first & CONTROL_BIT) !== 0) {
      return this.#controlFrame(first & OPCODE_BITS, maskedCopy(chunk, start, end, key));
    }
    this.#beginFragment(first, size);
    if (this.#transformed) {
      const payload = maskedCopy(chunk, start, end, key);
      this.#transform(
        payload,
        (first & FIN) !== 0,
        this.#emit ??= (each) => this.#onTransformed(each),
      );
    } else if (size > 0) this.#take(chunk, start, end, key, size);
    this.#endFragment();
  }

  /** The header of a frame whose payload comes in pieces. */
  onFrameStart(first: number, payloadLength: number): void {
    if (this.#closed) return;
    if ((first & CONTROL_BIT) !== 0) {
      this.#first = first;
      this.#controlPayload = new Uint8Array(payloadLength);
      this.#controlHave = 0;
    } else this.#beginFragment(first, payloadLength);
  }

  /** A piece of that payload; returns the offset up to which it was taken. */
  onFramePiece(chunk: Uint8Array, start: number, end: number, key: number): number {
    if (this.#closed) return end;
    if ((this.#first & CONTROL_BIT) !== 0) {
      maskInto(this.#controlPayload, this.#controlHave, chunk, start, end, key);
      this.#controlHave += end - start;
    } else if (this.#transformed) {
      this.#stopped = false;
      this.#emitUntilStopped ??= (each): boolean => {
        this.#onTransformed(each);
        return !this.#stopped;
      };
      const piece = key === 0 ? chunk.subarray(start, end) : maskedCopy(chunk, start, end, key);
      return start + this.#transform(piece, false, this.#emitUntilStopped);
    } else {
      this.#take(chunk, start, end, key, this.#announced);
      this.#announced -= end - start;
    }
    return end;
  }

  /** The payload is complete. */
  onFrameEnd(): void {
    if (this.#closed) return;
    if ((this.#first & CONTROL_BIT) !== 0) {
      const payload = this.#controlPayload;
      this.#controlPayload = EMPTY;
      return this.#controlFrame(this.#first & OPCODE_BITS, payload);
    }
    if (this.#transformed && (this.#first & FIN) !== 0) {
      this.#transform(EMPTY, true, this.#emit ??= (each) => this.#onTransformed(each));
    }
    this.#endFragment();
  }

  #controlFrame(opcode: number, payload: Uint8Array<ArrayBuffer>): void {
    if (opcode === PING) this.#control.onPing(payload);
    else if (opcode === CLOSE) {
      const status = readClosePayload(payload);
      this.#closed = true;
      this.#whole = false;
      this.#type = 0; // 5.5.1: a message that was in progress will never be complete
      this.#payload?.clear();
      this.#control.onClose(status);
    } else this.#control.onPong(payload);
  }

  /** Validates a data frame on its header: limits, then the order of fragments (section 5.4). */
  #beginFragment(first: number, size: number): void {
    const opcode = first & OPCODE_BITS;
    const transformed = opcode === CONTINUATION ? this.#transformed : (first & RSV) !== 0;
    const total = size + (opcode === CONTINUATION ? this.#size : 0);
    if (total > this.#maxMessageSize && !transformed) this.#tooLarge(total);
    if (opcode === CONTINUATION) {
      if (this.#type === 0) {
        throw new ProtocolError(
          "CONTINUATION_UNEXPECTED",
          "Cannot decode message: a continuation frame came with no message to continue",
        );
      }
    } else {
      if (this.#type !== 0) {
        throw new ProtocolError(
          "CONTINUATION_EXPECTED",
          "Cannot decode message: a new message began before the last fragment of the one before",
        );
      }
      if ((first & RSV & ~(this.#extension?.rsv ?? 0)) !== 0) {
        throw new ProtocolError(
          "RESERVED_BITS",
          "Cannot decode message: a reserved bit is set that no extension allows",
        );
      }
      this.#type = opcode;
      this.#transformed = transformed;
      if (transformed) this.#extension!.begin?.(first & RSV);
      this.#fragments = 0;
      if (opcode === TEXT) (this.#utf8 ??= new Utf8Checker()).reset();
    }
    // Empty fragments count: each costs work and none adds to the size.
    if (++this.#fragments > this.#maxFragments) {
      throw new LimitError(
        `Cannot decode message: it has more than ${this.#maxFragments} fragments (maxFragments)`,
        {
          option: "maxFragments",
          limit: this.#maxFragments,
          actual: this.#fragments,
          closeCode: 1008,
        },
      );
    }
    this.#first = first;
    this.#announced = size;
    if (!this.#inPieces || opcode === CONTINUATION) return;
    const announced = (first & FIN) !== 0 && !transformed ? size : undefined;
    this.#sink.onMessageStart!(opcode === TEXT ? "text" : "binary", announced);
  }

  /** A message in one frame: nothing of it is kept between fragments either. */
  #transformWhole(first: number, chunk: Uint8Array, start: number, end: number, key: number): void {
    this.#extension!.begin?.(first & RSV);
    const scratch = decodeWhole(this.#extension!, chunk, start, end, key, this.#maxMessageSize);
    const { payload } = scratch;
    const data = first === this.#wholeText ? decodeText(payload) : payload.slice();
    releaseScratch(scratch);
    this.#sink.onMessage(data);
  }

  /** Lets the extension decode a piece; returns how many bytes of it were read. */
  #transform(piece: Uint8Array, final: boolean, emit: PieceSink): number {
    const room = this.#maxMessageSize - this.#size;
    try {
      return this.#extension!.decode(piece, final, room, emit) ?? piece.length;
    } catch (error) {
      // The rest of the limit is not a number that the user knows.
      if (!(error instanceof LimitError) || error.limit !== room) throw error;
      this.#tooLarge(this.#maxMessageSize - room + error.actual);
    }
  }

  #onTransformed(piece: Uint8Array): void {
    // One limit for all: an extension that overshoots it gains nothing.
    const total = this.#size + piece.length;
    if (total > this.#maxMessageSize) this.#tooLarge(total);
    if (piece.length > 0) this.#take(piece, 0, piece.length, 0, piece.length);
  }

  #take(chunk: Uint8Array, start: number, end: number, key: number, announced: number): void {
    this.#size += end - start;
    if (this.#inPieces) {
      const piece = maskedCopy(chunk, start, end, key);
      if (this.#type === TEXT && !this.#utf8!.push(piece, 0, piece.length)) throw invalidUtf8();
      return this.#sink.onMessageData!(piece);
    }
    const gathered = this.#payload ??= new PayloadBuffer();
    const at = gathered.extend(end - start, announced);
    maskInto(gathered.bytes, at, chunk, start, end, key);
    if (this.#type === TEXT && !this.#utf8!.push(gathered.bytes, at, gathered.length)) {
      throw invalidUtf8();
    }
  }

  #endFragment(): void {
    if ((this.#first & FIN) === 0) return;
    const isText = this.#type === TEXT;
    this.#type = 0;
    this.#size = 0; // an unexpected continuation is checked by itself
    this.#transformed = false;
    if (isText && !this.#utf8!.complete) throw invalidUtf8();
    if (this.#inPieces) return this.#sink.onMessageEnd!();
    const gathered = this.#payload ??= new PayloadBuffer();
    if (!isText) return this.#sink.onMessage(gathered.finish());
    this.#sink.onMessage(decodeText(gathered.finishView()));
  }

  #tooLarge(size: number): never {
    throw messageTooLarge(size, this.#maxMessageSize);
  }
}
