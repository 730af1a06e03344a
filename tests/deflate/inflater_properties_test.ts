/** Properties of the inflater: any bytes, cut anywhere, beside zlib. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Inflater } from "../../lib/deflate/inflater.ts";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { join } from "../frame/notation.ts";
import { fuzzRuns } from "../handshake/support.ts";
import { cut } from "../message/decode.ts";
import { CORPUS } from "./corpus.ts";
import { inflateStopping, inflateWith } from "./decode.ts";
import { zlibInflated, zlibMessage } from "./zlib.ts";

const numRuns = fuzzRuns();
const timeout = 60_000 + numRuns * 10;

/** What zlib writes, in several ways, with and without BFINAL. */
const written = CORPUS.filter(({ bytes }) => bytes.length < 2500).flatMap(({ bytes }) =>
  [{ level: 0 }, { level: 6 }, { strategy: 4 }].map((options) => zlibMessage(bytes, options))
);

/** A message: any bytes, or what zlib writes with some bytes changed, in a row or cut off. */
const message = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  // The beginning of a block with the header that the first byte tells, and then anything.
  fc.tuple(fc.nat(7), fc.uint8Array({ minLength: 10, maxLength: 100 })).map(([type, bytes]) => {
    bytes[0] = bytes[0] & ~7 | type;
    return bytes;
  }),
  fc.record({
    parts: fc.array(fc.constantFrom(...written), { minLength: 1, maxLength: 3 }),
    changes: fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { maxLength: 3 }),
    cutOff: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(20)),
  }).map(({ parts, changes, cutOff }) => {
    const tail = new Uint8Array([0, 0, 255, 255]);
    const bytes = join(parts.flatMap((part, i) => i === 0 ? [part] : [tail, part]));
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes.subarray(0, Math.max(0, bytes.length - cutOff));
  }),
).map((bytes) => new Uint8Array(bytes));

const offsets = fc.array(fc.nat(6000), { maxLength: 6 });

type Outcome = { output: Uint8Array } | { closeCode: number; why: string };

function outcomeOf(inflater: Inflater, pieces: readonly Uint8Array[], limit: number): Outcome {
  try {
    return { output: inflateWith(inflater, pieces, limit) };
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof LimitError) {
      return { closeCode: error.closeCode, why: error.message };
    }
    throw error;
  }
}

describe("inflater: properties", () => {
  it("any bytes give what zlib returns, or 1007 where zlib refuses them", { timeout }, () => {
    fc.assert(
      fc.property(message, offsets, (bytes, at) => {
        const pieces = cut(bytes, at.map((offset) => offset % (bytes.length + 1)));
        const outcome = outcomeOf(new Inflater({ windowBits: 15 }), pieces, 1e8);
        const expected = zlibInflated(bytes);
        if (expected === undefined) assert.equal("closeCode" in outcome && outcome.closeCode, 1007);
        else assert.deepEqual("output" in outcome && outcome.output, new Uint8Array(expected));
      }),
      { numRuns },
    );
  });

  it("any bytes give the same however they are cut, and within any limit", { timeout }, () => {
    fc.assert(
      fc.property(
        message,
        offsets,
        fc.integer({ min: 8, max: 15 }),
        fc.oneof(fc.constant(Infinity), fc.nat(3000)),
        (bytes, at, windowBits, limit) => {
          const whole = outcomeOf(new Inflater({ windowBits }), [bytes], limit);
          const pieces = cut(bytes, at.map((offset) => offset % (bytes.length + 1)));
          const outcome = outcomeOf(new Inflater({ windowBits }), pieces, limit);
          if ("output" in whole) {
            assert.ok(whole.output.length <= limit);
            assert.deepEqual(outcome, whole);
            const { length } = whole.output;
            assert.ok("output" in outcomeOf(new Inflater({ windowBits }), [bytes], length));
            if (length === 0) return;
            const short = outcomeOf(new Inflater({ windowBits }), [bytes], length - 1);
            assert.equal("closeCode" in short && short.closeCode, 1009);
          } else assert.equal("closeCode" in outcome && outcome.closeCode, whole.closeCode);
        },
      ),
      { numRuns },
    );
  });

  it("any bytes give the same wherever inflating stops and goes on", { timeout }, () => {
    // What stands before moves the places where the ring is full, and so those of the stops.
    const prefix = fc.nat(2100).map((size) => {
      const header = [0, size & 255, size >> 8, ~size & 255, ~size >> 8 & 255];
      return new Uint8Array([...header, ...new Uint8Array(size).fill(7)]);
    });
    fc.assert(
      fc.property(
        prefix,
        fc.array(message, { minLength: 1, maxLength: 3 }),
        offsets,
        fc.integer({ min: 8, max: 12 }),
        fc.oneof(fc.constant(Infinity), fc.nat(9000)),
        fc.infiniteStream(fc.boolean()),
        (first, rest, at, windowBits, limit, stops) => {
          const bytes = join([first, ...rest]);
          const pieces = cut(bytes, at.map((offset) => offset % (bytes.length + 1)));
          const whole = outcomeOf(new Inflater({ windowBits }), [bytes], limit);
          let outcome: Outcome;
          try {
            const inflater = new Inflater({ windowBits });
            const stop = (): boolean => stops.next().value!;
            outcome = { output: inflateStopping(inflater, pieces, stop, limit).output };
          } catch (error) {
            if (!(error instanceof ProtocolError || error instanceof LimitError)) throw error;
            outcome = { closeCode: error.closeCode, why: error.message };
          }
          if ("output" in whole) assert.deepEqual(outcome, whole);
          else assert.equal("closeCode" in outcome && outcome.closeCode, whole.closeCode);
        },
      ),
      { numRuns },
    );
  });

  it("after any message and a reset, the inflater is as new", { timeout }, () => {
    const used = new Inflater({ windowBits: 12 });
    fc.assert(
      fc.property(message, message, offsets, (before, bytes, at) => {
        used.reset();
        outcomeOf(used, cut(before, at.map((offset) => offset % (before.length + 1))), 1e6);
        used.reset();
        const fresh = outcomeOf(new Inflater({ windowBits: 12 }), [bytes], 1e6);
        assert.deepEqual(outcomeOf(used, [bytes], 1e6), fresh);
      }),
      { numRuns },
    );
  });
});
