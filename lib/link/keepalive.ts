/**
 * Finding out whether a silent peer is still there (RFC 6455 section 5.5.2: a ping "may serve either
 * as a keepalive or as a means to verify that the remote endpoint is still responsive").
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import { ReadingTimer, Timer, Timers } from "./timers.ts";
import type { ResolvedLimits } from "../protocol/options.ts";

/** What a keepalive does to its link. */
export interface KeepaliveEvents {
  /** Returns how many milliseconds a ping has to wait; `release` is called if it may leave earlier. */
  pingDelay(): number;
  /** Sends a ping: false if none can leave now. */
  sendPing(): boolean;
  /** The peer has been silent for too long. */
  onPingTimeout(error: LimitError): void;
}

/** Pings at an interval, and waits for a sign of life. It is the deadline for its own next ping. */
export class Keepalive extends Timer {
  #active = true;
  #paused = false;
  readonly #options: ResolvedLimits;
  readonly #events: KeepaliveEvents;
  /** There is one only while a pong is awaited: most connections never wait long. */
  #pongDue: ReadingTimer | undefined;

  /** Creates one; nothing is sent before `start`. */
  constructor(options: ResolvedLimits, events: KeepaliveEvents) {
    super();
    this.#options = options;
    this.#events = events;
  }

  /** Anything came: a sign of life, as a pong may stand behind much data. */
  onActivity(): void {
    if (this.#active) return;
    this.#active = true;
    this.#pongDue?.cancel();
    this.#pongDue = undefined;
  }

  /** Begins. */
  start(): void {
    Timers.of(this.#options.clock).set(this, this.#options.pingInterval);
  }

  /** Ends: closing has times of its own. */
  stop(): void {
    this.cancel();
    this.#pongDue?.cancel();
  }

  /** Reading has stopped: pings go on, but what comes is not seen, so nothing is awaited. */
  pause(): void {
    this.#paused = true;
    this.#pongDue?.cancel();
  }

  /** Reading goes on: a pong may lie unread, so the peer gets the whole time again. */
  resume(): void {
    this.#paused = false;
    if (!this.#active && this.pending) this.#await();
  }

  /** The ping that had to wait may leave. */
  release(): void {
    if (this.pending) this.fire();
  }

  /** It is time for a ping. */
  override fire(): void {
    const delay = this.#events.pingDelay();
    if (delay > 0) return Timers.of(this.#options.clock).set(this, delay);
    this.start();
    // A wait that nothing has ended yet goes on: a later ping gives the peer no more time.
    if (!this.#events.sendPing() || !this.#active) return;
    this.#active = false;
    if (!this.#paused) this.#await();
  }

  #await(): void {
    this.#pongDue ??= new ReadingTimer(() => this.#onPongTimeout());
    Timers.of(this.#options.clock).set(this.#pongDue, this.#options.pingTimeout);
  }

  #onPongTimeout(): void {
    const limit = this.#options.pingTimeout;
    this.#events.onPingTimeout(
      new LimitError(`The peer has sent nothing for ${limit} ms after a ping (pingTimeout)`, {
        option: "pingTimeout",
        limit,
        actual: limit,
        closeCode: 1011,
      }),
    );
  }
}
