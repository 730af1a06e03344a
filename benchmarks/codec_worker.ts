/**
 * The process that measures the codecs, in whichever runtime it is started: a case is a line of
 * JSON on stdin; nanoseconds a message, a line on stdout.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import { do_not_optimize, measure } from "mitata";
import type { CodecAnswer, CodecCase, CodecRequest } from "./codec_cases.ts";
import type { Codec } from "./codecs/codec.ts";
import { sluice } from "./codecs/sluice.ts";
import { websocketDriver } from "./codecs/websocket_driver.ts";
import { ws } from "./codecs/ws.ts";
import { makeMaskedFrames, makePayload } from "./frames.ts";

const CODECS: readonly Codec[] = [sluice, ws, websocketDriver];

function makeMessage({ type, size }: CodecCase): string | Uint8Array {
  const payload = makePayload(size);
  return type === "text" ? new TextDecoder().decode(payload) : payload;
}

/**
 * Masks of bytes from 1 to 31. Some codecs unmask inside the chunk, so that the next turn finds
 * there what the turn before took out and masks it again. With such masks either is ASCII, and each
 * turn is the same work on valid text, with no copy of the chunk to be measured along with it.
 */
function makeMasks(count: number): Uint8Array[] {
  return Array.from(
    { length: count },
    () => crypto.getRandomValues(new Uint8Array(4)).map((byte) => 1 + byte % 31),
  );
}

/** What is measured: one chunk decoded, or a chunk's worth of messages encoded. */
function makeTask(codec: Codec, codecCase: CodecCase): () => void {
  const { direction, type, size, batch, masked } = codecCase;
  if (direction === "encode") {
    const options = { masked, batch, sink: do_not_optimize };
    return codec.encoder(makeMessage(codecCase), options);
  }
  const opcode = type === "text" ? 1 : 2;
  const chunk = Buffer.from(makeMaskedFrames(opcode, makePayload(size), makeMasks(batch)));
  const decode = codec.decoder(do_not_optimize);
  return () => decode(chunk);
}

/** Stops a codec that does not do its work from being measured: what it encodes, it must decode. */
function verify(codec: Codec, codecCase: CodecCase): void {
  const sent = makeMessage(codecCase);
  const received: (string | Uint8Array)[] = [];
  const decode = codec.decoder((message) =>
    received.push(typeof message === "string" ? message : Uint8Array.from(message))
  );
  const pieces: Uint8Array[] = [];
  const sink = (bytes: Uint8Array): void => void pieces.push(bytes.slice());
  codec.encoder(sent, { masked: true, batch: codecCase.batch, sink })();
  decode(Buffer.concat(pieces));
  const expected = Array.from({ length: codecCase.batch }, () => sent);
  deepStrictEqual(received, expected, `${codec.name} does not decode what it encodes`);
}

async function run(request: CodecRequest): Promise<CodecAnswer[]> {
  const contenders = CODECS.map((codec) => {
    verify(codec, request);
    return { name: codec.name, task: makeTask(codec, request), rounds: [] as number[] };
  });
  // mitata's own batches of 4096 calls would take seconds where one call is 32 messages.
  const options = { min_cpu_time: request.duration * 1e6, batch_samples: 128 };
  // The round 0 is for the compilers and does not count.
  for (let round = 0; round <= request.rounds; round++) {
    for (const { task, rounds } of contenders) {
      const { avg } = await measure(task, options);
      if (round > 0) rounds.push(avg / request.batch);
    }
  }
  return contenders.map(({ name, rounds }) => ({ name, rounds }));
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as CodecRequest))}\n`);
}
process.exit();
