/**
 * Tables that decode Huffman codes by looking up bits (RFC 1951 section 3.2.2).
 *
 * A table is indexed by the next bits of the input, as many as its root has. Codes longer than that
 * lead to a second table behind the root, indexed by the bits that follow. So a symbol takes one
 * lookup, or two.
 *
 * @module
 */
import {
  DISTANCE_BASE,
  DISTANCE_EXTRA,
  DISTANCE_SYMBOLS,
  END_OF_BLOCK,
  FIRST_LENGTH,
  FIXED_DISTANCE_LENGTHS,
  FIXED_LITERAL_LENGTHS,
  LENGTH_BASE,
  LENGTH_EXTRA,
  LITERAL_SYMBOLS,
  MAX_CODE_BITS,
  REPEAT_PREVIOUS,
  REPEAT_ZERO,
  REPEAT_ZERO_LONG,
} from "./codes.ts";

// An entry: bits 0 to 3 the length of the code, 4 to 7 the number of extra bits (or, of a second
// table, of its index), 8 to 10 the kind, from 11 on the value. All of it fits in a small integer.

/** The bits of an entry that hold the length of its code, which is what is consumed. */
export const CODE_BITS = 15;
/** Where the number of extra bits stands, under the mask 15. */
export const EXTRA_SHIFT = 4;
/** The bits of an entry that hold its kind. A literal, or a code length symbol, is of kind 0. */
export const KIND = 0x700;
/** A length or distance: the value is its base. */
export const BASE = 0x100;
/** The end of the block. */
export const END = 0x200;
/** Bits that are no code, or the code of a symbol that may not occur. */
export const INVALID = 0x300;
/** Not a symbol yet: the value is the offset of a second table. */
export const SECOND = 0x400;
/** Where the value stands: byte, base, or offset. */
export const VALUE_SHIFT = 11;

/** What a code is for: its symbols as entries without a length. */
export type Alphabet = Int32Array;

/** Literals, the end of a block, lengths. */
export const LITERALS: Alphabet = /* @__PURE__ */ literalAlphabet();
/** Distances. */
export const DISTANCES: Alphabet = /* @__PURE__ */ distanceAlphabet();
/** Code lengths (section 3.2.7). */
export const CODE_LENGTHS: Alphabet = /* @__PURE__ */ codeLengthAlphabet();

function literalAlphabet(): Alphabet {
  const entries = new Int32Array(288).fill(INVALID);
  for (let byte = 0; byte < END_OF_BLOCK; byte++) entries[byte] = byte << VALUE_SHIFT;
  entries[END_OF_BLOCK] = END;
  for (let symbol = FIRST_LENGTH; symbol < LITERAL_SYMBOLS; symbol++) {
    const i = symbol - FIRST_LENGTH;
    entries[symbol] = LENGTH_BASE[i] << VALUE_SHIFT | BASE | LENGTH_EXTRA[i] << EXTRA_SHIFT;
  }
  return entries;
}

function distanceAlphabet(): Alphabet {
  const entries = new Int32Array(32).fill(INVALID);
  for (let i = 0; i < DISTANCE_SYMBOLS; i++) {
    entries[i] = DISTANCE_BASE[i] << VALUE_SHIFT | BASE | DISTANCE_EXTRA[i] << EXTRA_SHIFT;
  }
  return entries;
}

function codeLengthAlphabet(): Alphabet {
  const entries = Int32Array.from({ length: 19 }, (_, i) => i << VALUE_SHIFT);
  entries[REPEAT_PREVIOUS] |= 2 << EXTRA_SHIFT;
  entries[REPEAT_ZERO] |= 3 << EXTRA_SHIFT;
  entries[REPEAT_ZERO_LONG] |= 7 << EXTRA_SHIFT;
  return entries;
}

// Scratch of one build: the places of the lengths that are not 0, the codes of each length, where the
// symbols of each end, symbols by code.
const used = /* @__PURE__ */ new Uint16Array(289);
const counts = /* @__PURE__ */ (() => new Uint16Array(MAX_CODE_BITS + 1))();
const ends = /* @__PURE__ */ (() => new Uint16Array(MAX_CODE_BITS + 1))();
const sorted = /* @__PURE__ */ new Uint16Array(288);

/** What a table is made for. */
export interface DecodeTableOptions {
  /** Its symbols. */
  alphabet: Alphabet;
  /** The most bits that its root may have. */
  root: number;
  /** The most entries that a code of that many symbols needs, with this root. */
  entries: number;
  /** Whether one code of one bit may stand alone, or none at all. */
  partial: boolean;
}

/**
 * The entry for the next bits. Where fewer bits are there than a code has, zeros in their place lead
 * to a code that is longer than what is there.
 */
export function find(table: Int32Array, mask: number, root: number, bits: number): number {
  const entry = table[bits & mask];
  if ((entry & SECOND) === 0) return entry;
  const index = bits >> root & (1 << (entry >> EXTRA_SHIFT & 15)) - 1;
  return table[(entry >> VALUE_SHIFT) + index];
}

/** A table for one code at a time; it is built anew for the next. */
export class DecodeTable {
  /** The root, then the second tables. */
  readonly entries: Int32Array;
  /** The mask of the root's index. */
  mask = 0;
  /** The bits of the root's index. */
  root = 0;
  readonly #alphabet: Alphabet;
  readonly #maxRoot: number;
  readonly #partial: boolean;

