import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ReadBuffer } from "../../lib/transport/read_buffer.ts";

describe("the read buffer", () => {
  it("is 1 KiB and stays the same while reads do not fill it", () => {
    const buffer = new ReadBuffer();
    const small = buffer.take();
    assert.equal(small.byteLength, 1_024);
    for (let i = 0; i < 10; i++) {
      buffer.used(1_023);
      assert.equal(buffer.take(), small);
    }
  });

  it("becomes 64 KiB after a read that filled it, and 1 KiB again after four small reads", () => {
    const buffer = new ReadBuffer();
    const small = buffer.take();
    buffer.used(1_024);
    const large = buffer.take();
    assert.equal(large.byteLength, 65_536);
    for (const size of [10, 10, 10, 2_000, 10, 10, 10]) {
      buffer.used(size);
      assert.equal(buffer.take(), large, `after ${size}`);
    }
    buffer.used(10);
    assert.equal(buffer.take(), small);
  });

  it("becomes 256 KiB after a read that filled 64 KiB, and steps back one size at a time", () => {
    const buffer = new ReadBuffer();
    const small = buffer.take();
    buffer.used(1_024);
    const large = buffer.take();
    buffer.used(65_536);
    assert.equal(buffer.take().byteLength, 262_144);
    buffer.used(262_144);
    assert.equal(buffer.take().byteLength, 262_144);
    for (let i = 0; i < 4; i++) buffer.used(65_536);
    assert.equal(buffer.take(), large);
    for (let i = 0; i < 4; i++) buffer.used(1_024);
    assert.equal(buffer.take(), small);
  });

  it("lends what another has given back", () => {
    const one = new ReadBuffer();
    one.take();
    one.used(1_024);
    const large = one.take();
    one.release();
    const other = new ReadBuffer();
    other.take();
    other.used(1_024);
    assert.equal(other.take(), large);
    assert.equal(one.take().byteLength, 1_024);
  });

  it("never lends one large buffer to two", () => {
    const buffers = Array.from({ length: 100 }, () => new ReadBuffer());
    const lent = new Set<Uint8Array>();
    for (let round = 0; round < 2; round++) {
      lent.clear();
      for (const buffer of buffers) {
        buffer.take();
        buffer.used(1_024);
        lent.add(buffer.take());
      }
      assert.equal(lent.size, 100);
      for (const buffer of buffers) buffer.release();
    }
  });
});
