/** Things to send from, that give what the test tells them to, when it does. */

import type { SendData } from "../../lib/connection/send_data.ts";

type Step = { value: SendData } | { error: unknown } | "end";

/** A source that writes down how it is read. */
export class Source implements AsyncIterable<SendData> {
  /** How often it was asked for a chunk. */
  reads = 0;
  /** The reasons with which it was cancelled; an iterator is told none. */
  readonly cancelled: unknown[] = [];
  readonly #steps: Step[];
  #wanted: (() => void) | undefined;

  constructor(...chunks: readonly SendData[]) {
    this.#steps = chunks.map((value) => ({ value }));
  }

  /** Gives more. */
  give(...chunks: readonly SendData[]): this {
    return this.#push(...chunks.map((value) => ({ value })));
  }

  /** Has no more to give. */
  end(): this {
    return this.#push("end");
  }

  /** Fails, behind what was given. */
  fail(error: unknown): this {
    return this.#push({ error });
  }

  /** The same as a stream, that holds nothing in advance. */
  get stream(): ReadableStream<SendData> {
    return new ReadableStream<SendData>({
      pull: async (controller): Promise<void> => {
        const { done, value } = await this.#next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason): void => void this.cancelled.push(reason),
    }, { highWaterMark: 0 });
  }

  [Symbol.asyncIterator](): AsyncIterator<SendData, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.cancelled.push(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #push(...steps: readonly Step[]): this {
    this.#steps.push(...steps);
    this.#wanted?.();
    return this;
  }

  async #next(): Promise<IteratorResult<SendData, undefined>> {
    this.reads++;
    while (this.#steps.length === 0) await new Promise<void>((wanted) => this.#wanted = wanted);
    const step = this.#steps.shift()!;
    if (step === "end") return { done: true, value: undefined };
    if ("error" in step) throw step.error;
    return { done: false, value: step.value };
  }
}

/** What has become of a promise so far. */
export interface Fate {
  state: "pending" | "resolved" | "rejected";
  value?: unknown;
  reason?: unknown;
}

/** Watches a promise, and takes care of its rejection. */
export function watch(promise: Promise<unknown>): Fate {
  const fate: Fate = { state: "pending" };
  promise.then(
    (value) => Object.assign(fate, { state: "resolved", value }),
    (reason: unknown) => Object.assign(fate, { state: "rejected", reason }),
  );
  return fate;
}

/** Bytes that tell where they stand: the first of them at `from`. */
export function pattern(size: number, from = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = patternByte(from + at);
  return bytes;
}

/** Whether bytes are those of the pattern, the first of them at `from`. */
export function isPattern(bytes: Uint8Array, from = 0): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== patternByte(from + at)) return false;
  }
  return true;
}

function patternByte(at: number): number {
  return (at * 31 + (at >> 8)) & 255;
}