  /** Creates a table that is yet to be built. */
  constructor(options: DecodeTableOptions) {
    this.entries = new Int32Array(options.entries);
    this.#alphabet = options.alphabet;
    this.#maxRoot = options.root;
    this.#partial = options.partial;
  }

  /**
   * Builds the table of the code with the lengths `lengths[from, to)`. False if they make no code
   * (section 3.2.2): more codes than there is room for, or room left over.
   *
   * The work is that of the lengths and of the entries, of which the root has no more than the
   * longest code asks for.
   */
  build(lengths: Uint8Array, from: number, to: number): boolean {
    let usedCount = 0;
    for (let i = from; i < to; i++) {
      used[usedCount] = i;
      // Adds one for any length but 0, without a branch that is as good as random.
      usedCount += lengths[i] + MAX_CODE_BITS >> 4;
    }
    for (let bits = 0; bits <= MAX_CODE_BITS; bits++) counts[bits] = 0;
    for (let i = 0; i < usedCount; i++) counts[lengths[used[i]]]++;
    let longest = MAX_CODE_BITS;
    while (longest > 0 && counts[longest] === 0) longest--;
    let room = 1;
    ends[0] = 0;
    for (let bits = 1; bits <= longest; bits++) {
      room = room * 2 - counts[bits];
      if (room < 0) return false;
      ends[bits] = ends[bits - 1] + (bits === 1 ? 0 : counts[bits - 1]);
    }
    if (room > 0 && !(this.#partial && longest <= 1)) return false;
    // So far each stands where its symbols begin; each symbol moves it on.
    for (let i = 0; i < usedCount; i++) sorted[ends[lengths[used[i]]]++] = used[i] - from;
    this.root = Math.max(1, Math.min(this.#maxRoot, longest));
    this.mask = (1 << this.root) - 1;
    if (room > 0) {
      this.entries[0] = longest === 0 ? INVALID | 1 : this.#alphabet[sorted[0]] | 1;
      this.entries[1] = INVALID | 1;
    } else {
      const code = this.#fillRoot();
      if (longest > this.root) this.#fillSecond(code, longest);
    }
    return true;
  }

  /**
   * Fills the root with the codes that it can hold: for each further bit, the table so far is set
   * down once more behind itself, and the codes that end with that bit replace what is not theirs.
   * Returns the first of the codes that are too long.
   */
  #fillRoot(): number {
    const { entries, root } = this, alphabet = this.#alphabet;
    let code = 0, symbol = 0;
    for (let bits = 1; bits <= root; bits++) {
      const half = 1 << (bits - 1);
      // The platform's copy is for what is large.
      if (bits > 6) entries.copyWithin(half, 0, half);
      else if (bits > 1) { for (let i = 0; i < half; i++) entries[half + i] = entries[i]; }
      for (; symbol < ends[bits]; symbol++) {
        entries[code] = alphabet[sorted[symbol]] | bits;
        code = follower(code, bits);
      }
    }
    return code;
  }

  /** Fills the tables behind the root, each with the index that the longest code in it needs. */
  #fillSecond(code: number, longest: number): void {
    const { entries, root, mask } = this, alphabet = this.#alphabet;
    let symbol = ends[root], begin = 0, end = 1 << root, prefix = -1;
    for (let bits = root + 1; bits <= longest; bits++) {
      for (const step = 1 << (bits - root); symbol < ends[bits]; symbol++) {
        if ((code & mask) !== prefix) {
          prefix = code & mask;
          begin = end;
          let index = bits - root;
          for (let used = ends[bits] - symbol; used < 1 << index;) {
            used = used * 2 + counts[root + ++index];
          }
          end = begin + (1 << index);
          entries[prefix] = begin << VALUE_SHIFT | SECOND | index << EXTRA_SHIFT | root;
        }
        const entry = alphabet[sorted[symbol]] | bits;
        for (let i = begin + (code >> root); i < end; i += step) entries[i] = entry;
        code = follower(code, bits);
      }
    }
  }
}

/**
 * The code after `code`, of as many bits; 0 after the last. Section 3.2.2 counts up with the first
 * bit as the highest; here it is the lowest, as bits are read (3.1.1).
 */
function follower(code: number, bits: number): number {
  const zeros = ~code & (1 << bits) - 1;
  if (zeros === 0) return 0;
  const bit = 1 << 31 - Math.clz32(zeros);
  return code & bit - 1 | bit;
}

/** A table of literals and lengths. */
export function literalTable(): DecodeTable {
  return new DecodeTable({ alphabet: LITERALS, root: 10, entries: 1334, partial: true });
}

/** A table of distances. A block of literals alone has one code that is not used, or none (3.2.7). */
export function distanceTable(): DecodeTable {
  return new DecodeTable({ alphabet: DISTANCES, root: 8, entries: 402, partial: true });
}

/** A table of code lengths. Its codes are short, and zlib wants no bit of it unused. */
export function codeLengthTable(): DecodeTable {
  return new DecodeTable({ alphabet: CODE_LENGTHS, root: 7, entries: 128, partial: false });
}

/** The fixed code of literals and lengths (section 3.2.6). */
export const fixedLiterals: DecodeTable = /* @__PURE__ */ built(
  literalTable,
  FIXED_LITERAL_LENGTHS,
);
/** The fixed code of distances (section 3.2.6). */
export const fixedDistances: DecodeTable = /* @__PURE__ */ built(
  distanceTable,
  FIXED_DISTANCE_LENGTHS,
);

function built(create: () => DecodeTable, lengths: Uint8Array): DecodeTable {
  const table = create();
  table.build(lengths, 0, lengths.length);
  return table;
}
