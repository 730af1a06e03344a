/**
 * The alphabets of DEFLATE (RFC 1951 section 3.2.5 to 3.2.7): what the symbols of lengths and
 * distances stand for, and the fixed codes.
 *
 * @module
 */

/** The shortest match that a length symbol can name (section 3.2.5). */
export const MIN_MATCH = 3;
/** The longest match that a length symbol can name (section 3.2.5). */
export const MAX_MATCH = 258;
/** The symbol that ends a block (section 3.2.5). */
export const END_OF_BLOCK = 256;
/** The symbol of the shortest length. */
export const FIRST_LENGTH = 257;
/** Literals, the end of a block and lengths: 286 symbols that may occur, of 288 (section 3.2.6). */
export const LITERAL_SYMBOLS = 286;
/** Distance symbols that may occur, of 32 (section 3.2.6). */
export const DISTANCE_SYMBOLS = 30;
/** The longest code of a literal, length or distance symbol, in bits (section 3.2.7: one of 0-15). */
export const MAX_CODE_BITS = 15;
/** The longest code of a code length symbol, in bits (section 3.2.7: three bits each). */
export const MAX_CODE_LENGTH_BITS = 7;

/** The two bits after BFINAL (section 3.2.3): a stored block. */
export const STORED_BLOCK = 0;
/** A block with the fixed codes (section 3.2.3). */
export const FIXED_BLOCK = 1;
/** A block that brings its own codes (section 3.2.3). */
export const DYNAMIC_BLOCK = 2;

/** The code length symbol that repeats the length before it 3 to 6 times, two bits (3.2.7). */
export const REPEAT_PREVIOUS = 16;
/** The code length symbol for 3 to 10 zeros, three bits (section 3.2.7). */
export const REPEAT_ZERO = 17;
/** The code length symbol for 11 to 138 zeros, seven bits (section 3.2.7). */
export const REPEAT_ZERO_LONG = 18;

/** The order in which the lengths of the code length code are sent (section 3.2.7). */
export const CODE_LENGTH_ORDER: Uint8Array = /* @__PURE__ */ new Uint8Array(
  [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15],
);

/** Extra bits of the length symbols from 257 on (section 3.2.5). */
export const LENGTH_EXTRA: Uint8Array = /* @__PURE__ */ lengthExtra();
/** The first length of each length symbol from 257 on (section 3.2.5). */
export const LENGTH_BASE: Uint16Array = /* @__PURE__ */ lengthBase();
/** Extra bits of each distance symbol (section 3.2.5). */
export const DISTANCE_EXTRA: Uint8Array = /* @__PURE__ */ extraBits(DISTANCE_SYMBOLS, 2);
/** The first distance of each distance symbol (section 3.2.5). */
export const DISTANCE_BASE: Uint16Array = /* @__PURE__ */ firstValues(DISTANCE_EXTRA, 1);

/**
 * Section 3.2.5: after the first few symbols, every further bit of a length serves four symbols, and
 * every further bit of a distance serves two.
 */
function extraBits(size: number, group: number): Uint8Array {
  const first = 2 * group;
  return Uint8Array.from(
    { length: size },
    (_, symbol) => symbol < first ? 0 : Math.floor(symbol / group) - 1,
  );
}

function firstValues(extra: Uint8Array, first: number): Uint16Array {
  let next = first;
  return Uint16Array.from(extra, (bits) => {
    const value = next;
    next += 1 << bits;
    return value;
  });
}

// The last length has a symbol of its own, without extra bits.
function lengthExtra(): Uint8Array {
  return extraBits(29, 4).fill(0, 28);
}

function lengthBase(): Uint16Array {
  return firstValues(LENGTH_EXTRA, MIN_MATCH).fill(MAX_MATCH, 28);
}

/** The lengths of the fixed code of literals and lengths, all 288 symbols (section 3.2.6). */
export const FIXED_LITERAL_LENGTHS: Uint8Array = /* @__PURE__ */ fixedLiteralLengths();
/** The lengths of the fixed code of distances, all 32 symbols (section 3.2.6). */
export const FIXED_DISTANCE_LENGTHS: Uint8Array = /* @__PURE__ */ fixedDistanceLengths();

function fixedLiteralLengths(): Uint8Array {
  return new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
}

function fixedDistanceLengths(): Uint8Array {
  return new Uint8Array(32).fill(5);
}
