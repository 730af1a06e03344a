/** What broke the compression of other implementations: one test a row of the table, both roles. */

import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PerMessageDeflate } from "../../lib/deflate/extension.ts";
import {
  acceptDeflate,
  type DeflateAgreement,
  offerDeflate,
  readDeflateResponse,
} from "../../lib/deflate/negotiation.ts";
import { readPerMessageDeflate } from "../../lib/deflate/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { Protocol } from "../../lib/protocol/protocol.ts";
import type { LimitError, ProtocolError } from "../../lib/errors.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { parseExtensions } from "../../lib/handshake/grammar.ts";
import { Bits } from "../deflate/bits.ts";
import { randomBytes, tradesJson } from "../deflate/corpus.ts";
import { zlibMessage } from "../deflate/zlib.ts";
import { framesBytes, hex, join } from "../frame/notation.ts";
import { binary, ping, text } from "../frame/table.ts";
import { assertLinear, fuzzRuns } from "../handshake/support.ts";
import { byteByByte, cut, type DriveOptions, throughCores } from "../message/decode.ts";
import { sizesAskedFor, sum } from "../message/memory.ts";
import { PLAIN } from "../connection/compression_support.ts";

const roles: readonly Role[] = ["client", "server"];
const peerOf = (role: Role): Role => role === "client" ? "server" : "client";

function extensionOf(role: Role, agreement: Partial<DeflateAgreement> = {}): PerMessageDeflate {
  const agreed = { ...PLAIN, ...agreement };
  return new PerMessageDeflate({ role, agreement: agreed, level: 6, threshold: 0 });
}

/** The options of decoders with compression on. */
function on(role: Role, limits: Partial<DriveOptions> = {}): DriveOptions {
  const extension = extensionOf(role);
  return { role, extension, allowedRsv: extension.rsv, ...limits };
}

/** What comes of frames that a peer sends. */
function given(frames: readonly string[], options: DriveOptions): ReturnType<typeof throughCores> {
  return throughCores([framesBytes(frames, peerOf(options.role))], options);
}

/** A message of the peer's, in fragments of these payloads. */
function framesOf(role: Role, first: number, payloads: readonly Uint8Array[]): Uint8Array {
  const frames = new FrameEncoder({ role: peerOf(role) });
  payloads.forEach((payload, i) => {
    const fin = i === payloads.length - 1 ? 0x80 : 0;
    frames.encode(fin | (i === 0 ? first : 0), payload);
  });
  return frames.output.take();
}

const COMPRESSED_BINARY = 0x42;
const HELLO = "f2 48 cd c9 c9 07 00"; // RFC 7692 section 7.2.3.1
const TOO_LARGE = { code: "LIMIT_EXCEEDED", closeCode: 1009, option: "maxMessageSize" };
const CORRUPT = { code: "EXTENSION_DATA", closeCode: 1007 };

/** What the protocol does with bytes: the Close code that it sends, and its error. */
function protocolWith(
  role: Role,
  bytes: Uint8Array,
  limits: { maxMessageSize?: number } = {},
): { messages: number; error: ProtocolError | LimitError | undefined; closeCode?: number } {
  let messages = 0;
  let error: ProtocolError | LimitError | undefined;
  const protocol = new Protocol(
    { role, extensions: [extensionOf(role)], options: readConnectionOptions(limits) },
    {
      onClosing(why): void {
        error = why;
        protocol.answer();
      },
    },
  );
  const sink = {
    onMessage: () => void messages++,
    onMessageStart(): void {},
    onMessageData(): void {},
    onMessageEnd(): void {},
    onPing(): void {},
    onPong(): void {},
  };
  protocol.start(sink, sink);
  protocol.receive(bytes);
  const closeCode = protocol.closeSent?.closeCode;
  return closeCode === undefined ? { messages, error } : { messages, error, closeCode };
}

const MEBIBYTE = 1 << 20;
/** Made once: 64 KiB that inflate to 64 MiB. */
const bomb = zlibMessage(new Uint8Array(64 * MEBIBYTE), { level: 9 });

