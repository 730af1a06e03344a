/**
 * The window of a deflater, and where in it the current bytes occurred before.
 *
 * @module
 */
import { MAX_MATCH } from "./codes.ts";
import type { Effort, Level } from "./levels.ts";

/** How many bytes a window begins with; it doubles. */
const FIRST_SIZE = 1024;
/** There are no more hashes: a larger table is in no cache when it is needed. */
const MAX_HASHES = 8192;
/** So many positions are put into their chains at once: none of them waits for another. */
const AHEAD = 256;
/** With `skipFarShort`, a match of four or five bytes is taken up to these distances only. */
const FAR_FOUR = 512;
const FAR_FIVE = 4096;
/** How many positions of each match are in sparse chains, besides its last. */
const KEPT = 4;
/** The hash of four bytes is the upper bits of their product with this (2^32 / phi). */
const HASH = 0x9e3779b1 | 0;

/**
 * The last 2^windowBits bytes and what is yet to be compressed, in one buffer that grows with the
 * traffic and then slides; and chains of the positions whose next four bytes have the same hash.
 *
 * A position is kept as its number in the whole stream modulo 2^16, and a chain as the steps from
 * one position to the one before. So nothing has to be moved when the buffer slides, nor erased when
 * it is forgotten: what is out of date is out of reach, or leads to bytes that do not match.
 */
export class HashChains {
  /** The bytes. Whoever puts some there, from `end` on, moves `end`. */
  window: Uint8Array;
  /** Where the bytes in `window` end. */
  end = 0;
  /** The distance of the match that `find` found last. */
  distance = 0;
  /** The greatest distance. */
  readonly #reach: number;
  /** The greatest size of the buffer. */
  readonly #maxChain: number;
  readonly #nice: number;
  /** The window, to be read four bytes at a time. */
  #view: DataView;
  /** Bytes of the stream before `window[0]`, modulo 2^16. */
  #offset = 0;
  /** The first position that is in no chain yet. */
  #next = 0;
  /** How far ahead of a search positions may be put into their chains, or twice as far. */
  readonly #maxAhead: number;
  /** How far they are: 0 where chains are sparse. */
  #ahead: number;
  /** Whether a match of four or five bytes must be near. */
  #skipFarShort = false;
  /** For each hash, the last position that has it. */
  #heads: Uint16Array;
  /** For each position, how far before it the one before it in its chain is; 0 ends a chain. */
  #steps: Uint16Array;
  /** From a position to its place in #steps. */
  #mask: number;
  /** From a product to a hash. */
  #shift: number;

