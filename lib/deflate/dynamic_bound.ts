/**
 * What a dynamic block takes at least. In a short block its codes cost more than they save, and this
 * shows it for much less than making them.
 *
 * @module
 */
import type { Symbols } from "./symbols.ts";
import type { UsedSymbols } from "./used.ts";

/** In longer blocks no bound is looked for: their codes are made anyway. */
export const BOUND_SYMBOLS = 254;

/** For each count, times its logarithm: the bits by which occurrences of one symbol shorten a code. */
const SHORTER = /* @__PURE__ */ shorterTable();

function shorterTable(): Float64Array {
  const bits = (count: number): number => count === 0 ? 0 : count * Math.log2(count);
  return Float64Array.from({ length: BOUND_SYMBOLS + 2 }, (_, count) => bits(count));
}

/**
 * A number of bits below which codes and symbols together cannot go (RFC 1951 section 3.2.7), extra
 * bits of symbols not included. The block has at most BOUND_SYMBOLS symbols, and they are counted.
 */
export function dynamicBound(symbols: Symbols): number {
  const { length, matches, literals, distances, usedLiterals, usedDistances } = symbols;
  const bits = 5 + 5 + 4 + SHORTER[matches] + bound(usedDistances, distances) +
    SHORTER[length + 1] + bound(usedLiterals, literals);
  // The shortest of n codes has at most log2 n bits; 8 is the fifth length to be told, and each one
  // below it comes two later.
  const shortest = 31 - Math.clz32(usedLiterals.length);
  return bits + 3 * (shortest > 7 ? 4 : 20 - 2 * shortest);
}

/** The least that the lengths of one alphabet's codes take, less what the codes are shortened by. */
function bound({ list, length }: UsedSymbols, counts: Uint16Array): number {
  let bits = 0;
  let next = 0;
  for (let at = 0; at < length; at++) {
    const symbol = list[at];
    const zeros = symbol - next;
    next = symbol + 1;
    // A length takes a bit at least; in a row of equal ones, six may be told by a code of a bit and
    // two extra bits. A run of zeros takes a bit at least, and extra bits from three on.
    bits += (zeros === 0 ? 0.5 : zeros < 3 ? 1 + zeros : zeros < 11 ? 5 : 9) -
      SHORTER[counts[symbol]];
  }
  return bits;
}
