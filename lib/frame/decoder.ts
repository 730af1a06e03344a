/**
 * Bytes to frames (RFC 6455 section 5.2), in one synchronous pass.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import { readLimit } from "../limits.ts";
import { checkNames, type OptionNames } from "../options.ts";
import {
  headerLength,
  MAX_HEADER_LENGTH,
  readLength16,
  readLength64,
  validateHeader,
} from "./header.ts";
import { rotateKey } from "./mask.ts";
import { checkMemory } from "./memory.ts";
import { checkRole, CONTROL_BIT, type Role } from "./opcode.ts";

/**
 * Receives frames. A payload is passed on as it lies in the chunk, still masked: who takes it copies
 * and unmasks in one go with `maskInto(target, at, chunk, start, end, key)`. `first` is the frame's
 * first byte: FIN, reserved bits and opcode. What a sink throws stops the decoder for good.
 */
export interface FrameSink {
  /** A frame that lies whole in the chunk. */
  onFrame(first: number, chunk: Uint8Array, start: number, end: number, key: number): void;
  /** The header of a frame whose payload comes in pieces. */
  onFrameStart(first: number, payloadLength: number): void;
  /**
   * A piece of that payload; `key` is turned so that it fits the piece's first byte. A sink that stops
   * within the piece returns the offset of the first byte that it has not taken: `decode` returns
   * there, and the next piece begins with that byte. Otherwise it returns nothing, or `end`.
   */
  onFramePiece(chunk: Uint8Array, start: number, end: number, key: number): number | void;
  /** The payload is complete. */
  onFrameEnd(): void;
}

/** What a {@linkcode FrameDecoder} needs to know. */
export interface FrameDecoderOptions {
  /** This end's role: a server takes only masked frames, a client only unmasked (section 5.1). */
  role: Role;
  /** The longest payload of a data frame, in bytes. @default {16777216} */
  maxFrameSize?: number;
  /** The reserved bits an extension has claimed for the first frame of a message. @default {0} */
  allowedRsv?: number;
  /**
   * Whether every data frame with a payload is passed on in pieces, of at most 64 KiB, between
   * which the sink can {@linkcode FrameDecoder.stop}. By default only a frame that is not complete
   * in one chunk is. @default {false}
   */
  inPieces?: boolean;
}

const OPTIONS: OptionNames<FrameDecoderOptions> = {
  role: true,
  maxFrameSize: true,
  allowedRsv: true,
  inPieces: true,
};

/** The default of `maxFrameSize` and `maxMessageSize`: 16 MiB. */
export const DEFAULT_MAX_SIZE = 16_777_216;

/** The largest piece with `inPieces`. */
const MAX_PIECE = 65_536;

/**
 * Decodes one direction of a connection. Each frame is judged on its header, before any payload; a
 * header may be split anywhere.
 *
 * @example
 * ```ts
 * import { FrameDecoder } from "@sluice/websocket/codec";
 *
 * const decoder = new FrameDecoder({ role: "client" }, {
 *   onFrame: (first, _chunk, start, end) => console.log("opcode", first & 15, end - start, "bytes"),
 *   onFrameStart: () => {},
 *   onFramePiece: () => {},
 *   onFrameEnd: () => {},
 * });
 * decoder.decode(new Uint8Array([0x82, 1, 42])); // opcode 2 1 bytes
 * ```
 */
export class FrameDecoder {
  readonly #role: Role;
  readonly #masked: number;
  readonly #maxFrameSize: number;
  readonly #allowedRsv: number;
  #sink: FrameSink;
  /** The largest data frame that is passed on whole, and the largest piece of one that is not. */
  readonly #maxWhole: number;
  readonly #maxPiece: number;
  #stopped = false;
  #failure: unknown = undefined;
  #frameCount = 0;

  /** A header that a chunk's end cut off; without memory when there is none. */
  #header: Uint8Array | undefined;
  #headerHave = 0;

  /** The payload bytes still to come of a frame in pieces, and the key for the next of them. */
  #inPieces = false;
  #left = 0;
  #key = 0;

  /**
   * Creates a decoder that passes on to `sink`.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: FrameDecoderOptions, sink: FrameSink) {
    checkNames(options, OPTIONS);
    checkRole(options.role);
    this.#role = options.role;
    this.#masked = options.role === "server" ? 0x80 : 0;
    this.#maxFrameSize = readLimit("maxFrameSize", options.maxFrameSize, DEFAULT_MAX_SIZE);
    this.#allowedRsv = options.allowedRsv ?? 0;
    this.#sink = sink;
    this.#maxWhole = options.inPieces ? 0 : Infinity;
    this.#maxPiece = options.inPieces ? MAX_PIECE : Infinity;
  }

  /** Whether the bytes so far end where a frame does. */
  get atFrameBoundary(): boolean {
    return !this.#inPieces && this.#headerHave === 0;
  }

  /** @internal Replaces the sink, between two calls of `decode`. */
  attach(sink: FrameSink): void {
    this.#sink = sink;
  }

