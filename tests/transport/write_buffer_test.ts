import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { acquireCopy, releaseCopy } from "../../lib/transport/write_buffer.ts";

describe("memory for a write", () => {
  it("is a copy of exactly what is written, up to a frame of 64 KiB", () => {
    for (const size of [1, 4_096, 4_097, 65_536 + 14]) {
      const bytes = new Uint8Array(size).fill(7);
      const copy = acquireCopy(bytes)!;
      assert.deepEqual(copy, bytes);
      assert.notEqual(copy.buffer, bytes.buffer);
      releaseCopy(copy);
    }
    assert.equal(acquireCopy(new Uint8Array(66_561)), undefined);
  });

  it("is acquired again only once it is released", () => {
    const one = acquireCopy(new Uint8Array(10))!;
    const two = acquireCopy(new Uint8Array(10))!;
    assert.notEqual(one.buffer, two.buffer);
    releaseCopy(one);
    assert.equal(acquireCopy(new Uint8Array(20))!.buffer, one.buffer);
    releaseCopy(two);
  });
});
