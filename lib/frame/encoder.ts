/**
 * Frames to bytes (RFC 6455 section 5.2), straight into an output buffer.
 *
 * @module
 */
import { checkFunction, checkNames, type OptionNames } from "../options.ts";
import { writeHeader } from "./header.ts";
import { checkMemory } from "./memory.ts";
import { maskInto, type MaskSource, randomMask } from "./mask.ts";
import { checkRole, type Role } from "./opcode.ts";
import { OutputBuffer } from "./output_buffer.ts";

/** What a {@linkcode FrameEncoder} needs to know. */
export interface FrameEncoderOptions {
  /** This end's role: a client masks every frame, a server none (section 5.1). */
  role: Role;
  /** Where masking keys come from. @default {randomMask} */
  mask?: MaskSource;
  /** Sends `output` between the pieces of large frames. */
  flusher?: OutputFlusher;
}

const OPTIONS: OptionNames<FrameEncoderOptions> = { role: true, mask: true, flusher: true };

/** The way out for frames that are too large to be encoded in one go. */
export interface OutputFlusher {
  /**
   * Empties the output, if what is in it can leave at once; false if not. It is called between the
   * pieces of a large frame, so that they pass through a small memory that stays in the cache.
   */
  tryFlush(): boolean;
  /** Sends the output and, from where it lies, a large unmasked payload behind it; false if it cannot. */
  writeThrough(payload: Uint8Array): boolean;
}

/** Sees the frames that are encoded. */
export interface FrameEncoderTap {
  /**
   * Called behind each frame with its first byte, the size of its payload and, unless that was text, the
   * payload, which is valid only for the length of the call.
   */
  onFrameSent(first: number, size: number, payload: Uint8Array | undefined): void;
}

/** Up to this size a loop costs less than a call of the platform's TextEncoder, or its copy. */
const BY_LOOP = 32;

/** What is sent in pieces, where it leaves at once, and their size, a multiple of 4. */
const PIECE = 65_536;

const utf8 = /* @__PURE__ */ new TextEncoder();

/**
 * Encodes one direction of a connection. Every frame is appended to `output`; the payload is copied,
 * never changed or kept.
 *
 * @example
 * ```ts
 * import { FrameEncoder } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const encoder = new FrameEncoder({ role: "server" });
 * encoder.encodeText(0x81, "Hello");
 * assert.deepEqual([...encoder.output.take()], [0x81, 5, 72, 101, 108, 108, 111]);
 * ```
 */
export class FrameEncoder {
  /** Where the bytes go. */
  readonly output: OutputBuffer;
  /** @internal What sees the frames. */
  tap: FrameEncoderTap | undefined;
  #count = 0;
  readonly #maskBit: number;
  readonly #mask: MaskSource;
  readonly #flusher: OutputFlusher | undefined;

  /**
   * Creates an encoder, with an output of its own unless one is given.
   *
   * @throws {TypeError} If an option is unknown or invalid.
   */
  constructor(options: FrameEncoderOptions, output: OutputBuffer = new OutputBuffer()) {
    checkNames(options, OPTIONS);
    checkRole(options.role);
    checkFunction("mask", options.mask);
    this.#maskBit = options.role === "client" ? 0x80 : 0;
    this.#mask = options.mask ?? randomMask;
    this.#flusher = options.flusher;
    this.output = output;
  }

  /** How many frames were encoded. */
  get count(): number {
    return this.#count;
  }

