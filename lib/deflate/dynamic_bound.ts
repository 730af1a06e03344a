/**
 * What a dynamic block takes at least. In a short block its codes cost more than they save, and this
 * shows it for much less than making them.
 *
 * @module
 */
import { DISTANCE_SYMBOLS, LITERAL_SYMBOLS } from "./codes.ts";
import type { Symbols } from "./symbols.ts";

/** In longer blocks no bound is looked for: their codes are made anyway. */
export const BOUND_SYMBOLS = 254;

/** For each count, times its logarithm: by so many bits occurrences of one symbol shorten a code. */
const SHORTER = new Float64Array(BOUND_SYMBOLS + 2);
for (let count = 1; count < SHORTER.length; count++) SHORTER[count] = count * Math.log2(count);

/** How many symbols the alphabet that was gone through last uses. */
let used = 0;

/**
 * A number of bits below which codes and symbols together cannot go (RFC 1951 section 3.2.7), extra
 * bits of symbols not included. The block has at most BOUND_SYMBOLS symbols, and they are counted.
 */
export function dynamicBound({ length, matches, literals, distances }: Symbols): number {
  const bits = 5 + 5 + 4 + SHORTER[matches] + bound(distances, DISTANCE_SYMBOLS) +
    SHORTER[length + 1] + bound(literals, LITERAL_SYMBOLS);
  // The shortest of n codes has at most log2 n bits; 8 is the fifth length to be told, and each one
  // below it comes two later.
  const shortest = 31 - Math.clz32(used);
  return bits + 3 * (shortest > 7 ? 4 : 20 - 2 * shortest);
}

/** The least that the lengths of one alphabet's codes take, less what the codes are shortened by. */
function bound(counts: Uint16Array, symbols: number): number {
  let bits = 0;
  let zeros = 0;
  used = 0;
  for (let symbol = 0; symbol < symbols; symbol++) {
    const count = counts[symbol];
    if (count === 0) {
      zeros++;
      continue;
    }
    used++;
    // A length takes a bit at least; in a row of equal ones, six may be told by a code of a bit and
    // two extra bits. A run of zeros takes a bit at least, and extra bits from three on.
    bits += (zeros === 0 ? 0.5 : zeros < 3 ? 1 + zeros : zeros < 11 ? 5 : 9) - SHORTER[count];
    zeros = 0;
  }
  return bits;
}
