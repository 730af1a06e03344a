/**
 * Which symbols of an alphabet occur. Most blocks of a message use a few dozen of 286, and whoever
 * goes through them all for each step of making a code spends most of the time on the others.
 *
 * @module
 */

/** The symbols that occur, in ascending order. */
export class UsedSymbols {
  /** The symbols. */
  readonly list: Uint16Array;
  /** How many there are. */
  length = 0;
  /** A bit for each symbol that was marked. */
  readonly #marks: Int32Array;

  /** Creates one for an alphabet of that many symbols. */
  constructor(symbols: number) {
    this.list = new Uint16Array(symbols + 1);
    this.#marks = new Int32Array((symbols >>> 5) + 1);
  }

  /** The symbol after the last one; 0 if there is none. */
  get end(): number {
    return this.length === 0 ? 0 : this.list[this.length - 1] + 1;
  }

  /** Notes that a symbol occurs. */
  mark(symbol: number): void {
    this.#marks[symbol >>> 5] |= 1 << symbol;
  }

  /** Lists what was marked, and unmarks it. */
  listMarked(): void {
    const { list } = this;
    const marks = this.#marks;
    let length = 0;
    for (let word = 0; word < marks.length; word++) {
      for (let left = marks[word]; left !== 0; left &= left - 1) {
        list[length++] = word * 32 + 31 - Math.clz32(left & -left);
      }
      marks[word] = 0;
    }
    this.length = length;
  }

  /** Lists the symbols that have a frequency, of the first `symbols`. */
  listCounted(frequencies: Uint16Array, symbols: number): void {
    const { list } = this;
    let length = 0;
    for (let symbol = 0; symbol < symbols; symbol++) {
      list[length] = symbol;
      // Adds one for any frequency but 0, without a branch that is as good as random.
      length += frequencies[symbol] + 0xffff >>> 16;
    }
    this.length = length;
  }
}
