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
  /** Sends a ping: false if none can leave now. */
  sendPing(): boolean;
  /** The peer has been silent for too long. */
  onPingTimeout(error: LimitError): void;
}

/** A compressed message that is being sent in fragments. */
interface CompressedMessage {
  /** When the system last took bytes of it. */
  takenAt: number;
  /** Whether a ping waits for its end. */
  pingWaits: boolean;
}

/** Pings at an interval, and waits for a sign of life. It is the deadline for its own next ping. */
export class Keepalive extends Timer {
  #active = true;
  #paused = false;
  readonly #options: ResolvedLimits;
  readonly #events: KeepaliveEvents;
  /** There is one only while a pong is awaited: most connections never wait long. */
  #pongDue: ReadingTimer | undefined;
  #compressed: CompressedMessage | undefined;
  /** When the ping left that has no pong yet; undefined where the time would say nothing. */
  #pingSentAt: number | undefined;

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
    this.#pingSentAt = undefined; // its pong may lie unread
    this.#pongDue?.cancel();
  }

  /** Reading goes on: a pong may lie unread, so the peer gets the whole time again. */
  resume(): void {
    this.#paused = false;
    if (!this.#active && this.pending) this.#await();
  }

  /** Called when a compressed message begins that is sent in fragments: a ping waits for its end. */
  onCompressedBegun(): void {
    this.#compressed = { takenAt: this.#options.clock.now(), pingWaits: false };
  }

  /** Called when the system has taken bytes of it. */
  onFragmentTaken(): void {
    if (this.#compressed !== undefined) this.#compressed.takenAt = this.#options.clock.now();
  }

  /** Called when a message in fragments is complete: the ping that waited for it leaves. */
  onMessageSent(): void {
    const waits = this.#compressed?.pingWaits === true;
    this.#compressed = undefined;
    if (waits && this.pending) this.fire();
  }

  /**
   * Returns how long a ping still waits, in milliseconds: for the end of a compressed message, as long as
   * the peer has taken bytes of it within the last `pingInterval`. tornado 6.2, aiohttp 3.8 and wsproto
   * forget at a ping between two fragments that the message is compressed, and drop the connection.
   */
  #pingDelay(): number {
    const compressed = this.#compressed;
    if (compressed === undefined) return 0;
    const { pingInterval, clock } = this.#options;
    const delay = compressed.takenAt + pingInterval - clock.now();
    compressed.pingWaits = delay > 0;
    return delay;
  }

  /** It is time for a ping. */
  override fire(): void {
    const delay = this.#pingDelay();
    if (delay > 0) return Timers.of(this.#options.clock).set(this, delay);
    this.start();
    // A wait that nothing has ended yet goes on: a later ping gives the peer no more time.
    if (!this.#events.sendPing()) return;
    this.#pingSentAt = this.#mayMeasure() ? this.#options.clock.now() : undefined;
    if (!this.#active) return;
    this.#active = false;
    if (!this.#paused) this.#await();
  }

  /** An empty pong came: returns how long our ping was under way, if that can be said. */
  onPong(): number | undefined {
    const sentAt = this.#pingSentAt;
    this.#pingSentAt = undefined;
    return sentAt === undefined ? undefined : this.#options.clock.now() - sentAt;
  }

  /** Two pings without a pong between them are not told apart, nor is time when nothing is read. */
  #mayMeasure(): boolean {
    return !this.#paused && this.#pingSentAt === undefined;
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
