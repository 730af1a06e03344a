/**
 * The codes that a dynamic block brings with it (RFC 1951 section 3.2.7).
 *
 * @module
 */
import type { BitReader } from "./bit_reader.ts";
import {
  CODE_LENGTH_ORDER,
  DISTANCE_SYMBOLS,
  END_OF_BLOCK,
  FIRST_LENGTH,
  LITERAL_SYMBOLS,
  REPEAT_PREVIOUS,
} from "./codes.ts";
import { throwCorrupt } from "./corrupt.ts";
import {
  CODE_BITS,
  codeLengthTable,
  type DecodeTable,
  distanceTable,
  EXTRA_SHIFT,
  literalTable,
  VALUE_SHIFT,
} from "./decode_table.ts";

/** The most bits of a code length symbol and of what follows it. */
const MAX_ITEM_BITS = 14;
/** The least number of repetitions for the three symbols that repeat: 3, 3 and 11. */
const REPEATS = /* @__PURE__ */ new Uint8Array([3, 3, 11]);

// What is read next.
const COUNTS = 0;
const CODE_LENGTHS = 1;
const LENGTHS = 2;

/** Reads the codes of one block at a time, cut anywhere. */
export class BlockCodes {
  /** The code of literals and lengths. */
  readonly literals: DecodeTable = literalTable();
  /** The code of distances. */
  readonly distances: DecodeTable = distanceTable();
  readonly #codeLengths: DecodeTable = codeLengthTable();
  /** The lengths that come: first of the code length code, then of literals and distances. */
  readonly #lengths: Uint8Array = new Uint8Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS);
  #state = COUNTS;
  #have = 0;
  #literalCount = 0;
  #distanceCount = 0;
  #codeLengthCount = 0;

  /** The bytes of memory held. */
  get memory(): number {
    return this.#lengths.length + 4 *
        (this.literals.entries.length + this.distances.entries.length +
          this.#codeLengths.entries.length);
  }

  /** Begins with a block. */
  begin(): void {
    this.#state = COUNTS;
  }

  /**
   * Reads on; true when both codes are there, false at the end of the input.
   *
   * @throws {ProtocolError} If they are not valid codes.
   */
  read(reader: BitReader): boolean {
    if (this.#state === COUNTS) {
      if (!reader.fill(14)) return false;
      this.#literalCount = reader.take(5) + FIRST_LENGTH;
      this.#distanceCount = reader.take(5) + 1;
      this.#codeLengthCount = reader.take(4) + 4;
      if (this.#literalCount > LITERAL_SYMBOLS || this.#distanceCount > DISTANCE_SYMBOLS) {
        throwCorrupt("a block has codes for too many symbols");
      }
      this.#lengths.fill(0, 0, CODE_LENGTH_ORDER.length);
      this.#have = 0;
      this.#state = CODE_LENGTHS;
    }
    if (this.#state === CODE_LENGTHS) {
      while (this.#have < this.#codeLengthCount) {
        if (!reader.fill(3)) return false;
        this.#lengths[CODE_LENGTH_ORDER[this.#have++]] = reader.take(3);
      }
      if (!this.#codeLengths.build(this.#lengths, 0, CODE_LENGTH_ORDER.length)) noCode();
      this.#have = 0;
      this.#state = LENGTHS;
    }
    if (!this.#readLengths(reader)) return false;
    const literals = this.#literalCount;
    // zlib refuses a block that could never end.
    if (this.#lengths[END_OF_BLOCK] === 0) throwCorrupt("a block has no code for its end");
    if (!this.literals.build(this.#lengths, 0, literals)) noCode();
    if (!this.distances.build(this.#lengths, literals, literals + this.#distanceCount)) noCode();
    return true;
  }

  /** Literals and distances are one sequence: a repetition may reach from these into those. */
  #readLengths(reader: BitReader): boolean {
    const lengths = this.#lengths, total = this.#literalCount + this.#distanceCount;
    const { entries, mask } = this.#codeLengths, { input } = reader;
    let have = this.#have, { next, bits, count } = reader;
    while (have < total) {
      while (count < MAX_ITEM_BITS && next < input.length) {
        bits |= input[next++] << count;
        count += 8;
      }
      const entry = entries[bits & mask];
      const codeBits = entry & CODE_BITS, extra = entry >> EXTRA_SHIFT & 15;
      // Bits that are not there yet count as zeros, and lead to a longer code than there are bits.
      if (codeBits + extra > count) break;
      const symbol = entry >> VALUE_SHIFT;
      if (symbol < REPEAT_PREVIOUS) lengths[have++] = symbol;
      else {
        const more = bits >> codeBits & (1 << extra) - 1;
        const to = have + REPEATS[symbol - REPEAT_PREVIOUS] + more;
        if (to > total) throwCorrupt("a block has more code lengths than symbols");
        if (symbol === REPEAT_PREVIOUS && have === 0) {
          throwCorrupt("a block repeats no code length");
        }
        const length = symbol === REPEAT_PREVIOUS ? lengths[have - 1] : 0;
        while (have < to) lengths[have++] = length;
      }
      bits >>= codeBits + extra;
      count -= codeBits + extra;
    }
    this.#have = have;
    reader.next = next;
    reader.bits = bits;
    reader.count = count;
    return have === total;
  }
}

function noCode(): never {
  throwCorrupt("a block's code lengths make no code");
}

/** What is not in use. More are kept in use only by blocks that are cut. */
const spare: BlockCodes[] = [];
const MAX_SPARE = 4;

/** Acquires codes for one block. */
export function acquireCodes(): BlockCodes {
  const codes = spare.pop() ?? new BlockCodes();
  codes.begin();
  return codes;
}

/** Releases them. */
export function releaseCodes(codes: BlockCodes): void {
  if (spare.length < MAX_SPARE) spare.push(codes);
}