  /** Creates an empty window of 2^windowBits bytes. */
  constructor(windowBits: number, { nice }: Level) {
    this.#reach = 1 << windowBits;
    this.#maxChain = this.#reach + Math.max(4096, this.#reach >>> 1);
    this.#nice = nice;
    // What is put in ahead takes the places of what is about to be out of reach.
    this.#ahead = this.#maxAhead = Math.min(AHEAD, this.#reach >>> 4);
    this.window = new Uint8Array(FIRST_SIZE);
    this.#view = new DataView(this.window.buffer);
    const chained = Math.min(FIRST_SIZE, this.#reach);
    this.#steps = new Uint16Array(chained);
    this.#heads = new Uint16Array(Math.min(chained, MAX_HASHES));
    this.#mask = chained - 1;
    this.#shift = 1 + Math.clz32(this.#heads.length);
  }

  /** Bytes of memory held. */
  get memory(): number {
    return this.window.length + this.#steps.byteLength + this.#heads.byteLength;
  }

  /** Forgets all bytes. Takes no time: positions from before are out of reach of those to come. */
  reset(): void {
    this.#offset = this.#offset + this.end & 0xffff;
    this.#next = 0;
    this.end = 0;
  }

  /** What is spent from here on. */
  set effort({ skipFarShort, sparse }: Effort) {
    this.#skipFarShort = skipFarShort;
    this.#ahead = sparse ? 0 : this.#maxAhead;
  }

  /** Reserves room for `length` bytes by growing, as far as the buffer may grow. Returns the room. */
  reserve(length: number): number {
    const { window, end } = this;
    if (end + length > window.length && window.length < this.#maxChain) this.#grow(end + length);
    return this.window.length - end;
  }

  /** Drops the first `count` bytes, which are out of reach of what is to come. */
  slide(count: number): void {
    this.window.copyWithin(0, count, this.end);
    this.end -= count;
    this.#next = Math.max(0, this.#next - count);
    this.#offset = this.#offset + count & 0xffff;
  }

  /**
   * Looks for the longest match of the bytes from `at` on; at most `chain` earlier positions are
   * compared, the nearest first. There are no matches of three bytes: they seldom take less than
   * three literals.
   *
   * @returns Its length, if longer than `atLeast`, else 0; `distance` is set.
   */
  find(at: number, atLeast: number, chain: number): number {
    const end = this.end;
    const most = end - at < MAX_MATCH ? end - at : MAX_MATCH;
    if (most < 4 || atLeast >= most) return 0;
    if (this.#next <= at + this.#ahead) this.#insert(at);
    /** How many positions from here are in their chains. */
    const inserted = this.#next - at;
    const view = this.#view;
    const steps = this.#steps;
    const mask = this.#mask;
    const number = at + this.#offset;
    const limit = at < this.#reach ? at : this.#reach;
    const nice = most < this.#nice ? most : this.#nice;
    const first = view.getInt32(at, true);
    let best = atLeast < 3 ? 3 : atLeast;
    let found = 0;
    // What is longer than the best has the same four bytes at its end, so that it is in their chain
    // as well, `ahead` of where it begins. Of the two, the chain that goes further back is followed.
    let tail = best - 3;
    let last = view.getInt32(at + tail, true);
    let ahead = 0;
    let distance = steps[number & mask];
    if (tail < inserted) {
      const other = steps[number + tail & mask];
      if (other > distance) {
        ahead = tail;
        distance = other;
      }
    }
    if (distance === 0) return 0;
    while (distance <= limit) {
      const candidate = at - distance;
      let next = distance + steps[number - distance + ahead & mask];
      if (
        view.getInt32(candidate + tail, true) === last && view.getInt32(candidate, true) === first
      ) {
        const length = this.#matchLength(candidate, at, most);
        if (length > best && (length > 5 || !this.#skipFarShort || isNear(length, distance))) {
          best = length;
          found = distance;
          if (length >= nice) break;
          tail = best - 3;
          last = view.getInt32(at + tail, true);
          if (tail < inserted) {
            const other = steps[number + tail & mask];
            if (other > next) {
              ahead = tail;
              next = other;
            }
          }
        }
      }
      if (--chain === 0 || next === distance) break;
      distance = next;
    }
    if (found === 0) return 0;
    this.distance = found;
    return best;
  }

  /** A match was taken, up to `end`, from the position before the first that is in no chain yet. */
  skip(end: number): void {
    const kept = this.#next + KEPT;
    if (this.#ahead > 0 || kept >= end) return;
    this.#insert(kept);
    // Its last position is where another match may begin that goes beyond it.
    this.#next = end - 1;
  }

  /** How many bytes from `candidate` on are the same as those from `at` on: 4 to `most`. */
  #matchLength(candidate: number, at: number, most: number): number {
    const view = this.#view;
    let length = 4;
    for (; length + 4 <= most; length += 4) {
      const different = view.getInt32(candidate + length, true) ^ view.getInt32(at + length, true);
      if (different !== 0) return length + (31 - Math.clz32(different & -different) >>> 3);
    }
    const { window } = this;
    while (length < most && window[candidate + length] === window[at + length]) length++;
    return length;
  }

  /** Puts positions into their chains, from `at` on twice #ahead; four bytes are there of each. */
  #insert(at: number): void {
    const to = Math.min(at + 2 * this.#ahead, this.end - 4);
    const view = this.#view;
    const steps = this.#steps;
    const heads = this.#heads;
    const mask = this.#mask;
    const shift = this.#shift;
    const offset = this.#offset;
    let next = this.#next;
    while (next <= to) {
      const hash = Math.imul(view.getInt32(next, true), HASH) >>> shift;
      const position = next + offset;
      steps[position & mask] = position - heads[hash];
      heads[hash] = position;
      next++;
    }
    this.#next = next;
  }

  /** Doubles the buffer until it has `size` bytes, or as many as it may have. */
  #grow(size: number): void {
    let length = this.window.length;
    while (length < size && length < this.#reach) length *= 2;
    if (length < size) length = this.#maxChain;
    const window = new Uint8Array(length);
    window.set(this.window.subarray(0, this.end));
    this.window = window;
    this.#view = new DataView(window.buffer);
    const chained = Math.min(length, this.#reach);
    if (chained === this.#steps.length) return;
    this.#steps = new Uint16Array(chained);
    this.#heads = new Uint16Array(Math.min(chained, MAX_HASHES));
    this.#mask = chained - 1;
    this.#shift = 1 + Math.clz32(this.#heads.length);
    // The bytes that are there enter the new chains with the next search.
    this.#next = 0;
  }
}

/** Whether a match of four or five bytes is near enough to be of use. */
function isNear(length: number, distance: number): boolean {
  return distance <= (length === 4 ? FAR_FOUR : FAR_FIVE);
}
