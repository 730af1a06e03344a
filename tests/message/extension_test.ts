import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { MessageExtension } from "../../lib/message/extension.ts";
import { framesBytes, hex } from "../frame/notation.ts";
import { binary, ping, text } from "../frame/table.ts";
import {
  byteByByte,
  cut,
  type DriveOptions,
  type Outcome,
  throughCores,
  throughStreams,
} from "./decode.ts";
import { Halving, TenFold, Turning } from "./toy_extension.ts";

/** "Hello", turned: b7 9a 93 93 90. */
const options = (
  extension: MessageExtension,
  limits: Partial<DriveOptions> = {},
): DriveOptions => ({
  role: "server",
  allowedRsv: extension.rsv,
  extension,
  ...limits,
});

/** Whole, at every split, byte by byte, and as streams: always the same outcome. */
async function gives(
  frames: readonly string[],
  expected: Outcome,
  make: () => MessageExtension = () => new Turning(),
  limits: Partial<DriveOptions> = {},
): Promise<void> {
  const bytes = framesBytes(frames, "client");
  const splits = [...bytes.keys()].map((offset) => cut(bytes, [offset]));
  for (const chunks of [[bytes], byteByByte(bytes), ...splits]) {
    const { messages, error } = throughCores(chunks, options(make(), limits));
    assert.deepEqual(error === undefined ? { messages } : { messages, error }, expected);
  }
  assert.deepEqual(await throughStreams([bytes], options(make(), limits)), expected);
}

const protocolError = (code: string, closeCode = 1002): Outcome["error"] => ({ code, closeCode });
const tooLarge = { code: "LIMIT_EXCEEDED", closeCode: 1009, option: "maxMessageSize" };

