/**
 * Bits to bytes, the least significant first (RFC 1951 section 3.1.1).
 *
 * @module
 */
import { PrefixViews } from "../message/prefix_views.ts";
import type { PieceSink } from "../message/extension.ts";

/** The bytes of output that are gathered: more than the longest block that is written. */
export const OUTPUT_SIZE = 65536;

/**
 * Output as it grows. There is one for all deflaters: each uses it for the length of a call, and
 * keeps the bits that fill no byte yet. Code that writes many symbols copies the fields to local
 * variables.
 */
export class BitWriter {
  /** The bytes written. */
  readonly bytes: Uint8Array = new Uint8Array(OUTPUT_SIZE);
  /** How many of them. */
  length = 0;
  /** Bits that do not fill a byte yet. */
  bits = 0;
  /** How many of them: below 16. */
  count = 0;

  readonly #views = new PrefixViews(this.bytes);

  /** Writes `count` bits of `value`, at most 16; all others of its bits are 0. */
  write(value: number, count: number): void {
    const bits = this.bits | value << this.count;
    const total = this.count + count;
    if (total < 16) {
      this.bits = bits;
      this.count = total;
    } else {
      this.bytes[this.length++] = bits;
      this.bytes[this.length++] = bits >>> 8;
      this.bits = bits >>> 16;
      this.count = total - 16;
    }
  }

  /** Fills the last byte with zeros. */
  align(): void {
    if (this.count > 0) this.bytes[this.length++] = this.bits;
    if (this.count > 8) this.bytes[this.length++] = this.bits >>> 8;
    this.bits = 0;
    this.count = 0;
  }

  /** Reserves room for `bits` bits more, by handing over the bytes there are if need be. */
  reserve(bits: number, emit: PieceSink): void {
    if (this.length + (bits >>> 3) + 8 > OUTPUT_SIZE) this.flush(emit);
  }

  /** Hands over the bytes there are. */
  flush(emit: PieceSink): void {
    if (this.length === 0) return;
    const { length } = this;
    this.length = 0;
    emit(this.#views.first(length));
  }
}
