/** Something to send as it is read, that gives a chunk when the test says so. */

import type { SendData } from "../../../lib/connection/send_data.ts";
import type { MessageType } from "../../../lib/message/message.ts";
import { bytesOf, textOf } from "./content.ts";

/** How a source can be read. */
export type SourceKind = "iterable" | "readable";

type Step = { done: false; value: SendData } | { done: true; value?: undefined };

/** A source, and what became of it. */
export class Source {
  readonly #name: string;
  readonly #type: MessageType;
  readonly #now: () => number;
  readonly #controller = new AbortController();
  readonly #steps: (Step | Error)[] = [];
  #asked: PromiseWithResolvers<Step> | undefined;
  /** All that it gave so far. */
  #text = "";
  #size = 0;
  #given = 0;
  /** It gives nothing more. */
  over = false;
  /** It was told that nothing more is wanted. */
  cancelled = false;
  /** Since when it has been asked for a chunk and has given none. */
  askedAt: number | undefined;
  /** How often it was asked. */
  asked = 0;

  /** Makes one whose message has that name and type. */
  constructor(name: string, type: MessageType, now: () => number) {
    this.#name = name;
    this.#type = type;
    this.#now = now;
  }

  /** Whether it ended well. */
  ended = false;
  /** What it failed with. */
  failure: Error | undefined;

  /** All that it has given, or that waits to be read. */
  get content(): string | Uint8Array {
    return this.#type === "text" ? this.#text : bytesOf(this.#name, this.#size);
  }

  /** Whether it has given anything, be it empty. */
  get gave(): boolean {
    return this.#given > 0;
  }

  /** Gives a chunk. */
  give(length: number): void {
    const value = this.#type === "text"
      ? textOf(this.#name, length, this.#size)
      : bytesOf(this.#name, length, this.#size);
    if (typeof value === "string") this.#text += value;
    this.#size += length;
    this.#step({ done: false, value });
  }

  /** Ends. */
  end(): void {
    this.over = this.ended = true;
    this.#step({ done: true });
  }

  /** Fails. */
  fail(error: Error): void {
    this.over = true;
    this.failure = error;
    this.#step(error);
  }

  /** What can abort it, where that was asked for. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts the signal; without effect where nobody listens. */
  abort(): void {
    const reason = new Error("the source was aborted");
    this.failure ??= reason;
    this.#controller.abort(reason);
  }

  /** As something that `send` takes. */
  as(kind: SourceKind): AsyncIterable<SendData> | ReadableStream<SendData> {
    const next = (): Promise<Step> => this.#next();
    const cancel = (): void => {
      this.cancelled = this.over = true;
    };
    if (kind === "iterable") {
      const iterator = {
        next,
        return: (): Promise<Step> => {
          cancel();
          return Promise.resolve({ done: true });
        },
      };
      return { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<SendData>;
    }
    return new ReadableStream<SendData>({
      async pull(controller): Promise<void> {
        const { done, value } = await next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel,
    }, { highWaterMark: 0 });
  }

  #next(): Promise<Step> {
    this.asked++;
    const step = this.#steps.shift();
    if (step instanceof Error) return Promise.reject(step);
    if (step !== undefined) {
      if (!step.done) this.#given++;
      return Promise.resolve(step);
    }
    this.askedAt = this.#now();
    return (this.#asked = Promise.withResolvers()).promise;
  }

  #step(step: Step | Error): void {
    const asked = this.#asked;
    if (asked === undefined) return void this.#steps.push(step);
    this.#asked = undefined;
    this.askedAt = undefined;
    if (step instanceof Error) return asked.reject(step);
    if (!step.done) this.#given++;
    asked.resolve(step);
  }
}
