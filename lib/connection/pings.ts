/**
 * The pings that wait for their pongs.
 *
 * @module
 */

/** A ping under way. */
interface Waiting {
  readonly sentAt: number;
  resolve(roundTrip: number): void;
  reject(reason: unknown): void;
}

/** Counts pings, so that each has a payload of its own, and settles them. */
export class Pings {
  #count = 0;
  readonly #waiting = new Map<number, Waiting>();

  /**
   * Sends a ping by `send` and waits for its pong: the round trip in milliseconds. Rejects with the
   * signal's reason when that is aborted first.
   */
  ping(
    send: (payload: Uint8Array) => void,
    now: () => number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#count = (this.#count + 1) >>> 0;
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, id);
    return new Promise<number>((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(id);
        reject(signal!.reason);
      };
      const done = (): void => signal?.removeEventListener("abort", abort);
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, {
        sentAt: now(),
        resolve(roundTrip): void {
          done();
          resolve(roundTrip);
        },
        reject(reason): void {
          done();
          reject(reason);
        },
      });
      send(payload);
    });
  }

  /**
   * A pong came. It settles its ping and all older ones: a peer may answer only the newest of
   * several (RFC 6455 section 5.5.3). One that answers none of ours is nobody's business.
   */
  pong(payload: Uint8Array, now: number): void {
    if (payload.length !== 4 || this.#waiting.size === 0) return;
    const id = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    if (!this.#waiting.has(id)) return;
    for (const [older, waiting] of this.#waiting) {
      this.#waiting.delete(older);
      waiting.resolve(now - waiting.sentAt);
      if (older === id) return;
    }
  }

  /** No pong will come any more. */
  fail(reason: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }
}
