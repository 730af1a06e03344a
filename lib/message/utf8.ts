/**
 * UTF-8 checked as it arrives (RFC 6455 section 8.1): a bad byte is found when it comes, not at the
 * end of the message.
 *
 * @module
 */

/** Where a checker stands when the bytes so far end between two characters. */
const COMPLETE = 0;
/** The bytes so far can no longer become UTF-8. */
const INVALID = -1;

/**
 * Checks UTF-8 (RFC 3629) piece by piece: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * @example
 * ```ts
 * import { Utf8Checker } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const checker = new Utf8Checker();
 * assert.equal(checker.push(new Uint8Array([0xe2, 0x82])), true); // two thirds of a euro sign
 * assert.equal(checker.complete, false);
 * assert.equal(checker.push(new Uint8Array([0xff])), false);
 * ```
 */
export class Utf8Checker {
  /** The continuation bytes still to come of the current character, or INVALID. */
  #needed = COMPLETE;
  /** The range of the next of them: narrower than 80 to BF right after E0, ED, F0 and F4. */
  #lower = 0x80;
  #upper = 0xbf;

  /** Whether the bytes so far are valid and end between two characters. */
  get complete(): boolean {
    return this.#needed === COMPLETE;
  }

  /** Begins anew. */
  reset(): void {
    this.#needed = COMPLETE;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  /** Checks `bytes[from, to)` as what follows the bytes so far: false at the first bad byte. */
  push(bytes: Uint8Array, from = 0, to: number = bytes.length): boolean {
    let needed = this.#needed, lower = this.#lower, upper = this.#upper;
    if (needed === INVALID) return false;
    let at = from;
    while (at < to) {
      if (needed === COMPLETE) {
        at = skipAscii(bytes, at, to);
        if (at === to) break;
        const lead = bytes[at++];
        if (lead < 0xc2 || lead > 0xf4) return this.#fail();
        needed = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (lead === 0xe0) lower = 0xa0;
        else if (lead === 0xed) upper = 0x9f;
        else if (lead === 0xf0) lower = 0x90;
        else if (lead === 0xf4) upper = 0x8f;
        continue;
      }
      const byte = bytes[at++];
      if (byte < lower || byte > upper) return this.#fail();
      lower = 0x80;
      upper = 0xbf;
      needed--;
    }
    this.#needed = needed;
    this.#lower = lower;
    this.#upper = upper;
    return true;
  }

  #fail(): false {
    this.#needed = INVALID;
    return false;
  }
}

/** The offset of the first byte from `at` on that is not ASCII: by words where there are many. */
function skipAscii(bytes: Uint8Array, at: number, to: number): number {
  if (to - at >= 512 && bytes[at] < 0x80) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++) if (bytes[at] > 0x7f) return at;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (to - at) >> 2);
    let i = 0;
    while (i < words.length && (words[i] & 0x80808080) === 0) i++;
    at += i << 2;
  }
  while (at < to && bytes[at] < 0x80) at++;
  return at;
}
