/** What broke the messages of other implementations: one test a row of the table, both roles. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { writeClosePayload } from "../../lib/message/close.ts";
import { MessageDecoder } from "../../lib/message/decoder.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { MessageExtension } from "../../lib/message/extension.ts";
import { MessageEncoderStream } from "../../lib/message/streams.ts";
import { frameBytes, framesBytes, headerOf, hex, join } from "../frame/notation.ts";
import { binary, close, ping, text } from "../frame/table.ts";
import { assertLinear } from "../handshake/support.ts";
import {
  byteByByte,
  collect,
  type DriveOptions,
  streamOf,
  throughCores,
  throughStreams,
} from "../message/decode.ts";
import { sizesAskedFor, sum } from "../message/memory.ts";
import { TenFold, Turning } from "../message/toy_extension.ts";

const roles: readonly Role[] = ["client", "server"];
const peerOf = (role: Role): Role => role === "client" ? "server" : "client";
const RSV1 = { allowedRsv: 0x40 };
const noSink = { onMessage(): void {}, onPing(): void {}, onPong(): void {}, onClose(): void {} };

/** What frames give that a peer sends. */
function given(frames: readonly string[], options: DriveOptions): ReturnType<typeof throughCores> {
  return throughCores([framesBytes(frames, peerOf(options.role))], options);
}

/** Decodes a message's begin and then the same continuation again and again; gives how often. */
function flood(role: Role, begin: string, continuation: string, limits = {}): number {
  const messages = new MessageDecoder(limits, noSink);
  const decoder = new FrameDecoder({ role }, messages);
  decoder.decode(frameBytes(begin, peerOf(role)));
  const again = frameBytes(continuation, peerOf(role));
  for (let count = 1; count <= 1_000_000; count++) {
    try {
      decoder.decode(again);
    } catch (error) {
      assert.deepEqual(
        [(error as { option: string }).option, (error as { closeCode: number }).closeCode],
        ["maxFragments", 1008],
      );
      return count;
    }
  }
  return Infinity;
}

