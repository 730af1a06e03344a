import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { giveBack, lendCopy } from "../../lib/transport/write_buffer.ts";

describe("memory for a write", () => {
  it("is a copy of exactly what is written, up to a frame of 64 KiB", () => {
    for (const size of [1, 4_096, 4_097, 65_536 + 14]) {
      const bytes = new Uint8Array(size).fill(7);
      const copy = lendCopy(bytes)!;
      assert.deepEqual(copy, bytes);
      assert.notEqual(copy.buffer, bytes.buffer);
      giveBack(copy);
    }
    assert.equal(lendCopy(new Uint8Array(66_561)), undefined);
  });

  it("is lent again only once it is given back", () => {
    const one = lendCopy(new Uint8Array(10))!;
    const two = lendCopy(new Uint8Array(10))!;
    assert.notEqual(one.buffer, two.buffer);
    giveBack(one);
    assert.equal(lendCopy(new Uint8Array(20))!.buffer, one.buffer);
    giveBack(two);
  });
});
