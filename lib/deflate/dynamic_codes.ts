/**
 * The codes that a dynamic block brings with it (RFC 1951 section 3.2.7).
 *
 * @module
 */
import type { BitWriter } from "./bit_writer.ts";
import {
  CODE_LENGTH_ORDER,
  DISTANCE_SYMBOLS,
  FIRST_LENGTH,
  LITERAL_SYMBOLS,
  MAX_CODE_BITS,
  MAX_CODE_LENGTH_BITS,
  REPEAT_PREVIOUS,
  REPEAT_ZERO,
  REPEAT_ZERO_LONG,
} from "./codes.ts";
import { assignCodes, codeLengths } from "./huffman.ts";
import type { Symbols } from "./symbols.ts";
import { UsedSymbols } from "./used.ts";

/** The symbols of code lengths: 0 to 15 and three repeats. */
const LENGTH_SYMBOLS = 19;
/** Extra bits of each (section 3.2.7). */
const EXTRA_BITS = /* @__PURE__ */ repeatBits();

function repeatBits(): Uint8Array {
  const bits = new Uint8Array(LENGTH_SYMBOLS);
  bits[REPEAT_PREVIOUS] = 2;
  bits[REPEAT_ZERO] = 3;
  bits[REPEAT_ZERO_LONG] = 7;
  return bits;
}

/**
 * Codes for the symbols of one block, and how they are described. There is one for all deflaters,
 * and it means something only from `build` to the end of the block.
 */
export class DynamicCodes {
  /** The codes of literals and lengths, as assignCodes gives them, where they occur. */
  readonly literals: Int32Array = new Int32Array(LITERAL_SYMBOLS);
  /** The codes of distances. */
  readonly distances: Int32Array = new Int32Array(DISTANCE_SYMBOLS);
  readonly #literalLengths = new Uint8Array(LITERAL_SYMBOLS);
  readonly #distanceLengths = new Uint8Array(DISTANCE_SYMBOLS);
  /** The lengths as they are sent: a symbol, above five bits of it what its extra bits say. */
  readonly #runs = new Uint16Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS);
  #runCount = 0;
  readonly #runFrequencies = new Uint16Array(LENGTH_SYMBOLS);
  readonly #runLengths = new Uint8Array(LENGTH_SYMBOLS);
  readonly #runCodes = new Int32Array(LENGTH_SYMBOLS);
  readonly #usedRuns = new UsedSymbols(LENGTH_SYMBOLS);
  /** How many lengths of the code of code lengths are sent, in CODE_LENGTH_ORDER. */
  #orderCount = 0;

  /**
   * Creates the codes for a block whose symbols are counted.
   *
   * @returns The bits that the codes and the symbols take, extra bits of symbols not included.
   */
  build({ literals, distances, usedLiterals, usedDistances }: Symbols): number {
    const bits = 5 + 5 + 4 +
      codeLengths(literals, usedLiterals, MAX_CODE_BITS, this.#literalLengths) +
      codeLengths(distances, usedDistances, MAX_CODE_BITS, this.#distanceLengths);
    this.#findRuns(usedLiterals, usedDistances);
    return bits + this.#buildRunCode();
  }

  /** Assigns the codes to the symbols, and writes the description of the codes. */
  write(writer: BitWriter, { usedLiterals, usedDistances }: Symbols): void {
    const lengths = this.#runLengths;
    const codes = this.#runCodes;
    assignCodes(this.#literalLengths, usedLiterals, this.literals);
    assignCodes(this.#distanceLengths, usedDistances, this.distances);
    assignCodes(lengths, this.#usedRuns, codes);
    writer.write(usedLiterals.end - FIRST_LENGTH, 5);
    writer.write(distancesTold(usedDistances) - 1, 5);
    writer.write(this.#orderCount - 4, 4);
    for (let at = 0; at < this.#orderCount; at++) writer.write(lengths[CODE_LENGTH_ORDER[at]], 3);
    for (let at = 0; at < this.#runCount; at++) {
      const run = this.#runs[at];
      const symbol = run & 31;
      // A code has 7 bits at most, and what follows it as many.
      const code = codes[symbol];
      writer.write(code >>> 4 | run >>> 5 << (code & 15), (code & 15) + EXTRA_BITS[symbol]);
    }
  }

  /** Lengths to symbols; a run may go on from the literals into the distances. */
  #findRuns(usedLiterals: UsedSymbols, usedDistances: UsedSymbols): void {
    this.#runCount = 0;
    this.#runFrequencies.fill(0);
    this.#previous = -1;
    this.#repeats = 0;
    this.#addLengths(usedLiterals, this.#literalLengths);
    this.#addLengths(usedDistances, this.#distanceLengths);
    this.#endRepeats();
    if (usedDistances.length === 0) this.#run(0, 0);
  }

  /** The length that may be repeated, and how often it was so far. */
  #previous = -1;
  #repeats = 0;

  #addLengths({ list, length: used }: UsedSymbols, lengths: Uint8Array): void {
    let next = 0;
    for (let at = 0; at < used; at++) {
      const symbol = list[at];
      const length = lengths[symbol];
      const zeros = symbol - next;
      next = symbol + 1;
      if (zeros === 0 && length === this.#previous) {
        this.#repeats++;
        continue;
      }
      this.#endRepeats();
      if (zeros > 0) this.#zeros(zeros);
      this.#run(length, 0);
      this.#previous = length;
    }
  }

  #endRepeats(): void {
    let left = this.#repeats;
    this.#repeats = 0;
    for (; left >= 3; left -= Math.min(left, 6)) {
      this.#run(REPEAT_PREVIOUS, Math.min(left, 6) - 3);
    }
    for (; left > 0; left--) this.#run(this.#previous, 0);
  }

  #zeros(left: number): void {
    for (; left >= 11; left -= Math.min(left, 138)) {
      this.#run(REPEAT_ZERO_LONG, Math.min(left, 138) - 11);
    }
    if (left >= 3) this.#run(REPEAT_ZERO, left - 3);
    else for (; left > 0; left--) this.#run(0, 0);
  }

  #run(symbol: number, extra: number): void {
    this.#runs[this.#runCount++] = extra << 5 | symbol;
    this.#runFrequencies[symbol]++;
  }

  /** Creates the code of the code lengths. Returns the bits that it and the code lengths take. */
  #buildRunCode(): number {
    const frequencies = this.#runFrequencies;
    const lengths = this.#runLengths;
    this.#usedRuns.listCounted(frequencies, LENGTH_SYMBOLS);
    lengths.fill(0);
    let bits = codeLengths(frequencies, this.#usedRuns, MAX_CODE_LENGTH_BITS, lengths);
    for (let symbol = REPEAT_PREVIOUS; symbol < LENGTH_SYMBOLS; symbol++) {
      bits += frequencies[symbol] * EXTRA_BITS[symbol];
    }
    let count = LENGTH_SYMBOLS;
    while (count > 4 && lengths[CODE_LENGTH_ORDER[count - 1]] === 0) count--;
    this.#orderCount = count;
    return bits + count * 3;
  }
}

/**
 * Returns how many lengths of distance codes are written: at least one, which is 0 without a
 * distance.
 */
function distancesTold(used: UsedSymbols): number {
  return Math.max(1, used.end);
}
