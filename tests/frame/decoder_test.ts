import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { DEFAULT_MAX_SIZE, FrameDecoder, type FrameSink } from "../../lib/frame/decoder.ts";
import { maskInto } from "../../lib/frame/mask.ts";
import { frameBytes, framesBytes, hex, join } from "./notation.ts";

/** Writes down what it is called with, payloads unmasked. */
class Recorder implements FrameSink {
  readonly calls: string[] = [];
  /** Called after each frame. */
  afterFrame: () => void = () => {};

  onFrame(first: number, chunk: Uint8Array, start: number, end: number, key: number): void {
    this.calls.push(`frame ${first.toString(16)} [${unmasked(chunk, start, end, key)}]`);
    this.afterFrame();
  }
  onFrameStart(first: number, payloadLength: number): void {
    this.calls.push(`start ${first.toString(16)} ${payloadLength}`);
  }
  onFramePiece(chunk: Uint8Array, start: number, end: number, key: number): void {
    this.calls.push(`piece [${unmasked(chunk, start, end, key)}]`);
  }
  onFrameEnd(): void {
    this.calls.push("end");
    this.afterFrame();
  }
}

function unmasked(chunk: Uint8Array, start: number, end: number, key: number): Uint8Array {
  const target = new Uint8Array(end - start);
  maskInto(target, 0, chunk, start, end, key);
  return target;
}

