/**
 * The memory that a pending read owns, small while little comes.
 *
 * @module
 */

/** The buffer of an idle connection, in bytes: 10,000 of them must cost little. */
const SMALL = 1_024;
/** The buffers of a busy connection, and of one that carries large messages. */
const POOLED_SIZES = [65_536, 262_144];
/** After this many reads in a row that fit into the next smaller buffer, that one is used again. */
const PATIENCE = 4;
/** How many free buffers of each size are kept; more are left to the garbage collector. */
const POOL_LIMIT = 64;

const pools: Uint8Array[][] = [[], []];

/**
 * Provides the memory for one read at a time: 1 KiB of its own, exchanged for 64 KiB from a pool once a
 * read has filled it, and these for 256 KiB; and back again after a few small reads (a keepalive's
 * pongs, if nothing else, so that a connection that once was busy and now is idle gives it back).
 */
export class ReadBuffer {
  #small: Uint8Array | undefined;
  #pooled: Uint8Array | undefined;
  /** Which of LENT it is; -1 for the small one. */
  #level = -1;
  #smallReads = 0;

  /** The memory for the next read. */
  take(): Uint8Array {
    return this.#pooled ?? (this.#small ??= new Uint8Array(SMALL));
  }

  /** Records how many bytes the read brought, once they have been used. */
  used(size: number): void {
    const level = this.#level;
    if (size === (POOLED_SIZES[level] ?? SMALL)) {
      if (level + 1 < POOLED_SIZES.length) this.#exchange(level + 1);
      this.#smallReads = 0;
    } else if (level === -1 || size > (POOLED_SIZES[level - 1] ?? SMALL)) this.#smallReads = 0;
    else if (++this.#smallReads === PATIENCE) this.#exchange(level - 1);
  }

  /** Releases all memory; no read may be pending. */
  release(): void {
    this.#exchange(-1);
    this.#small = undefined;
  }

  #exchange(level: number): void {
    const pool = pools[this.#level];
    if (this.#pooled !== undefined && pool.length < POOL_LIMIT) pool.push(this.#pooled);
    this.#pooled = level === -1
      ? undefined
      : pools[level].pop() ?? new Uint8Array(POOLED_SIZES[level]);
    this.#level = level;
    this.#smallReads = 0;
  }
}
