/**
 * The symbols of one block before they are coded, and how often each occurs.
 *
 * @module
 */
import {
  DISTANCE_BASE,
  DISTANCE_EXTRA,
  DISTANCE_SYMBOLS,
  END_OF_BLOCK,
  FIRST_LENGTH,
  FIXED_LITERAL_LENGTHS,
  LENGTH_BASE,
  LENGTH_EXTRA,
  LITERAL_SYMBOLS,
  MAX_MATCH,
} from "./codes.ts";
import { UsedSymbols } from "./used.ts";

/** The most literals and matches in one block. */
export const BLOCK_SYMBOLS = 16384;

/** In a shorter block it takes less to mark its symbols than to go through the alphabets. */
const FEW_SYMBOLS = 254;

/** The fixed code of distances has one length (RFC 1951 section 3.2.6). */
const FIXED_DISTANCE_BITS = 5;

/** For each length, its symbol: 257 to 285 (RFC 1951 section 3.2.5). */
export const LENGTH_SYMBOL: Uint16Array = /* @__PURE__ */ lengthSymbols();

function lengthSymbols(): Uint16Array {
  const symbols = new Uint16Array(MAX_MATCH + 1);
  for (let symbol = 0; symbol < LENGTH_BASE.length; symbol++) {
    symbols.fill(FIRST_LENGTH + symbol, LENGTH_BASE[symbol]);
  }
  return symbols;
}

/** For each distance up to 256, its symbol; then for each multiple of 128 (see distanceSymbol). */
const DISTANCE_SYMBOL = /* @__PURE__ */ distanceSymbols();

function distanceSymbols(): Uint8Array {
  const symbols = new Uint8Array(512);
  for (let symbol = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    const first = DISTANCE_BASE[symbol] - 1;
    if (first < 256) symbols.fill(symbol, first, 256);
    if (first >= 256) symbols.fill(symbol, 256 + (first >>> 7));
  }
  return symbols;
}

/** The symbol of a distance (section 3.2.5): past 256 its last seven bits are never of account. */
export function distanceSymbol(distance: number): number {
  return DISTANCE_SYMBOL[distance <= 256 ? distance - 1 : 256 + (distance - 1 >>> 7)];
}

/** The literals and matches of a block. There is one for all deflaters, empty between calls. */
export class Symbols {
  /** Each a literal, or `distance << 9 | length`. */
  readonly list: Int32Array = new Int32Array(BLOCK_SYMBOLS);
  /** How many there are. */
  length = 0;
  /** How many of them are matches. */
  matches = 0;
  /** Once they are counted: the extra bits of all lengths and distances. */
  extraBits = 0;
  /** Once they are counted: the bits they take in the fixed codes, without extra bits. */
  fixedBits = 0;
  /** How often each literal, length symbol, and the end of the block occur. */
  readonly literals: Uint16Array = new Uint16Array(LITERAL_SYMBOLS);
  /** How often each distance symbol occurs. */
  readonly distances: Uint16Array = new Uint16Array(DISTANCE_SYMBOLS);
  /** Once they are counted: which of `literals` occur. */
  readonly usedLiterals: UsedSymbols = new UsedSymbols(LITERAL_SYMBOLS);
  /** Once they are counted: which of `distances` occur. */
  readonly usedDistances: UsedSymbols = new UsedSymbols(DISTANCE_SYMBOLS);

  /** Adds a byte that stands for itself. */
  literal(byte: number): void {
    this.list[this.length++] = byte;
  }

  /** Adds a match. */
  match(length: number, distance: number): void {
    this.matches++;
    this.list[this.length++] = distance << 9 | length;
  }

  /** Counts all symbols and the end of the block, and what they take. */
  count(): void {
    const { list, length: end, literals, distances, usedLiterals, usedDistances } = this;
    const few = end <= FEW_SYMBOLS;
    let extra = 0;
    let fixed = FIXED_LITERAL_LENGTHS[END_OF_BLOCK] + this.matches * FIXED_DISTANCE_BITS;
    for (let at = 0; at < end; at++) {
      const symbol = list[at];
      if (symbol < 512) {
        literals[symbol]++;
        fixed += FIXED_LITERAL_LENGTHS[symbol];
        if (few) usedLiterals.mark(symbol);
      } else {
        const length = LENGTH_SYMBOL[symbol & 511];
        const distance = distanceSymbol(symbol >>> 9);
        literals[length]++;
        distances[distance]++;
        fixed += FIXED_LITERAL_LENGTHS[length];
        extra += LENGTH_EXTRA[length - FIRST_LENGTH] + DISTANCE_EXTRA[distance];
        if (few) {
          usedLiterals.mark(length);
          usedDistances.mark(distance);
        }
      }
    }
    literals[END_OF_BLOCK] = 1;
    if (few) {
      usedLiterals.mark(END_OF_BLOCK);
      usedLiterals.listMarked();
      usedDistances.listMarked();
    } else {
      usedLiterals.listCounted(literals, LITERAL_SYMBOLS);
      usedDistances.listCounted(distances, DISTANCE_SYMBOLS);
    }
    this.extraBits = extra;
    this.fixedBits = fixed;
  }

  /** Forgets everything. */
  clear(): void {
    this.length = 0;
    this.matches = 0;
    this.literals.fill(0);
    this.distances.fill(0);
  }
}
