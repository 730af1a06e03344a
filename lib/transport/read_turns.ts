/**
 * Serves many busy connections fairly on Deno.
 *
 * Deno completes at most 128 reads in one turn of its event loop (tokio's budget of a task). The reads
 * that are ready and left over are polled again in reverse order, behind sockets that have become ready
 * meanwhile. With hundreds of busy connections, those that were served last are then served first
 * again, and most of the others never. Reads over TLS are not concerned: they come out of memory.
 *
 * So when a turn has completed nearly as many reads as it can, a connection that was served does not
 * read again at once. It waits, in order, until the reads that are ready have been completed. With
 * fewer busy connections every connection reads at once.
 *
 * @module
 */
import { afterTurn } from "../link/turn.ts";

/** So many reads in one turn mean that more may be ready: somewhat fewer than Deno's 128. */
const CROWDED = 100;
/** So many connections read again at once, which a few turns serve. */
const GROUP = 512;
/** After this many timers in a row during which no read was completed, none is ready. */
const QUIET_TIMERS = 4;

const settled = /* @__PURE__ */ Promise.resolve();

/** Decides which connections may read again at once, and which wait their turn. */
export class ReadTurns {
  readonly #setTimer: (callback: () => void) => void;
  /** The connections that wait to read again, oldest first. */
  readonly #waiting: (() => void)[] = [];
  readonly #endTurn = (): void => this.#onTurnEnd();
  readonly #timer = (): void => this.#onTimer();
  /** Reads completed in this turn. */
  #completed = 0;
  /** Turns so far, and how many there were when the timer was set. */
  #turns = 0;
  #turnsSeen = 0;
  /** Timers in a row during which there was no turn. */
  #quietTimers = 0;
  #timerSet = false;

  /** Creates it. `setTimer` calls back after all that is ready at the moment has been handled once. */
  constructor(setTimer: (callback: () => void) => void = afterTurn) {
    this.#setTimer = setTimer;
  }

  /**
   * Counts a read that was completed. Returns `undefined` if the connection may read again at once,
   * or else a promise that resolves when it may.
   */
  next(): Promise<void> | undefined {
    // The reads of a turn have all resolved when the first is handled: this runs after the last.
    if (this.#completed++ === 0) void settled.then(this.#endTurn);
    if (this.#completed < CROWDED && this.#waiting.length === 0) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#startTimer();
    });
  }

  #onTurnEnd(): void {
    const crowded = this.#completed >= CROWDED;
    this.#completed = 0;
    this.#turns++;
    if (!crowded && this.#waiting.length > 0) this.#release();
  }

  /** Where no read is ready there are no turns either, which only time can tell. */
  #startTimer(): void {
    if (this.#timerSet) return;
    this.#timerSet = true;
    this.#turnsSeen = this.#turns;
    this.#setTimer(this.#timer);
  }

  #onTimer(): void {
    this.#timerSet = false;
    this.#quietTimers = this.#turns === this.#turnsSeen ? this.#quietTimers + 1 : 0;
    if (this.#quietTimers >= QUIET_TIMERS) {
      this.#quietTimers = 0;
      this.#release();
    }
    if (this.#waiting.length > 0) this.#startTimer();
  }

  #release(): void {
    for (const resume of this.#waiting.splice(0, GROUP)) resume();
  }
}
