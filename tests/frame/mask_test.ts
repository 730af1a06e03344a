import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maskedCopy, maskInto, randomMask, rotateKey } from "../../lib/frame/mask.ts";
import { hex, KEY, KEY_BYTES } from "./notation.ts";

/** Section 5.3 word for word: byte i of the payload XOR byte i modulo 4 of the key. */
function masked(bytes: Uint8Array): number[] {
  return Array.from(bytes, (byte, i) => byte ^ KEY_BYTES[i % 4]);
}

/** Bytes that repeat only after 251. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => i * 7 % 251);
}

/** The lengths around the change from bytes to words, with every remainder of 4. */
const LENGTHS = [...Array(71).keys(), ...[508, 509, 510, 511, 512, 513, 514, 515, 516, 517, 529]];

describe("mask", () => {
  it("5.3: the key's bytes are used in the order they have on the wire", () => {
    const target = new Uint8Array(5);
    maskInto(target, 0, hex("'Hello'"), 0, 5, KEY);
    assert.deepEqual(target, hex("7f 9f 4d 51 58"));
  });

  it("5.3: byte i is XORed with byte i modulo 4 of the key, at every length and alignment", () => {
    for (const length of LENGTHS) {
      for (let from = 0; from < 4; from++) {
        for (let to = 0; to < 4; to++) {
          const source = pattern(length + 8).subarray(from), whole = new Uint8Array(length + 12);
          const target = whole.subarray(to);
          const before = source.slice();
          maskInto(target, 1, source, 2, 2 + length, KEY);
          const expected = masked(source.slice(2, 2 + length));
          const name = `length ${length}, source at ${from}, target at ${to}`;
          assert.deepEqual([...target.subarray(1, 1 + length)], expected, name);
          assert.deepEqual(source, before, `${name}: the source is unchanged`);
          const around = [...whole.subarray(0, to + 1), ...target.subarray(1 + length)];
          assert.ok(around.every((byte) => byte === 0), `${name}: nothing beside is written`);
        }
      }
    }
  });

  it("masks in place, and masking twice restores the payload", () => {
    for (const length of LENGTHS) {
      for (let at = 0; at < 4; at++) {
        const bytes = pattern(length + 8), before = bytes.slice();
        maskInto(bytes, at, bytes, at, at + length, KEY);
        assert.deepEqual(
          [...bytes.subarray(at, at + length)],
          masked(before.slice(at, at + length)),
        );
        maskInto(bytes, at, bytes, at, at + length, KEY);
        assert.deepEqual(bytes, before);
      }
    }
  });

  it("the key 0 copies", () => {
    for (const length of [0, 1, 5, 600]) {
      const source = pattern(length), target = new Uint8Array(length);
      maskInto(target, 0, source, 0, length, 0);
      assert.deepEqual(target, source);
    }
  });

  it("maskedCopy returns a copy of its own, of a subclass's bytes too", () => {
    class Bytes extends Uint8Array<ArrayBuffer> {}
    for (const length of [...Array(9).keys(), 511, 512, 513, 600]) {
      for (const Kind of [Uint8Array, Bytes]) {
        for (const key of [KEY, 0]) {
          const source = new Kind(pattern(length + 8).buffer, 3);
          const before = source.slice();
          const copy = maskedCopy(source, 2, 2 + length, key);
          const plain = source.slice(2, 2 + length);
          assert.deepEqual([...copy], key === 0 ? [...plain] : masked(plain));
          assert.equal(copy.constructor, Uint8Array);
          assert.equal(copy.buffer.byteLength, length);
          assert.deepEqual(source, before);
        }
      }
    }
  });

  it("5.3: a payload in pieces needs the key turned by what came before", () => {
    for (const length of [13, 1200]) {
      const source = pattern(length), expected = masked(source);
      for (const at of [0, 1, 2, 3, 4, 5, 10, length - 3]) {
        const target = new Uint8Array(length);
        maskInto(target, 0, source, 0, at, KEY);
        maskInto(target, at, source, at, length, rotateKey(KEY, at));
        assert.deepEqual([...target], expected);
      }
    }
  });

  it("rotateKey turns by any number of bytes, whatever the key's sign", () => {
    for (const key of [KEY, 0x80000001 | 0, -1, 0, 0xff]) {
      const bytes = (word: number): number[] => [0, 8, 16, 24].map((bits) => word >>> bits & 255);
      for (const by of [0, 1, 2, 3, 4, 7, 2 ** 31 + 1, 2 ** 32 + 3]) {
        const turned = bytes(key).map((_, i) => bytes(key)[(i + by) % 4]);
        assert.deepEqual(bytes(rotateKey(key, by)), turned);
      }
    }
  });

  it("randomMask returns words of 32 bits, different ones each time", () => {
    const keys = new Set<number>();
    // More than two fillings of the pool.
    for (let i = 0; i < 5000; i++) keys.add(randomMask());
    assert.ok(keys.size > 4990);
    for (const key of keys) assert.equal(key | 0, key);
    for (let bit = 0; bit < 32; bit++) {
      const set = [...keys].filter((key) => (key >>> bit & 1) === 1).length;
      assert.ok(set > 2000 && set < 3000, `bit ${bit} is set in ${set} of 5000 keys`);
    }
  });

  it("randomMask draws from crypto.getRandomValues, many keys at a time", () => {
    const drawn: number[] = [];
    let pool = new Int32Array(0);
    const original = crypto.getRandomValues;
    crypto.getRandomValues = (<T extends ArrayBufferView>(array: T): T => {
      assert.ok(array instanceof Int32Array);
      pool = array as Int32Array<ArrayBuffer>;
      pool.forEach((_, i) => pool[i] = 1000 + i);
      drawn.push(array.byteLength);
      return array;
    }) as typeof crypto.getRandomValues;
    try {
      const keys = Array.from({ length: 4096 }, () => randomMask());
      assert.ok(drawn.length === 2 && drawn.every((size) => size === 8192));
      const first = keys.indexOf(1000);
      assert.deepEqual(
        keys.slice(first, first + 2048),
        Array.from({ length: 2048 }, (_, i) => 1000 + i),
      );
      // What was handed out is not kept.
      assert.ok(pool.subarray(0, 2048 - first).every((key) => key === 0));
    } finally {
      crypto.getRandomValues = original;
      // What is left of the pool is the stand-in's.
      for (let i = 0; i < 2048; i++) randomMask();
    }
  });
});