  /** How many whole frames were passed on since `resetFrameCount`. */
  get frameCount(): number {
    return this.#frameCount;
  }

  /** @internal Begins to count anew: the decoder is acquired by another connection. */
  resetFrameCount(): void {
    this.#frameCount = 0;
  }

  /**
   * Called by a sink: `decode` returns after the current frame, or after the piece of it, leaving the
   * rest of the chunk.
   */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Decodes `chunk` from `from` on and returns the offset up to which it did: `chunk.length`, or less
   * if the sink stopped; the next call must begin with the bytes that are left. The chunk is neither
   * changed nor kept.
   *
   * @throws {TypeError} If the memory of the chunk is detached or out of bounds.
   * @throws {ProtocolError} If the peer broke a rule of section 5.
   * @throws {LimitError} If a frame announces more than `maxFrameSize`. The frames before it have
   * been passed on. Afterwards nothing is decoded, and every call throws the same error.
   */
  decode(chunk: Uint8Array, from = 0): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (chunk.length === 0) checkMemory("decode frames", chunk);
    try {
      return this.#decode(chunk, from);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #decode(chunk: Uint8Array, from: number): number {
    const sink = this.#sink, length = chunk.length, masked = this.#masked;
    const maxWhole = this.#maxWhole;
    let at = from;
    this.#stopped = false;
    while (at < length && !this.#stopped) {
      if (this.#inPieces) {
        at = this.#piece(chunk, at);
        continue;
      }
      if (this.#headerHave > 0 || at + 2 > length) {
        at = this.#splitHeader(chunk, at);
        continue;
      }
      const first = chunk[at], second = chunk[at + 1];
      // Whole data frames without reserved bits, masked as they should be, need no closer look.
      if ((first & 0x78) !== 0 || (first & 7) > 2 || (second & 0x80) !== masked) {
        validateHeader(first, second, this.#role, this.#allowedRsv);
      }
      const start = at + headerLength(second);
      if (start > length) {
        at = this.#splitHeader(chunk, at);
        continue;
      }
      let size = second & 127;
      if (size > 125) size = this.#longLength(chunk, at, size);
      if (size > this.#maxFrameSize && (first & CONTROL_BIT) === 0) this.#tooLarge(size);
      const key = masked === 0
        ? 0
        : chunk[start - 4] | chunk[start - 3] << 8 | chunk[start - 2] << 16 |
          chunk[start - 1] << 24;
      if (start + size <= length && (size <= maxWhole || (first & CONTROL_BIT) !== 0)) {
        at = start + size;
        this.#frameCount++;
        sink.onFrame(first, chunk, start, at, key);
      } else {
        at = start;
        this.#begin(first, size, key);
      }
    }
    return at;
  }

  /** A header that begins or ended in another chunk: gathered, then judged as far as it is there. */
  #splitHeader(chunk: Uint8Array, from: number): number {
    const header = this.#header ??= new Uint8Array(MAX_HEADER_LENGTH);
    let at = from;
    while (at < chunk.length) {
      header[this.#headerHave++] = chunk[at++];
      if (this.#headerHave < 2) continue;
      const first = header[0], second = header[1];
      if (this.#headerHave === 2) validateHeader(first, second, this.#role, this.#allowedRsv);
      const need = headerLength(second);
      if (this.#headerHave < need) continue;
      this.#headerHave = 0;
      this.#header = undefined;
      let size = second & 127;
      if (size > 125) size = this.#longLength(header, 0, size);
      if (size > this.#maxFrameSize && (first & CONTROL_BIT) === 0) this.#tooLarge(size);
      const key = this.#masked === 0
        ? 0
        : header[need - 4] | header[need - 3] << 8 | header[need - 2] << 16 |
          header[need - 1] << 24;
      if (size === 0) {
        this.#frameCount++;
        this.#sink.onFrame(first, header, need, need, key);
      } else this.#begin(first, size, key);
      break;
    }
    return at;
  }

  #begin(first: number, size: number, key: number): void {
    this.#inPieces = true;
    this.#left = size;
    this.#key = key;
    this.#sink.onFrameStart(first, size);
  }

  #piece(chunk: Uint8Array, at: number): number {
    const end = at + Math.min(this.#left, chunk.length - at, this.#maxPiece);
    const taken = this.#sink.onFramePiece(chunk, at, end, this.#key) ?? end;
    this.#left -= taken - at;
    this.#key = rotateKey(this.#key, taken - at);
    if (taken < end) this.#stopped = true;
    else if (this.#left === 0) {
      this.#inPieces = false;
      this.#frameCount++;
      this.#sink.onFrameEnd();
    }
    return taken;
  }

  #longLength(bytes: Uint8Array, at: number, indicator: number): number {
    return indicator === 126 ? readLength16(bytes, at + 2) : readLength64(bytes, at + 2);
  }

  #tooLarge(size: number): never {
    throw new LimitError(
      `Cannot decode frame: it announces ${size} bytes, maxFrameSize is ${this.#maxFrameSize}`,
      { option: "maxFrameSize", limit: this.#maxFrameSize, actual: size, closeCode: 1009 },
    );
  }
}
