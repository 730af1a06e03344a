import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError } from "../../lib/errors.ts";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { PayloadBuffer } from "../../lib/frame/payload_buffer.ts";
import { MessageDecoder, type MessageDecoderOptions } from "../../lib/message/decoder.ts";
import { frameBytes, framesBytes, headerOf, hex, join } from "../frame/notation.ts";
import { splitOptions, throughCores } from "./decode.ts";
import { sizesAskedFor } from "./memory.ts";

const noSink = { onMessage(): void {}, onPing(): void {}, onPong(): void {}, onClose(): void {} };

/** A client's decoders, by hand. */
function decoders(options: MessageDecoderOptions & { maxFrameSize?: number } = {}): {
  decode(bytes: string): void;
  messages: MessageDecoder;
} {
  const { frame, message } = splitOptions({ role: "client", ...options });
  const messages = new MessageDecoder(message, noSink);
  const frames = new FrameDecoder(frame, messages);
  return { messages, decode: (bytes) => void frames.decode(hex(bytes)) };
}

describe("message decoder", () => {
  it("what it hands over belongs to the receiver: neither the chunk nor later messages share it", () => {
    const frames = ["82 03 | 01 02 03", "89 02 | 04 05", "02 01 | 06", "80 02 | 07 08"];
    for (const pieces of [1, 2, 5]) {
      const bytes = framesBytes(frames, "client");
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += pieces) {
        chunks.push(bytes.subarray(at, at + pieces));
      }
      const { messages } = throughCores(chunks, { role: "server" });
      bytes.fill(0);
      const data = messages.map((message) =>
        "data" in message ? message.data as Uint8Array : hex("")
      );
      assert.deepEqual(data, [hex("01 02 03"), hex("04 05"), hex("06 07 08")]);
      for (const each of data) {
        assert.equal(each.buffer.byteLength, each.length);
      }
    }
  });

  it("a message boundary is where no message is in progress; a Close ends the one in progress", () => {
    const { decode, messages } = decoders();
    const seen = [
      "89 00",
      "01 01 61",
      "89 00",
      "00 00",
      "80 00",
      "82 00",
      "01 00",
      "88 00",
      "80 00",
    ]
      .map((bytes) => (decode(bytes), messages.atMessageBoundary));
    assert.deepEqual(seen, [true, false, false, false, true, true, false, true, true]);
  });

  it("5.5.1: after a Close everything is dropped, in pieces or whole", () => {
    const after = ["81 02 | c3 28", "82 05 | 00x5", "80 01 | 61", "89 03 | 01 02 03", "88 01 | 00"];
    const bytes = framesBytes(["01 01 | 61", "88 00", ...after], "server");
    for (const size of [1, 2, 3, bytes.length]) {
      let calls = 0;
      const count = (): void => void calls++;
      const sink = new MessageDecoder({}, {
        onMessage: count,
        onPing: count,
        onPong: count,
        onClose: count,
      });
      const frames = new FrameDecoder({ role: "client" }, sink);
      for (let at = 0; at < bytes.length; at += size) frames.decode(bytes.subarray(at, at + size));
      assert.equal(calls, 1);
    }
  });

  it("8.1: text fails with the first bad byte, though neither frame nor message is complete", () => {
    for (const before of ["", "01 01 61 00 01 62"]) {
      const { decode } = decoders();
      if (before !== "") decode(before);
      decode(`${before === "" ? "81" : "00"} 7e 04 00 61 61 61`);
      decode("61 c3");
      assert.throws(() => decode("28"), { code: "INVALID_UTF8", closeCode: 1007 });
    }
  });

  it("5.4: the order of fragments is checked on the header, before the payload", () => {
    const orphan = decoders();
    assert.throws(() => orphan.decode("80 7e 04 00"), { code: "CONTINUATION_UNEXPECTED" });
    const intruder = decoders();
    intruder.decode("01 00");
    assert.throws(() => intruder.decode("82 7e 04 00"), { code: "CONTINUATION_EXPECTED" });
  });

  it("10.4: the size of a message is checked on what headers announce, before the payload", () => {
    const limits = { maxMessageSize: 1000, maxFrameSize: Infinity };
    for (
      const [before, header] of [
        ["", "82 7e 03 e9"],
        ["", "81 7e 03 e9"],
        ["", "02 7f 7f ffx7"],
        ["02 01 00", "00 7e 03 e8"],
        ["02 01 00", "80 7e 03 e8"],
        ["02 01 00", "80 7f 7f ffx7"],
      ]
    ) {
      const { decode } = decoders(limits);
      if (before !== "") decode(before);
      assert.throws(() => decode(header), { name: "LimitError", option: "maxMessageSize" });
    }
  });

  it("10.4: errors tell the option, the limit, the figure and the close code", () => {
    const size = decoders({ maxMessageSize: 2 });
    assert.throws(() => size.decode("82 03"), (error) => {
      assert.ok(error instanceof LimitError);
      const { option, limit, actual, closeCode } = error;
      assert.deepEqual([option, limit, actual, closeCode], ["maxMessageSize", 2, 3, 1009]);
      return true;
    });
    const fragments = decoders({ maxFragments: 1 });
    fragments.decode("02 00");
    assert.throws(() => fragments.decode("00 00"), (error) => {
      assert.ok(error instanceof LimitError);
      const { option, limit, actual, closeCode } = error;
      assert.deepEqual([option, limit, actual, closeCode], ["maxFragments", 1, 2, 1008]);
      return true;
    });
  });

  it("10.4: by default a message has at most 16 MiB and 131,072 fragments", () => {
    const size = decoders({ maxFrameSize: Infinity });
    assert.throws(() => size.decode("82 7f 00x4 01 00 00 01"), { limit: 16 * 1024 * 1024 });
    decoders({ maxFrameSize: Infinity }).decode("82 7f 00x4 01 00 00 00");
    const { decode } = decoders();
    decode("02 00");
    decode(`00x${2 * 131_071}`);
    assert.throws(() => decode("00 00"), { option: "maxFragments", limit: 131_072 });
  });

  it("a limit of 2 GiB or more is that limit, and Infinity is none", () => {
    const rows: [number, string, boolean][] = [
      [2 ** 31, "00x4 80 00x3", true],
      [2 ** 31, "00x4 80 00 00 01", false],
      [2 ** 32, "00x3 01 00x4", true],
      [2 ** 32, "00x3 01 00x3 01", false],
      [Infinity, "7f ffx7", true],
    ];
    for (const [maxMessageSize, length, passes] of rows) {
      for (const first of ["81", "82", "02"]) {
        const { decode } = decoders({ maxMessageSize, maxFrameSize: Infinity });
        if (passes) decode(`${first} 7f ${length} 61`);
        else assert.throws(() => decode(`${first} 7f ${length} 61`), { limit: maxMessageSize });
      }
    }
  });

  it("limits that are NaN, negative or fractional are a RangeError, another type a TypeError", () => {
    for (const name of ["maxMessageSize", "maxFragments"]) {
      for (const limit of [NaN, -1, 1.5, -Infinity]) {
        assert.throws(() => new MessageDecoder({ [name]: limit }, noSink), {
          name: "RangeError",
          message: new RegExp(name),
        });
      }
      assert.throws(() => new MessageDecoder({ [name]: "5" }, noSink), TypeError);
      new MessageDecoder({ [name]: Infinity }, noSink);
      new MessageDecoder({ [name]: undefined }, noSink);
    }
  });

  it("a limit of 0 lets empty messages pass", () => {
    const { decode } = decoders({ maxMessageSize: 0 });
    decode("82 00 81 00 01 00 80 00 89 01 00");
    assert.throws(() => decode("81 01"), LimitError);
  });

  it("a control frame in pieces, between the pieces of a message, keeps both whole", () => {
    const frames = ["01 05 | 'Hello'", "89 7d | 07x125", "80 05 | 'world'"];
    const bytes = framesBytes(frames, "client");
    for (let size = 1; size < 40; size++) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
      assert.deepEqual(throughCores(chunks, { role: "server" }).messages, [
        { type: "ping", data: hex("07x125") },
        { type: "text", data: "Helloworld" },
      ]);
    }
  });

  it("a frame in many chunks asks for no more memory at once than it announces", () => {
    const size = 200_000;
    const chunks = [hex("82 7f 00x5 03 0d 40")];
    for (let at = 0; at < size; at += 1000) chunks.push(new Uint8Array(1000));
    const sizes = sizesAskedFor(() => {
      assert.equal(throughCores(chunks, { role: "client" }).messages.length, 1);
    });
    assert.equal(Math.max(...sizes), size);
  });

  it("a large message in many chunks arrives whole, text and binary", () => {
    const size = 300_000;
    const payload = new Uint8Array(size).map((_, i) => i * 7 % 128);
    for (const first of ["81", "82"]) {
      const frame = `${first} 7f 00x5 04 93 e0`;
      const key = headerOf(frame, "client").subarray(-4);
      const bytes = join([
        frameBytes(frame, "client"),
        payload.map((byte, i) => byte ^ key[i & 3]),
      ]);
      for (const chunkSize of [1021, 65_536]) {
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += chunkSize) {
          chunks.push(bytes.subarray(at, at + chunkSize));
        }
        const [message] = throughCores(chunks, { role: "server" }).messages;
        assert.ok(message.type === "text" || message.type === "binary");
        assert.equal(message.data.length, size);
        const data = typeof message.data === "string"
          ? new TextEncoder().encode(message.data)
          : message.data;
        assert.equal(data.findIndex((byte, i) => byte !== payload[i]), -1);
      }
    }
  });

  it("5.5.1: a Close frees what had come of a message that will have no end", () => {
    const collectors = new Set<PayloadBuffer>();
    const { extend } = PayloadBuffer.prototype;
    PayloadBuffer.prototype.extend = function (size, announced): number {
      collectors.add(this);
      return extend.call(this, size, announced);
    };
    try {
      const { decode, messages } = decoders();
      decode("02 0a 01x10");
      const [collector] = collectors;
      assert.equal(collector.length, 10);
      decode("88 00");
      assert.deepEqual([collector.length, collector.bytes.length], [0, 0]);
      assert.equal(messages.atMessageBoundary, true);
    } finally {
      PayloadBuffer.prototype.extend = extend;
    }
  });
});
