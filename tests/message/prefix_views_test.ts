import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PrefixViews } from "../../lib/message/prefix_views.ts";

describe("PrefixViews", () => {
  it("returns the first bytes of its memory, however many", () => {
    const memory = Uint8Array.from({ length: 2000 }, (_, i) => i);
    const beginnings = new PrefixViews(memory);
    for (const length of [0, 1, 255, 256, 257, 1999, 2000, 1, 255]) {
      assert.deepEqual(beginnings.first(length), memory.subarray(0, length));
      assert.equal(beginnings.first(length).buffer, memory.buffer);
    }
  });

  it("makes a small view once", () => {
    const beginnings = new PrefixViews(new Uint8Array(2000));
    assert.equal(beginnings.first(100), beginnings.first(100));
  });
});
