/**
 * Huffman codes with limited lengths, and their bits (RFC 1951 section 3.2.2).
 *
 * @module
 */
import { LITERAL_SYMBOLS, MAX_CODE_BITS } from "./codes.ts";
import type { UsedSymbols } from "./used.ts";

/** Shared by all calls: nothing here outlives one. */
const order = /* @__PURE__ */ new Int32Array(LITERAL_SYMBOLS);
const weights = /* @__PURE__ */ new Int32Array(LITERAL_SYMBOLS);
const counts = /* @__PURE__ */ new Int32Array(LITERAL_SYMBOLS);
const nextCode = /* @__PURE__ */ (() => new Int32Array(MAX_CODE_BITS + 2))();

/** From how many occurrences on a symbol counts as frequent. */
const OFTEN = 40;
/** For each frequency, where in `order` the next symbol of it goes; OFTEN stands for all above. */
const places = /* @__PURE__ */ (() => new Int32Array(OFTEN + 2))();

/** Symbols take the low bits of `order`, their frequencies those above. */
const SYMBOL_BITS = 9;

/**
 * Finds the lengths of the shortest code for the symbols `used`, which occur `frequencies[symbol]`
 * times, with no length over `limit` bits. A lone symbol gets one bit. The lengths of others are left
 * as they are.
 *
 * @returns The bits that all occurrences take.
 */
export function codeLengths(
  frequencies: Uint16Array,
  { list, length: used }: UsedSymbols,
  limit: number,
  lengths: Uint8Array,
): number {
  if (used === 0) return 0;
  if (used === 1) {
    lengths[list[0]] = 1;
    return frequencies[list[0]];
  }
  sort(frequencies, list, used);
  minimumRedundancy(used);
  limitLengths(used, limit);
  // The rarest symbols get the longest codes.
  let bits = 0;
  for (let length = limit, at = 0; length > 0; length--) {
    for (let left = counts[length]; left > 0; left--) {
      const entry = order[at++];
      lengths[entry & (1 << SYMBOL_BITS) - 1] = length;
      bits += (entry >>> SYMBOL_BITS) * length;
    }
  }
  return bits;
}

/**
 * Puts the symbols into `order`, the rarest first. Most occur a few times only, and these are counted
 * into their places; those that occur more often come last, and are few enough to be inserted.
 */
function sort(frequencies: Uint16Array, list: Uint16Array, used: number): void {
  places.fill(0);
  for (let at = 0; at < used; at++) {
    const frequency = frequencies[list[at]];
    places[frequency < OFTEN ? frequency + 1 : OFTEN + 1]++;
  }
  for (let frequency = 1; frequency <= OFTEN; frequency++) {
    places[frequency] += places[frequency - 1];
  }
  const often = places[OFTEN];
  for (let at = 0; at < used; at++) {
    const symbol = list[at];
    const frequency = frequencies[symbol];
    const place = places[frequency < OFTEN ? frequency : OFTEN]++;
    order[place] = frequency << SYMBOL_BITS | symbol;
  }
  for (let from = often + 1; from < used; from++) {
    const entry = order[from];
    let to = from;
    for (; to > often && order[to - 1] > entry; to--) order[to] = order[to - 1];
    order[to] = entry;
  }
}

/**
 * Turns sorted frequencies into the depths of their leaves, in place (A. Moffat and J. Katajainen,
 * "In-place calculation of minimum-redundancy codes", 1995): `weights` holds frequencies first, then
 * the parents of inner nodes, then depths.
 */
function minimumRedundancy(used: number): void {
  for (let at = 0; at < used; at++) weights[at] = order[at] >>> SYMBOL_BITS;
  // Left to right: the two lightest, leaves or nodes, make a node.
  let leaf = 2;
  let root = 0;
  weights[0] += weights[1];
  for (let next = 1; next < used - 1; next++) {
    if (leaf >= used || weights[root] < weights[leaf]) {
      weights[next] = weights[root];
      weights[root++] = next;
    } else {
      weights[next] = weights[leaf++];
    }
    if (leaf >= used || (root < next && weights[root] < weights[leaf])) {
      weights[next] += weights[root];
      weights[root++] = next;
    } else {
      weights[next] += weights[leaf++];
    }
  }
  // Right to left: the depths of the inner nodes.
  weights[used - 2] = 0;
  for (let next = used - 3; next >= 0; next--) weights[next] = weights[weights[next]] + 1;
  // How many leaves there are at each depth: what inner nodes leave free.
  let free = 1;
  let node = used - 2;
  for (let depth = 0; free > 0; depth++) {
    let inner = 0;
    while (node >= 0 && weights[node] === depth) {
      inner++;
      node--;
    }
    counts[depth] = free - inner;
    deepest = depth;
    free = inner * 2;
  }
}

/** The greatest depth of the tree that was made last. */
let deepest = 0;

/** Shortens what is longer than `limit`, and lengthens as little else as makes room for it. */
function limitLengths(used: number, limit: number): void {
  for (let length = deepest + 1; length <= limit; length++) counts[length] = 0;
  if (deepest <= limit) return;
  // Every code takes a share of 2^-length; in units of 2^-limit there are 2^limit.
  let shares = 0;
  counts[limit] = used;
  for (let length = 1; length < limit; length++) {
    counts[limit] -= counts[length];
    shares += counts[length] << limit - length;
  }
  shares += counts[limit];
  // Each step takes one of the longest codes away from its place, beside a code one bit longer.
  for (; shares > 1 << limit; shares--) {
    let length = limit - 1;
    while (counts[length] === 0) length--;
    counts[length]--;
    counts[length + 1] += 2;
    counts[limit]--;
  }
}

/**
 * Assigns its code to each of the symbols `used` (section 3.2.2), as `bits << 4 | length`, the bits
 * reversed: codes are sent from their most significant bit on (section 3.1.1).
 */
export function assignCodes(
  lengths: Uint8Array,
  { list, length: used }: UsedSymbols,
  codes: Int32Array,
): void {
  for (let length = 0; length < nextCode.length; length++) nextCode[length] = 0;
  for (let at = 0; at < used; at++) nextCode[lengths[list[at]] + 1]++;
  let code = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length++) {
    code = code + nextCode[length] << 1;
    nextCode[length] = code;
  }
  for (let at = 0; at < used; at++) {
    const symbol = list[at];
    const length = lengths[symbol];
    codes[symbol] = reversed(nextCode[length]++, length) << 4 | length;
  }
}

function reversed(code: number, length: number): number {
  code = (code & 0x5555) << 1 | code >>> 1 & 0x5555;
  code = (code & 0x3333) << 2 | code >>> 2 & 0x3333;
  code = (code & 0x0f0f) << 4 | code >>> 4 & 0x0f0f;
  return (code << 8 & 0xff00 | code >>> 8) >>> 16 - length;
}