describe("threats to compressed messages", () => {
  for (const row of ["03", "33"]) {
    it(`threat ${row}: 64 MiB of zeros in 64 KiB, against a limit of 1 MiB: 1009, in under 4 MiB`, () => {
      for (const role of roles) {
        // Row 33's came in fragments.
        const payloads = row === "03" ? [bomb] : cut(bomb, [100, 1000, 30_000]);
        const bytes = framesOf(role, COMPRESSED_BINARY, payloads);
        let outcome: ReturnType<typeof protocolWith> | undefined;
        const asked = sizesAskedFor(() => {
          outcome = protocolWith(role, bytes, { maxMessageSize: MEBIBYTE });
        });
        assert.equal(outcome?.closeCode, 1009);
        assert.equal(outcome.messages, 0);
        assert.equal(outcome.error?.message.includes("maxMessageSize"), true);
        assert.ok(sum(asked) < 4 * MEBIBYTE, `${sum(asked)} bytes`);
      }
    });
  }

  it("threat 05: a server's answer with an invalid window fails the handshake, not the first frame", () => {
    const options = readPerMessageDeflate(true)!;
    const values = ["99", "7", "16", "0", "08", "016", "+8", "-8", "8.5", "1e1", "0xf", "NaN"];
    for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
      for (const value of ["", ...values, true] as const) {
        const response = [{ name: "permessage-deflate", params: new Map([[name, value]]) }];
        const why = readDeflateResponse(response, options);
        assert.equal(typeof why, "string", `${name}=${value}`);
      }
    }
  });

  it("threat 15: 22 bytes that inflate to 4096 are over a limit of 128", () => {
    const payload = zlibMessage(new Uint8Array(4096));
    assert.ok(payload.length <= 22, `${payload.length}`);
    for (const role of roles) {
      const bytes = framesOf(role, COMPRESSED_BINARY, [payload]);
      for (const chunks of [[bytes], byteByByte(bytes)]) {
        const { messages, error } = throughCores(chunks, on(role, { maxMessageSize: 128 }));
        assert.deepEqual([messages, error], [[], TOO_LARGE]);
      }
      assert.equal(throughCores([bytes], on(role, { maxMessageSize: 4096 })).messages.length, 1);
      assert.deepEqual(throughCores([bytes], on(role, { maxMessageSize: 4095 })).error, TOO_LARGE);
    }
  });

  it("threat 16: a limit that is passed only after inflation, in the second of three fragments", () => {
    const content = join([randomBytes(100, 1), new Uint8Array(5000), randomBytes(100, 2)]);
    const payload = zlibMessage(content);
    const parts = cut(payload, [105, payload.length - 90]);
    assert.ok(payload.length < 1000);
    for (const role of roles) {
      const bytes = framesOf(role, COMPRESSED_BINARY, parts);
      const two = framesOf(role, COMPRESSED_BINARY, parts).subarray(
        0,
        framesOf(role, COMPRESSED_BINARY, parts.slice(0, 2)).length,
      );
      // The first fragment is within the limit, what it announces in all is too.
      const limits = { maxMessageSize: 1000 };
      const first = framesOf(role, COMPRESSED_BINARY, [parts[0]]).slice();
      first[0] &= 0x7f;
      assert.equal(throughCores([first], on(role, limits)).error?.code, "TRUNCATED");
      assert.deepEqual(throughCores([two], on(role, limits)).error, TOO_LARGE);
      const { closeCode, error } = protocolWith(role, two, limits);
      assert.equal(closeCode, 1009);
      // It tells of the limit that the user has set, not of what was left of it.
      assert.ok(error !== undefined && "limit" in error && error.limit === 1000);
      assert.ok(error.actual > 1000 && error.message.includes("maxMessageSize is 1000"));
      const { messages } = throughCores([bytes], on(role, { maxMessageSize: content.length }));
      assert.deepEqual(messages, [{ type: "binary", data: content }]);
      const short = throughCores([bytes], on(role, { maxMessageSize: content.length - 1 }));
      assert.deepEqual([short.messages, short.error], [[], TOO_LARGE]);
    }
  });

  it("threat 30: RSV1 is 1002 where compression was not negotiated, on a continuation, and on a control frame", () => {
    const reserved = { code: "RESERVED_BITS", closeCode: 1002 };
    for (const role of roles) {
      assert.deepEqual(given([`c1 07 | ${HELLO}`], { role }).error, reserved);
      for (const frame of ["c9 00", "ca 00", "c8 00", "c8 02 | 03 e8"]) {
        assert.deepEqual(given([frame], on(role)).error, reserved);
        assert.deepEqual(given(["41 03 | f2 48 cd", frame], on(role)).error, reserved);
        assert.deepEqual(given(["01 03 | 61 62 63", frame], on(role)).error, reserved);
      }
      assert.deepEqual(
        given(["41 03 | f2 48 cd", "c0 04 | c9 c9 07 00"], on(role)).error,
        reserved,
      );
      assert.deepEqual(given(["01 01 | 61", `c0 07 | ${HELLO}`], on(role)).error, reserved);
      assert.deepEqual(given(["a1 01 | 61"], on(role)).error, reserved);
      assert.deepEqual(given([`e1 07 | ${HELLO}`], on(role)).error, reserved);
    }
  });

  it("threat 31: inflating stops at the limit, not a block after it", () => {
    for (const role of roles) {
      for (const limit of [0, 1, 511, 512, 513, 32_768, 40_000, 100_000]) {
        let handed = 0;
        const extension = extensionOf(role);
        assert.throws(
          () => extension.decode(bomb, true, limit, (piece) => void (handed += piece.length)),
          { closeCode: 1009, option: "maxMessageSize" },
        );
        assert.ok(handed <= limit, `${handed} of ${limit}`);
      }
    }
  });

  it("threat 32: a hundred thousand blocks of nothing take linear time, of each kind", () => {
    const stored = hex("00 00 00 ff ff");
    const fixed = new Bits().header(1, true).fixed(256).bytes;
    const dynamic = new Bits().dynamic({ literals: { 256: 1 } }, true).code(0, 1).bytes;
    for (const [block, count] of [[stored, 5000], [fixed, 5000], [dynamic, 200]] as const) {
      const messages = new Map<number, Uint8Array>();
      assertLinear((size) => {
        if (!messages.has(size)) {
          const blocks = join(Array.from({ length: size }, () => block));
          messages.set(size, framesOf("server", COMPRESSED_BINARY, [blocks, hex("00")]));
        }
        const { messages: got } = throughCores([messages.get(size)!], on("server"));
        assert.deepEqual(got, [binary("")]);
      }, count);
    }
    const many = join(Array.from({ length: 100_000 }, () => dynamic));
    const bytes = framesOf("client", COMPRESSED_BINARY, [many, hex("00")]);
    assert.deepEqual(throughCores([bytes], on("client")).messages, [binary("")]);
  });

  it("threat 40: any bytes as a compressed message give a message or a documented error", () => {
    const runs = fuzzRuns();
    fc.assert(
      fc.property(
        fc.constantFrom(...roles),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(220), { maxLength: 4 }),
        fc.constantFrom(0x41, 0x42),
        (role, payload, offsets, first) => {
          const bytes = framesOf(
            role,
            first,
            cut(payload, offsets.map((at) => at % (payload.length + 1))),
          );
          const { messages, error } = throughCores([bytes], on(role, { maxMessageSize: 10_000 }));
          if (error === undefined) assert.equal(messages.length, 1);
          else {
            assert.deepEqual(messages, []);
            assert.ok(["EXTENSION_DATA", "INVALID_UTF8", "LIMIT_EXCEEDED"].includes(error.code));
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it("threat 51: a window of 8 bits is kept to, and a peer that uses 9 in its place is understood", () => {
    const limited = readPerMessageDeflate({ serverMaxWindowBits: 8, clientMaxWindowBits: 8 })!;
    const half = randomBytes(300, 1);
    const content = join([half, half]);
    for (const role of roles) {
      const any = readPerMessageDeflate(true)!;
      const options = role === "server"
        ? { client: limited, server: any }
        : { client: any, server: limited };
      const agreement = acceptDeflate([offerDeflate(options.client)], options.server)!;
      assert.deepEqual([agreement.serverMaxWindowBits, agreement.clientMaxWindowBits], [8, 8]);
      assert.deepEqual(
        readDeflateResponse(parseExtensions(agreement.header), options.client),
        agreement,
      );
      const sender = extensionOf(role, agreement), wide = extensionOf(role);
      const sizes = [sender, wide].map((extension) => {
        let size = 0;
        extension.encode(content, true, (piece) => void (size += piece.length));
        return size;
      });
      assert.ok(sizes[0] > 600 && sizes[1] < 350, `${sizes}`); // 300 back is too far for 8 bits
      // A peer's zlib that is told 8 bits uses 9: with distances up to 512.
      const payload = new Bits().stored(randomBytes(512, 2)).header(1).fixedMatch(512).fixed(256)
        .end();
      const extension = extensionOf(role, agreement);
      const outcome = throughCores([framesOf(role, COMPRESSED_BINARY, [payload])], {
        role,
        extension,
        allowedRsv: extension.rsv,
      });
      const data = join([randomBytes(512, 2), randomBytes(512, 2).subarray(0, 3)]);
      assert.deepEqual(outcome.messages, [{ type: "binary", data }]);
    }
  });

  it("threat 52: one counter checks compressed messages and others, whole and in fragments", () => {
    for (const role of roles) {
      const content = tradesJson(1, 3000);
      const packed = zlibMessage(content);
      const ways: [number, Uint8Array[]][] = [
        [0x02, [content]],
        [0x02, cut(content, [1000, 2000])],
        [COMPRESSED_BINARY, [packed]],
        [COMPRESSED_BINARY, cut(packed, [100, 200])],
      ];
      for (const [first, payloads] of ways) {
        const bytes = framesOf(role, first, payloads);
        const limits = { maxMessageSize: content.length };
        assert.equal(throughCores([bytes], on(role, limits)).messages.length, 1);
        limits.maxMessageSize--;
        assert.deepEqual(throughCores([bytes], on(role, limits)).error, TOO_LARGE);
      }
    }
  });

  it("threat: a ping inside a compressed message does not disturb it", () => {
    for (const role of roles) {
      const frames = [
        "41 03 | f2 48 cd",
        "89 01 | 01",
        "00 00",
        "89 00",
        "80 04 | c9 c9 07 00",
        "c1 05 | f2 00 11 00 00",
      ];
      const bytes = framesBytes(frames, peerOf(role));
      for (const chunks of [[bytes], byteByByte(bytes)]) {
        const { messages } = throughCores(chunks, on(role));
        assert.deepEqual(messages, [ping("01"), ping(""), text("Hello"), text("Hello")]);
      }
    }
  });

  it("threat: an orphan continuation right after a compressed message is 1002", () => {
    for (const role of roles) {
      for (const orphan of [`80 07 | ${HELLO}`, "80 00", "00 00"]) {
        const { messages, error } = given([`c1 07 | ${HELLO}`, orphan], on(role));
        assert.deepEqual(messages, [text("Hello")]);
        assert.deepEqual(error, { code: "CONTINUATION_UNEXPECTED", closeCode: 1002 });
      }
    }
  });

  it("threat: a new message before the last fragment of the one before is 1002, compressed or not", () => {
    for (const role of roles) {
      for (const begun of ["41 03 | f2 48 cd", "01 01 | 61"]) {
        for (
          const next of [`c1 07 | ${HELLO}`, `c2 07 | ${HELLO}`, "41 03 | f2 48 cd", "81 01 | 61"]
        ) {
          const { messages, error } = given([begun, next], on(role));
          assert.deepEqual([messages, error], [[], {
            code: "CONTINUATION_EXPECTED",
            closeCode: 1002,
          }]);
        }
      }
    }
  });

  it("threat: data that cannot be inflated is 1007, after the messages before it", () => {
    for (const role of roles) {
      for (const payload of ["ff", "06", "00 01 00 ff ff 61 00", "f2 48", ""]) {
        const size = hex(payload).length.toString(16).padStart(2, "0");
        const frames = [`c1 07 | ${HELLO}`, `c2 ${size} | ${payload}`, `c1 07 | ${HELLO}`];
        const bytes = framesBytes(frames, peerOf(role));
        for (const chunks of [[bytes], byteByByte(bytes)]) {
          const { messages, error } = throughCores(chunks, on(role));
          assert.deepEqual([messages, error], [[text("Hello")], CORRUPT], payload);
        }
        const { closeCode, messages } = protocolWith(role, bytes);
        assert.deepEqual([closeCode, messages], [1007, 1]);
      }
    }
  });

  it("threat: compressed text that is no UTF-8 is 1007, as soon as it is inflated", () => {
    for (const role of roles) {
      const payload = zlibMessage(hex("61 62 ff 63"), { strategy: zlib.constants.Z_FIXED });
      const bytes = framesOf(role, 0x41, [payload, hex("00")]);
      const { messages, error } = throughCores([bytes], on(role));
      assert.deepEqual([messages, error], [[], { code: "INVALID_UTF8", closeCode: 1007 }]);
      const split = zlibMessage(hex("'\u20ac'"));
      for (const offset of split.keys()) {
        const parts = framesOf(role, 0x41, cut(split, [offset]));
        assert.deepEqual(throughCores([parts], on(role)).messages, [text("\u20ac")]);
      }
    }
  });

  it("threat: messages that are not compressed stand between others and leave the window alone", () => {
    for (const role of roles) {
      const frames = [
        `c1 07 | ${HELLO}`,
        "81 05 | 'plain'",
        "01 01 | 61",
        "80 01 | 62",
        "c1 05 | f2 00 11 00 00",
      ];
      const { messages } = given(frames, on(role));
      assert.deepEqual(messages, ["Hello", "plain", "ab", "Hello"].map((each) => text(each)));
    }
  });

  it("threat: the caller's buffers are neither changed nor kept", () => {
    for (const role of roles) {
      const content = tradesJson(1, 2000), before = content.slice();
      const extension = extensionOf(role), receiver = extensionOf(peerOf(role));
      for (let round = 0; round < 3; round++) {
        const packed: Uint8Array[] = [];
        extension.encode(content, true, (piece) => void packed.push(piece.slice()));
        assert.deepEqual(content, before);
        content.fill(0); // the window must not be the caller's
        const output: Uint8Array[] = [];
        const payload = join(packed), kept = payload.slice();
        receiver.decode(payload, true, Infinity, (piece) => void output.push(piece.slice()));
        assert.deepEqual(payload, kept);
        assert.deepEqual(join(output), new Uint8Array(before));
        payload.fill(0);
        content.set(before);
      }
    }
  });
});
