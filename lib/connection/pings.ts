/**
 * The pings that wait for their pongs.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import { LimitError } from "../errors.ts";
import { Timers, Wait } from "../link/timers.ts";
import type { ResolvedLimits } from "../protocol/options.ts";

/** How a ping is sent. */
export interface PingInit {
  /** Sends it. */
  send(payload: Uint8Array): void;
  /** Ends the wait when it is aborted; the ping then has no timeout. */
  signal?: AbortSignal | undefined;
}

/** Counts pings, so that each has a payload of its own, and settles them. */
export class Pings {
  readonly #options: Pick<ResolvedLimits, "clock" | "pingTimeout">;
  #count = 0;
  #paused: boolean;
  readonly #waiting = new Map<number, PendingPing>();

  /** Creates it; `paused` is whether reading is paused. */
  constructor(options: Pick<ResolvedLimits, "clock" | "pingTimeout">, paused = false) {
    this.#options = options;
    this.#paused = paused;
  }

  /**
   * Sends a ping and waits for its pong: the round trip in milliseconds. Rejects with the signal's
   * reason when that is aborted first, or without a signal after `pingTimeout`.
   */
  ping({ send, signal }: PingInit): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#count = (this.#count + 1) >>> 0;
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, id);
    const pending = new PendingPing(this.#options.clock.now(), signal, (reason) => {
      this.#waiting.delete(id);
      pending.reject(reason);
    });
    pending.wasPaused = this.#paused;
    this.#waiting.set(id, pending);
    this.#await(pending);
    send(payload);
    return pending.promise;
  }

  /**
   * A pong came. It settles its ping and all older ones: a peer may answer only the newest of
   * several (RFC 6455 section 5.5.3). One that answers none of our pings is ignored. Returns the round
   * trip of its ping in milliseconds, unless reading was paused meanwhile.
   */
  onPong(payload: Uint8Array): number | undefined {
    if (payload.length !== 4 || this.#waiting.size === 0) return undefined;
    const id = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const answered = this.#waiting.get(id);
    if (answered === undefined) return undefined;
    const now = this.#options.clock.now();
    for (const [older, pending] of this.#waiting) {
      this.#waiting.delete(older);
      pending.resolve(now);
      if (older === id) break;
    }
    return answered.wasPaused ? undefined : now - answered.sentAt;
  }

  /** Reading has stopped: a pong may lie unread, so the timeouts are suspended. */
  pause(): void {
    this.#paused = true;
    for (const pending of this.#waiting.values()) {
      pending.cancel();
      pending.wasPaused = true;
    }
  }

  /** Reading goes on: the pongs get the whole time again, as they may lie behind much data. */
  resume(): void {
    this.#paused = false;
    for (const pending of this.#waiting.values()) this.#await(pending);
  }

  /** No pong will come any more; `reason` creates the error for each ping. */
  fail(reason: () => Error): void {
    for (const pending of this.#waiting.values()) pending.reject(reason());
    this.#waiting.clear();
  }

  #await(pending: PendingPing): void {
    const { clock, pingTimeout } = this.#options;
    if (this.#paused || pending.hasSignal) return;
    pending.timeout = pingTimeout;
    Timers.of(clock).set(pending, pingTimeout);
  }
}

/** A ping under way, and the wait for its pong. */
class PendingPing extends Wait {
  /** The limit in force. */
  timeout = Infinity;
  /** Whether reading was paused while it waited. */
  wasPaused = false;
  /** When it left. */
  readonly sentAt: number;
  readonly #caller: CallSite = new CallSite(Pings.prototype.ping);
  readonly #settled = Promise.withResolvers<number>();
  readonly #signal: AbortSignal | undefined;
  /** Takes it out of the map, and rejects. */
  readonly #giveUp: (reason: unknown) => void;
  #abort: (() => void) | undefined;

  constructor(
    sentAt: number,
    signal: AbortSignal | undefined,
    giveUp: (reason: unknown) => void,
  ) {
    super();
    this.sentAt = sentAt;
    this.#signal = signal;
    this.#giveUp = giveUp;
    if (signal !== undefined) {
      this.#abort = (): void => giveUp(signal.reason);
      signal.addEventListener("abort", this.#abort, { once: true });
    }
    // The connection goes on: a pong that does not come is no reason to end a process.
    this.#settled.promise.catch(() => {});
  }

  get promise(): Promise<number> {
    return this.#settled.promise;
  }

  /** Whether its caller ends the wait. */
  get hasSignal(): boolean {
    return this.#signal !== undefined;
  }

  resolve(now: number): void {
    this.#end();
    this.#settled.resolve(now - this.sentAt);
  }

  reject(reason: unknown): void {
    this.#end();
    this.#settled.reject(this.#caller.addTo(reason));
  }

  /** No pong came in time. */
  override fire(): void {
    const limit = this.timeout;
    this.#giveUp(
      new LimitError(
        `Cannot measure the round trip: no pong came within ${limit} ms (pingTimeout)`,
        {
          option: "pingTimeout",
          limit,
          actual: limit,
          closeCode: 1011,
        },
      ),
    );
  }

  #end(): void {
    this.cancel();
    if (this.#abort !== undefined) this.#signal!.removeEventListener("abort", this.#abort);
  }
}
