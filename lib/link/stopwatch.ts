/**
 * How long something has lasted, over all the times that it did.
 *
 * @module
 */

/** Adds up spans of time, in milliseconds. */
export class Stopwatch {
  #total = 0;
  #since: number | undefined;

  /** Begins a span; nothing happens within one. */
  start(now: number): void {
    this.#since ??= now;
  }

  /** Ends the span, if there is one. */
  stop(now: number): void {
    this.#total = this.read(now);
    this.#since = undefined;
  }

  /** Returns the sum until `now`. */
  read(now: number): number {
    return this.#since === undefined ? this.#total : this.#total + now - this.#since;
  }
}
