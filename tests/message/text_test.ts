import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError } from "../../lib/errors.ts";
import { maskInto } from "../../lib/frame/mask.ts";
import { decodeText, unmaskText } from "../../lib/message/text.ts";
import { hex, KEY } from "../frame/notation.ts";
import { withShortStrings } from "./short_strings.ts";

const utf8 = new TextEncoder();

/** The text of `bytes`, masked and at an odd place in a chunk. */
function unmask(bytes: Uint8Array, key: number = KEY): string {
  const chunk = new Uint8Array(bytes.length + 10);
  maskInto(chunk, 7, bytes, 0, bytes.length, key);
  const before = chunk.slice();
  const text = unmaskText(chunk, 7, 7 + bytes.length, key);
  assert.equal(chunk.findIndex((byte, i) => byte !== before[i]), -1, "the chunk is unchanged");
  return text;
}

describe("text", () => {
  it("5.6: unmasks ASCII of every length", () => {
    for (const length of [...Array(60).keys(), 511, 512, 513, 65535, 65536, 65537, 200_000]) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode(i * 7 % 128)).join("");
      for (const key of [KEY, 0, -1]) assert.equal(unmask(utf8.encode(text), key), text);
    }
  });

  it("5.6: unmasks other characters at any place", () => {
    for (const length of [1, 7, 8, 9, 16, 22, 23, 24, 25, 60]) {
      for (let at = 0; at < length; at++) {
        for (const character of ["\x80", "\u20ac", "\u{1f600}"]) {
          const text = "a".repeat(at) + character + "b".repeat(length - at - 1);
          assert.equal(unmask(utf8.encode(text)), text);
        }
      }
    }
  });

  it("5.6: a byte-order mark is kept, in short text and long", () => {
    for (const text of ["\ufeff", "\ufeffa", "\ufeff" + "a".repeat(100), "a\ufeff"]) {
      assert.equal(unmask(utf8.encode(text)), text);
      assert.equal(decodeText(utf8.encode(text)), text);
    }
  });

  it("8.1: what is not UTF-8 is an error of 1007 at any place, in short text and long", () => {
    const expected = { name: "ProtocolError", code: "INVALID_UTF8", closeCode: 1007 };
    for (const length of [1, 7, 8, 9, 23, 24, 25, 100, 70_000]) {
      for (const at of [0, length >> 1, length - 1]) {
        const bytes = new Uint8Array(length).fill(0x61);
        bytes[at] = 0x80;
        assert.throws(() => unmask(bytes), expected);
        assert.throws(() => decodeText(bytes), expected);
      }
    }
    assert.throws(() => unmask(hex("e2 82")), expected);
  });

  it("valid text that the platform has no string for is an error of 1009 that says so", async () => {
    const euros = utf8.encode("\u20ac".repeat(50));
    for (const failure of ["throws", "empty"] as const) {
      await withShortStrings(100, failure, () => {
        for (const read of [decodeText, unmask]) {
          assert.throws(() => read(euros), (error) => {
            assert.ok(error instanceof LimitError);
            const { closeCode, option, actual, message } = error;
            assert.deepEqual([closeCode, option, actual], [1009, "maxMessageSize", 150]);
            assert.match(message, /platform cannot hold 150 bytes of text in one string/);
            return true;
          });
        }
        assert.equal(decodeText(euros.subarray(0, 99)), "\u20ac".repeat(33));
        assert.equal(decodeText(new Uint8Array(0)), "");
      });
    }
    await withShortStrings(100, "throws", () => {
      const cutOff = euros.subarray(0, 149), begun = euros.subarray(1);
      for (const bytes of [cutOff, begun, new Uint8Array(150).fill(0xff)]) {
        assert.throws(() => decodeText(bytes), { code: "INVALID_UTF8", closeCode: 1007 });
      }
    });
  });

  it("what came before in the memory that is used again never shows", () => {
    unmask(new Uint8Array(60_000).fill(0x7a));
    assert.equal(unmask(hex("'Hi'")), "Hi");
    assert.throws(() => unmask(hex("61x30 e2 82")), { code: "INVALID_UTF8" });
    assert.equal(unmask(hex("")), "");
  });
});
