/**
 * Blocks (RFC 1951 section 3.2.3): stored, with the fixed codes, or with codes of their own. The
 * size of each is computed to the bit, and the shortest is written.
 *
 * @module
 */
import type { PieceSink } from "../message/extension.ts";
import type { BitWriter } from "./bit_writer.ts";
import {
  DISTANCE_BASE,
  DISTANCE_EXTRA,
  DYNAMIC_BLOCK,
  END_OF_BLOCK,
  FIRST_LENGTH,
  FIXED_BLOCK,
  FIXED_DISTANCE_LENGTHS,
  FIXED_LITERAL_LENGTHS,
  LENGTH_BASE,
  LENGTH_EXTRA,
  STORED_BLOCK,
} from "./codes.ts";
import { BOUND_SYMBOLS, dynamicBound } from "./dynamic_bound.ts";
import { DynamicCodes } from "./dynamic_codes.ts";
import { assignCodes } from "./huffman.ts";
import { distanceSymbol, LENGTH_SYMBOL, type Symbols } from "./symbols.ts";
import { UsedSymbols } from "./used.ts";

/** BFINAL, never set, and BTYPE (section 3.2.3). */
const HEADER_BITS = 3;

const fixedLiterals = /* @__PURE__ */ fixedCodes(FIXED_LITERAL_LENGTHS);
const fixedDistances = /* @__PURE__ */ fixedCodes(FIXED_DISTANCE_LENGTHS);

function fixedCodes(lengths: Uint8Array): Int32Array {
  const codes = new Int32Array(lengths.length);
  const all = new UsedSymbols(lengths.length);
  all.listCounted(Uint16Array.from(lengths), lengths.length);
  assignCodes(lengths, all, codes);
  return codes;
}

/** Shared by all deflaters: nothing in it outlives a block. */
const dynamic = /* @__PURE__ */ new DynamicCodes();

/**
 * Writes the symbols as one block, and forgets them. They stand for the bytes of `window` from `from`
 * to `to`; a `from` below 0 says that those are gone, and that the block cannot be stored. A window
 * never has so many bytes that one stored block could not hold them, 65,535 (section 3.2.4).
 */
export function writeBlock(
  writer: BitWriter,
  symbols: Symbols,
  window: Uint8Array,
  from: number,
  to: number,
  emit: PieceSink,
): void {
  symbols.count();
  const extra = symbols.extraBits;
  const fixed = HEADER_BITS + symbols.fixedBits + extra;
  const stored = from < 0 ? Infinity : storedCost(writer.count, to - from);
  const least = Math.min(fixed, stored) - HEADER_BITS - extra;
  const own = symbols.length <= BOUND_SYMBOLS && dynamicBound(symbols) >= least
    ? Infinity
    : HEADER_BITS + dynamic.build(symbols) + extra;
  if (stored <= fixed && stored <= own) {
    writer.reserve(stored, emit);
    writeStored(writer, window, from, to);
  } else if (fixed <= own) {
    writer.reserve(fixed, emit);
    writer.write(FIXED_BLOCK << 1, HEADER_BITS);
    writeSymbols(writer, symbols, fixedLiterals, fixedDistances);
  } else {
    writer.reserve(own, emit);
    writer.write(DYNAMIC_BLOCK << 1, HEADER_BITS);
    dynamic.write(writer, symbols);
    writeSymbols(writer, symbols, dynamic.literals, dynamic.distances);
  }
  symbols.clear();
}

/** The bits of a stored block of `length` bytes from bit `count` of a byte on (section 3.2.4). */
function storedCost(count: number, length: number): number {
  return HEADER_BITS + (-(count + HEADER_BITS) & 7) + 32 + length * 8;
}

function writeStored(writer: BitWriter, window: Uint8Array, from: number, to: number): void {
  const length = to - from;
  writer.write(STORED_BLOCK << 1, HEADER_BITS);
  writer.align();
  writer.write(length, 16);
  writer.write(length ^ 0xffff, 16);
  writer.bytes.set(window.subarray(from, to), writer.length);
  writer.length += length;
}

/** Writes the symbols and the end of the block in the codes given (section 3.2.5). */
function writeSymbols(
  writer: BitWriter,
  symbols: Symbols,
  literals: Int32Array,
  distances: Int32Array,
): void {
  const { bytes } = writer;
  let { length: out, bits, count } = writer;
  const { list, length: end } = symbols;
  for (let at = 0; at < end; at++) {
    const symbol = list[at];
    if (symbol < 512) {
      const code = literals[symbol];
      bits |= code >>> 4 << count;
      count += code & 15;
      if (count >= 16) {
        bytes[out] = bits;
        bytes[out + 1] = bits >>> 8;
        out += 2;
        bits >>>= 16;
        count -= 16;
      }
      continue;
    }
    const length = symbol & 511;
    const lengthAt = LENGTH_SYMBOL[length];
    let code = literals[lengthAt];
    bits |= code >>> 4 << count;
    count += code & 15;
    if (count >= 16) {
      bytes[out] = bits;
      bytes[out + 1] = bits >>> 8;
      out += 2;
      bits >>>= 16;
      count -= 16;
    }
    bits |= length - LENGTH_BASE[lengthAt - FIRST_LENGTH] << count;
    count += LENGTH_EXTRA[lengthAt - FIRST_LENGTH];
    // At most 15 and 5 bits more, of which 15 were there before.
    if (count >= 16) {
      bytes[out] = bits;
      bytes[out + 1] = bits >>> 8;
      out += 2;
      bits >>>= 16;
      count -= 16;
    }
    const distance = symbol >>> 9;
    const distanceAt = distanceSymbol(distance);
    code = distances[distanceAt];
    bits |= code >>> 4 << count;
    count += code & 15;
    if (count >= 16) {
      bytes[out] = bits;
      bytes[out + 1] = bits >>> 8;
      out += 2;
      bits >>>= 16;
      count -= 16;
    }
    bits |= distance - DISTANCE_BASE[distanceAt] << count;
    count += DISTANCE_EXTRA[distanceAt];
    if (count >= 16) {
      bytes[out] = bits;
      bytes[out + 1] = bits >>> 8;
      out += 2;
      bits >>>= 16;
      count -= 16;
    }
  }
  writer.length = out;
  writer.bits = bits;
  writer.count = count;
  const code = literals[END_OF_BLOCK];
  writer.write(code >>> 4, code & 15);
}
