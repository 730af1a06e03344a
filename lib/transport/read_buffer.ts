/**
 * The memory that a pending read owns, small while little comes.
 *
 * @module
 */

/** The buffer of an idle connection, in bytes: 10,000 of them must cost little. */
const SMALL = 1_024;
/** The buffer of a busy connection, in bytes. */
const LARGE = 65_536;
/** After so many reads in a row that the small buffer would have held, it comes back. */
const PATIENCE = 4;
/** So many large buffers wait for the next borrower; more are left to the garbage collector. */
const POOL_LIMIT = 64;

const pool: Uint8Array[] = [];

/**
 * Lends the memory for one read at a time: 1 KiB of its own, exchanged for 64 KiB from a pool once a
 * read has filled it, and back again after a few small reads (a keepalive's pongs, if nothing else,
 * so that a connection that once was busy and now is idle gives the large one back).
 */
export class ReadBuffer {
  #small: Uint8Array | undefined;
  #large: Uint8Array | undefined;
  #smallReads = 0;

  /** The memory for the next read. */
  take(): Uint8Array {
    return this.#large ?? (this.#small ??= new Uint8Array(SMALL));
  }

  /** Tells how much the read brought, once its bytes have been used. */
  used(size: number): void {
    if (this.#large === undefined) {
      if (size === SMALL) {
        this.#large = pool.pop() ?? new Uint8Array(LARGE);
        this.#smallReads = 0;
      }
    } else if (size > SMALL) {
      this.#smallReads = 0;
    } else if (++this.#smallReads === PATIENCE) {
      this.#giveBack();
    }
  }

  /** Gives all memory back; no read may be pending. */
  release(): void {
    this.#small = undefined;
    this.#giveBack();
  }

  #giveBack(): void {
    if (this.#large !== undefined && pool.length < POOL_LIMIT) pool.push(this.#large);
    this.#large = undefined;
  }
}
