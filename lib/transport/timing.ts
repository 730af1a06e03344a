/**
 * What the transports share about time: giving up on a connect, and how long a close may take.
 *
 * @module
 */
import { systemClock } from "../protocol/clock.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";

/**
 * How long, in milliseconds, `close()` after `closeWrite()` waits for what was written to go out. A
 * peer that takes nothing is dropped then.
 */
const LINGER_TIMEOUT = 1_000;

/**
 * Calls back when `close()` has waited long enough for what was written to go out. Time in which
 * the event loop stood still does not count: the peer may have taken all by then.
 */
export function startLinger(callback: () => void): ReadingTimer {
  const linger = new ReadingTimer(callback);
  Timers.of(systemClock).set(linger, LINGER_TIMEOUT);
  return linger;
}

/** How long, in milliseconds, a listener rests after it could not accept. */
export const ACCEPT_RETRY_DELAY = 100;

/**
 * The value of `promise`, or a rejection with the signal's reason as soon as it aborts. A value that
 * comes too late goes to `discard`, so that nothing stays open.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (value: T) => void,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      promise.then(discard, () => {});
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener("abort", abort);
        resolve(value);
      },
      (error) => {
        signal.removeEventListener("abort", abort);
        reject(error);
      },
    );
  });
}