describe("frame decoder", () => {
  it("hands a frame that lies whole in the chunk on in one call", () => {
    for (const role of ["client", "server"] as const) {
      const sink = new Recorder(), decoder = new FrameDecoder({ role }, sink);
      const sender = role === "client" ? "server" : "client";
      const chunk = framesBytes(["82 02 | 01 02", "89 00", "01 01 | 03"], sender);
      assert.equal(decoder.decode(chunk), chunk.length);
      assert.deepEqual(sink.calls, ["frame 82 [1,2]", "frame 89 []", "frame 1 [3]"]);
    }
  });

  it("hands a longer frame on in pieces, each with the key for its place", () => {
    const chunk = frameBytes("82 05 | 01 02 03 04 05", "client");
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "server" }, sink);
    for (const [from, to] of [[0, 5], [5, 7], [7, 10], [10, 11]]) {
      assert.equal(decoder.atFrameBoundary, from === 0);
      assert.equal(decoder.decode(chunk.subarray(from, to)), to - from);
    }
    assert.equal(decoder.atFrameBoundary, true);
    assert.deepEqual(sink.calls, ["start 82 5", "piece [1]", "piece [2,3,4]", "piece [5]", "end"]);
  });

  it("a header may be split anywhere, and an empty frame behind it is whole", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "server" }, sink);
    for (const byte of frameBytes("8a 00", "client")) {
      decoder.decode(new Uint8Array([byte]));
    }
    assert.equal(decoder.atFrameBoundary, true);
    assert.deepEqual(sink.calls, ["frame 8a []"]);
  });

  it("starts at the offset it is given", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    assert.equal(decoder.decode(hex("83 83 89 00"), 2), 4);
    assert.equal(decoder.decode(hex("83 83 89 00"), 4), 4);
    assert.deepEqual(sink.calls, ["frame 89 []"]);
  });

  it("an empty chunk is no event", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    assert.equal(decoder.decode(new Uint8Array(0)), 0);
    assert.deepEqual(sink.calls, []);
  });

  it("stop() after a whole frame leaves the rest of the chunk for the next call", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    sink.afterFrame = (): void => decoder.stop();
    const chunk = hex("82 01 01 82 01 02 82 02 03");
    let at = 0;
    const offsets: number[] = [];
    while (at < chunk.length) offsets.push(at = decoder.decode(chunk, at));
    assert.deepEqual(offsets, [3, 6, 9]);
    assert.equal(decoder.decode(hex("04 89 00")), 1);
    assert.deepEqual(sink.calls, [
      "frame 82 [1]",
      "frame 82 [2]",
      "start 82 2",
      "piece [3]",
      "piece [4]",
      "end",
    ]);
  });

  it("stop() after a frame whose header was split leaves the rest as well", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    sink.afterFrame = (): void => decoder.stop();
    decoder.decode(hex("89"));
    assert.equal(decoder.decode(hex("00 82 01 07")), 1);
    assert.deepEqual(sink.calls, ["frame 89 []"]);
  });

  it("a sink that stops within a piece is given the rest of it by the next call, its key turned", () => {
    const payload = Array.from({ length: 11 }, (_, i) => i);
    for (const role of ["client", "server"] as const) {
      const notation = "82 0b | 00 01 02 03 04 05 06 07 08 09 0a";
      const bytes = frameBytes(notation, role === "client" ? "server" : "client");
      for (let step = 1; step <= 11; step++) {
        for (const inPieces of [false, true]) {
          const got: number[] = [], ends: number[] = [];
          const decoder = new FrameDecoder({ role, inPieces }, {
            onFrame: () => assert.fail("it comes in pieces"),
            onFrameStart: () => {},
            onFramePiece(chunk, start, end, key): number {
              const taken = Math.min(end, start + step);
              got.push(...unmasked(chunk, start, taken, key));
              return taken;
            },
            onFrameEnd: () => void ends.push(got.length),
          });
          const header = bytes.length - 11;
          assert.equal(decoder.decode(bytes.subarray(0, header)), header);
          for (let at = header; at < bytes.length;) {
            const next = decoder.decode(bytes, at);
            assert.equal(next, Math.min(at + step, bytes.length));
            at = next;
          }
          assert.deepEqual([got, ends], [payload, [11]]);
        }
      }
    }
  });

  it("a sink that takes nothing of a piece is asked again with the same", () => {
    const calls: number[][] = [];
    const decoder = new FrameDecoder({ role: "client", inPieces: true }, {
      onFrame: () => assert.fail("it comes in pieces"),
      onFrameStart: () => {},
      onFramePiece: (_chunk, start, end) => calls.push([start, end]) < 3 ? start : end,
      onFrameEnd: () => void calls.push([]),
    });
    const bytes = hex("82 02 01 02");
    const offsets = [decoder.decode(bytes), decoder.decode(bytes, 2), decoder.decode(bytes, 2)];
    assert.deepEqual(offsets, [2, 2, 4]);
    assert.deepEqual(calls, [[2, 4], [2, 4], [2, 4], []]);
  });

  it("in pieces: data frames come in pieces of 64 KiB at most, control frames and empty ones whole", () => {
    const sizes: number[] = [], calls: string[] = [];
    const decoder = new FrameDecoder({ role: "client", inPieces: true }, {
      onFrame: (first, _chunk, start, end) => void calls.push(`frame ${first} ${end - start}`),
      onFrameStart: (first, length) => void calls.push(`start ${first} ${length}`),
      onFramePiece: (_chunk, start, end) => void sizes.push(end - start),
      onFrameEnd: () => void calls.push("end"),
    });
    const large = new Uint8Array(200_000);
    const chunk = join([hex("89 01 07 01 00 00 01 09 82 7f 00x5 03 0d 40"), large]);
    assert.equal(decoder.decode(chunk), chunk.length);
    assert.deepEqual(calls, [
      ...["frame 137 1", "frame 1 0", "start 0 1", "end", "start 130 200000", "end"],
    ]);
    assert.deepEqual(sizes, [1, 65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
  });

  it("in pieces: stop() leaves the rest of a payload, before its first piece and after each", () => {
    const bytes = join([hex("82 7f 00x5 03 0d 40"), new Uint8Array(200_000), hex("89 00")]);
    const calls: (string | number)[] = [];
    const decoder = new FrameDecoder({ role: "client", inPieces: true }, {
      onFrame: () => void calls.push("frame"),
      onFrameStart(): void {
        calls.push("start");
        decoder.stop();
      },
      onFramePiece(_chunk, start, end): void {
        calls.push(end - start);
        decoder.stop();
      },
      onFrameEnd: () => void calls.push("end"),
    });
    const offsets: number[] = [];
    for (let at = 0; at < bytes.length;) offsets.push(at = decoder.decode(bytes, at));
    assert.deepEqual(offsets, [10, 65_546, 131_082, 196_618, 200_010, 200_012]);
    assert.deepEqual(calls, ["start", 65_536, 65_536, 65_536, 3392, "end", "frame"]);
  });

  it("after a violation every call throws the same error, and nothing is handed on", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    const errors: unknown[] = [];
    for (const bytes of ["82 01 01 83 00 82 01 02", "82 01 03", ""]) {
      try {
        decoder.decode(hex(bytes));
      } catch (error) {
        errors.push(error);
      }
    }
    assert.equal(errors.length, 3);
    assert.ok(errors[0] instanceof ProtocolError && errors.every((each) => each === errors[0]));
    assert.deepEqual(sink.calls, ["frame 82 [1]"]);
  });

  it("what a sink throws comes out, and stops the decoder for good", () => {
    const sink = new Recorder(), decoder = new FrameDecoder({ role: "client" }, sink);
    const error = new Error("of the sink");
    sink.afterFrame = (): void => {
      throw error;
    };
    assert.throws(() => decoder.decode(hex("82 00 82 00")), error);
    assert.throws(() => decoder.decode(hex("82 00")), error);
    assert.equal(sink.calls.length, 1);
  });

  it("5.2: a violation is found on the header, before any payload, in one chunk or byte by byte", () => {
    const rows: [string, number][] = [
      ["83 7f 00x8 ", 2],
      ["c1 05", 2],
      ["09 05", 2],
      ["89 7e", 2],
      ["82 85", 2],
      ["82 7e 00 05", 4],
      ["82 7f 80 00x7", 10],
      ["82 7f 00x4 40 00x3", 10],
    ];
    for (const [header, bytes] of rows) {
      const sink = new Recorder();
      const atOnce = new FrameDecoder({ role: "client" }, sink);
      assert.throws(() => atOnce.decode(hex(header).subarray(0, bytes)));
      const split = new FrameDecoder({ role: "client" }, sink);
      for (const byte of hex(header).subarray(0, bytes - 1)) split.decode(new Uint8Array([byte]));
      assert.throws(() => split.decode(hex(header).subarray(bytes - 1, bytes)));
      assert.deepEqual(sink.calls, []);
    }
  });

  it("5.1: each error names who broke which rule", () => {
    const failing = (role: "client" | "server", bytes: string): void => {
      new FrameDecoder({ role }, new Recorder()).decode(hex(bytes));
    };
    assert.throws(() => failing("server", "81 00"), {
      name: "ProtocolError",
      code: "MASK_REQUIRED",
      closeCode: 1002,
      message: "Cannot decode frame: client sent an unmasked frame",
    });
    assert.throws(() => failing("client", "81 80"), {
      message: "Cannot decode frame: server sent a masked frame",
    });
  });

  it("10.4: a LimitError reports the option, the limit and the figure", () => {
    const decoder = new FrameDecoder({ role: "client", maxFrameSize: 4 }, new Recorder());
    assert.throws(() => decoder.decode(hex("82 05")), (error) => {
      assert.ok(error instanceof LimitError);
      const { option, limit, actual, closeCode } = error;
      assert.deepEqual([option, limit, actual, closeCode], ["maxFrameSize", 4, 5, 1009]);
      return true;
    });
  });

  it("10.4: the default limit is 16 MiB, which itself passes", () => {
    assert.equal(DEFAULT_MAX_SIZE, 16 * 1024 * 1024);
    const sink = new Recorder();
    new FrameDecoder({ role: "client" }, sink).decode(hex("82 7f 00x4 01 00 00 00"));
    assert.deepEqual(sink.calls, [`start 82 ${DEFAULT_MAX_SIZE}`]);
    const decoder = new FrameDecoder({ role: "client" }, sink);
    assert.throws(() => decoder.decode(hex("82 7f 00x4 01 00 00 01")), LimitError);
  });

  it("a limit of 2 GiB or more is that limit, and Infinity is none", () => {
    const rows: [number, string, boolean][] = [
      [2 ** 31, "00x4 80 00x3", true],
      [2 ** 31, "00x4 80 00 00 01", false],
      [2 ** 32, "00x3 01 00x4", true],
      [2 ** 32, "00x3 01 00x3 01", false],
      [2 ** 32 - 1, "00x4 ffx4", true],
      [2 ** 53 - 1, "00 1f ffx6", true],
      [2 ** 53 - 1, "00 20 00x6", false],
      [Infinity, "7f ffx7", true],
    ];
    for (const [maxFrameSize, length, passes] of rows) {
      const decoder = new FrameDecoder({ role: "client", maxFrameSize }, new Recorder());
      const decode = (): number => decoder.decode(join([hex("82 7f"), hex(length)]));
      if (passes) assert.equal(decode(), 10);
      else assert.throws(decode, { name: "LimitError", limit: maxFrameSize });
    }
  });

  it("a limit that is NaN, negative or fractional is a RangeError, another type a TypeError", () => {
    const make = (maxFrameSize: unknown): unknown =>
      new FrameDecoder({ role: "client", maxFrameSize: maxFrameSize as number }, new Recorder());
    for (const limit of [NaN, -1, 1.5, -Infinity, 2 ** 53]) {
      assert.throws(() => make(limit), RangeError);
    }
    for (const limit of [null, "1", 1n, {}]) assert.throws(() => make(limit), TypeError);
    for (const limit of [undefined, 0, -0, Infinity, 2 ** 53 - 1]) make(limit);
  });

  it("an invalid role is a TypeError", () => {
    const options = { role: "peer" } as unknown as { role: "client" };
    assert.throws(() => new FrameDecoder(options, new Recorder()), TypeError);
  });

  it("5.2: reserved bits that an extension claims are handed on, on the first frame of a message", () => {
    const sink = new Recorder();
    const decoder = new FrameDecoder({ role: "client", allowedRsv: 0x60 }, sink);
    decoder.decode(hex("c1 00 a2 00 61 00 e2 00"));
    assert.deepEqual(sink.calls, ["c1", "a2", "61", "e2"].map((first) => `frame ${first} []`));
    assert.throws(() => decoder.decode(hex("91 00")), { code: "RESERVED_BITS" });
  });
});
