/** Messages in pieces: what the decoder gives from the first bytes on, against what it gives whole. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PerMessageDeflate } from "../../lib/deflate/extension.ts";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { MessageDecoder, type MessageDecoderOptions } from "../../lib/message/decoder.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { Message } from "../../lib/message/message.ts";
import { CORPUS } from "../deflate/corpus.ts";
import { framesBytes, hex, join } from "../frame/notation.ts";
import { role, runs, split, splits, wire } from "../fuzz/arbitraries.ts";
import { vectors } from "../vectors.ts";
import { byteByByte, cut, type DriveOptions, splitOptions, throughCores } from "./decode.ts";
import { sizesAskedFor } from "./memory.ts";
import { TenFold, Turning } from "./toy_extension.ts";

/** One call of the sink. */
type Call =
  | ["start", "text" | "binary", number | undefined]
  | ["data", Uint8Array<ArrayBuffer>]
  | ["end"]
  | [Message];

/** What a decoder that gives pieces says of `chunks`, call by call. */
class Pieces {
  readonly calls: Call[] = [];
  /** How often decoding stopped with bytes left. */
  stopped = 0;
  readonly #frames: FrameDecoder;
  #closed = false;
  error: ProtocolError | LimitError | undefined;

  /** `stops` says whether to stop at a call, and then the decoders can within a frame. */
  constructor(options: DriveOptions, stops?: () => boolean) {
    const calls = this.calls;
    const { frame, message } = splitOptions(options);
    const stop = (): void => {
      if (!stops?.()) return;
      this.#frames.stop();
      messages.stop();
    };
    const messages = new MessageDecoder({ ...message, inPieces: true }, {
      onMessage: () => assert.fail("a whole message where pieces were asked for"),
      onMessageStart(type, length): void {
        calls.push(["start", type, length]);
        stop();
      },
      onMessageData(piece): void {
        calls.push(["data", piece]);
        stop();
      },
      onMessageEnd(): void {
        calls.push(["end"]);
        stop();
      },
      onPing: (data) => void calls.push([{ type: "ping", data }]),
      onPong: (data) => void calls.push([{ type: "pong", data }]),
      onClose: (status): void => {
        calls.push([{ type: "close", ...status }]);
        this.#closed = true;
        this.#frames.stop();
      },
    });
    this.#frames = new FrameDecoder({ ...frame, inPieces: stops !== undefined }, messages);
  }

  /** Takes chunks until one fails, or holds a Close. */
  take(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      if (this.#closed || this.error !== undefined) break;
      try {
        let at = this.#frames.decode(chunk);
        for (; at < chunk.length && !this.#closed; this.stopped++) {
          at = this.#frames.decode(chunk, at);
        }
      } catch (error) {
        assert.ok(error instanceof ProtocolError || error instanceof LimitError);
        this.error = error;
      }
    }
    return this;
  }

  /** The calls by their names, a control frame by its type. */
  get names(): string[] {
    return this.calls.map(([what]) => typeof what === "string" ? what : what.type);
  }

  /** What whole messages would have been, in their order; and what came of one that has no end. */
  get messages(): { messages: Message[]; rest: Uint8Array | undefined } {
    const messages: Message[] = [];
    let type: "text" | "binary" = "binary", length: number | undefined;
    let pieces: Uint8Array[] | undefined;
    for (const call of this.calls) {
      if (call[0] === "start") {
        assert.equal(pieces, undefined, "a message begins within another");
        [, type, length] = call;
        pieces = [];
      } else if (call[0] === "data") {
        assert.ok(pieces !== undefined, "a piece of no message");
        assert.ok(call[1].length > 0, "an empty piece");
        assert.equal(call[1].buffer.byteLength, call[1].length, "memory that others share");
        pieces.push(call[1]);
      } else if (call[0] === "end") {
        assert.ok(pieces !== undefined, "the end of no message");
        const data = join(pieces);
        if (length !== undefined) assert.equal(data.length, length);
        messages.push(
          type === "text" ? { type, data: strict.decode(data) } : { type: "binary", data },
        );
        pieces = undefined;
      } else messages.push(call[0]);
    }
    return { messages, rest: pieces && join(pieces) };
  }
}

