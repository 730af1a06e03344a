/**
 * The bytes on their way out: frames are encoded straight into one growing buffer.
 *
 * @module
 */

/** What a buffer begins with, in bytes. */
const FIRST_SIZE = 1024;
/** Buffers up to this size are worth keeping; up to this size a copy costs less than a new one. */
const KEPT_SIZE = 64 * 1024;
/** How many spare buffers are kept for all connections together. */
const SPARE = 4;

const spare: Uint8Array<ArrayBuffer>[] = [];
const nothing = new Uint8Array(0);

/**
 * A growing buffer. It holds memory only while there is something in it: an idle connection has
 * none, and buffers of 64 KiB are lent from one to the next.
 */
export class Output {
  #bytes: Uint8Array<ArrayBuffer> = nothing;
  #length = 0;

  /** The bytes not yet taken. */
  get length(): number {
    return this.#length;
  }

  /** The buffer, valid until the next `reserve`, `take` or `release`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Makes room for `size` more bytes and gives the offset at which to write them. */
  reserve(size: number): number {
    const needed = this.#length + size;
    if (needed > this.#bytes.length) this.#grow(needed);
    return this.#length;
  }

  /** The bytes up to `end` are written. */
  commit(end: number): void {
    this.#length = end;
  }

  /** Forgets what was written behind `length`. */
  truncate(length: number): void {
    if (length < this.#length) this.#length = length;
  }

  /** Adds a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
    this.#length = at + bytes.length;
  }

  /**
   * What was written, as a view of the buffer; call `release` when done with it. For a writer that
   * copies.
   */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * What was written, as memory of its own: a copy when it is small, so that the buffer can be used
   * again, else the buffer itself.
   */
  take(): Uint8Array<ArrayBuffer> {
    if (this.#length * 2 <= KEPT_SIZE) {
      const copy = this.#bytes.slice(0, this.#length);
      this.release();
      return copy;
    }
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    return taken;
  }

  /** Empties it and gives its memory back. */
  release(): void {
    if (this.#bytes.length === KEPT_SIZE && spare.length < SPARE) spare.push(this.#bytes);
    this.#bytes = nothing;
    this.#length = 0;
  }

  #grow(needed: number): void {
    let size = Math.max(this.#bytes.length * 2, FIRST_SIZE);
    while (size < needed) size *= 2;
    // A spare costs nothing, so it is taken even where less would do.
    const grown = size <= KEPT_SIZE && spare.length > 0 ? spare.pop()! : new Uint8Array(size);
    grown.set(this.view());
    if (this.#bytes.length === KEPT_SIZE && spare.length < SPARE) spare.push(this.#bytes);
    this.#bytes = grown;
  }
}