describe("threats to messages", () => {
  it("threat 01: a flood of empty fragments to a server ends at maxFragments", () => {
    assert.equal(flood("server", "01 00", "00 00"), 131_072);
    assert.equal(flood("server", "02 01 | 61", "00 00", { maxFragments: 100 }), 100);
    assert.equal(flood("server", "02 01 | 61", "00 01 | 61", { maxFragments: 100 }), 100);
  });

  it("threat 01: fragments pin their bytes, and no memory each", () => {
    const data = frameBytes("00 01 | 61", "client"), empty = frameBytes("00 00", "client");
    const chunks = [frameBytes("02 01 | 61", "client")];
    for (let i = 0; i < 50_000; i++) chunks.push(data, empty);
    const sizes = sizesAskedFor(() => throughCores(chunks, { role: "server" }));
    // 50,001 bytes, in blocks that double.
    assert.ok(sizes.length < 50 && sum(sizes) >= 50_001 && sum(sizes) < 4 * 50_001, `${sizes}`);
  });

  it("threat 02: the same to a client", () => {
    assert.equal(flood("client", "01 00", "00 00"), 131_072);
    assert.equal(flood("client", "02 01 | 61", "00 01 | 61", { maxFragments: 100 }), 100);
  });

  it("threat 07: a reason that is no string is refused, never sent as memory", async () => {
    const kinds = [Float32Array, Float64Array, Int8Array, Uint8Array, Uint16Array, BigInt64Array];
    for (const Kind of kinds) {
      const reason = new Kind(20) as unknown as string;
      assert.throws(() => writeClosePayload({ closeCode: 1000, reason }), TypeError);
      const encoder = new FrameEncoder({ role: "server" });
      assert.throws(
        () => new MessageEncoder(encoder).close({ closeCode: 1000, reason }),
        TypeError,
      );
      assert.equal(encoder.output.length, 0);
      const messages = streamOf([{ type: "close" as const, closeCode: 1000, reason }]);
      await assert.rejects(collect(messages.pipeThrough(new MessageEncoderStream())), TypeError);
    }
  });

  it("threat 12: a message that announces more than the default limit fails on its header", () => {
    for (const role of roles) {
      for (const type of ["81", "82", "01", "02"]) {
        const bytes = headerOf(`${type} 7f 00x4 01 00 00 01`, peerOf(role));
        const { error } = throughCores([bytes], { role, maxFrameSize: Infinity });
        assert.deepEqual(error, {
          code: "LIMIT_EXCEEDED",
          closeCode: 1009,
          option: "maxMessageSize",
        });
      }
    }
  });

  it("threat 13: a ping or pong of a number is refused, and nothing is written", () => {
    for (const payload of [100, "100", new ArrayBuffer(8), new Uint16Array(3), { length: 3 }]) {
      const frames = new FrameEncoder({ role: "client" });
      const encoder = new MessageEncoder(frames);
      assert.throws(() => encoder.ping(payload as unknown as Uint8Array), TypeError);
      assert.throws(() => encoder.pong(payload as unknown as Uint8Array), TypeError);
      assert.equal(frames.output.length, 0);
    }
  });

  it("threat 15: the limit holds after an extension has made much of little", () => {
    for (const role of roles) {
      const extension = new TenFold();
      const options = { role, extension, maxMessageSize: 128, ...RSV1 };
      const { messages, error } = given(["c2 64 | 01x100"], options);
      assert.deepEqual(messages, []);
      assert.deepEqual(error, {
        code: "LIMIT_EXCEEDED",
        closeCode: 1009,
        option: "maxMessageSize",
      });
      assert.ok(extension.given <= 140, "it is stopped at the limit, not at the end");
    }
  });

  it("threat 16: also where the message comes in three fragments", () => {
    for (const role of roles) {
      const options = { role, maxMessageSize: 128, ...RSV1 };
      const fragments = ["42 06 | 01x6", "00 06 | 01x6", "80 01 | 01"];
      const { error } = given(fragments, { ...options, extension: new TenFold() });
      assert.equal(error?.option, "maxMessageSize");
      const within = given(["42 06 | 01x6", "00 05 | 01x5", "80 01 | 01"], {
        ...options,
        extension: new TenFold(),
      });
      assert.deepEqual(within.messages, [binary("01x120")]);
    }
  });

  it("threat 23: lengths of fragments add up without wrapping round", () => {
    for (const role of roles) {
      for (const limit of [100, 2 ** 31, 2 ** 32]) {
        const options = { role, maxMessageSize: limit, maxFrameSize: Infinity };
        for (const length of ["7f 7f ffx7", "7f 00 00 00 01 00x4", "7f 00x4 ffx4"]) {
          const bytes = join([
            frameBytes("02 63 | 01x99", peerOf(role)),
            headerOf(`00 ${length}`, peerOf(role)),
          ]);
          assert.equal(throughCores([bytes], options).error?.option, "maxMessageSize");
        }
      }
    }
  });

  it("threat 27: twice the fragments take at most three times as long, whole or in pieces", () => {
    for (const size of [1, 64]) {
      const frame = frameBytes(`00 ${size.toString(16).padStart(2, "0")} | 61x${size}`, "client");
      for (const pieces of [[frame], [frame.subarray(0, 7), frame.subarray(7)]]) {
        assertLinear((count) => {
          const sink = new MessageDecoder({ maxFragments: Infinity }, noSink);
          const decoder = new FrameDecoder({ role: "server" }, sink);
          decoder.decode(frameBytes("01 00", "client"));
          for (let i = 0; i < count; i++) for (const piece of pieces) decoder.decode(piece);
        }, 20_000);
      }
    }
  });

  it("threat 30: a message with RSV1 is 1002 where no extension was negotiated, even if frames allow it", () => {
    for (const role of roles) {
      const { messages, error } = given(["c1 01 | 61"], { role, ...RSV1 });
      assert.deepEqual([messages, error], [[], { code: "RESERVED_BITS", closeCode: 1002 }]);
    }
  });

  it("threat 35: text in many pieces is checked in linear time", () => {
    const byte = hex("61");
    assertLinear((size) => {
      const sink = new MessageDecoder({}, noSink);
      const decoder = new FrameDecoder({ role: "client" }, sink);
      decoder.decode(hex("81 7f 00x4 01 00 00 00"));
      for (let i = 0; i < size; i++) decoder.decode(byte);
    }, 50_000);
  });

  it("threat 43: continuations are taken strictly, with control frames between them", () => {
    for (const role of roles) {
      assert.equal(given(["80 00"], { role }).error?.code, "CONTINUATION_UNEXPECTED");
      assert.equal(given(["01 00", "81 00"], { role }).error?.code, "CONTINUATION_EXPECTED");
      const { messages, error } = given(["01 01 | 61", "89 01 | 01", "80 01 | 62"], { role });
      assert.deepEqual([messages, error], [[ping("01"), text("ab")], undefined]);
    }
  });

  it("threat 52: one counter checks every extension, also one that heeds no limit", () => {
    const limits = { role: "server", maxMessageSize: 5, ...RSV1 } as const;
    for (const extension of [new Turning(), new TenFold()] as MessageExtension[]) {
      const { messages, error } = given(["c2 06 | 01x6"], { ...limits, extension });
      assert.deepEqual([messages, error?.option], [[], "maxMessageSize"]);
    }
  });

  it("threat: a ping inside a message that an extension transforms does not disturb it", () => {
    for (const role of roles) {
      const frames = ["41 02 | b7 9a", "89 01 | 01", "80 03 | 93 93 90"];
      for (
        const chunks of [
          [framesBytes(frames, peerOf(role))],
          byteByByte(framesBytes(frames, peerOf(role))),
        ]
      ) {
        const { messages } = throughCores(chunks, { role, extension: new Turning(), ...RSV1 });
        assert.deepEqual(messages, [ping("01"), text("Hello")]);
      }
    }
  });

  it("threat: RSV1 on a continuation or control frame is 1002 though it is negotiated", () => {
    for (const role of roles) {
      for (const second of ["c0 01 | 93", "c9 00", "ca 00", "c8 00"]) {
        const { error } = given(["41 02 | b7 9a", second], {
          role,
          extension: new Turning(),
          ...RSV1,
        });
        assert.deepEqual(error, { code: "RESERVED_BITS", closeCode: 1002 });
      }
    }
  });

  it("threat: an orphan continuation right after a transformed message is 1002", () => {
    for (const role of roles) {
      const frames = ["c1 01 | b7", "80 01 | b7"];
      const { messages, error } = given(frames, { role, extension: new Turning(), ...RSV1 });
      assert.deepEqual([messages, error?.code], [[text("H")], "CONTINUATION_UNEXPECTED"]);
    }
  });

  it("threat: a ping of 5 bytes inside a message with 2 bytes of budget left is lawful", () => {
    for (const role of roles) {
      const frames = ["02 08 | 01x8", "89 05 | 02x5", "80 02 | 01x2"];
      const { messages } = given(frames, { role, maxMessageSize: 10 });
      assert.deepEqual(messages, [ping("02x5"), binary("01x10")]);
    }
  });

  it("threat: the limit itself is allowed, one byte more is not", () => {
    for (const role of roles) {
      for (const type of ["81", "82"]) {
        const options = { role, maxMessageSize: 100 };
        assert.equal(given([`${type} 64 | 61x100`], options).messages.length, 1);
        assert.equal(given([`${type} 65 | 61x101`], options).error?.option, "maxMessageSize");
      }
    }
  });

  it("threat: a good message and a bad frame in one chunk: the good one first, then the failure", async () => {
    for (const role of roles) {
      const bytes = framesBytes(["81 02 | 'Hi'", "80 00", "81 00"], peerOf(role));
      const expected = {
        messages: [text("Hi")],
        error: { code: "CONTINUATION_UNEXPECTED", closeCode: 1002 },
      };
      const { messages, error } = throughCores([bytes], { role });
      assert.deepEqual({ messages, error }, expected);
      assert.deepEqual(await throughStreams([bytes], { role }), expected);
    }
  });

  it("threat: a reason of 123 bytes passes; 124 are refused, and no character is cut", () => {
    const payload = writeClosePayload({ closeCode: 1000, reason: "\u20ac".repeat(41) });
    assert.equal(payload.length, 125);
    for (const reason of ["a".repeat(124), "a".repeat(122) + "\u20ac"]) {
      assert.throws(() => writeClosePayload({ closeCode: 1000, reason }), RangeError);
    }
  });

  it("threat: close codes 1012 to 1014 are lawful; 1004 to 1006, 1015 and undefined ones are not", () => {
    for (const role of roles) {
      for (const code of [1012, 1013, 1014, 3000, 4999]) {
        const bytes = `88 02 | ${code.toString(16).padStart(4, "0")}`;
        assert.deepEqual(given([bytes], { role }).messages, [close(code)]);
      }
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
        const bytes = `88 02 | ${code.toString(16).padStart(4, "0")}`;
        const { messages, error } = given([bytes], { role });
        assert.deepEqual([messages, error?.code], [[], "CLOSE_CODE_INVALID"]);
      }
    }
  });

  it("threat: limits that are NaN, negative or fractional are a RangeError, never no limit", () => {
    for (const limit of [NaN, -1, 0.5, -Infinity]) {
      assert.throws(() => new MessageDecoder({ maxMessageSize: limit }, noSink), RangeError);
      assert.throws(() => new MessageDecoder({ maxFragments: limit }, noSink), RangeError);
      const make = (): unknown =>
        new FrameDecoder({ role: "client", maxFrameSize: limit }, new MessageDecoder({}, noSink));
      assert.throws(make, RangeError);
    }
  });
});