const always = (): boolean => true;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Pieces agree with whole messages on these chunks: the same messages, the same error. */
function assertAgree(
  chunks: readonly Uint8Array[],
  options: DriveOptions,
  name: string,
  stops?: () => boolean,
): void {
  const whole = throughCores(chunks, options);
  const pieces = new Pieces(options, stops).take(...chunks);
  const { messages, rest } = pieces.messages;
  assert.deepEqual(messages, whole.messages, name);
  const { error } = pieces;
  if (whole.error?.code !== "TRUNCATED") {
    assert.equal(error?.code, whole.error?.code, name);
    assert.equal(error?.closeCode, whole.error?.closeCode, name);
    if (error instanceof LimitError) assert.equal(error.option, whole.error?.option, name);
  } else assert.equal(error, undefined, name);
  if (rest !== undefined) assert.ok(rest.length <= (options.maxMessageSize ?? Infinity), name);
}

/** Offsets at which a vector is split: all, or of a long one those around its headers and ends. */
function offsetsOf(bytes: Uint8Array): number[] {
  const all = Array.from({ length: bytes.length + 1 }, (_, offset) => offset);
  if (bytes.length < 300) return all;
  return all.filter((offset) => offset < 24 || offset > bytes.length - 8 || offset % 16384 === 0);
}

const peerOf = (role: Role): Role => role === "client" ? "server" : "client";
const ROLES: readonly Role[] = ["client", "server"];

/** The calls that frames from a peer make, in one chunk. */
function given(role: Role, frames: readonly string[], options: MessageDecoderOptions = {}): Pieces {
  return new Pieces({ role, ...options }).take(framesBytes(frames, peerOf(role)));
}

describe("pieces and whole messages agree", () => {
  it("on every vector, in one chunk, byte by byte, and in two at each offset", () => {
    for (const { name, bytes, options } of vectors) {
      assertAgree([bytes], options, name);
      if (bytes.length < 300) assertAgree(byteByByte(bytes), options, `${name}, byte by byte`);
      for (const offset of offsetsOf(bytes)) {
        assertAgree(cut(bytes, [offset]), options, `${name}, split at ${offset}`);
        assertAgree(cut(bytes, [offset]), options, `${name}, split at ${offset}, stopped`, always);
      }
    }
  });

  it("on whatever is sent, however it is cut", () => {
    const any = role.chain((role) => fc.tuple(fc.constant(role), wire(role), splits));
    fc.assert(
      fc.property(any, ([role, bytes, offsets]) => {
        assertAgree(split(bytes, offsets), { role }, "");
        assertAgree(split(bytes, offsets), { role, maxMessageSize: 30, maxFragments: 3 }, "");
      }),
      { numRuns: runs },
    );
  });

  it("on whatever is sent, wherever decoding stops and goes on", () => {
    const any = role.chain((role) => fc.tuple(fc.constant(role), wire(role), splits));
    fc.assert(
      fc.property(any, fc.infiniteStream(fc.boolean()), ([role, bytes, offsets], random) => {
        const stops = (): boolean => random.next().value!;
        assertAgree(split(bytes, offsets), { role }, "", stops);
        const limits = { maxMessageSize: 30, maxFragments: 3 };
        assertAgree(split(bytes, offsets), { role, ...limits }, "", stops);
      }),
      { numRuns: runs },
    );
  });

  it("on compressed messages, wherever decoding stops and goes on", () => {
    const part = fc.constantFrom(
      ...CORPUS.filter(({ bytes }) => bytes.length < 20_000).map(({ bytes }) => bytes),
    );
    const agreed = fc.record({
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: fc.integer({ min: 8, max: 12 }),
      clientMaxWindowBits: fc.integer({ min: 8, max: 12 }),
      header: fc.constant("permessage-deflate"),
    });
    const message = fc.record({ bytes: part, cuts: fc.array(fc.nat(20_000), { maxLength: 3 }) });
    const many = fc.array(message, { minLength: 1, maxLength: 4 });
    const maxMessageSize = fc.oneof(
      { weight: 4, arbitrary: fc.constant(Infinity) },
      fc.nat(20_000),
    );
    let stopped = 0;
    fc.assert(
      fc.property(
        fc.tuple(role, agreed, many, splits, maxMessageSize),
        fc.infiniteStream(fc.boolean()),
        ([role, agreement, messages, offsets, maxMessageSize], random) => {
          const make = (role: Role): PerMessageDeflate =>
            new PerMessageDeflate({ role, agreement, level: 6, threshold: 0 });
          const frames = new FrameEncoder({ role: peerOf(role) });
          const encoder = new MessageEncoder(frames, make(peerOf(role)));
          for (const { bytes, cuts } of messages) {
            encoder.begin("binary");
            const pieces = cut(bytes, cuts.map((at) => at % (bytes.length + 1)));
            for (const [i, piece] of pieces.entries()) {
              encoder.fragment(piece, i === pieces.length - 1);
              encoder.ping(new Uint8Array([i]));
            }
          }
          const chunks = split(frames.output.take(), offsets);
          const options = (): DriveOptions => ({
            role,
            allowedRsv: 0x40,
            maxMessageSize,
            extension: make(role),
          });
          const whole = throughCores(chunks, options());
          const stops = (): boolean => random.next().value!;
          const pieces = new Pieces(options(), stops).take(...chunks);
          stopped += pieces.stopped;
          assert.deepEqual(pieces.messages.messages, whole.messages);
          assert.equal(pieces.error?.code, whole.error?.code);
        },
      ),
      { numRuns: Math.max(200, runs / 10) },
    );
    assert.ok(stopped > 100, `${stopped}`);
  });
});

