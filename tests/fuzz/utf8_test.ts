import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { unmaskText } from "../../lib/message/text.ts";
import { Utf8Checker } from "../../lib/message/utf8.ts";
import { runs, split, splits } from "./arbitraries.ts";

const encoder = new TextEncoder();
const fatal = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that are often nearly UTF-8. */
const nearly = fc.tuple(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 2 }),
  fc.option(fc.nat(600)),
).map(([text, changes, ascii]) => {
  const bytes = encoder.encode("a".repeat(ascii ?? 0) + text);
  for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
  return bytes;
});

describe("fuzz: UTF-8", () => {
  it("the checker agrees with the platform on any bytes, however they are split", () => {
    fc.assert(
      fc.property(nearly, splits, (bytes, offsets) => {
        let expected = true;
        try {
          fatal.decode(bytes);
        } catch {
          expected = false;
        }
        const checker = new Utf8Checker();
        const valid = split(bytes, offsets).every((piece) => checker.push(piece)) &&
          checker.complete;
        assert.equal(valid, expected);
      }),
      { numRuns: runs },
    );
  });

  it("whole text decodes to what the platform says, or to an error where that refuses", () => {
    fc.assert(
      fc.property(nearly, (bytes) => {
        let expected: string | undefined;
        try {
          expected = fatal.decode(bytes);
        } catch {
          assert.throws(() => unmaskText(bytes, 0, bytes.length, 0), { code: "INVALID_UTF8" });
          return;
        }
        assert.equal(unmaskText(bytes, 0, bytes.length, 0), expected);
      }),
      { numRuns: runs },
    );
  });

  it("any string, lone surrogates among it, is encoded as the platform does", () => {
    const strings = fc.string({
      unit: fc.integer({ min: 0, max: 65535 }).map((c) => String.fromCharCode(c)),
      maxLength: 90,
    });
    fc.assert(
      fc.property(strings, fc.nat(1100), (text, before) => {
        const frames = new FrameEncoder({ role: "server" });
        frames.encode(0x82, new Uint8Array(before));
        const head = frames.output.length;
        frames.encodeText(0x81, text);
        const bytes = frames.output.take();
        const payload = encoder.encode(text);
        const size = payload.length < 126 ? 2 : 4;
        assert.deepEqual(bytes.slice(head + size), payload);
      }),
      { numRuns: runs },
    );
  });
});
