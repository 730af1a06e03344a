/**
 * The window of a deflater, and where in it the bytes at hand occurred before.
 *
 * @module
 */
import { MAX_MATCH } from "./codes.ts";
import type { Level } from "./levels.ts";

/** A window begins with so many bytes, and doubles. */
const FIRST_SIZE = 1024;
/** At most so many bits of hash. */
const MAX_HASH_BITS = 15;

/**
 * The last 2^windowBits bytes and what is yet to be compressed, in one buffer that grows with the
 * traffic and then slides; and chains of the positions whose next four bytes have the same hash.
 *
 * A position is kept as its number in the whole stream modulo 2^16, and a chain as the steps from
 * one position to the one before. So nothing has to be moved when the buffer slides, nor erased when
 * it is forgotten: what is out of date is out of reach, or leads to bytes that do not match.
 */
export class HashChains {
  /** The bytes: those before `position` are history. */
  window: Uint8Array;
  /** Where the bytes in `window` end. */
  end = 0;
  /** The distance of the match that `find` found last. */
  distance = 0;
  readonly #reach: number;
  readonly #most: number;
  readonly #nice: number;
  /** Bytes of the stream before `window[0]`, modulo 2^16. */
  #offset = 0;
  /** The first position that is in no chain yet. */
  #next = 0;
  /** For each hash, the last position that has it. */
  #heads: Uint16Array;
  /** For each position, how far before it the one before it in its chain is; 0 ends a chain. */
  #steps: Uint16Array;
  #mask: number;
  #shift: number;

  /** Makes an empty window of 2^windowBits bytes. */
  constructor(windowBits: number, { nice }: Level) {
    this.#reach = 1 << windowBits;
    this.#most = this.#reach + Math.max(4096, this.#reach >>> 1);
    this.#nice = nice;
    this.window = new Uint8Array(FIRST_SIZE);
    const chained = Math.min(FIRST_SIZE, this.#reach);
    this.#steps = new Uint16Array(chained);
    this.#heads = new Uint16Array(FIRST_SIZE);
    this.#mask = chained - 1;
    this.#shift = 22;
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

  /** Makes room for `length` bytes by growing, as far as growing is allowed. Gives the room. */
  reserve(length: number): number {
    const { window, end } = this;
    if (end + length > window.length && window.length < this.#most) this.#grow(end + length);
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
   * Looks for the longest match of the bytes from `at` on, among those whose chains have the bytes
   * before `at`. At most `chain` earlier positions are compared.
   *
   * @returns Its length, if longer than `atLeast`, else 0; `distance` is set.
   */
  find(at: number, atLeast: number, chain: number): number {
    const window = this.window;
    const steps = this.#steps;
    const mask = this.#mask;
    const offset = this.#offset;
    const end = this.end;
    const last = end - 4;
    if (at > last) return 0;
    let next = this.#next;
    if (next <= at) {
      const heads = this.#heads;
      const shift = this.#shift;
      let four = window[next] << 8 | window[next + 1] << 16 | window[next + 2] << 24;
      while (next <= at) {
        four = four >>> 8 | window[next + 3] << 24;
        const hash = Math.imul(four, 0x9e3779b1) >>> shift;
        const position = next + offset;
        steps[position & mask] = position - heads[hash];
        heads[hash] = position;
        next++;
      }
      this.#next = next;
    }
    let distance = steps[at + offset & mask];
    if (distance === 0) return 0;
    const limit = at < this.#reach ? at : this.#reach;
    const most = end - at < MAX_MATCH ? end - at : MAX_MATCH;
    if (atLeast >= most) return 0;
    const nice = most < this.#nice ? most : this.#nice;
    let best = atLeast;
    let found = 0;
    while (distance <= limit) {
      const candidate = at - distance;
      if (
        window[candidate + best] === window[at + best] && window[candidate] === window[at] &&
        window[candidate + 1] === window[at + 1]
      ) {
        let length = 2;
        while (length < most && window[candidate + length] === window[at + length]) length++;
        if (length > best) {
          best = length;
          found = distance;
          if (length >= nice) break;
        }
      }
      if (--chain === 0) break;
      const step = steps[candidate + offset & mask];
      if (step === 0) break;
      distance += step;
    }
    if (found === 0) return 0;
    this.distance = found;
    return best;
  }

  /** Doubles the buffer until it has `size` bytes, or as many as it may have. */
  #grow(size: number): void {
    let length = this.window.length;
    while (length < size && length < this.#reach) length *= 2;
    if (length < size) length = this.#most;
    const window = new Uint8Array(length);
    window.set(this.window.subarray(0, this.end));
    this.window = window;
    const chained = Math.min(length, this.#reach);
    if (chained === this.#steps.length) return;
    this.#steps = new Uint16Array(chained);
    this.#mask = chained - 1;
    const hashBits = Math.min(31 - Math.clz32(chained), MAX_HASH_BITS);
    this.#heads = new Uint16Array(1 << hashBits);
    this.#shift = 32 - hashBits;
    // The bytes that are there enter the new chains with the next search.
    this.#next = 0;
  }
}
