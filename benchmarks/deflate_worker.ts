/**
 * The process that measures compression, in whichever runtime it is started: a case is a line of
 * JSON on stdin, what each contender needs a line on stdout.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import * as zlib from "node:zlib";
import * as fflate from "fflate";
import { Deflater } from "../lib/deflate/deflater.ts";
import { Inflater } from "../lib/deflate/inflater.ts";
import { DEFLATE_CASES, type DeflateAnswer, type DeflateRequest } from "./deflate_cases.ts";

/** Does its work on one message; gives what it made, valid until the next call. */
type Coder = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

interface Contender {
  name: string;
  /** Compresses messages, with those before as their context or each alone. */
  deflater(level: number, context: boolean): Coder;
  /** Inflates what a deflater made. */
  inflater(context: boolean): Coder;
}

const { Z_SYNC_FLUSH } = zlib.constants;
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);
/** An empty last block, without which some take a stream for cut off. */
const END = Uint8Array.of(0x01, 0x00, 0x00, 0xff, 0xff);

/** What is made goes into memory that is kept, as it goes into frames. */
class Kept {
  #bytes = new Uint8Array(1 << 20);
  #length = 0;

  readonly add = (piece: Uint8Array): void => {
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  };

  take(): Uint8Array {
    const made = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return made;
  }
}

const sluice: Contender = {
  name: "sluice",
  deflater(level, context) {
    const deflater = new Deflater({ level, windowBits: 15 });
    const kept = new Kept();
    return (message) => {
      if (!context) deflater.reset();
      deflater.deflate(message, true, kept.add);
      return kept.take();
    };
  },
  inflater(context) {
    const inflater = new Inflater({ windowBits: 15 });
    const kept = new Kept();
    return (message) => {
      if (!context) inflater.reset();
      inflater.inflate(message, true, Infinity, kept.add);
      return kept.take();
    };
  },
};

/** Without a context its fastest way, synchronous; with one it has its streams only. */
const nodeZlib: Contender = {
  name: "node:zlib",
  deflater(level, context) {
    if (context) {
      return flushed(zlib.createDeflateRaw({ level }), (packed) => packed.subarray(0, -4));
    }
    const options = { level, finishFlush: Z_SYNC_FLUSH };
    return (message) => zlib.deflateRawSync(message, options).subarray(0, -4);
  },
  inflater(context) {
    if (!context) return (message) => zlib.inflateRawSync(message, { finishFlush: Z_SYNC_FLUSH });
    return flushed(zlib.createInflateRaw(), (plain) => plain);
  },
};

/** Messages through a stream that is flushed after each. */
function flushed(
  stream: zlib.DeflateRaw | zlib.InflateRaw,
  finish: (all: Buffer) => Buffer,
): Coder {
  let pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  return (message) =>
    new Promise((resolve) => {
      stream.write(message);
      stream.flush(Z_SYNC_FLUSH, () => {
        const all = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
        pieces = [];
        resolve(finish(all));
      });
    });
}

/** Without a context only: its streams copy the whole window for each message. */
const plainFflate: Contender = {
  name: "fflate",
  deflater(level) {
    const options = { level: level as fflate.DeflateOptions["level"] };
    return (message) => fflate.deflateSync(message, options);
  },
  inflater() {
    return (message) => fflate.inflateSync(message);
  },
};

/** CPU time of this process with all its threads, in microseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Calls the coder with each message in turn; gives the microseconds of CPU time that one takes. */
async function time(
  coder: Coder,
  messages: readonly Uint8Array[],
  duration: number,
): Promise<number> {
  // Asking for the time is a call into the kernel: not after each small message.
  const passes = messages[0].length > 10_000 ? 1 : Math.ceil(100 / messages.length);
  const start = cpuTime();
  let done = 0;
  let elapsed = 0;
  do {
    for (let pass = 0; pass < passes; pass++) {
      for (const message of messages) {
        const made = coder(message);
        if (made instanceof Promise) await made;
      }
    }
    done += passes * messages.length;
    elapsed = cpuTime() - start;
  } while (elapsed < duration * 1000);
  return elapsed / done;
}

async function all(coder: Coder, messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const made: Uint8Array[] = [];
  for (const message of messages) made.push(Uint8Array.from(await coder(message)));
  return made;
}

/** The messages as ours compresses them, as each contender wants them. */
function asWanted({ name }: Contender, packed: readonly Uint8Array[]): Uint8Array[] {
  const tail = name === "sluice" ? [] : name === "fflate" ? [TAIL, END] : [TAIL];
  return packed.map((message) => Uint8Array.from(Buffer.concat([message, ...tail])));
}

async function run({ name, level, rounds, duration }: DeflateRequest): Promise<DeflateAnswer[]> {
  const chosen = DEFLATE_CASES.find((each) => each.name === name);
  if (chosen === undefined) throw new Error(`Cannot measure ${name}: no such case`);
  const { messages, context } = chosen;
  const contenders = context ? [sluice, nodeZlib] : [sluice, nodeZlib, plainFflate];
  const packed = await all(sluice.deflater(level, context), messages);
  const tasks = [];
  for (const contender of contenders) {
    const sizes = await all(contender.deflater(level, context), messages);
    const wanted = asWanted(contender, packed);
    // Stops one that does not do its work from being measured.
    const plain = await all(contender.inflater(context), wanted);
    deepStrictEqual(plain, messages.map((bytes) => Uint8Array.from(bytes)), contender.name);
    const answer: DeflateAnswer = {
      name: contender.name,
      size: sizes.reduce((sum, { length }) => sum + length, 0) / messages.length,
      deflate: [],
      inflate: [],
    };
    tasks.push({ contender, wanted, answer });
  }
  // The round 0 is for the compilers and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const { contender, wanted, answer } of tasks) {
      const least = round === 0 ? duration * 5 : duration;
      const deflate = await time(contender.deflater(level, context), messages, least);
      // A conversation begins without a context, and so must what inflates it.
      const inflate = await time(renewed(contender, context, wanted.length), wanted, least);
      if (round === 0) continue;
      answer.deflate.push(deflate);
      answer.inflate.push(inflate);
    }
  }
  return tasks.map(({ answer }) => answer);
}

/** An inflater that is made anew after so many messages. */
function renewed(contender: Contender, context: boolean, count: number): Coder {
  if (!context) return contender.inflater(false);
  let inflate = contender.inflater(true);
  let left = count;
  return (message) => {
    if (left-- === 0) {
      inflate = contender.inflater(true);
      left = count - 1;
    }
    return inflate(message);
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as DeflateRequest))}\n`);
}
process.exit();
