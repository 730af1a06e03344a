/**
 * Bits out of bytes (RFC 1951 section 3.1.1), as far as the current input reaches.
 *
 * @module
 */

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/**
 * The input, and the bits of it that were read and not yet used. The fields are public: fast code
 * works on copies of them and stores these back.
 */
export class BitReader {
  /** The current piece of input. */
  input: Uint8Array = EMPTY;
  /** The offset of its next byte. */
  next = 0;
  /** The bits that were read, the first of them lowest. */
  bits = 0;
  /** Their number: at most 30, so that they stay a small integer. */
  count = 0;

  /** Takes the next piece of input; bits of the last one may be left. */
  begin(input: Uint8Array): void {
    this.input = input;
    this.next = 0;
  }

  /** Forgets the input, and all bits of it. */
  reset(): void {
    this.begin(EMPTY);
    this.bits = this.count = 0;
  }

  /** Reads until there are `size` bits, at most 16; false if the input ends before. */
  fill(size: number): boolean {
    const { input } = this;
    while (this.count < size) {
      if (this.next === input.length) return false;
      this.bits |= input[this.next++] << this.count;
      this.count += 8;
    }
    return true;
  }

  /** Uses `size` bits, of those that there are. */
  take(size: number): number {
    const value = this.bits & (1 << size) - 1;
    this.bits >>= size;
    this.count -= size;
    return value;
  }

  /**
   * Returns the bytes that were read ahead, behind a block, to the input: bits of one byte may be
   * left.
   */
  unread(): void {
    this.next -= this.count >> 3;
    this.count &= 7;
    this.bits &= (1 << this.count) - 1;
  }

  /** The same in the middle of a code: the bits of it that the input before ended with are left too. */
  unreadWithin(): void {
    const bytes = Math.min(this.count >> 3, this.next);
    this.next -= bytes;
    this.count -= bytes << 3;
    this.bits &= (1 << this.count) - 1;
  }

  /** Goes on to where a byte begins, after `unread`. */
  align(): void {
    this.bits = this.count = 0;
  }
}