for (const role of ROLES) {
  describe(`pieces, to a ${role}`, () => {
    it("a message begins with its first header: the type, and the length if it is not fragmented", () => {
      const rows: [string, Call][] = [
        ["81 05", ["start", "text", 5]],
        ["82 05", ["start", "binary", 5]],
        ["82 7e 04 00", ["start", "binary", 1024]],
        ["82 7f 00x3 01 00x4", ["start", "binary", 2 ** 32]],
        ["82 7f 7f ffx7", ["start", "binary", 2 ** 63]],
        ["01 05", ["start", "text", undefined]],
        ["02 7e 04 00", ["start", "binary", undefined]],
      ];
      const none = { maxMessageSize: Infinity, maxFrameSize: Infinity };
      for (const [header, call] of rows) {
        const bytes = framesBytes([header], peerOf(role));
        for (const chunks of [[bytes], byteByByte(bytes)]) {
          assert.deepEqual(new Pieces({ role, ...none }).take(...chunks).calls, [call]);
        }
      }
    });

    it("an empty message begins and ends, with no piece", () => {
      assert.deepEqual(given(role, ["81 00"]).calls, [["start", "text", 0], ["end"]]);
      assert.deepEqual(given(role, ["02 00", "00 00", "80 00"]).calls, [
        ["start", "binary", undefined],
        ["end"],
      ]);
    });

    it("each fragment that lies whole in a chunk is one piece, empty ones are none", () => {
      const { calls } = given(role, ["01 02 | 'ab'", "00 00", "00 01 | 'c'", "80 02 | 'de'"]);
      assert.deepEqual(calls, [
        ["start", "text", undefined],
        ["data", hex("'ab'")],
        ["data", hex("'c'")],
        ["data", hex("'de'")],
        ["end"],
      ]);
    });

    it("what came is given at once, and nothing waits for the rest of a frame", () => {
      const bytes = framesBytes(["82 0a | 01 02 03 04 05 06 07 08 09 0a"], peerOf(role));
      const pieces = new Pieces({ role });
      const header = bytes.length - 10;
      pieces.take(bytes.subarray(0, header));
      for (let at = header; at < bytes.length; at++) {
        pieces.take(bytes.subarray(at, at + 1));
        assert.deepEqual(pieces.calls.slice(at - header + 1), [
          ["data", hex(`0${(at - header + 1).toString(16)}`)],
          ...(at === bytes.length - 1 ? [["end"]] : []),
        ]);
      }
    });

    it("control frames are reported in their place between pieces", () => {
      const frames = ["01 01 | 'a'", "89 01 | 31", "00 01 | 'b'", "8a 00", "80 01 | 'c'", "89 00"];
      assert.deepEqual(given(role, frames).names, [
        ...["start", "data", "ping", "data", "pong", "data", "end", "ping"],
      ]);
    });

    it("a Close within a message is reported, and the message gets no end", () => {
      const frames = ["01 01 | 'a'", "88 02 | 03 e9", "80 01 | 'b'", "81 00"];
      const whole = framesBytes(frames, peerOf(role));
      for (const chunks of [[whole], byteByByte(whole)]) {
        const { names, error } = new Pieces({ role }).take(...chunks);
        assert.deepEqual([names, error], [["start", "data", "close"], undefined]);
      }
    });

    it("text fails with its first bad byte, after the pieces before; the bad piece is not given", () => {
      const bytes = framesBytes(["01 02 | 61 62", "80 04 | 63 c3 28 64"], peerOf(role));
      for (let offset = 0; offset <= bytes.length; offset++) {
        const pieces = new Pieces({ role }).take(...cut(bytes, [offset]));
        assert.equal(pieces.error?.code, "INVALID_UTF8");
        assert.equal(pieces.error?.closeCode, 1007);
        const { rest = hex("") } = pieces.messages;
        assert.deepEqual(rest, hex("61 62 63 c3").subarray(0, rest.length));
        assert.ok(!pieces.names.includes("end"));
      }
      // By single bytes it is seen which one fails: the 28.
      const pieces = new Pieces({ role });
      let taken = 0;
      for (; pieces.error === undefined; taken++) pieces.take(bytes.subarray(taken, taken + 1));
      assert.equal(taken, bytes.length - 1);
    });

    it("text that ends within a character fails at its end, and gets none", () => {
      for (const frames of [["81 02 | 61 c3"], ["01 02 | 61 c3", "80 00"]]) {
        const { names, error } = given(role, frames);
        assert.deepEqual([names, error?.code], [["start", "data"], "INVALID_UTF8"]);
      }
    });

    it("binary is not judged as text, and text after it begins with a clean slate", () => {
      const { names, error } = given(role, ["02 01 | e2", "80 01 | ff", "81 01 | 61"]);
      assert.deepEqual(names, ["start", "data", "data", "end", "start", "data", "end"]);
      assert.equal(error, undefined);
    });

    it("maxMessageSize: exactly that passes; past it the header fails, before the payload", () => {
      const limit = { maxMessageSize: 10 };
      assert.deepEqual(given(role, ["82 0a | 01x10"], limit).names, ["start", "data", "end"]);
      const single = given(role, ["82 0b"], limit);
      assert.deepEqual([single.names, single.error?.closeCode], [[], 1009]);
      const fragments = given(role, ["02 09 | 01x9", "80 01 | 01"], limit);
      assert.deepEqual(fragments.names, ["start", "data", "data", "end"]);
      const tooLong = given(role, ["02 09 | 01x9", "00 00", "80 02"], limit);
      assert.deepEqual([tooLong.names, tooLong.error?.closeCode], [["start", "data"], 1009]);
    });

    it("maxFragments: exactly that many pass, one more fails; empty ones count", () => {
      const limit = { maxFragments: 3 };
      assert.equal(given(role, ["02 00", "00 00", "80 00"], limit).error, undefined);
      const { error, names } = given(role, ["02 01 | 01", "00 00", "00 00", "80 00"], limit);
      assert.deepEqual([error?.closeCode, names], [1008, ["start", "data"]]);
    });

    it("an invalid order of fragments fails, and the message begun gets no end", () => {
      const orphan = given(role, ["80 01 | 61"]);
      assert.deepEqual([orphan.names, orphan.error?.code], [[], "CONTINUATION_UNEXPECTED"]);
      const late = given(role, ["82 05 | 01x5", "80 06 | 01x6"], { maxMessageSize: 10 });
      assert.deepEqual(late.error?.code, "CONTINUATION_UNEXPECTED", "no sum with what is over");
      const intruder = given(role, ["01 01 | 61", "82 00"]);
      assert.deepEqual([intruder.names, intruder.error?.code], [
        ["start", "data"],
        "CONTINUATION_EXPECTED",
      ]);
    });

    it("a message of an extension announces no length, and comes in its pieces", () => {
      const extension = new Turning();
      const frames = ["c1 05 | b7 9a 93 93 90", "81 01 | 'x'"];
      const bytes = framesBytes(frames, peerOf(role));
      for (const chunks of [[bytes], byteByByte(bytes)]) {
        const pieces = new Pieces({ role, extension, allowedRsv: 0x40 }).take(...chunks);
        assert.deepEqual(pieces.messages.messages, [
          { type: "text", data: "Hello" },
          { type: "text", data: "x" },
        ]);
        const starts = pieces.calls.filter(([what]) => what === "start");
        assert.deepEqual(starts, [["start", "text", undefined], ["start", "text", 1]]);
      }
    });

    it("decoding stops within what an extension makes of a payload, and goes on from there", () => {
      // Ten bytes of one, a piece a byte: it stops after any of them.
      const frames = ["42 03 | 01 02 03", "00 00", "80 02 | 04 05", "82 01 | 06"];
      const bytes = framesBytes(frames, peerOf(role));
      const options = { role, extension: new TenFold(), allowedRsv: 0x40 };
      const pieces = new Pieces(options, always).take(bytes);
      const [start, ...rest] = pieces.calls;
      assert.deepEqual(start, ["start", "binary", undefined]);
      assert.deepEqual(rest, [
        ...[1, 2, 3, 4, 5].map((byte) => ["data", new Uint8Array(10).fill(byte)]),
        ["end"],
        ["start", "binary", 1],
        ["data", new Uint8Array([6])],
        ["end"],
      ]);
      // After each call but the last, with the end of a frame no more than its last piece.
      assert.equal(pieces.stopped, 7);
    });

    it("a frame that is handed on whole is not stopped in, nor the next piece for that reason", () => {
      const given: number[] = [];
      const extension = new TenFold();
      const messages = new MessageDecoder({ inPieces: true, extension }, {
        onMessage: () => assert.fail("in pieces"),
        onMessageStart: () => messages.stop(),
        onMessageData(piece): void {
          given.push(piece[0]);
          messages.stop();
        },
        onMessageEnd: () => messages.stop(),
        onPing: () => {},
        onPong: () => {},
        onClose: () => {},
      });
      messages.onFrame(0x42, hex("01 02 03"), 0, 3, 0);
      assert.deepEqual(given, [1, 2, 3]);
      messages.onFrameStart(0x80, 2);
      assert.equal(messages.onFramePiece(hex("ff 04 05"), 1, 3, 0), 2);
      assert.equal(messages.onFramePiece(hex("05"), 0, 1, 0), 1);
      messages.onFrameEnd();
      assert.deepEqual(given, [1, 2, 3, 4, 5]);
    });

    it("no memory is asked for on an announced length, nor kept of what came", () => {
      const header = framesBytes(["82 7f 7f ffx7"], peerOf(role));
      const none = { maxMessageSize: Infinity, maxFrameSize: Infinity };
      const chunk = new Uint8Array(1000);
      const sizes = sizesAskedFor(() => {
        const pieces = new Pieces({ role, ...none }).take(header);
        for (let at = 0; at < 100; at++) pieces.take(chunk);
        assert.equal(pieces.calls.length, 101);
      });
      assert.ok(Math.max(...sizes, 0) <= 1000, `${Math.max(...sizes)}`);
    });
  });
}
