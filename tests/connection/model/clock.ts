/** Virtual time that goes on from one timer to the next. */

import { VirtualClock } from "../../support/clock.ts";

/** A clock that knows when its next timer is due: what promises there are settle before it fires. */
export class SteppedClock extends VirtualClock {
  readonly #due = new Map<unknown, number>();

  override setTimer(delay: number, callback: () => void): unknown {
    const timer = super.setTimer(delay, () => {
      this.#due.delete(timer);
      callback();
    });
    this.#due.set(timer, this.now() + delay);
    return timer;
  }

  override clearTimer(timer: unknown): void {
    this.#due.delete(timer);
    super.clearTimer(timer);
  }

  /** Goes on by `ms` milliseconds; before each timer on the way `settle` is awaited. */
  async pass(ms: number, settle: () => Promise<void>): Promise<void> {
    const end = this.now() + ms;
    await settle();
    for (let due = this.#next; due <= end; due = this.#next) {
      this.advance(Math.max(due - this.now(), 0));
      await settle();
    }
    this.advance(end - this.now());
  }

  get #next(): number {
    return Math.min(...this.#due.values());
  }
}
