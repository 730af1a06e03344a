/**
 * Views of memory that is used again and again, from its beginning on.
 *
 * @module
 */

/** Views of fewer bytes are kept: making one costs as much as copying hundreds. */
const KEPT = 256;

/** The first bytes of some memory, as many as are asked for. */
export class PrefixViews {
  /** The memory. */
  readonly bytes: Uint8Array;
  readonly #kept = new Array<Uint8Array | undefined>(KEPT).fill(undefined);

  /** Creates views of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The first `length` bytes. */
  first(length: number): Uint8Array {
    if (length >= KEPT) return this.bytes.subarray(0, length);
    return this.#kept[length] ??= this.bytes.subarray(0, length);
  }
}
