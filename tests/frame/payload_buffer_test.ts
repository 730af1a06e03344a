import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PayloadBuffer } from "../../lib/frame/payload_buffer.ts";

/** Gathers pieces of these sizes; gives how many bytes were copied because the buffer grew. */
function gather(collector: PayloadBuffer, sizes: Iterable<number>, announced: number): number {
  let copied = 0, left = announced;
  for (const size of sizes) {
    const before = collector.bytes;
    const at = collector.extend(size, left);
    collector.bytes.fill(at & 255, at, at + size);
    left -= size;
    if (collector.bytes !== before) copied += at;
  }
  return copied;
}

describe("collector", () => {
  it("returns what was gathered, in a buffer of exactly that size, and begins anew", () => {
    const collector = new PayloadBuffer();
    gather(collector, Array<number>(300).fill(1), 300);
    assert.equal(collector.length, 300);
    const bytes = collector.finish();
    assert.deepEqual(bytes, Uint8Array.from({ length: 300 }, (_, i) => i & 255));
    assert.equal(bytes.buffer.byteLength, 300);
    assert.deepEqual([collector.length, collector.bytes.length], [0, 0]);
    assert.equal(collector.finish().length, 0);
  });

  it("finishView returns the same without a copy; clear forgets", () => {
    const collector = new PayloadBuffer();
    gather(collector, [1, 1], 10);
    assert.deepEqual(collector.finishView(), new Uint8Array([0, 1]));
    assert.equal(collector.length, 0);
    collector.extend(5, 5);
    collector.clear();
    assert.deepEqual([collector.length, collector.bytes.length], [0, 0]);
  });

  it("an announced size that is small or nearly there is made ready at once", () => {
    const collector = new PayloadBuffer();
    gather(collector, [1], 4 * 1024);
    assert.equal(collector.bytes.length, 4 * 1024);
    collector.clear();
    assert.equal(gather(collector, [1 << 20, 15 << 20], 16 << 20), 0);
    assert.equal(collector.finish().buffer.byteLength, 16 << 20);
  });

  it("a peer's word alone is good for 4 KiB, then for 32 times what has come", () => {
    const collector = new PayloadBuffer();
    gather(collector, [1], 2 ** 63);
    assert.equal(collector.bytes.length, 4 * 1024);
    let left = 2 ** 31 - 1;
    for (let i = 0; i < 200; i++, left -= 1000) {
      collector.extend(1000, left);
      assert.ok(collector.bytes.length <= Math.max(4 * 1024, 32 * collector.length));
    }
  });

  it("a large frame in small pieces is copied little, in memory of its own size", () => {
    const collector = new PayloadBuffer();
    for (const size of [1 << 20, 1100 * 1024, 4 << 20]) {
      const copied = gather(collector, Array<number>(size / 1024).fill(1024), size);
      assert.ok(copied <= size * 1.07, `${copied} for ${size}`);
      assert.equal(collector.bytes.length, size);
      collector.clear();
    }
  });

  it("fragments that follow one another are gathered in linear time", () => {
    const collector = new PayloadBuffer();
    let copied = 0;
    for (let i = 0; i < 10_000; i++) copied += gather(collector, [64], 64);
    assert.ok(copied <= 2 * collector.length);
  });

  it("fragments that come in several pieces each are gathered in linear time", () => {
    for (const pieces of [[1, 63], [1, 1, 62], [63, 1]]) {
      const collector = new PayloadBuffer();
      let copied = 0;
      for (let i = 0; i < 10_000; i++) copied += gather(collector, pieces, 64);
      assert.ok(copied <= 3 * collector.length, `${copied} for ${collector.length}`);
    }
  });
});