describe("extension", () => {
  it("5.2: messages whose first frame has the extension's bit are decoded by it, others are not", () =>
    gives(
      ["c1 05 | b7 9a 93 93 90", "81 02 | 'Hi'", "c2 01 | 00", "82 01 | 00", "c2 00"],
      { messages: [text("Hello"), text("Hi"), binary("ff"), binary("00"), binary("")] },
    ));

  it("fragments of such a message are decoded too, with a ping inside", () =>
    gives(
      [
        "41 02 | b7 9a",
        "89 01 | 31",
        "00 00",
        "00 02 | 93 93",
        "89 00",
        "80 01 | 90",
        "81 02 | 'Hi'",
      ],
      { messages: [ping("31"), ping(""), text("Hello"), text("Hi")] },
    ));

  it("it is told the last piece of a message once", () => {
    const frames = ["41 02 | b7 9a", "00 02 | 93 93", "80 01 | 90", "c2 01 | 00", "c2 00"];
    for (
      const chunks of [[framesBytes(frames, "client")], byteByByte(framesBytes(frames, "client"))]
    ) {
      const extension = new Turning();
      throughCores(chunks, options(extension));
      assert.equal(extension.calls.filter((call) => call.includes("final")).length, 3);
    }
  });

  it("5.2: its bit on a continuation is an error, also inside a message that has it", () =>
    gives(["42 01 | 00", "c0 01 | 00"], {
      messages: [],
      error: protocolError("RESERVED_BITS"),
    }));

  it("5.2: its bit on a control frame is an error, also inside a message that has it", async () => {
    for (const frame of ["c8 00", "c9 00", "ca 00"]) {
      await gives(["42 01 | 00", frame], { messages: [], error: protocolError("RESERVED_BITS") });
    }
  });

  it("5.2: another bit than its own is an error", () =>
    gives(["a1 01 | 00"], { messages: [], error: protocolError("RESERVED_BITS") }));

  it("5.2: a message decoder refuses bits that its extension has not claimed, whatever frames allow", async () => {
    for (
      const [first, extension] of [["c1", undefined], ["a1", new Turning()], [
        "e1",
        new Turning(),
      ]] as const
    ) {
      const loose = { role: "server", allowedRsv: 0x70, extension } as const;
      const bytes = framesBytes(["82 01 | 01", `${first} 01 | 61`], "client");
      const expected = { messages: [binary("01")], error: protocolError("RESERVED_BITS") };
      const { messages, error } = throughCores([bytes], loose);
      assert.deepEqual({ messages, error }, expected);
      assert.deepEqual(await throughStreams([bytes], loose), expected);
    }
  });

  it("5.4: a continuation after such a message continues nothing", () =>
    gives(["c1 01 | b7", "80 01 | b7"], {
      messages: [text("H")],
      error: protocolError("CONTINUATION_UNEXPECTED"),
    }));

  it("8.1: what it returns as text must be UTF-8", async () => {
    await gives(["c1 01 | 00"], { messages: [], error: protocolError("INVALID_UTF8", 1007) });
    await gives(["c1 01 | 3c"], { messages: [], error: protocolError("INVALID_UTF8", 1007) });
    await gives(["41 01 | 1d", "00 01 | 7d", "80 01 | 53"], { messages: [text("\u20ac")] });
  });

  it("its own errors fail the message, after what was good", () =>
    gives(
      ["c2 01 | 07", "c2 02 | 01 ff"],
      { messages: [binary("07x10")], error: protocolError("EXTENSION_DATA", 1007) },
      () => new TenFold(),
    ));

  it("it receives the room that is left, counted on what it returned", () => {
    const extension = new Turning();
    const frames = [
      "42 02 | 01 02",
      "89 05 | 00x5",
      "00 03 | 01 02 03",
      "80 01 | 04",
      "c2 01 | 01",
    ];
    throughCores([framesBytes(frames, "client")], options(extension, { maxMessageSize: 10 }));
    assert.deepEqual(extension.calls, [
      "decode 2, room 10",
      "decode 3, room 8",
      "decode 1 final, room 5",
      "decode 1 final, room 10",
    ]);
  });

  it("10.4: a message of exactly maxMessageSize after the extension passes, one byte more fails", async () => {
    const limits = { maxMessageSize: 20 };
    const make = (): MessageExtension => new TenFold();
    await gives(["c2 02 | 01x2"], { messages: [binary("01x20")] }, make, limits);
    await gives(["42 01 | 01", "80 01 | 01"], { messages: [binary("01x20")] }, make, limits);
    await gives(["c2 03 | 01x3"], { messages: [], error: tooLarge }, make, limits);
    await gives(
      ["42 01 | 01", "00 01 | 01", "80 01 | 01"],
      { messages: [], error: tooLarge },
      make,
      limits,
    );
    await gives(
      ["42 01 | 01", "89 7d | 00x125", "80 01 | 01"],
      {
        messages: [ping("00x125"), binary("01x20")],
      },
      make,
      limits,
    );
  });

  it("10.4: what counts is the size after the extension, not what headers announce", () => {
    const extension = new Halving();
    const bytes = framesBytes(["c2 0a | 01x10", "c2 0c | 01x12"], "client");
    const { messages, error } = throughCores([bytes], options(extension, { maxMessageSize: 5 }));
    assert.deepEqual([messages, error], [[binary("01x5")], tooLarge]);
  });

  it("10.4: the fragments of such a message count", () =>
    gives(
      ["42 01 | 01", "00 00", "80 01 | 01"],
      {
        messages: [],
        error: { code: "LIMIT_EXCEEDED", closeCode: 1008, option: "maxFragments" },
      },
      undefined,
      { maxFragments: 2 },
    ));

  it("an encoder asks it, and sets its bit on the first frame of what it transforms", () => {
    const extension = new Turning();
    const frames = new FrameEncoder({ role: "server" });
    const encoder = new MessageEncoder(frames, extension);
    encoder.message("Hello");
    encoder.message("");
    encoder.message(hex("01 02"));
    encoder.ping(hex("01"));
    encoder.close({ closeCode: 1000, reason: "" });
    assert.deepEqual(
      frames.output.take(),
      hex("c1 05 b7 9a 93 93 90 81 00 c2 02 fe fd 89 01 01 88 02 03 e8"),
    );
    assert.deepEqual(extension.calls, [
      "wants 5",
      "encode 5 final",
      "wants 0",
      "wants 2",
      "encode 2 final",
    ]);
  });

  it("an encoder transforms a message in fragments, and asks before its size is known", () => {
    const extension = new Turning();
    const frames = new FrameEncoder({ role: "server" });
    const encoder = new MessageEncoder(frames, extension);
    encoder.begin("text");
    encoder.fragment(hex("'Hel'"), false);
    encoder.pong(hex("01"));
    encoder.fragment(hex("'lo'"), false);
    encoder.fragment(hex(""), true);
    assert.deepEqual(frames.output.take(), hex("41 03 b7 9a 93 8a 01 01 00 02 93 90 80 00"));
    assert.deepEqual(extension.calls, ["wants -1", "encode 3", "encode 2", "encode 0 final"]);
  });
});
