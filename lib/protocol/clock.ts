/**
 * Time, as the connection sees it: one source for every timeout, so that a test can turn it by hand.
 *
 * @module
 */

/** A source of time and timers. */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back. */
  now(): number;
  /** Calls back once after `delay` milliseconds; returns what cancels it. */
  setTimer(delay: number, callback: () => void): unknown;
  /** Cancels what `setTimer` gave; nothing happens if it has already fired. */
  clearTimer(timer: unknown): void;
}

/** The platform's clock. */
export const systemClock: Clock = {
  now: (): number => performance.now(),
  setTimer: (delay, callback): unknown => setTimeout(callback, Math.min(delay, 0x7fffffff)),
  clearTimer: (timer): void => clearTimeout(timer as number),
};
