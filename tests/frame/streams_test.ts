import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Frame } from "../../lib/frame/frame.ts";
import { BATCH } from "../../lib/frame/decoder_stream.ts";
import { FrameDecoderStream, FrameEncoderStream } from "../../lib/frame/streams.ts";
import { collect, streamOf } from "../message/decode.ts";
import { frameBytes, framesBytes, hex, join, KEY } from "./notation.ts";

describe("FrameDecoderStream", () => {
  it("returns frames with their payload unmasked, in memory of their own", async () => {
    const chunk = framesBytes(["42 02 | 01 02", "8a 00"], "client");
    const decoder = new FrameDecoderStream({ role: "server", allowedRsv: 0x40 });
    const frames = await collect(streamOf([chunk]).pipeThrough(decoder));
    assert.deepEqual(frames, [
      { fin: false, rsv: 0x40, opcode: 2, payload: hex("01 02") },
      { fin: true, rsv: 0, opcode: 10, payload: hex("") },
    ]);
    chunk.fill(0);
    assert.deepEqual(frames[0].payload, hex("01 02"));
    for (const { payload } of frames) assert.equal(payload.buffer.byteLength, payload.length);
  });

  it("joins a frame that comes in many chunks", async () => {
    const payload = new Uint8Array(100_000).map((_, i) => i * 7);
    const bytes = join([frameBytes("82 7f 00x5 01 86 a0", "server"), payload]);
    const chunks = Array.from({ length: 100 }, (_, i) => bytes.subarray(i * 1001, (i + 1) * 1001));
    const frames = await collect(
      streamOf(chunks).pipeThrough(new FrameDecoderStream({ role: "client" })),
    );
    assert.equal(frames.length, 1);
    assert.ok(frames[0].payload.every((byte, i) => byte === (i * 7 & 255)));
    assert.equal(frames[0].payload.length, 100_000);
  });

  it("a chunk of many frames is decoded a batch at a time, as it is read", async () => {
    const decoder = new FrameDecoderStream({ role: "client" });
    const writer = decoder.writable.getWriter(), reader = decoder.readable.getReader();
    let used = false;
    const written = writer.write(new Uint8Array(2 * 10 * BATCH).map((_, i) => i % 2 ? 0 : 0x89))
      .then(() => used = true);
    for (let i = 0; i < 10 * BATCH; i++) {
      assert.equal((await reader.read()).value?.opcode, 9);
      if (i < 9 * BATCH - 1) assert.equal(used, false);
    }
    await written;
    await writer.close();
    assert.equal((await reader.read()).done, true);
  });

  it("the frames before a violation come first, however many, and then the error", async () => {
    const bytes = join([new Uint8Array(2 * 200).map((_, i) => i % 2 ? 0 : 0x89), hex("83 00")]);
    const reader = streamOf([bytes]).pipeThrough(new FrameDecoderStream({ role: "client" }))
      .getReader();
    for (let i = 0; i < 200; i++) assert.equal((await reader.read()).value?.opcode, 9);
    await assert.rejects(reader.read(), { code: "RESERVED_OPCODE" });
    await assert.rejects(reader.closed, { code: "RESERVED_OPCODE" });
  });

  it("bytes that end inside a header or a payload are an error, after the good frames", async () => {
    for (const rest of ["81", "81 7e", "81 05", "81 05 61 61"]) {
      const bytes = join([hex("89 00"), hex(rest)]);
      const reader = streamOf([bytes]).pipeThrough(new FrameDecoderStream({ role: "client" }))
        .getReader();
      assert.equal((await reader.read()).value?.opcode, 9);
      await assert.rejects(reader.read(), {
        name: "ProtocolError",
        code: "TRUNCATED",
        message: "Cannot decode frame: the input ended inside it",
      });
    }
  });

  it("after a violation the input is cancelled", async () => {
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(hex("83 00")),
      cancel: (reason) => void (cancelled = reason),
    });
    await assert.rejects(collect(source.pipeThrough(new FrameDecoderStream({ role: "client" }))));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal((cancelled as { code: string }).code, "RESERVED_OPCODE");
  });

  it("invalid options are refused at once", () => {
    assert.throws(() => new FrameDecoderStream({ role: "x" as "client" }), TypeError);
    assert.throws(() => new FrameDecoderStream({ role: "client", maxFrameSize: -1 }), RangeError);
  });
});

describe("FrameEncoderStream", () => {
  it("returns one chunk a frame", async () => {
    const frames: Frame[] = [
      { opcode: 1, fin: false, payload: hex("'Hel'") },
      { opcode: 9, payload: hex("") },
      { opcode: 0, payload: hex("'lo'") },
    ];
    const server = await collect(
      streamOf(frames).pipeThrough(new FrameEncoderStream({ role: "server" })),
    );
    assert.deepEqual(server, [hex("01 03 'Hel'"), hex("89 00"), hex("80 02 'lo'")]);
    const encoder = new FrameEncoderStream({ role: "client", mask: () => KEY });
    assert.deepEqual(
      (await collect(streamOf(frames).pipeThrough(encoder)))[2],
      frameBytes("80 02 | 'lo'", "client"),
    );
  });

  it("each chunk is memory of its own, which its reader may transfer", async () => {
    const frames: Frame[] = [10, 5000, 70_000, 3].map((size) => ({
      opcode: 2,
      payload: new Uint8Array(size),
    }));
    const chunks = await collect(
      streamOf(frames).pipeThrough(new FrameEncoderStream({ role: "server" })),
    );
    for (const chunk of chunks) assert.equal(chunk.buffer.byteLength, chunk.length);
    structuredClone(chunks[0], { transfer: [chunks[0].buffer] });
    assert.deepEqual(chunks[3], hex("82 03 00x3"));
  });

  it("5.5: a frame that must not be sent is a TypeError", async () => {
    const frames: Frame[] = [{ opcode: 9, fin: false, payload: hex("") }];
    const encoder = new FrameEncoderStream({ role: "server" });
    await assert.rejects(collect(streamOf(frames).pipeThrough(encoder)), TypeError);
  });

  it("an invalid role is refused at once", () => {
    assert.throws(() => new FrameEncoderStream({ role: "x" as "client" }), TypeError);
  });
});
