/**
 * What was written and the system has not taken, and how long that may last.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { ReadingTimer, Timers } from "./timers.ts";
import type { Transport } from "./transport.ts";

/** How often to look, in milliseconds, whether the system has taken what no `drain` is due for. */
const DRAIN_POLL = 10;

/** What a backlog reports. */
export interface BacklogEvents {
  /** The peer has taken nothing for too long. */
  onSendTimeout(error: LimitError): void;
  /** Called when the system may have taken all, though no `drain` says so. */
  onDrain(): void;
}

/** Created when a transport first holds something back. */
export class Backlog {
  /** What is written slice by slice (`maxWriteSize`), as far as it has not been. */
  rest: Uint8Array | undefined;
  readonly #transport: Transport;
  readonly #options: ResolvedLimits;
  readonly #events: BacklogEvents;
  /** What was left when the time to take something began. */
  #unwritten = 0;
  readonly #sendDue = new ReadingTimer(() => this.#onSendDue());
  readonly #pollDue = new ReadingTimer(() => this.#events.onDrain());

  /** Creates the backlog of `transport`; no timer runs. */
  constructor(transport: Transport, options: ResolvedLimits, events: BacklogEvents) {
    this.#transport = transport;
    this.#options = options;
    this.#events = events;
  }

  /** Sets the time in which the peer has to take something: `sendTimeout`. */
  limitTime(): void {
    this.#unwritten = this.#transport.bufferedAmount;
    const { clock, sendTimeout } = this.#options;
    Timers.of(clock).set(this.#sendDue, sendTimeout);
  }

  /** Looks in a moment whether the system has taken all, unless that is due already. */
  poll(): void {
    if (!this.#pollDue.pending) Timers.of(this.#options.clock).set(this.#pollDue, DRAIN_POLL);
  }

  /** Cancels the timers: all was taken, or nothing leaves any more. */
  stop(): void {
    this.#sendDue.cancel();
    this.#pollDue.cancel();
  }

  #onSendDue(): void {
    if (this.#transport.bufferedAmount < this.#unwritten) return this.limitTime();
    const limit = this.#options.sendTimeout;
    this.#events.onSendTimeout(
      new LimitError(`Cannot send: the peer took nothing for ${limit} ms (sendTimeout)`, {
        option: "sendTimeout",
        limit,
        actual: limit,
        closeCode: 1008,
      }),
    );
  }
}
