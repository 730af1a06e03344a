/**
 * Tasks (HTML standard, section 8.1.7): what was queued runs in a turn of its own, one after the other.
 *
 * @module
 */

/** Calls back in a task, as soon as there is one. */
function taskScheduler(): (callback: () => void) => void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate !== undefined) return (callback): void => void setImmediate(callback);
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (): void => waiting.shift()?.();
  return (callback): void => {
    waiting.push(callback);
    port2.postMessage(undefined);
  };
}

let schedule: ((callback: () => void) => void) | undefined;

/** What waits to be done, in order. */
export class TaskQueue {
  readonly #waiting: (() => boolean | void)[] = [];
  #isScheduled = false;

  /**
   * Adds a step. Steps run one after the other in one task; a step that returns true has the next one wait
   * for a task of its own, so that all that follows from it happens first.
   */
  push(step: () => boolean | void): void {
    this.#waiting.push(step);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    schedule ??= taskScheduler();
    schedule(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    let at = 0, isApart = false;
    try {
      while (at < this.#waiting.length && !isApart) isApart = this.#waiting[at++]() === true;
    } finally {
      this.#waiting.splice(0, at);
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}
