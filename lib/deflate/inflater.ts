/**
 * The inflater: DEFLATE (RFC 1951) back to what it was made of, message by message, with the window
 * kept from one to the next (RFC 7692 section 7.2.2).
 *
 * @module
 */
import type { PieceSink } from "../message/extension.ts";
import { BitReader } from "./bit_reader.ts";
import { acquireCodes, type BlockCodes, releaseCodes } from "./block_codes.ts";
import { DYNAMIC_BLOCK, FIXED_BLOCK, MAX_MATCH, STORED_BLOCK } from "./codes.ts";
import { throwCorrupt } from "./corrupt.ts";
import {
  CODE_BITS,
  END,
  EXTRA_SHIFT,
  find,
  fixedDistances,
  fixedLiterals,
  INVALID,
  KIND,
  VALUE_SHIFT,
} from "./decode_table.ts";
import { Ring } from "./ring.ts";

// What is read next. The input may end before each of them, and within; COPY, a match that is read
// and not copied yet, needs no input.
const HEADER = 0;
const STORED_LENGTH = 1;
const STORED = 2;
const DYNAMIC = 3;
const SYMBOL = 4;
const LENGTH_EXTRA = 5;
const DISTANCE = 6;
const DISTANCE_EXTRA = 7;
const COPY = 8;

/** A symbol and its distance take 48 bits at most, and two bytes are read at a time. */
const MATCH_INPUT = 8;

/**
 * RFC 7692 section 7.2.1 takes this from the end of a message; section 7.2.2 puts it back. As symbols
 * it makes no more than 8 KiB, with the bits before it, so that inflating need not stop within.
 */
const TAIL = /* @__PURE__ */ new Uint8Array([0x00, 0x00, 0xff, 0xff]);

/** What an {@linkcode Inflater} needs to know. */
export interface InflaterOptions {
  /** The window that the peer's deflater keeps to, as a power of two: 8 to 15. */
  windowBits: number;
}

/**
 * Inflates messages that share a window.
 *
 * Input may be cut anywhere: nothing of it is read twice, and the work is linear in input and
 * output. The costliest input is dynamic blocks of nothing: 12 bytes at least, each of which has
 * three tables built, for some 100 ns a byte.
 */
export class Inflater {
  readonly #reader: BitReader = new BitReader();
  readonly #ring: Ring;
  #state = HEADER;
  /** Whether the current block has BFINAL set. */
  #final = false;
  /** What is left of a stored block, or of a match. */
  #length = 0;
  #distance = 0;
  /** How many bits follow for the current length or distance; how many bytes of LEN are there. */
  #extra = 0;
  #literals = fixedLiterals;
  #distances = fixedDistances;
  /** What a dynamic block's codes lie in, until it ends. */
  #codes: BlockCodes | undefined;

  /** Creates an inflater with an empty window. */
  constructor(options: InflaterOptions) {
    this.#ring = new Ring(options.windowBits);
  }

  /** The bytes of memory held. */
  get memory(): number {
    return this.#ring.bytes.length + (this.#codes?.memory ?? 0);
  }

  /** Forgets the window, and whatever was in progress. */
  reset(): void {
    this.#state = HEADER;
    this.#reader.reset();
    this.#ring.reset();
    this.#releaseCodes();
  }

  /**
   * Inflates a piece of a message; `final` with its last one. No more than `limit` bytes are handed
   * to `emit`, in pieces that are valid only for the length of its call. After an error only `reset`
   * makes sense.
   *
   * Returns how many bytes of the piece were read: all of them, or fewer when `emit` returned `false`.
   * Then nothing more is passed on, and the next call, with the bytes that are left, goes on where
   * this one stopped, even within a block. A message of which all bytes were read has been passed on
   * whole.
   *
   * @throws {ProtocolError} with close code 1007 for what is no DEFLATE, reaches back beyond the
   * window or its beginning, or does not end where a message must.
   * @throws {LimitError} with close code 1009 when there would be more than `limit`.
   */
  inflate(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): number {
    const ring = this.#ring, reader = this.#reader;
    ring.begin(limit);
    reader.begin(piece);
    this.#run(reader, emit);
    const read = reader.next;
    reader.begin(TAIL); // so that the piece is not kept
    if (read < piece.length) return read;
    if (final) {
      this.#run(reader, emit);
      while (reader.next < TAIL.length) this.#goOn(reader, emit);
      if (this.#state !== HEADER || reader.count !== 0) {
        throwCorrupt("the message ends inside a block");
      }
    }
    ring.flush(emit);
    return read;
  }

  /** Reads the input to its end, or until `emit` asks to stop. */
  #run(reader: BitReader, emit: PieceSink): void {
    while (this.#step(reader, emit));
  }

