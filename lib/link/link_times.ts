/**
 * How long a link has been open, and how long reading was paused meanwhile.
 *
 * @module
 */
import type { Clock } from "../protocol/clock.ts";
import { Stopwatch } from "./stopwatch.ts";

/** The times of one link, in milliseconds. */
export class LinkTimes {
  readonly #clock: Clock;
  readonly #open = new Stopwatch();
  /** Created when reading is first paused. */
  #paused: Stopwatch | undefined;

  /** Creates them; nothing counts before `start`. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the link has been open. */
  get openTime(): number {
    return this.#open.read(this.#clock.now());
  }

  /** How long reading was paused. */
  get pausedTime(): number {
    return this.#paused?.read(this.#clock.now()) ?? 0;
  }

  /** The link is open. */
  start(): void {
    this.#open.start(this.#clock.now());
  }

  /** The link is closed. */
  stop(): void {
    this.#open.stop(this.#clock.now());
    this.resume();
  }

  /** Reading is paused. */
  pause(): void {
    (this.#paused ??= new Stopwatch()).start(this.#clock.now());
  }

  /** Reading goes on. */
  resume(): void {
    this.#paused?.stop(this.#clock.now());
  }
}
