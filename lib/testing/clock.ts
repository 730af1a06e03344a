/**
 * Time that a test sets by itself.
 *
 * @module
 */
import { afterTurn } from "../link/turn.ts";
import type { Clock } from "../protocol/clock.ts";

/** How many times `settle` is awaited before something is said not to happen. */
export const PATIENCE = 25;

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until the test moves it. It is the `clock` of a connection, a server or a
 * {@linkcode pair}; the timers of the platform are not touched.
 *
 * @example
 * ```ts
 * import { pair, VirtualClock } from "@sluice/websocket/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new VirtualClock();
 * const { client, server, network } = pair({ clock });
 * network.cut(); // the network goes away, and neither end is told
 * await clock.pass(60_000); // pingInterval, pingTimeout, closeTimeout
 * assert.equal((await client.closed).closeCode, 1006);
 * assert.equal((await server.closed).closeCode, 1006);
 * assert.equal(clock.timers, 0);
 * ```
 */
export class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** The time, in milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Sets a timer; called by connections. */
  setTimer(delay: number, callback: () => void): unknown {
    const timer: Timer = { due: this.#now + delay, callback };
    this.#timers.add(timer);
    return timer;
  }

  /** Cancels a timer; called by connections. */
  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Moves on by `ms` milliseconds, and calls what falls due on the way, in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#fire(next);
    }
    this.#now = end;
  }

  /**
   * The same, and awaits what follows from each timer before the next one, as in a real event loop:
   * messages are delivered, promises settle. It takes no real time but some turns of the event loop.
   */
  async pass(ms: number): Promise<void> {
    await this.advanceByTurns(ms, settle);
  }

  /**
   * Moves on from timer to timer until a promise has settled, for 10 minutes at most.
   *
   * @throws {Error} If it is still pending then, or no timer is set that could bring it about (rejects).
   */
  async until<Value>(promise: Promise<Value>, most = 600_000): Promise<Value> {
    let isPending = true;
    const done = (): void => void (isPending = false);
    promise.then(done, done);
    const end = this.#now + most;
    const rest = async (): Promise<void> => {
      for (let turn = 0; turn < PATIENCE && isPending; turn++) {
        await settle();
        if (this.#timers.size > 0) return;
      }
    };
    await rest();
    for (let next = this.#next(end); isPending; next = this.#next(end)) {
      if (next === undefined) {
        throw new Error(
          `The promise is still pending: ${
            this.#timers.size === 0 ? "no timer is set" : `${most} ms have passed`
          }`,
        );
      }
      this.#fire(next);
      await rest();
    }
    return await promise;
  }

  /** Moves on as if the event loop stood still meanwhile: what falls due is called late, by `advance`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** @internal The same as `pass`, with another way to let things happen. */
  async advanceByTurns(ms: number, turn: () => Promise<void>): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#fire(next);
      await turn();
    }
    this.#now = end;
  }

  #fire(timer: Timer): void {
    this.#now = Math.max(this.#now, timer.due);
    this.#timers.delete(timer);
    timer.callback();
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }
}

/**
 * Waits until everything has happened that needs no time: the memory between two ends works in
 * microtasks, and the answer to a Close waits for the end of a turn of the event loop.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => afterTurn(resolve));
}
