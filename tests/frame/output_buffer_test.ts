import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OutputBuffer } from "../../lib/frame/output_buffer.ts";

const KiB = 1024;

function pattern(length: number, from = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (from + i) * 7 % 251;
  return bytes;
}

/** As `deepEqual`, which is slow for so many bytes. */
function assertPattern(bytes: Uint8Array, length: number, from = 0): void {
  assert.equal(bytes.length, length);
  const wrong = bytes.findIndex((byte, i) => byte !== (from + i) * 7 % 251);
  assert.equal(wrong, -1);
}

function write(output: OutputBuffer, bytes: Uint8Array): void {
  const at = output.reserve(bytes.length);
  output.bytes.set(bytes, at);
  output.commit(at + bytes.length);
}

describe("output", () => {
  it("holds no memory before something is written and after it is taken", () => {
    const output = new OutputBuffer();
    assert.deepEqual([output.length, output.bytes.length], [0, 0]);
    write(output, pattern(10));
    assert.equal(output.length, 10);
    output.take();
    assert.deepEqual([output.length, output.end, output.bytes.length], [0, 0, 0]);
    write(output, pattern(10));
    output.release();
    assert.deepEqual([output.length, output.end, output.bytes.length], [0, 0, 0]);
  });

  it("keeps what is committed while it grows", () => {
    for (const size of [1, 100, 40 * KiB]) {
      const output = new OutputBuffer();
      for (let i = 0; i < 20; i++) write(output, pattern(size, i * size));
      assert.equal(output.length, 20 * size);
      assertPattern(output.view(), 20 * size);
      assertPattern(output.take(), 20 * size);
    }
  });

  it("what is reserved is no part of it until it is committed", () => {
    const output = new OutputBuffer();
    write(output, pattern(3));
    const at = output.reserve(5000);
    assert.equal(at, output.end);
    assert.ok(output.bytes.length >= at + 5000);
    assertPattern(output.view(), 3);
    output.bytes.set(pattern(1, 3), at);
    output.commit(at + 1);
    assertPattern(output.take(), 4);
  });

  it("extend keeps what is written and not yet committed, wherever that moves to", () => {
    for (const committed of [0, 700, 127 * KiB, 200 * KiB]) {
      for (const room of [10, 200 * KiB, 3000 * KiB]) {
        const output = new OutputBuffer();
        write(output, pattern(committed));
        const at = output.reserve(300);
        output.bytes.set(pattern(300, committed), at);
        output.extend(300, room);
        assert.equal(output.length, committed);
        assert.ok(output.bytes.length >= output.end + 300 + room);
        output.commit(output.end + 300);
        assertPattern(output.take(), committed + 300);
      }
    }
  });

  it("what was taken is not written to again, by this output or another", () => {
    for (
      const size of [1, 1000, 32 * KiB, 64 * KiB, 128 * KiB, 130 * KiB, 2100 * KiB]
    ) {
      const output = new OutputBuffer(), other = new OutputBuffer();
      write(output, pattern(size));
      const taken = output.take();
      for (let i = 0; i < 3; i++) {
        write(other, new Uint8Array(size).fill(255));
        write(output, new Uint8Array(size).fill(255));
        write(other, new Uint8Array(size).fill(255));
        output.take();
        other.release();
      }
      assertPattern(taken, size);
    }
  });

  it("several outputs that are filled at once do not touch one another", () => {
    const outputs = [0, 1, 2, 3].map(() => new OutputBuffer());
    for (let i = 0; i < 100; i++) {
      for (const [at, output] of outputs.entries()) write(output, pattern(1000, at + i * 1000));
    }
    for (const [at, output] of outputs.entries()) {
      assertPattern(output.take(), 100_000, at);
    }
  });

  it("memory that is released without being taken is used again", () => {
    const output = new OutputBuffer();
    write(output, pattern(10));
    const { bytes, end } = output;
    output.release();
    const other = new OutputBuffer();
    write(other, pattern(20));
    assert.equal(other.bytes, bytes);
    assert.equal(other.end, end + 10);
    other.release();
  });

  it("what grows piece by piece is copied in linear time", () => {
    const output = new OutputBuffer();
    let made = 0, bytes = output.bytes;
    for (let i = 0; i < 20_000; i++) {
      write(output, pattern(100));
      if (output.bytes !== bytes) made += (bytes = output.bytes).length;
    }
    assert.ok(made <= 6 * output.length, `${made} for ${output.length}`);
    output.release();
  });
});

describe("output that stays for a while", () => {
  it("leaves the shared memory, so that others write there, and keeps what it has", () => {
    const stuck = new OutputBuffer(), other = new OutputBuffer();
    write(stuck, pattern(10));
    stuck.detachFromSlab();
    write(other, pattern(20, 5));
    assert.notEqual(stuck.bytes.buffer, other.bytes.buffer);
    assert.ok(other.bytes.length > 32 * KiB, "the shared memory is free again");
    write(stuck, pattern(5000, 10));
    stuck.detachFromSlab();
    assertPattern(stuck.take(), 5010);
    assertPattern(other.take(), 20, 5);
  });
});
