/**
 * The pings that wait for their pongs.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import { LimitError } from "../errors.ts";
import { typeName } from "../options.ts";
import { readSignal } from "./arguments.ts";
import { bytesOf, type SendData } from "./send_data.ts";
import { Timers, Wait } from "../link/timers.ts";
import type { ResolvedLimits } from "../protocol/options.ts";

/** How a ping is sent. */
export interface PingOptions {
  /** Ends the wait when it is aborted; the ping then has no timeout. */
  signal?: AbortSignal;
}

/** What `ping` was called with: a payload, options, or both. */
export type PingArguments = [
  first?: string | ArrayBufferLike | ArrayBufferView | PingOptions,
  second?: PingOptions,
];

/** Numbers the pings that have no payload of the user's, so that each has its own, and settles them. */
export class Pings {
  readonly #options: Pick<ResolvedLimits, "clock" | "pingTimeout">;
  #count = 0;
  #paused: boolean;
  /** In the order in which they were sent. */
  #waiting: PendingPing[] = [];

  /** Creates it; `paused` is whether reading is paused. */
  constructor(options: Pick<ResolvedLimits, "clock" | "pingTimeout">, paused = false) {
    this.#options = options;
    this.#paused = paused;
  }

  /**
   * Sends a ping by `send`, and waits for its pong: the round trip in milliseconds. Rejects with the
   * signal's reason when that is aborted first, or without a signal after `pingTimeout`.
   *
   * @throws {TypeError | RangeError} If an argument is invalid.
   */
  ping(send: (payload: Uint8Array) => void, given: PingArguments): Promise<number> {
    const { signal, payload = this.#nextPayload() } = readPing(given);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const sentAt = this.#options.clock.now();
    const pending = new PendingPing({ sentAt, payload, signal }, (reason) => {
      this.#waiting.splice(this.#waiting.indexOf(pending), 1);
      pending.reject(reason);
    });
    pending.wasPaused = this.#paused;
    this.#waiting.push(pending);
    this.#await(pending);
    send(payload);
    return pending.promise;
  }

  /**
   * Sends a pong by `send`.
   *
   * @throws {TypeError | RangeError} If the payload is invalid.
   */
  pong(send: (payload: Uint8Array) => void, payload: SendData | undefined): void {
    send(readPayload("pong", payload) ?? new Uint8Array(0));
  }

  #nextPayload(): Uint8Array {
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, this.#count = (this.#count + 1) >>> 0);
    return payload;
  }

  /**
   * A pong came. It settles its ping and all older ones: a peer may answer only the newest of
   * several (RFC 6455 section 5.5.3). One that answers none of our pings is ignored. Returns the round
   * trip of its ping in milliseconds, unless reading was paused meanwhile.
   */
  onPong(payload: Uint8Array): number | undefined {
    const at = this.#waiting.findIndex((pending) => isSame(pending.payload, payload));
    if (at < 0) return undefined;
    const now = this.#options.clock.now(), settled = this.#waiting.splice(0, at + 1);
    for (const pending of settled) pending.resolve(now);
    const { wasPaused, sentAt } = settled[at];
    return wasPaused ? undefined : now - sentAt;
  }

  /** Reading has stopped: a pong may lie unread, so the timeouts are suspended. */
  pause(): void {
    this.#paused = true;
    for (const pending of this.#waiting) {
      pending.cancel();
      pending.wasPaused = true;
    }
  }

  /** Reading goes on: the pongs get the whole time again, as they may lie behind much data. */
  resume(): void {
    this.#paused = false;
    for (const pending of this.#waiting) this.#await(pending);
  }

  /** No pong will come any more; `reason` creates the error for each ping. */
  fail(reason: () => Error): void {
    for (const pending of this.#waiting.splice(0)) pending.reject(reason());
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
  /** What its pong has. */
  readonly payload: Uint8Array;
  readonly #caller: CallSite = new CallSite(Pings.prototype.ping);
  readonly #settled = Promise.withResolvers<number>();
  readonly #signal: AbortSignal | undefined;
  /** Takes it out of the map, and rejects. */
  readonly #giveUp: (reason: unknown) => void;
  #abort: (() => void) | undefined;

  constructor(
    { sentAt, payload, signal }: {
      sentAt: number;
      payload: Uint8Array;
      signal: AbortSignal | undefined;
    },
    giveUp: (reason: unknown) => void,
  ) {
    super();
    this.sentAt = sentAt;
    this.payload = payload;
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

/** Section 5.5: the longest payload of a control frame. */
const MAX_PAYLOAD = 125;

/**
 * Reads what `ping` was called with.
 *
 * @throws {TypeError | RangeError} If it is something else, or a payload is too long.
 */
function readPing(
  [first, second]: PingArguments,
): { payload: Uint8Array | undefined; signal: AbortSignal | undefined } {
  const isPayload = second !== undefined || typeof first === "string" || isMemory(first);
  return {
    payload: isPayload ? readPayload("ping", first as SendData | undefined) : undefined,
    signal: readSignal("ping", isPayload ? second : first as PingOptions | undefined),
  };
}

/**
 * Returns the payload of a ping or pong, copied.
 *
 * @throws {TypeError | RangeError} If it has another type, or more than 125 bytes.
 */
function readPayload(verb: string, payload: SendData | undefined): Uint8Array | undefined {
  if (payload === undefined) return undefined;
  const isText = typeof payload === "string";
  if (!isText && !isMemory(payload)) {
    throw new TypeError(
      `Cannot ${verb}: the payload must be a string, an ArrayBuffer or a view of one, got ${
        typeName(payload)
      }`,
    );
  }
  const bytes = isText ? new TextEncoder().encode(payload) : bytesOf(payload).slice();
  if (bytes.length <= MAX_PAYLOAD) return bytes;
  throw new RangeError(
    `Cannot ${verb}: the payload has ${bytes.length} bytes, at most ${MAX_PAYLOAD} fit`,
  );
}

function isMemory(value: unknown): value is ArrayBufferLike | ArrayBufferView {
  return ArrayBuffer.isView(value) || /^(Shared)?ArrayBuffer$/.test(typeName(value));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
