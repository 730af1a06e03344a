/**
 * What a connection counts. Everything is always on.
 *
 * @module
 */
import type { LinkStats } from "../link/link.ts";
import type { ExtensionBytes } from "../message/extension.ts";

/** What has passed over a connection so far. Bytes and frames are those after the opening handshake. */
export interface ConnectionStats extends LinkStats {
  /** Messages received. */
  readonly messagesReceived: number;
  /** Messages sent. */
  readonly messagesSent: number;
  /**
   * The time from a ping to its pong, in milliseconds, as last measured: by `ping` or by the keepalive, every
   * `pingInterval`. A ping during which reading was paused does not count. Undefined before the first.
   */
  readonly roundTrip: number | undefined;
  /** The same, smoothed: each measurement counts for an eighth (RFC 6298 section 2). */
  readonly smoothedRoundTrip: number | undefined;
  /**
   * The sizes of the compressed messages, received and sent, before and after compression, in bytes;
   * undefined without compression.
   */
  readonly compression?: Readonly<ExtensionBytes>;
}

/** How much a measurement counts beside those before it: RFC 6298 section 2. */
const WEIGHT = 1 / 8;

/** The round trips of one connection. Created with the first. */
export class RoundTrips {
  /** The last, in milliseconds. */
  last: number;
  /** The smoothed one. */
  smoothed: number;

  /** Takes the first. */
  constructor(first: number) {
    this.last = this.smoothed = first;
  }

  /** Takes another one. */
  add(next: number): void {
    this.last = next;
    this.smoothed += (next - this.smoothed) * WEIGHT;
  }
}
