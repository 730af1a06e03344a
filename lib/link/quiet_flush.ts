/**
 * When output leaves that was made outside a pass over received bytes: at the end of the tick.
 *
 * @module
 */
import type { OutputBuffer } from "../frame/output_buffer.ts";

/** How many microtasks output must have stopped growing for, before it leaves. */
const QUIET_TURNS = 4;

/** A microtask by way of a promise takes a third of the time of Node's `queueMicrotask`. */
const settled = /* @__PURE__ */ Promise.resolve();

/**
 * Flushes when the output has not grown for a few microtasks: code that awaits between two sends goes on
 * some microtasks later. A `for await` that answers each message thus makes one write.
 */
export class QuietFlush {
  readonly #output: OutputBuffer;
  readonly #flush: () => void;
  readonly #microtask = (): void => this.#onMicrotask();
  #scheduled = false;
  #quietTurns = 0;
  #lengthSeen = 0;

  /** Creates one that is not scheduled. */
  constructor(output: OutputBuffer, flush: () => void) {
    this.#output = output;
    this.#flush = flush;
  }

  /** Schedules the flush, unless that has been done. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#quietTurns = 0;
    this.#lengthSeen = 0;
    void settled.then(this.#microtask);
  }

  #onMicrotask(): void {
    const { length } = this.#output;
    if (length !== this.#lengthSeen) {
      this.#lengthSeen = length;
      this.#quietTurns = 0;
    }
    if (length > 0 && ++this.#quietTurns <= QUIET_TURNS) {
      void settled.then(this.#microtask);
      return;
    }
    this.#scheduled = false;
    this.#flush();
  }
}
