/** What broke the framing of other implementations: one test a row of the table, both roles. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { FrameDecoder, type FrameSink } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { randomMask } from "../../lib/frame/mask.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { FrameDecoderStream } from "../../lib/frame/streams.ts";
import { fromByteStreamPair } from "../../lib/transport/byte_stream.ts";
import { frameBytes, framesBytes, headerOf, hex, join } from "../frame/notation.ts";
import { assertLinear } from "../handshake/support.ts";
import { byteByByte, cut, streamOf, throughCores, throughStreams } from "../message/decode.ts";
import { sizesAskedFor, sum } from "../message/memory.ts";

const roles: readonly Role[] = ["client", "server"];
const peerOf = (role: Role): Role => role === "client" ? "server" : "client";

/** Counts the payload bytes that it is handed. */
class Counter implements FrameSink {
  bytes = 0;
  calls = 0;
  onFrame(_first: number, _chunk: Uint8Array, start: number, end: number): void {
    this.calls++;
    this.bytes += end - start;
  }
  onFrameStart(): void {
    this.calls++;
  }
  onFramePiece(_chunk: Uint8Array, start: number, end: number): void {
    this.calls++;
    this.bytes += end - start;
  }
  onFrameEnd(): void {
    this.calls++;
  }
}

/** The code of the error that these chunks give, and that nothing was delivered before it. */
function refusal(chunks: readonly Uint8Array[], role: Role, limits = {}): string {
  const { messages, error } = throughCores(chunks, { role, ...limits });
  assert.deepEqual(messages, []);
  assert.ok(error);
  return error.option ?? error.code;
}

