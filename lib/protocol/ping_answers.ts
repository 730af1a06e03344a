/**
 * Which pings are answered (RFC 6455 section 5.5.2), and how many may come.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/** Counts the pings of each second, and keeps the answer that waits for room. */
export class PingAnswers {
  readonly #options: ResolvedConnectionOptions;
  #since = 0;
  #count = 0;
  #owed: Uint8Array | undefined;

  /** Creates the count of one connection. */
  constructor(options: ResolvedConnectionOptions) {
    this.#options = options;
  }

  /**
   * Counts a ping.
   *
   * @throws {LimitError} If more than `maxPingsPerSecond` have come in a second.
   */
  onPing(): void {
    const { maxPingsPerSecond: limit, clock } = this.#options;
    const now = clock.now();
    if (now - this.#since >= 1000) {
      this.#since = now;
      this.#count = 0;
    }
    if (++this.#count <= limit) return;
    throw new LimitError(
      `Cannot answer ping: more than ${limit} came in a second (maxPingsPerSecond)`,
      { option: "maxPingsPerSecond", limit, actual: this.#count, closeCode: 1008 },
    );
  }

  /** Keeps the payload of a pong. Only the newest is kept: section 5.5.3 allows to answer only the last. */
  owe(payload: Uint8Array): void {
    this.#owed = payload.slice();
  }

  /** Returns the payload that was kept, once. */
  takeOwed(): Uint8Array | undefined {
    const owed = this.#owed;
    this.#owed = undefined;
    return owed;
  }
}
