/**
 * Gathers a payload that comes in pieces, in memory that the user then owns.
 *
 * @module
 */

/** Up to this many bytes are made ready at once on a peer's word alone. */
const FIRST_SIZE = 4 * 1024;
/** Beyond that, memory is at most this many times what has really arrived. */
const TRUST = 32;

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/**
 * One growing buffer. A peer that announces much and sends little pins little: the announced size is
 * taken at its word only once a thirty-second of it is there. So a large frame is copied at most 1.04
 * times, and no list of pieces grows with their number.
 */
export class PayloadBuffer {
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #length = 0;
  /** What was announced in all when the buffer last grew. */
  #announced = 0;

  /** The bytes gathered. */
  get length(): number {
    return this.#length;
  }

  /** The buffer; what lies behind `length` is not yet gathered. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /**
   * Adds room for `size` bytes and gives its offset; `announced` bytes in all are to come, these
   * among them, before the total is known anew.
   */
  extend(size: number, announced: number): number {
    const at = this.#length, needed = at + size;
    if (needed > this.#bytes.length) this.#grow(needed, at + announced);
    this.#length = needed;
    return at;
  }

  /** Returns all that was gathered, in a buffer of exactly that size, and begins anew. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes, length = this.#length;
    this.clear();
    return bytes.length === length ? bytes : bytes.slice(0, length);
  }

  /** Returns what was gathered as a view, for a reader that copies, and begins anew. */
  finishView(): Uint8Array<ArrayBuffer> {
    const view = this.#bytes.subarray(0, this.#length);
    this.clear();
    return view;
  }

  /** Forgets everything. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#length = 0;
  }

  #grow(needed: number, announced: number): void {
    const believed = Math.min(announced, Math.max(FIRST_SIZE, needed * TRUST));
    // A new figure is another fragment, and more may follow: doubling keeps the copying linear.
    const doubled = announced === this.#announced ? 0 : this.#bytes.length * 2;
    const grown = new Uint8Array(Math.max(needed, believed, doubled));
    this.#announced = announced;
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
