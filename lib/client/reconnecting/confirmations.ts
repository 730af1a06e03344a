/**
 * How messages that were sent are known to have arrived: a pong says that the peer has read all that was sent
 * before its ping (RFC 6455 section 5.5.2).
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import { CallbackTimer, ReadingTimer, type Timers } from "../../link/timers.ts";
import type { Outbox } from "./outbox.ts";

/**
 * How long there is between two pings, in milliseconds; and where what is not confirmed takes much of its
 * place.
 */
const DELAY = 200, DELAY_CROWDED = 50;

/** Sends pings while something is not confirmed, and no more than that. */
export class Confirmations {
  readonly #outbox: Outbox;
  readonly #timers: Timers;
  readonly #onConfirmed: () => void;
  readonly #timer = new CallbackTimer(() => void this.#ask());
  #connection: WebSocketConnection | undefined;
  #isAsking = false;
  #isClosing = false;
  #askedAt = -Infinity;

  /** Creates them for an outbox; `onConfirmed` is called when there is room in it again. */
  constructor(outbox: Outbox, timers: Timers, onConfirmed: () => void) {
    this.#outbox = outbox;
    this.#timers = timers;
    this.#onConfirmed = onConfirmed;
  }

  /** Has what was handed to a connection confirmed soon, where it can. */
  soon(connection: WebSocketConnection): void {
    const { unconfirmed, isCrowded } = this.#outbox;
    if (!connection.capabilities.ping || unconfirmed === 0 || this.#isAsking) return;
    if (this.#timer.pending && !isCrowded) return;
    this.#connection = connection;
    const delay = isCrowded ? DELAY_CROWDED : DELAY;
    const wait = this.#askedAt + delay - this.#timers.clock.now();
    this.#timers.set(this.#timer, Math.max(0, Math.round(wait)));
  }

  /** The connection has ended: what is sent on the next is confirmed at once. */
  stop(): void {
    this.#timer.cancel();
    this.#askedAt = -Infinity;
  }

  /**
   * Has all confirmed that was handed to a connection, for this time at most, and then calls `close`. The peer's
   * Close alone may have been sent before ours arrived.
   */
  async beforeClose(
    connection: WebSocketConnection,
    { timeout, close }: { timeout: number; close: () => void },
  ): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.stop();
    if (this.#outbox.unconfirmed > 0 && connection.capabilities.ping) {
      const giveUp = new AbortController(), late = new ReadingTimer(() => giveUp.abort());
      this.#timers.set(late, timeout);
      await this.#confirmBy(connection.ping({ signal: giveUp.signal }));
      late.cancel();
    }
    this.#isClosing = false;
    close();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    this.#askedAt = this.#timers.clock.now();
    await this.#confirmBy(this.#connection!.ping());
    this.#isAsking = false;
    this.#onConfirmed();
  }

  async #confirmBy(pong: Promise<unknown>): Promise<void> {
    const { mark } = this.#outbox;
    try {
      await pong;
      this.#outbox.confirm(mark);
    } catch {
      // It is closed, or the pong did not come in time: what is not confirmed is reported.
    }
  }
}
