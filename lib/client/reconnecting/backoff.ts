/**
 * When to connect again (RFC 6455 section 7.2.3): after a random time, the longest of which doubles with
 * each failure. Clients that a server has lost at the same moment do not come back at the same moment.
 *
 * @module
 */

/** The times of a {@linkcode Backoff}, in milliseconds. */
export interface BackoffTimes {
  /** The most that passes before the first attempt. */
  retryDelay: number;
  /** The most that ever passes. */
  maxRetryDelay: number;
  /** A connection that was open for so long was good: what failed before it does not count. */
  stableTime: number;
}

/** Counts failures, and says how long to wait. */
export class Backoff {
  readonly #times: BackoffTimes;
  #failures = 0;

  /** Creates one without a failure. */
  constructor(times: BackoffTimes) {
    this.#times = times;
  }

  /** How many attempts or connections have failed since one was good. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts an attempt that failed, or a connection that was open for this time; returns how long to wait. */
  fail(openTime: number | undefined): number {
    const { retryDelay, maxRetryDelay, stableTime } = this.#times;
    if (openTime !== undefined && openTime >= stableTime) this.#failures = 0;
    return random() * Math.min(maxRetryDelay, retryDelay * 2 ** this.#failures++);
  }
}

/** Returns a number from 0 to 1, 1 excluded. */
function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
}
