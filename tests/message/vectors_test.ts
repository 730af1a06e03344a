import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameDecoderStream } from "../../lib/frame/streams.ts";
import { type Vector, vectors } from "../vectors.ts";
import {
  byteByByte,
  collect,
  cut,
  splitOptions,
  streamOf,
  throughCores,
  throughStreams,
} from "./decode.ts";

/** Every offset of a short vector; of a long one those around its headers and its ends. */
function splitOffsets({ bytes }: Vector): number[] {
  const all = Array.from({ length: bytes.length + 1 }, (_, offset) => offset);
  if (bytes.length < 300) return all;
  return all.filter((offset) => offset < 24 || offset > bytes.length - 8 || offset % 16384 === 0);
}

function assertCores(vector: Vector, chunks: Uint8Array[], message = "whole"): void {
  const { messages, error } = throughCores(chunks, vector.options);
  assert.deepEqual(
    error === undefined ? { messages } : { messages, error },
    vector.outcome,
    message,
  );
}

describe("vectors: each yields its messages and its error", () => {
  for (const vector of vectors) {
    it(vector.name, () => {
      const { bytes, options, outcome, failsAfter = 0, failsBy } = vector;
      assertCores(vector, [bytes]);
      // A violation is found as soon as the bytes that break the rule are there, and not before.
      const { failedBy, ...rest } = throughCores(
        bytes.length < 300 ? byteByByte(bytes) : cut(bytes, splitOffsets(vector)),
        options,
      );
      assert.deepEqual(rest.messages, outcome.messages);
      assert.deepEqual(rest.error, outcome.error);
      if (failsBy === undefined) return;
      assert.ok(failedBy !== undefined && failedBy > failsAfter && failedBy <= failsBy);
    });
  }
});

describe("vectors: the same however the bytes are split", () => {
  it("cores, in two chunks at each offset", () => {
    for (const vector of vectors) {
      for (const offset of splitOffsets(vector)) {
        assertCores(vector, cut(vector.bytes, [offset]), `${vector.name}, split at ${offset}`);
      }
    }
  });

  it("streams, in two chunks at each offset", async () => {
    for (const vector of vectors) {
      for (const offset of splitOffsets(vector)) {
        const outcome = await throughStreams(cut(vector.bytes, [offset]), vector.options);
        assert.deepEqual(outcome, vector.outcome, `${vector.name}, split at ${offset}`);
      }
    }
  });

  it("streams, byte by byte", async () => {
    for (const vector of vectors) {
      if (vector.bytes.length > 300) continue;
      const outcome = await throughStreams(byteByByte(vector.bytes), vector.options);
      assert.deepEqual(outcome, vector.outcome, vector.name);
    }
  });
});

describe("vectors: FrameDecoderStream returns the frames before the first bad one", () => {
  it("each vector", async () => {
    for (const { name, bytes, options, frames } of vectors) {
      const decoder = new FrameDecoderStream(splitOptions(options).frame);
      const reader = streamOf([bytes]).pipeThrough(decoder).getReader();
      for (const frame of frames) assert.deepEqual((await reader.read()).value, frame, name);
      const last = await reader.read().catch(() => ({ done: true }));
      assert.equal(last.done, true, name);
    }
  });
});

describe("vectors: the decoders leave the chunk as it was", () => {
  it("each vector", async () => {
    for (const { name, bytes, options } of vectors) {
      const chunk = bytes.slice();
      throughCores([chunk], options);
      assert.deepEqual(chunk, bytes, name);
      await collect(
        streamOf([chunk]).pipeThrough(new FrameDecoderStream(splitOptions(options).frame)),
      ).catch(() => {});
      assert.deepEqual(chunk, bytes, name);
    }
  });
});
