import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Frame } from "../../lib/frame/frame.ts";
import { checkMemory, copyOf, plainMemory } from "../../lib/frame/memory.ts";
import { FrameEncoderStream } from "../../lib/frame/streams.ts";
import type { Message } from "../../lib/message/message.ts";
import { MessageDecoderStream, MessageEncoderStream } from "../../lib/message/streams.ts";
import { goneMemory, memoryKinds } from "../support/memory.ts";

const GONE =
  /^Cannot [a-z ]+: the memory of the data is gone; its buffer was transferred, or resized/;

describe("memory that a caller passes", () => {
  it("is there, though it is empty", () => {
    const tracking = new ArrayBuffer(8, { maxByteLength: 8 });
    const tracked = new Uint8Array(tracking);
    tracking.resize(0);
    const empty = [
      new ArrayBuffer(0),
      new SharedArrayBuffer(0),
      new Uint8Array(0),
      new Float64Array(0),
      new DataView(new ArrayBuffer(4), 4),
      new Uint8Array(new ArrayBuffer(8), 8),
      new Uint8Array(new SharedArrayBuffer(0)),
      Buffer.alloc(0),
      tracking,
      tracked,
    ];
    for (const data of empty) checkMemory("send", data);
    for (const [, data] of memoryKinds()) checkMemory("send", data);
  });

  it("is an error where it is gone: transferred, or out of bounds", () => {
    for (const [name, data] of goneMemory()) {
      assert.throws(() => checkMemory("send", data), { name: "TypeError", message: GONE }, name);
    }
  });

  it("is copied to memory of its own, a plain Uint8Array", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(9), 1, 3);
    shared.set([1, 2, 3]);
    for (const data of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3]), shared]) {
      const copy = copyOf(data);
      data.fill(9);
      assert.deepEqual([...copy], [1, 2, 3]);
      assert.equal(copy.constructor, Uint8Array);
      assert.ok(copy.buffer instanceof ArrayBuffer);
      assert.equal(copy.buffer.byteLength, 3);
    }
  });

  it("is itself where it is plain, and a copy where it is shared or resizable", () => {
    for (const [name, data] of memoryKinds()) {
      if (!(data instanceof Uint8Array)) continue;
      const plain = plainMemory(data);
      assert.deepEqual([...plain], [1, 2, 3, 4, 5, 6, 7, 8], name);
      assert.ok(plain.buffer instanceof ArrayBuffer, name);
      assert.equal(plain.buffer.resizable, false, name);
      assert.equal(plain === data, /of (all of )?an ArrayBuffer/.test(name), name);
    }
  });
});

describe("the codec, given memory that is gone", () => {
  const gone = goneMemory().flatMap(([, data]) =>
    data instanceof Uint8Array ? [data as Uint8Array<ArrayBuffer>] : []
  );

  it("is a TypeError", async () => {
    assert.equal(gone.length, 2);
    const sink = { onFrame() {}, onFrameStart() {}, onFramePiece() {}, onFrameEnd() {} };
    for (const payload of gone) {
      for (const role of ["client", "server"] as const) {
        const encoder = new FrameEncoder({ role }), error = { name: "TypeError", message: GONE };
        assert.throws(() => encoder.encode(0x82, payload), error);
        assert.equal(encoder.output.length, 0);
        assert.throws(() => new FrameDecoder({ role }, sink).decode(payload), error);
        await assert.rejects(
          one<Frame, unknown>(new FrameEncoderStream({ role }), { opcode: 2, payload }),
          error,
        );
      }
      await assert.rejects(
        one<Frame, unknown>(new MessageDecoderStream(), { opcode: 2, payload }),
        { name: "TypeError", message: GONE },
      );
      for (const type of ["binary", "ping", "pong"] as const) {
        await assert.rejects(
          one<Message, unknown>(new MessageEncoderStream(), { type, data: payload }),
          { name: "TypeError", message: GONE },
        );
      }
    }
  });

  it("is a TypeError as well where the data is no Uint8Array", async () => {
    for (const data of [undefined, "text", new ArrayBuffer(1), [1]]) {
      await assert.rejects(
        one<Message, unknown>(new MessageEncoderStream(), { type: "binary", data: data as never }),
        { name: "TypeError", message: /the data of a binary message must be a Uint8Array/ },
      );
    }
  });
});

/** What comes of one item that is written. */
async function one<In, Out>(
  stream: { writable: WritableStream<In>; readable: ReadableStream<Out> },
  item: In,
): Promise<Out | undefined> {
  const writer = stream.writable.getWriter();
  writer.write(item).catch(() => {});
  writer.close().catch(() => {});
  writer.closed.catch(() => {});
  return (await stream.readable.getReader().read()).value;
}