describe("threats to framing", () => {
  it("threat 04: a 64-bit length of all ones fails cleanly, through cores and streams", async () => {
    for (const role of roles) {
      const bytes = headerOf("82 7f ffx8", peerOf(role));
      assert.equal(refusal([bytes], role), "LENGTH_TOP_BIT");
      const { error } = await throughStreams([bytes], { role });
      assert.deepEqual(error, { code: "LENGTH_TOP_BIT", closeCode: 1002 });
      assert.equal(refusal([headerOf("82 7f 7f ffx7", peerOf(role))], role), "maxFrameSize");
    }
  });

  it("threat 12: a frame that announces 1 GiB fails on its header, with nothing buffered", () => {
    for (const role of roles) {
      const sink = new Counter(), decoder = new FrameDecoder({ role }, sink);
      const bytes = headerOf("82 7f 00x4 40 00x3", peerOf(role));
      assert.throws(() => decoder.decode(bytes), (error) => {
        assert.ok(error instanceof LimitError);
        assert.deepEqual([error.closeCode, error.actual], [1009, 2 ** 30]);
        return true;
      });
      assert.equal(sink.calls, 0);
    }
  });

  it("threat 21: a 64-bit length with its top bit set is 1002 and does not trap", () => {
    for (const role of roles) {
      for (const length of ["80 00x7", "80 00x6 01", "ff 00x7", "80 00x5 01 00 00"]) {
        const bytes = headerOf(`82 7f ${length}`, peerOf(role));
        assert.equal(refusal([bytes], role), "LENGTH_TOP_BIT");
        // Not even without limits.
        const limits = { maxFrameSize: Infinity, maxMessageSize: Infinity };
        assert.equal(refusal([bytes], role, limits), "LENGTH_TOP_BIT");
      }
    }
  });

  it("threat 22: so it is with the header split at every byte, and one byte behind it", () => {
    for (const role of roles) {
      const bytes = join([headerOf("82 7f 80 00x7", peerOf(role)), hex("00")]);
      for (let first = 0; first <= bytes.length; first++) {
        for (let second = first; second <= bytes.length; second++) {
          assert.equal(refusal(cut(bytes, [first, second]), role), "LENGTH_TOP_BIT");
        }
      }
      assert.equal(refusal(byteByByte(bytes), role), "LENGTH_TOP_BIT");
    }
  });

  it("threat 24: every step consumes a byte or fails, whatever the lengths say", () => {
    const lengths = [
      "00",
      "01",
      "7e 00 00",
      "7e ff ff",
      "7f 00x8",
      "7f 7f ffx7",
      "7f 80 00x7",
      "7f ffx8",
    ];
    for (const role of roles) {
      for (const length of lengths) {
        for (const maxFrameSize of [undefined, Infinity]) {
          const bytes = join([headerOf(`82 ${length}`, peerOf(role)), hex("00x20")]);
          const sink = new Counter(), decoder = new FrameDecoder({ role, maxFrameSize }, sink);
          try {
            for (const chunk of byteByByte(bytes)) assert.equal(decoder.decode(chunk), 1);
          } catch (error) {
            assert.ok(error instanceof ProtocolError || error instanceof LimitError);
          }
          assert.ok(sink.calls <= 2 * bytes.length);
        }
      }
    }
  });

  it("threat 25: a large frame with an unknown opcode fails at its second byte", () => {
    for (const role of roles) {
      const sink = new Counter(), decoder = new FrameDecoder({ role }, sink);
      const [first, second] = headerOf("83 7f 00x4 40 00x3", peerOf(role));
      decoder.decode(new Uint8Array([first]));
      assert.throws(() => decoder.decode(new Uint8Array([second])), { code: "RESERVED_OPCODE" });
      assert.equal(sink.calls, 0);
    }
  });

  it("threat 28: all 65,536 pairs of first bytes are a frame, wait for more, or fail as 5.2 says", () => {
    /** Sections 5.1, 5.2 and 5.5 once more, by their text. */
    const verdict = (first: number, second: number, role: Role): string => {
      const opcode = first & 15, control = opcode >= 8;
      if (![0, 1, 2, 8, 9, 10].includes(opcode)) return "RESERVED_OPCODE";
      if (first & 0x70) return "RESERVED_BITS";
      if (control && first < 0x80) return "CONTROL_FRAGMENTED";
      if (control && (second & 127) > 125) return "CONTROL_TOO_LONG";
      if (role === "server" && second < 0x80) return "MASK_REQUIRED";
      if (role === "client" && second >= 0x80) return "MASK_FORBIDDEN";
      return "lawful";
    };
    for (const role of roles) {
      for (let first = 0; first < 256; first++) {
        for (let second = 0; second < 256; second++) {
          const bytes = new Uint8Array([first, second]);
          for (const chunks of [[bytes], byteByByte(bytes)]) {
            const sink = new Counter(), decoder = new FrameDecoder({ role }, sink);
            let actual = "lawful";
            try {
              for (const chunk of chunks) decoder.decode(chunk);
            } catch (error) {
              assert.ok(error instanceof ProtocolError);
              actual = error.code;
              assert.equal(sink.calls, 0);
            }
            if (actual !== verdict(first, second, role)) {
              assert.fail(`${first}, ${second} to a ${role}: ${actual}`);
            }
          }
        }
      }
    }
  });

  it("threat 29: a frame of the limit's size, a byte a chunk, pins no more than twice its size", () => {
    const size = 1 << 20;
    for (const type of ["81", "82"]) {
      const header = hex(`${type} 7f 00x5 10 00 00`), byte = hex("61");
      const chunks = function* (): Generator<Uint8Array> {
        yield header;
        for (let i = 0; i < size; i++) yield byte;
      };
      const sizes = sizesAskedFor(() => {
        const { messages } = throughCores(chunks(), { role: "client", maxMessageSize: size });
        assert.equal(messages.length, 1);
      });
      assert.ok(sizes.length < 100 && sum(sizes) >= size && sum(sizes) <= 2.2 * size);
    }
  });

  it("threat 29: an announced size pins at most 64 KiB before its payload comes", () => {
    for (const role of roles) {
      const bytes = frameBytes("82 7f 00x4 01 00 00 00 | 61", peerOf(role));
      const sizes = sizesAskedFor(() => {
        assert.equal(throughCores([bytes], { role }).error?.code, "TRUNCATED");
      });
      assert.ok(sum(sizes) <= 66 * 1024, `${sizes}`);
    }
  });

  it("threat 30: RSV1 that was not negotiated is 1002, on data, continuation and control frames", () => {
    for (const role of roles) {
      for (const frames of [["c1 01 | 61"], ["c2 00"], ["01 00", "c0 00"], ["c9 00"], ["c8 00"]]) {
        const bytes = framesBytes(frames, peerOf(role));
        assert.equal(refusal([bytes], role), "RESERVED_BITS");
        assert.equal(refusal(byteByByte(bytes), role), "RESERVED_BITS");
      }
    }
  });

  it("threat 35: many small chunks, and many small frames in one chunk, take linear time", () => {
    const decode = (chunks: Iterable<Uint8Array>): void => {
      const decoder = new FrameDecoder({ role: "client", maxFrameSize: Infinity }, new Counter());
      for (const chunk of chunks) decoder.decode(chunk);
    };
    const byte = hex("61");
    assertLinear((size) => {
      decode(function* (): Generator<Uint8Array> {
        yield hex("82 7f 00 00 00 01 00x4");
        for (let i = 0; i < size; i++) yield byte;
      }());
    }, 50_000);
    assertLinear((size) => decode([new Uint8Array(2 * size)]), 100_000);
  });

  it("threat 38: each frame has a fresh mask, and the source is asked once a frame", () => {
    const encoder = new FrameEncoder({ role: "client" });
    const masks = new Set<number>();
    for (let i = 0; i < 10_000; i++) {
      encoder.encode(0x82, new Uint8Array(0));
      const view = new DataView(encoder.output.take().slice().buffer);
      masks.add(view.getInt32(2));
    }
    // Two keys of 10,000 are the same once in 86 runs; four pairs, never.
    assert.ok(masks.size > 9_995);
    let asked = 0;
    const counting = new FrameEncoder({ role: "client", mask: () => (asked++, 1) });
    for (let i = 0; i < 100; i++) counting.encode(0x89, hex("01"));
    for (let i = 0; i < 100; i++) counting.encodeText(0x81, "text");
    assert.equal(asked, 200);
  });

  it("threat 38: a server's frames have none", () => {
    const encoder = new FrameEncoder({
      role: "server",
      mask: () => assert.fail("asked for a mask"),
    });
    encoder.encodeText(0x81, "Hi");
    assert.deepEqual(encoder.output.take(), hex("81 02 'Hi'"));
  });

  it("threat 39: no module of the library names Math.random", () => {
    const lib = new URL("../../lib/", import.meta.url);
    const files = readdirSync(lib, { recursive: true }).map(String).filter((f) =>
      f.endsWith(".ts")
    );
    assert.ok(files.length > 40);
    for (const file of files) {
      const source = readFileSync(new URL(file.replaceAll("\\", "/"), lib), "utf8");
      assert.ok(!source.includes("Math.random"), file);
    }
  });

  it("threat 39: a mask is drawn without calling Math.random", () => {
    const original = Math.random;
    Math.random = (): number => assert.fail("Math.random was called");
    try {
      for (let i = 0; i < 3000; i++) randomMask();
      new FrameEncoder({ role: "client" }).encodeText(0x81, "Hi");
    } finally {
      Math.random = original;
    }
  });

  it("threat 41: an unmasked frame of a client is 1002, and its payload is not delivered", async () => {
    const bytes = hex("81 02 68 69");
    assert.deepEqual(throughCores([bytes], { role: "server" }).messages, []);
    const outcome = await throughStreams([bytes], { role: "server" });
    const error = { code: "MASK_REQUIRED", closeCode: 1002 };
    assert.deepEqual(outcome, { messages: [], error });
    const sink = new Counter();
    assert.throws(() => new FrameDecoder({ role: "server" }, sink).decode(bytes), ProtocolError);
    assert.equal(sink.calls, 0);
  });

  it("threat 42: control frames of more than 125 bytes or in fragments fail on their header", () => {
    for (const role of roles) {
      for (
        const [first, code] of [["89 7e", "CONTROL_TOO_LONG"], ["09 00", "CONTROL_FRAGMENTED"]]
      ) {
        const bytes = headerOf(first, peerOf(role)).subarray(0, 2);
        assert.equal(refusal([bytes], role), code);
        assert.equal(refusal(byteByByte(bytes), role), code);
      }
    }
  });

  it("threat: a length that is not minimally encoded is 1002", () => {
    for (const role of roles) {
      for (const length of ["7e 00 7d", "7f 00x6 ff ff"]) {
        assert.equal(refusal([headerOf(`82 ${length}`, peerOf(role))], role), "LENGTH_NOT_MINIMAL");
      }
    }
  });

  it("threat: a good frame and a bad one in one chunk: the good one first, then the failure", async () => {
    for (const role of roles) {
      const bytes = framesBytes(["82 01 | 2a", "83 00", "82 01 | 2b"], peerOf(role));
      const reader = streamOf([bytes]).pipeThrough(new FrameDecoderStream({ role })).getReader();
      assert.deepEqual((await reader.read()).value?.payload, hex("2a"));
      await assert.rejects(reader.read(), { code: "RESERVED_OPCODE" });
    }
  });

  it("threat: the bytes that a caller passes or a transport hands in are never changed or detached", () => {
    for (const size of [0, 5, 600, 70_000]) {
      const payload = new Uint8Array(size).fill(7);
      const encoder = new FrameEncoder({ role: "client" });
      encoder.encode(0x82, payload);
      const bytes = encoder.output.take().slice(), before = bytes.slice();
      throughCores([bytes], { role: "server" });
      assert.ok(payload.length === size && payload.every((byte) => byte === 7));
      assert.ok(bytes.length === before.length && bytes.every((byte, i) => byte === before[i]));
    }
  });

  it("threat: what is written to a byte stream is memory of its own, which its reader may transfer", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const transport = fromByteStreamPair({ readable: new ReadableStream(), writable });
    const memory = new Uint8Array(100).fill(7);
    transport.write(memory.subarray(10, 20));
    memory.fill(8);
    const { value } = await readable.getReader().read();
    assert.deepEqual(value, new Uint8Array(10).fill(7));
    assert.equal(value?.buffer.byteLength, 10);
    transport.close();
  });

  it("threat: a limit of 2 GiB or more is no missing limit", () => {
    for (const role of roles) {
      const bytes = headerOf("82 7f 00x4 80 00 00 01", peerOf(role));
      assert.equal(refusal([bytes], role, { maxFrameSize: 2 ** 31 }), "maxFrameSize");
      const within = throughCores([bytes], {
        role,
        maxFrameSize: 2 ** 31 + 1,
        maxMessageSize: Infinity,
      });
      assert.equal(within.error?.code, "TRUNCATED");
    }
  });

  it("threat: write() settles after the end of a decoding stream", async () => {
    for (const bytes of [frameBytes("83 00", "server"), frameBytes("82 00", "server")]) {
      const stream = new FrameDecoderStream({ role: "client" });
      const writer = stream.writable.getWriter(), reader = stream.readable.getReader();
      writer.closed.catch(() => {});
      const written = writer.write(bytes);
      await reader.read().catch(() => {});
      await reader.cancel().catch(() => {});
      await written.catch(() => {});
      await assert.rejects(writer.write(bytes));
    }
  });
});
