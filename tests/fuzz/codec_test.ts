import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { FrameDecoderStream, FrameEncoderStream } from "../../lib/frame/streams.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { Message } from "../../lib/message/message.ts";
import { MessageDecoderStream, MessageEncoderStream } from "../../lib/message/streams.ts";
import {
  byteByByte,
  collect,
  type CoreOutcome,
  type DriveOptions,
  type Outcome,
  splitOptions,
  streamOf,
  throughCores,
  throughStreams,
} from "../message/decode.ts";
import { conversation, role, runs, split, splits, wire } from "./arbitraries.ts";

const timeout = 60_000 + runs * 10;

/** The role, what it is sent, and how that is cut. */
const received = role.chain((receiver) =>
  fc.tuple(
    fc.record({
      role: fc.constant(receiver),
      maxMessageSize: fc.constantFrom(undefined, 20, 100),
      maxFrameSize: fc.constantFrom(undefined, 20, 100),
      maxFragments: fc.constantFrom(undefined, 2),
    }),
    wire(receiver),
    splits,
  )
);

const other = (role: Role): Role => role === "client" ? "server" : "client";

function outcomeOf({ messages, error }: CoreOutcome): Outcome {
  return error === undefined ? { messages } : { messages, error };
}

/**
 * Streams judge messages by whole frames: where the cores find a fault in a frame that never becomes
 * complete, the streams find that it does not.
 */
function agrees(streams: Outcome, cores: CoreOutcome): boolean {
  if (streams.error?.code !== cores.error?.code) {
    return streams.error?.code === "TRUNCATED" && cores.error !== undefined &&
      !cores.atFrameBoundary;
  }
  return streams.error?.option === cores.error?.option;
}

/** Encodes with the cores, cutting data into fragments of these sizes and then the rest. */
function encoded(sender: Role, messages: readonly Message[], sizes: readonly number[]): Uint8Array {
  const frames = new FrameEncoder({ role: sender });
  const encoder = new MessageEncoder(frames);
  for (const message of messages) {
    if (message.type === "close") encoder.close(message);
    else if (message.type === "ping" || message.type === "pong") {
      encoder[message.type](message.data);
    } else if (sizes.length === 0) encoder.message(message.data);
    else {
      const { type, data } = message;
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      let at = 0;
      encoder.begin(type);
      for (const size of sizes) {
        encoder.fragment(bytes.subarray(at, at + size), false);
        at = Math.min(at + size, bytes.length);
      }
      encoder.fragment(bytes.subarray(at), true);
    }
  }
  return frames.output.take();
}

describe("fuzz: codec", () => {
  it("any bytes give messages and at most one documented error, however they are split", {
    timeout,
  }, () => {
    fc.assert(
      fc.property(received, ([options, bytes, offsets]) => {
        const before = bytes.slice();
        // `throughCores` throws on anything but a ProtocolError or LimitError.
        const whole = outcomeOf(throughCores([bytes], options));
        assert.deepEqual(outcomeOf(throughCores(split(bytes, offsets), options)), whole);
        if (bytes.length < 500) {
          assert.deepEqual(outcomeOf(throughCores(byteByByte(bytes), options)), whole);
        }
        assert.deepEqual(bytes, before);
      }),
      { numRuns: runs },
    );
  });

  it("every call of a sink stands for a byte at least: no bytes make the decoder go round", {
    timeout,
  }, () => {
    fc.assert(
      fc.property(received, ([options, bytes, offsets]) => {
        let calls = 0;
        const count = (): void => void calls++;
        const sink = {
          onFrame: count,
          onFrameStart: count,
          onFramePiece: count,
          onFrameEnd: count,
        };
        const decoder = new FrameDecoder(
          { ...splitOptions(options).frame, allowedRsv: 0x70 },
          sink,
        );
        const chunks = split(bytes, offsets);
        try {
          for (const chunk of chunks) assert.equal(decoder.decode(chunk), chunk.length);
        } catch (error) {
          assert.ok(error instanceof Error && /^(Protocol|Limit)Error$/.test(error.name));
        }
        assert.ok(calls <= 2 * bytes.length + chunks.length);
      }),
      { numRuns: runs },
    );
  });

  it("streams and cores agree on any bytes", { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(received, async ([options, bytes, offsets]) => {
        const cores = throughCores([bytes], options);
        const streams = await throughStreams(split(bytes, offsets), options);
        assert.deepEqual(streams.messages, cores.messages);
        assert.ok(agrees(streams, cores), `${JSON.stringify([streams.error, cores.error])}`);
      }),
      { numRuns: Math.ceil(runs / 4) },
    );
  });

  it(
    "encode then decode is the identity, whatever the fragments and the splits",
    { timeout },
    () => {
      const sizes = fc.array(fc.nat(100), { maxLength: 4 });
      fc.assert(
        fc.property(role, conversation, sizes, splits, (sender, messages, sizes, offsets) => {
          const options: DriveOptions = { role: other(sender) };
          const bytes = encoded(sender, messages, sizes);
          assert.deepEqual(outcomeOf(throughCores(split(bytes, offsets), options)), { messages });
        }),
        { numRuns: runs },
      );
    },
  );

  it("the same through streams", { timeout }, async () => {
    const fragmentSize = fc.constantFrom(undefined, 1000, 125, 3);
    await fc.assert(
      fc.asyncProperty(
        role,
        conversation,
        fragmentSize,
        splits,
        async (sender, messages, fragmentSize, offsets) => {
          const size = messages.some((message) => "data" in message && message.data.length > 500)
            ? undefined
            : fragmentSize;
          const chunks = await collect(
            streamOf(messages).pipeThrough(new MessageEncoderStream({ fragmentSize: size }))
              .pipeThrough(new FrameEncoderStream({ role: sender })),
          );
          const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
          const decoded = streamOf(split(bytes, offsets))
            .pipeThrough(new FrameDecoderStream({ role: other(sender) }))
            .pipeThrough(new MessageDecoderStream());
          assert.deepEqual(await collect(decoded), messages);
        },
      ),
      { numRuns: Math.ceil(runs / 4) },
    );
  });

  it(
    "stopping after each message changes nothing but when the rest is decoded",
    { timeout },
    () => {
      fc.assert(
        fc.property(received, ([options, bytes]) => {
          const frames: string[] = [], stopping: string[] = [];
          const run = (into: string[], stop: boolean): void => {
            const note = (what: string): void => {
              into.push(what);
              if (stop) decoder.stop();
            };
            const decoder = new FrameDecoder(splitOptions(options).frame, {
              onFrame: (first, _chunk, start, end) => note(`${first} ${end - start}`),
              onFrameStart: (first, length) => note(`${first} starts, ${length}`),
              onFramePiece: (_chunk, start, end) => note(`${end - start}`),
              onFrameEnd: () => note("end"),
            });
            try {
              for (let at = 0; at < bytes.length;) at = decoder.decode(bytes, at);
            } catch (error) {
              assert.ok(error instanceof Error);
              into.push(error.message);
            }
          };
          run(frames, false);
          run(stopping, true);
          assert.deepEqual(stopping, frames);
        }),
        { numRuns: runs },
      );
    },
  );
});
