/**
 * The bytes on their way out: frames are encoded straight into memory that is shared by all
 * connections, since nearly always only one of them has something in it.
 *
 * @module
 */

/** The shared memory, in bytes: many small writes, one after the other, or two frames of 64 KiB. */
const SLAB_SIZE = 132 * 1024;
/** More than this at once gets a buffer of its own. */
const MAX_SHARED = 96 * 1024;
/** With less room than this a new slab is begun, lest what is written has to be moved. */
const MIN_ROOM = 32 * 1024;
/** What a buffer of one's own begins with, when another has the slab. */
const FIRST_SIZE = 1024;

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

let slab: Uint8Array<ArrayBuffer> = EMPTY;
/** What lies before this offset was handed over, and belongs to whoever writes it. */
let slabUsed = 0;
let slabTaken = false;

/**
 * A growing buffer. It holds memory only while there is something in it: an idle connection has
 * none. Offsets are those of `bytes`.
 */
export class OutputBuffer {
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #start = 0;
  #end = 0;

  /** How many bytes are written and not yet taken. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The offset behind what is written. */
  get end(): number {
    return this.#end;
  }

  /** The memory to write to; valid until the next `reserve`, `extend`, `take` or `release`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Reserves room for `size` more bytes and returns the offset at which to write them. */
  reserve(size: number): number {
    if (this.#end + size > this.#bytes.length) this.#grow(size);
    return this.#end;
  }

  /** The bytes up to the offset `end` are written. */
  commit(end: number): void {
    this.#end = end;
  }

  /**
   * Reserves room for `size` bytes behind `used` bytes that are written and not committed, and keeps
   * these. All offsets may change.
   */
  extend(used: number, size: number): void {
    if (this.#end + used + size <= this.#bytes.length) return;
    const committed = this.length;
    this.#end += used;
    this.#grow(size);
    this.#end = this.#start + committed;
  }

  /** What was written, as a view: for a writer that is done with it when it returns. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** What was written, to keep: this memory is not written to again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.view();
    if (this.#bytes === slab) slabUsed = this.#end;
    this.release();
    return taken;
  }

  /** Empties it and gives its memory back, for anyone to use. */
  release(): void {
    if (this.#bytes === slab) slabTaken = false;
    this.#bytes = EMPTY;
    this.#start = this.#end = 0;
  }

  /** Moves what is written out of the shared memory: it will stay for a while. */
  detachFromSlab(): void {
    if (this.#bytes !== slab || this.length === 0) return;
    const own = this.view().slice();
    this.release();
    this.#bytes = own;
    this.#end = own.length;
  }

  #grow(size: number): void {
    const have = this.length, needed = have + size;
    if (have === 0 && !slabTaken && size <= MAX_SHARED) {
      if (slabUsed + Math.max(size, MIN_ROOM) > slab.length) {
        slab = new Uint8Array(SLAB_SIZE);
        slabUsed = 0;
      }
      slabTaken = true;
      this.#bytes = slab;
      this.#start = this.#end = slabUsed;
      return;
    }
    const grown = new Uint8Array(Math.max(needed, have * 2, FIRST_SIZE));
    if (have > 0) grown.set(this.view());
    this.release();
    this.#bytes = grown;
    this.#end = have;
  }
}
