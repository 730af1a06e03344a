import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Utf8Checker } from "../../lib/message/utf8.ts";
import { hex } from "../frame/notation.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What the platform replaces is not UTF-8. (The bytes tried here never spell U+FFFD itself.) */
function isUtf8(bytes: Uint8Array): boolean {
  return !decoder.decode(bytes).includes("\ufffd");
}

function check(bytes: Uint8Array): boolean {
  const checker = new Utf8Checker();
  return checker.push(bytes) && checker.complete;
}

describe("utf8", () => {
  it("8.1: agrees with the platform on every code point", () => {
    const checker = new Utf8Checker();
    const encoder = new TextEncoder();
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      if (!checker.push(encoder.encode(String.fromCodePoint(code))) || !checker.complete) {
        assert.fail(`U+${code.toString(16)}`);
      }
    }
  });

  it("8.1: agrees with the platform on every lead byte, and on what may follow at the edges", () => {
    const edges = [0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
    edges.push(0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff);
    const judge = (...bytes: number[]): void => {
      const array = new Uint8Array(bytes);
      if (check(array) !== isUtf8(array)) assert.fail(`${array}`);
    };
    for (let first = 0; first < 256; first++) {
      judge(first);
      for (const second of edges) judge(first, second);
    }
    for (const first of edges) {
      for (const second of edges) {
        for (const third of edges) {
          judge(first, second, third);
          for (const fourth of edges) judge(first, second, third, fourth);
        }
      }
    }
  });

  it("8.1: fails with the first bad byte, and stays so until reset", () => {
    for (
      const [good, badByte] of [["", "ff"], ["c3", "28"], ["e2 82", "c2"], ["f0", "8f"], [
        "ed",
        "a0",
      ]]
    ) {
      const checker = new Utf8Checker();
      assert.equal(checker.push(hex(good)), true);
      assert.equal(checker.push(hex(badByte)), false);
      assert.equal(checker.complete, false);
      for (const more of ["61", "80", "bf 80 61"]) assert.equal(checker.push(hex(more)), false);
      checker.reset();
      assert.equal(checker.push(hex("61")) && checker.complete, true);
    }
  });

  it("reset forgets a character at hand, and the range of its next byte", () => {
    for (const begin of ["e0", "ed", "f0", "f4", "c2"]) {
      const checker = new Utf8Checker();
      checker.push(hex(begin));
      assert.equal(checker.complete, false);
      checker.reset();
      assert.equal(checker.complete, true);
      assert.equal(checker.push(hex("c2 80")) && checker.push(hex("c2 bf")), true, begin);
    }
  });

  it("a character may be split anywhere", () => {
    const bytes = hex("61 c3 a9 e2 82 ac ed 9f bf e0 a0 80 f0 90 80 80 f4 8f bf bf");
    for (let i = 0; i <= bytes.length; i++) {
      for (let j = i; j <= bytes.length; j++) {
        const checker = new Utf8Checker();
        assert.ok(checker.push(bytes, 0, i) && checker.push(bytes, i, j) && checker.push(bytes, j));
        assert.ok(checker.complete);
      }
    }
  });

  it("a bad byte is found anywhere in a long run of ASCII, at every alignment", () => {
    for (let offset = 0; offset < 4; offset++) {
      for (let length = 508; length < 520; length++) {
        const bytes = new Uint8Array(length + 8).fill(0x61).subarray(offset, offset + length);
        assert.ok(check(bytes));
        for (
          const at of [
            ...Array(9).keys(),
            255,
            256,
            ...Array.from({ length: 9 }, (_, i) => length - 1 - i),
          ]
        ) {
          bytes[at] = 0x80;
          assert.equal(check(bytes), false, `byte ${at} of ${length} at ${offset}`);
          bytes[at] = 0x61;
        }
      }
    }
  });

  it("looks at no byte outside the range it is given", () => {
    const bytes = hex("ff 61x600 ff");
    assert.equal(new Utf8Checker().push(bytes, 1, 601), true);
    assert.equal(new Utf8Checker().push(bytes, 1, 602), false);
    assert.equal(new Utf8Checker().push(bytes, 0, 1), false);
    assert.equal(new Utf8Checker().push(bytes, 5, 5), true);
  });
});
