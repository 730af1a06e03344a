import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Beginnings } from "../../lib/message/beginnings.ts";

describe("Beginnings", () => {
  it("gives the first bytes of its memory, however many", () => {
    const memory = Uint8Array.from({ length: 2000 }, (_, i) => i);
    const beginnings = new Beginnings(memory);
    for (const length of [0, 1, 255, 256, 257, 1999, 2000, 1, 255]) {
      assert.deepEqual(beginnings.upTo(length), memory.subarray(0, length));
      assert.equal(beginnings.upTo(length).buffer, memory.buffer);
    }
  });

  it("makes a small view once", () => {
    const beginnings = new Beginnings(new Uint8Array(2000));
    assert.equal(beginnings.upTo(100), beginnings.upTo(100));
  });
});