  /**
   * Appends a frame with the first byte `first` (FIN, reserved bits, opcode).
   *
   * @throws {TypeError} If the memory of the payload is detached or out of bounds.
   */
  encode(first: number, payload: Uint8Array): void {
    const output = this.output, size = payload.length;
    if (size === 0) checkMemory("encode frame", payload);
    this.#count++;
    if (size > PIECE && this.#flusher?.tryFlush() === true) {
      this.#encodePieces(first, payload);
      this.tap?.onFrameSent(first, size, payload);
      return;
    }
    let at = output.reserve(14 + size);
    const bytes = output.bytes;
    at = writeHeader(bytes, at, first, size, this.#maskBit);
    if (this.#maskBit !== 0) {
      const key = this.#mask();
      at = writeKey(bytes, at, key);
      maskInto(bytes, at, payload, 0, size, key);
    } else if (size >= BY_LOOP) bytes.set(payload, at);
    else for (let i = 0; i < size; i++) bytes[at + i] = payload[i];
    output.commit(at + size);
    this.tap?.onFrameSent(first, size, payload);
  }

  /** Encodes piece by piece, and the rest in one piece when the transport takes no more. */
  #encodePieces(first: number, payload: Uint8Array): void {
    const output = this.output, size = payload.length;
    let at = output.reserve(14);
    at = writeHeader(output.bytes, at, first, size, this.#maskBit);
    const key = this.#maskBit === 0 ? 0 : this.#mask();
    if (this.#maskBit !== 0) at = writeKey(output.bytes, at, key);
    output.commit(at);
    if (this.#maskBit === 0 && this.#flusher!.writeThrough(payload)) return;
    let leaves = true;
    for (let from = 0; from < size;) {
      const to = leaves ? Math.min(from + PIECE, size) : size;
      at = output.reserve(to - from);
      // A piece begins at a multiple of 4, where the key stands as at the first byte.
      maskInto(output.bytes, at, payload, from, to, key);
      output.commit(at + to - from);
      from = to;
      leaves &&= from < size && this.#flusher!.tryFlush();
    }
  }

  /** Appends a frame whose payload is `text` in UTF-8; a lone surrogate becomes U+FFFD. */
  encodeText(first: number, text: string): void {
    this.#count++;
    const output = this.output, length = text.length;
    const keyLength = this.#maskBit >> 5;
    // The header is as long as ASCII would need; a longer text is moved when it is known.
    const head = (length < 126 ? 2 : length < 0x10000 ? 4 : 10) + keyLength;
    const room = output.reserve(14 + length);
    let size = length <= BY_LOOP ? this.#ascii(text, room + head) : -1;
    if (size < 0) size = this.#utf8(text, head);
    const needed = (size < 126 ? 2 : size < 0x10000 ? 4 : 10) + keyLength;
    if (needed !== head) output.extend(head + size, needed - head);
    // Only now, as nothing grows any more, do offsets stay what they are.
    const at = output.end, bytes = output.bytes;
    const start = at + needed, end = start + size;
    if (needed !== head) bytes.copyWithin(start, at + head, at + head + size);
    const behind = writeHeader(bytes, at, first, size, this.#maskBit);
    if (keyLength !== 0) {
      const key = this.#mask();
      writeKey(bytes, behind, key);
      maskInto(bytes, start, bytes, start, end, key);
    }
    output.commit(end);
    this.tap?.onFrameSent(first, size, undefined);
  }

  /** Writes ASCII at `at` and gives its size, or -1 at the first other character. */
  #ascii(text: string, at: number): number {
    const bytes = this.output.bytes, length = text.length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return -1;
      bytes[at + i] = code;
    }
    return length;
  }

  /**
   * Writes UTF-8, `head` bytes behind the end of the output, and gives its size. The room grows only
   * for what is not ASCII.
   */
  #utf8(text: string, head: number): number {
    const output = this.output;
    let rest = text, used = head;
    for (;;) {
      const { read, written } = utf8.encodeInto(rest, output.bytes.subarray(output.end + used));
      used += written;
      if (read === rest.length) return used - head;
      rest = rest.slice(read);
      output.extend(used, 3 * rest.length);
    }
  }
}

function writeKey(bytes: Uint8Array, at: number, key: number): number {
  bytes[at] = key;
  bytes[at + 1] = key >>> 8;
  bytes[at + 2] = key >>> 16;
  bytes[at + 3] = key >>> 24;
  return at + 4;
}
