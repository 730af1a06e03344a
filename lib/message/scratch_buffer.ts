/**
 * What an extension gives for a piece of a message, in one piece: a frame tells its length first, and
 * a message is passed on whole.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import { maskInto } from "../frame/mask.ts";
import { PrefixViews } from "./prefix_views.ts";
import type { MessageExtension, PieceSink } from "./extension.ts";

/** The memory that is kept for the next message. */
const KEPT_SIZE = 65_536;

/** Fewer bytes are copied faster one by one than by the platform. */
const BY_LOOP = 64;

/** Gathers in memory that grows by doubling, so that the work is linear in what is gathered. */
export class ScratchBuffer {
  #memory: PrefixViews = new PrefixViews(new Uint8Array(1024));
  #length = 0;
  /** How much may be gathered: an extension that overshoots it gains nothing. */
  #limit = Infinity;

  /** Adds a piece, by copying it. */
  readonly add: PieceSink = (piece) => {
    const at = this.#length, size = piece.length, end = at + size;
    if (end > this.#limit) throw messageTooLarge(end, this.#limit);
    if (end > this.#memory.bytes.length) this.#grow(end);
    const { bytes } = this.#memory;
    if (size < BY_LOOP) {
      for (let from = 0; from < size; from++) bytes[at + from] = piece[from];
    } else {
      bytes.set(piece, at);
    }
    this.#length = end;
  };

  #grow(size: number): void {
    const { bytes } = this.#memory;
    const grown = new Uint8Array(Math.max(size, bytes.length * 2));
    grown.set(bytes.subarray(0, this.#length));
    this.#memory = new PrefixViews(grown);
  }

  /** Begins anew: up to `limit` bytes. */
  begin(limit: number): void {
    this.#length = 0;
    this.#limit = limit;
  }

  /** What was gathered, valid until `releaseScratch`. */
  get payload(): Uint8Array {
    return this.#memory.first(this.#length);
  }

  /** Whether its memory is small enough to be kept. */
  get small(): boolean {
    return this.#memory.bytes.length <= KEPT_SIZE;
  }
}

/**
 * All connections share one: nothing waits between `encodePiece` or `decodeWhole` and
 * `releaseScratch`.
 */
let spare: ScratchBuffer | undefined;

/**
 * What goes into an extension for the length of a call is laid out here: its sink runs no user's
 * code.
 */
const beginnings = /* @__PURE__ */ (() => new PrefixViews(new Uint8Array(KEPT_SIZE)))();

const utf8 = /* @__PURE__ */ new TextEncoder();

// Code that uses the result may call another connection's handler, and that these functions again:
// so a buffer in use is not shared. After an error a new one is created.

function acquireScratch(limit: number): ScratchBuffer {
  const scratch = spare ?? new ScratchBuffer();
  spare = undefined;
  scratch.begin(limit);
  return scratch;
}

/** Releases a scratch buffer, for the next piece. */
export function releaseScratch(scratch: ScratchBuffer): void {
  if (scratch.small) spare = scratch;
}

/** Has `extension` encode a piece of a message, and returns the result. */
export function encodePiece(
  extension: MessageExtension,
  piece: Uint8Array,
  final: boolean,
): ScratchBuffer {
  const scratch = acquireScratch(Infinity);
  extension.encode(piece, final, scratch.add);
  return scratch;
}

/** The error for a message of `size` bytes or more. */
export function messageTooLarge(size: number, limit: number): LimitError {
  return new LimitError(
    `Cannot decode message: it has ${size} bytes or more, maxMessageSize is ${limit}`,
    { option: "maxMessageSize", limit, actual: size, closeCode: 1009 },
  );
}

/** Has `extension` decode the masked bytes `chunk[start, end)`, a whole message of up to `limit`. */
export function decodeWhole(
  extension: MessageExtension,
  chunk: Uint8Array,
  start: number,
  end: number,
  key: number,
  limit: number,
): ScratchBuffer {
  const scratch = acquireScratch(limit);
  const size = end - start;
  if (key === 0) extension.decode(chunk.subarray(start, end), true, limit, scratch.add);
  else {
    const piece = size <= KEPT_SIZE ? beginnings.first(size) : new Uint8Array(size);
    maskInto(piece, 0, chunk, start, end, key);
    extension.decode(piece, true, limit, scratch.add);
  }
  return scratch;
}

/** A text in UTF-8; valid until the next. */
export function textBytes(text: string): Uint8Array {
  if (text.length * 3 > KEPT_SIZE) return utf8.encode(text);
  return beginnings.first(utf8.encodeInto(text, beginnings.bytes).written);
}
