/**
 * The codes that a dynamic block brings with it (RFC 1951 section 3.2.7).
 *
 * @module
 */
import type { BitWriter } from "./bit_writer.ts";
import {
  CODE_LENGTH_ORDER,
  DISTANCE_SYMBOLS,
  LITERAL_SYMBOLS,
  MAX_CODE_BITS,
  MAX_CODE_LENGTH_BITS,
  REPEAT_PREVIOUS,
  REPEAT_ZERO,
  REPEAT_ZERO_LONG,
} from "./codes.ts";
import { assignCodes, codeLengths } from "./huffman.ts";
import type { Symbols } from "./symbols.ts";

/** The symbols of code lengths: 0 to 15 and three repeats. */
const LENGTH_SYMBOLS = 19;
/** Extra bits of each (section 3.2.7). */
const EXTRA_BITS = new Uint8Array(LENGTH_SYMBOLS);
EXTRA_BITS[REPEAT_PREVIOUS] = 2;
EXTRA_BITS[REPEAT_ZERO] = 3;
EXTRA_BITS[REPEAT_ZERO_LONG] = 7;

/**
 * Codes for the symbols of one block, and how they are told. There is one for all deflaters, and it
 * means something only from `build` to the end of the block.
 */
export class DynamicCodes {
  /** The codes of literals and lengths, as assignCodes gives them. */
  readonly literals: Int32Array = new Int32Array(LITERAL_SYMBOLS);
  /** The codes of distances. */
  readonly distances: Int32Array = new Int32Array(DISTANCE_SYMBOLS);
  /** The lengths of both, the distances' right behind the literals' that are sent. */
  readonly #lengths = new Uint8Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS);
  readonly #distanceLengths = new Uint8Array(DISTANCE_SYMBOLS);
  #literalCount = 0;
  #distanceCount = 0;
  /** The lengths as they are sent: a symbol, above five bits of it what its extra bits say. */
  readonly #runs = new Uint16Array(LITERAL_SYMBOLS + DISTANCE_SYMBOLS);
  #runCount = 0;
  readonly #runFrequencies = new Uint16Array(LENGTH_SYMBOLS);
  readonly #runLengths = new Uint8Array(LENGTH_SYMBOLS);
  readonly #runCodes = new Int32Array(LENGTH_SYMBOLS);
  /** How many lengths of the code of code lengths are sent, in CODE_LENGTH_ORDER. */
  #orderCount = 0;

  /**
   * Makes the codes for a block whose symbols are counted.
   *
   * @returns The bits that the codes and the symbols take, extra bits of symbols not included.
   */
  build(symbols: Symbols): number {
    const lengths = this.#lengths;
    const literalCount = codeLengths(symbols.literals, LITERAL_SYMBOLS, MAX_CODE_BITS, lengths);
    const distanceLengths = this.#distanceLengths;
    // No distance at all is told by one length of 0.
    const distanceCount = Math.max(
      1,
      codeLengths(symbols.distances, DISTANCE_SYMBOLS, MAX_CODE_BITS, distanceLengths),
    );
    this.#literalCount = literalCount;
    this.#distanceCount = distanceCount;
    let bits = 5 + 5 + 4;
    for (let at = 0; at < literalCount; at++) bits += symbols.literals[at] * lengths[at];
    for (let at = 0; at < distanceCount; at++) {
      bits += symbols.distances[at] * distanceLengths[at];
      lengths[literalCount + at] = distanceLengths[at];
    }
    this.#findRuns(literalCount + distanceCount);
    return bits + this.#buildRunCode();
  }

  /** Gives the symbols their codes, and writes what tells the codes. */
  write(writer: BitWriter): void {
    assignCodes(this.#lengths, this.#literalCount, this.literals);
    assignCodes(this.#distanceLengths, this.#distanceCount, this.distances);
    assignCodes(this.#runLengths, LENGTH_SYMBOLS, this.#runCodes);
    writer.write(this.#literalCount - 257, 5);
    writer.write(this.#distanceCount - 1, 5);
    writer.write(this.#orderCount - 4, 4);
    for (let at = 0; at < this.#orderCount; at++) {
      writer.write(this.#runLengths[CODE_LENGTH_ORDER[at]], 3);
    }
    for (let at = 0; at < this.#runCount; at++) {
      const run = this.#runs[at];
      const symbol = run & 31;
      const code = this.#runCodes[symbol];
      writer.write(code >>> 4, code & 15);
      if (symbol >= REPEAT_PREVIOUS) writer.write(run >>> 5, EXTRA_BITS[symbol]);
    }
  }

  /** Lengths to symbols; a run may go on from the literals into the distances. */
  #findRuns(end: number): void {
    const lengths = this.#lengths;
    this.#runCount = 0;
    this.#runFrequencies.fill(0);
    for (let at = 0; at < end;) {
      const length = lengths[at];
      let next = at + 1;
      while (next < end && lengths[next] === length) next++;
      let left = next - at;
      at = next;
      if (length === 0) {
        for (; left >= 11; left -= Math.min(left, 138)) {
          this.#run(REPEAT_ZERO_LONG, Math.min(left, 138) - 11);
        }
        if (left >= 3) {
          this.#run(REPEAT_ZERO, left - 3);
          left = 0;
        }
      } else {
        this.#run(length, 0);
        for (left--; left >= 3; left -= Math.min(left, 6)) {
          this.#run(REPEAT_PREVIOUS, Math.min(left, 6) - 3);
        }
      }
      for (; left > 0; left--) this.#run(length, 0);
    }
  }

  #run(symbol: number, extra: number): void {
    this.#runs[this.#runCount++] = extra << 5 | symbol;
    this.#runFrequencies[symbol]++;
  }

  /** Makes the code of the code lengths. Gives the bits that it and the code lengths take. */
  #buildRunCode(): number {
    const frequencies = this.#runFrequencies;
    const lengths = this.#runLengths;
    codeLengths(frequencies, LENGTH_SYMBOLS, MAX_CODE_LENGTH_BITS, lengths);
    let bits = 0;
    for (let symbol = 0; symbol < LENGTH_SYMBOLS; symbol++) {
      bits += frequencies[symbol] * (lengths[symbol] + EXTRA_BITS[symbol]);
    }
    let count = LENGTH_SYMBOLS;
    while (count > 4 && lengths[CODE_LENGTH_ORDER[count - 1]] === 0) count--;
    this.#orderCount = count;
    return bits + count * 3;
  }
}