  /** Goes on with input in which `emit` has asked to stop. */
  #goOn(reader: BitReader, emit: PieceSink): void {
    this.#ring.halted = false;
    this.#run(reader, emit);
  }

  /** Reads what is next; false at the end of the input, or when `emit` has asked to stop. */
  #step(reader: BitReader, emit: PieceSink): boolean {
    switch (this.#state) {
      case HEADER:
        return this.#header(reader);
      case STORED_LENGTH:
        return this.#storedLength(reader);
      case STORED:
        return this.#stored(reader, emit);
      case DYNAMIC: {
        const codes = this.#codes ??= acquireCodes();
        if (!codes.read(reader)) return false;
        this.#literals = codes.literals;
        this.#distances = codes.distances;
        this.#state = SYMBOL;
        return true;
      }
      default:
        if (!this.#symbols(reader, emit)) return false;
        this.#releaseCodes();
        this.#endBlock(reader);
        return true;
    }
  }

  /** BFINAL and BTYPE (RFC 1951 section 3.2.3). */
  #header(reader: BitReader): boolean {
    if (!reader.fill(3)) return false;
    this.#final = reader.take(1) === 1;
    switch (reader.take(2)) {
      case STORED_BLOCK:
        reader.align(); // 3.2.4: the rest of the byte is not used
        this.#extra = this.#length = 0;
        this.#state = STORED_LENGTH;
        break;
      case FIXED_BLOCK:
        this.#literals = fixedLiterals;
        this.#distances = fixedDistances;
        this.#state = SYMBOL;
        break;
      case DYNAMIC_BLOCK:
        this.#state = DYNAMIC;
        break;
      default:
        throwCorrupt("a block has the reserved type");
    }
    return true;
  }

  /**
   * RFC 7692 section 7.2.3.4: a block with BFINAL set ends no message; what follows it begins with
   * the next byte, and shares the window.
   */
  #endBlock(reader: BitReader): void {
    if (this.#final) reader.align();
    this.#state = HEADER;
  }

  /** LEN, and NLEN, its complement (RFC 1951 section 3.2.4). */
  #storedLength(reader: BitReader): boolean {
    for (; this.#extra < 4; this.#extra++) {
      if (!reader.fill(8)) return false;
      const byte = reader.take(8), shift = (this.#extra & 1) << 3;
      if (this.#extra < 2) this.#length |= byte << shift;
      else if ((this.#length >> shift & 255 ^ byte) !== 255) {
        throwCorrupt("a stored block's length and its complement differ");
      }
    }
    this.#state = STORED;
    return true;
  }

  /** The bytes of a stored block (RFC 1951 section 3.2.4). */
  #stored(reader: BitReader, emit: PieceSink): boolean {
    const ring = this.#ring, { input } = reader;
    while (this.#length > 0) {
      const left = input.length - reader.next;
      if (left === 0) return false;
      if (ring.at === ring.stop) {
        ring.makeRoom(emit);
        if (ring.halted) return false;
      }
      const size = Math.min(this.#length, left, ring.stop - ring.at);
      ring.bytes.set(input.subarray(reader.next, reader.next + size), ring.at);
      reader.next += size;
      ring.at += size;
      this.#length -= size;
    }
    this.#endBlock(reader);
    return true;
  }

  /**
   * The symbols of a block, and the matches that they name (RFC 1951 section 3.2.5); false when the
   * block does not end here.
   */
  #symbols(reader: BitReader, emit: PieceSink): boolean {
    const ring = this.#ring, { input } = reader, { window } = ring, end = input.length;
    const { entries: literals, mask: literalMask, root: literalRoot } = this.#literals;
    const { entries: distances, mask: distanceMask, root: distanceRoot } = this.#distances;
    let { next, bits, count } = reader, { bytes, at, stop, view } = ring;
    let state = this.#state, length = this.#length, distance = this.#distance, extra = this.#extra;

    for (;;) {
      if (state === SYMBOL) {
        if (stop - at < MAX_MATCH && ring.grow()) ({ bytes, stop, view } = ring);
        // As long as neither input nor room can end before a match does.
        const lastIn = end - MATCH_INPUT, lastOut = stop - MAX_MATCH;
        while (next <= lastIn && at <= lastOut) {
          if (count < CODE_BITS) {
            bits |= (input[next] | input[next + 1] << 8) << count;
            next += 2;
            count += 16;
          }
          let entry = find(literals, literalMask, literalRoot, bits);
          bits >>= entry & CODE_BITS;
          count -= entry & CODE_BITS;
          if ((entry & KIND) === 0) {
            bytes[at++] = entry >> VALUE_SHIFT;
            continue;
          }
          if ((entry & KIND) >= END) {
            if ((entry & KIND) === INVALID) noSymbol();
            state = HEADER;
            break;
          }
          if (count < CODE_BITS) {
            bits |= (input[next] | input[next + 1] << 8) << count;
            next += 2;
            count += 16;
          }
          extra = entry >> EXTRA_SHIFT & 15;
          const to = at + (entry >> VALUE_SHIFT) + (bits & (1 << extra) - 1);
          bits >>= extra;
          count -= extra;
          if (count < CODE_BITS) {
            bits |= (input[next] | input[next + 1] << 8) << count;
            next += 2;
            count += 16;
          }
          entry = find(distances, distanceMask, distanceRoot, bits);
          if ((entry & KIND) === INVALID) noSymbol();
          bits >>= entry & CODE_BITS;
          count -= entry & CODE_BITS;
          if (count < CODE_BITS) {
            bits |= (input[next] | input[next + 1] << 8) << count;
            next += 2;
            count += 16;
          }
          extra = entry >> EXTRA_SHIFT & 15;
          distance = (entry >> VALUE_SHIFT) + (bits & (1 << extra) - 1);
          bits >>= extra;
          count -= extra;
          if (distance > window || distance > at && !ring.wrapped) tooFar();
          let from = at - distance;
          if (from >= 0) {
            if (distance > 3) { // else the four bytes would be read before they are written
              for (const last = to - 3; at < last; at += 4, from += 4) {
                view.setInt32(at, view.getInt32(from, true), true);
              }
            }
            while (at < to) bytes[at++] = bytes[from++];
          } else {
            const mask = bytes.length - 1;
            while (at < to) bytes[at++] = bytes[from++ & mask];
          }
        }
        if (state === HEADER) break;
      }

      // One step with care. Bits that are not there yet count as zeros.
      while (count < CODE_BITS && next < end) {
        bits |= input[next++] << count;
        count += 8;
      }
      if (state === SYMBOL) {
        const entry = find(literals, literalMask, literalRoot, bits);
        if ((entry & CODE_BITS) > count) break;
        if ((entry & KIND) === 0 && at === stop) {
          ring.at = at;
          ring.makeRoom(emit);
          ({ bytes, at, stop, view } = ring);
          if (ring.halted && next < end) break;
        }
        bits >>= entry & CODE_BITS;
        count -= entry & CODE_BITS;
        if ((entry & KIND) === 0) {
          bytes[at++] = entry >> VALUE_SHIFT;
          continue;
        }
        if ((entry & KIND) === INVALID) noSymbol();
        if ((entry & KIND) === END) {
          state = HEADER;
          break;
        }
        extra = entry >> EXTRA_SHIFT & 15;
        length = entry >> VALUE_SHIFT;
        state = LENGTH_EXTRA;
      } else if (state === LENGTH_EXTRA) {
        if (extra > count) break;
        length += bits & (1 << extra) - 1;
        bits >>= extra;
        count -= extra;
        state = DISTANCE;
      } else if (state === DISTANCE) {
        const entry = find(distances, distanceMask, distanceRoot, bits);
        if ((entry & CODE_BITS) > count) break;
        if ((entry & KIND) === INVALID) noSymbol();
        bits >>= entry & CODE_BITS;
        count -= entry & CODE_BITS;
        extra = entry >> EXTRA_SHIFT & 15;
        distance = entry >> VALUE_SHIFT;
        state = DISTANCE_EXTRA;
      } else {
        if (state === DISTANCE_EXTRA) {
          if (extra > count) break;
          distance += bits & (1 << extra) - 1;
          bits >>= extra;
          count -= extra;
          if (distance > window || distance > at && !ring.wrapped) tooFar();
          state = COPY;
        }
        while (length > 0) {
          if (at === stop) {
            ring.at = at;
            ring.makeRoom(emit);
            ({ bytes, at, stop, view } = ring);
            // What the last bits of the input make is little, and no byte would be left to go on with.
            if (ring.halted && next < end) break;
          }
          let from = at - distance;
          if (from < 0) from += bytes.length;
          const to = Math.min(at + length, stop, at + bytes.length - from);
          length -= to - at;
          while (at < to) bytes[at++] = bytes[from++];
        }
        if (length > 0) break;
        state = SYMBOL;
      }
    }
    ring.at = at;
    reader.next = next;
    reader.bits = bits;
    reader.count = count;
    if (state === HEADER) {
      reader.unread();
      return true;
    }
    if (next < end) reader.unreadWithin();
    this.#state = state;
    this.#length = length;
    this.#distance = distance;
    this.#extra = extra;
    return false;
  }

  #releaseCodes(): void {
    if (this.#codes === undefined) return;
    releaseCodes(this.#codes);
    this.#codes = undefined;
    // Nor are they kept by who does not need them.
    this.#literals = fixedLiterals;
    this.#distances = fixedDistances;
  }
}

function noSymbol(): never {
  throwCorrupt("a code stands for no symbol");
}

function tooFar(): never {
  throwCorrupt("a distance reaches back beyond the window");
}
