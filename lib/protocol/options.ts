/**
 * The options of a connection: read once, by one function. Compression is read by another
 * (`protocol_options.ts`): a connection on a platform's WebSocket does not load it.
 *
 * @module
 */
import type { PerMessageDeflateOptions } from "../deflate/options.ts";
import { DEFAULT_MAX_SIZE } from "../frame/decoder.ts";
import { type MaskSource, randomMask } from "../frame/mask.ts";
import { readLimit } from "../limits.ts";
import { checkFunction, checkMethods, type OptionNames } from "../options.ts";
import { type Clock, systemClock } from "./clock.ts";

/** How messages are given: each at once, or from its first bytes on. */
export type MessageMode = "whole" | "stream";

/**
 * Limits and times of a connection. Times are in milliseconds, sizes in bytes; `Infinity` turns a
 * limit off.
 */
export interface ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as a {@linkcode StreamedMessage}
   * (`"stream"`), of any size: `maxMessageSize`, `maxFrameSize` and `maxFragments` are then `Infinity`
   * unless set. @default {"whole"}
   */
  messages?: MessageMode;
  /**
   * The longest message, in bytes; exactly this passes, one more is answered with 1009. @default
   * {16777216}
   */
  maxMessageSize?: number;
  /**
   * The longest payload of one data frame, as its header says. Where it equals
   * `maxMessageSize`, a compressed frame may be an eighth longer, as random bytes grow when they are
   * compressed. @default {maxMessageSize}
   */
  maxFrameSize?: number;
  /** The most fragments of one message, empty ones included; past it 1008. @default {131072} */
  maxFragments?: number;
  /** The most pings a peer may send in a second; past it 1008. @default {100} */
  maxPingsPerSecond?: number;
  /**
   * With more than this number of bytes waiting to leave, `send` returns false and `ready` is
   * pending; `send` goes by what was waiting before its message. @default {65536}
   */
  sendHighWaterMark?: number;
  /**
   * With more than this waiting before a send, the connection is closed with 1008; what has not begun to
   * leave is dropped. @default {16777216}
   */
  maxBufferedAmount?: number;
  /**
   * A peer that takes nothing for so long, while something waits to leave, is closed with 1008 and
   * dropped. One that takes some bytes is alive, however large the message. @default {30000}
   */
  sendTimeout?: number;
  /**
   * When messages that were not taken have more bytes than this (each counts as its size plus 256),
   * reading stops until no more than half of this waits. Pings and the peer's Close are not read meanwhile
   * either. A message counts from the
   * moment it has to wait: for the `message` handler of the one before it, or for the code that
   * reads. Whole text counts by its `length`. If nothing has begun to read a second after reading
   * stopped, `onError` is called: call `discard` on a connection that is not to be read. @default
   * {1048576}
   */
  receiveHighWaterMark?: number;
  /**
   * Where the platform's WebSocket cannot be paused: beyond this many bytes of messages that were
   * not taken, each counted with 64 bytes more, the connection is closed with 1008 (4008 where 1008
   * is refused). Text counts by its `length`.
   * @default {16777216}
   */
  maxReceiveBuffered?: number;
  /**
   * How long the peer may take to answer our Close once that has left (until then `sendTimeout`
   * applies), or to close the socket. A server drops a client that takes nothing of an HTTP response
   * for so long. Once the connection is closed, each call of the `message` handler may take as long.
   * @default {10000}
   */
  closeTimeout?: number;
  /**
   * How often a ping is sent; at least 1. One waits for the end of a compressed message that is being
   * sent in fragments, as long as the peer takes bytes of it. @default {20000}
   */
  pingInterval?: number;
  /**
   * How long the peer may be silent after a ping; past it 1011. What has arrived is read first. When
   * this process's event loop stood still, the deadline moves by that time, but never by more than the
   * timeout itself. `ping()` without
   * a signal rejects after the same time. @default {20000}
   */
  pingTimeout?: number;
  /**
   * Whether to agree on compression (RFC 7692), and how; `true` takes the defaults. A secret that
   * is compressed together with text that an attacker chooses can be guessed by its size.
   * @default {false}
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /** Where masking keys come from, for a test that needs to know them. @default {randomMask} */
  mask?: MaskSource;
  /** The source of time, for a test that sets the time itself. @default {systemClock} */
  clock?: Clock;
}

/** The names of these options. */
export const CONNECTION_OPTIONS: OptionNames<ConnectionOptions> = {
  messages: true,
  maxMessageSize: true,
  maxFrameSize: true,
  maxFragments: true,
  maxPingsPerSecond: true,
  sendHighWaterMark: true,
  maxBufferedAmount: true,
  sendTimeout: true,
  receiveHighWaterMark: true,
  maxReceiveBuffered: true,
  closeTimeout: true,
  pingInterval: true,
  pingTimeout: true,
  perMessageDeflate: true,
  mask: true,
  clock: true,
};

const CLOCK: OptionNames<Clock> = { now: true, setTimer: true, clearTimer: true };

/** All options with their defaults, without compression, which only our own protocol has. */
export type ResolvedLimits = Required<Omit<ConnectionOptions, "perMessageDeflate">>;

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} For a number that is NaN, negative or fractional, or a pingInterval of 0; it
 * names the option.
 * @throws {TypeError} For what is not a number where one is wanted.
 */
export function readConnectionLimits(options: ConnectionOptions): ResolvedLimits {
  const { messages = "whole" } = options;
  if (messages !== "whole" && messages !== "stream") {
    throw new TypeError(`Cannot read options: messages must be "whole" or "stream"`);
  }
  const largest = messages === "stream" ? Infinity : DEFAULT_MAX_SIZE;
  const most = messages === "stream" ? Infinity : 131_072;
  const maxMessageSize = readLimit("maxMessageSize", options.maxMessageSize, largest);
  const pingInterval = readLimit("pingInterval", options.pingInterval, 20_000);
  if (pingInterval === 0) {
    throw new RangeError(
      "Cannot read options: pingInterval must not be 0; Infinity sends no pings",
    );
  }
  checkFunction("mask", options.mask);
  const { mask = randomMask, clock = systemClock } = options;
  checkMethods(
    "read options: clock must be an object with the methods now, setTimer and clearTimer",
    clock,
    ...Object.keys(CLOCK),
  );
  return {
    messages,
    maxMessageSize,
    maxFrameSize: readLimit("maxFrameSize", options.maxFrameSize, maxMessageSize),
    maxFragments: readLimit("maxFragments", options.maxFragments, most),
    maxPingsPerSecond: readLimit("maxPingsPerSecond", options.maxPingsPerSecond, 100),
    sendHighWaterMark: readLimit("sendHighWaterMark", options.sendHighWaterMark, 65_536),
    maxBufferedAmount: readLimit("maxBufferedAmount", options.maxBufferedAmount, 16_777_216),
    sendTimeout: readLimit("sendTimeout", options.sendTimeout, 30_000),
    receiveHighWaterMark: readLimit("receiveHighWaterMark", options.receiveHighWaterMark, 1 << 20),
    maxReceiveBuffered: readLimit("maxReceiveBuffered", options.maxReceiveBuffered, 16_777_216),
    closeTimeout: readLimit("closeTimeout", options.closeTimeout, 10_000),
    pingInterval,
    pingTimeout: readLimit("pingTimeout", options.pingTimeout, 20_000),
    mask,
    clock,
  };
}

/** What only our own protocol can keep: a platform's WebSocket shows nothing of it. */
const OWN_PROTOCOL = [
  "maxFrameSize",
  "maxFragments",
  "maxPingsPerSecond",
  "sendTimeout",
  "mask",
  "perMessageDeflate",
] as const;

/**
 * Refuses options that a platform cannot honour, rather than to ignore them. What is off (`Infinity`,
 * `false`) it can.
 *
 * @param more Options that this platform cannot honour either.
 * @throws {DOMException} NotSupportedError naming the option.
 */
export function refuseUnsupported(
  options: ConnectionOptions,
  platform: string,
  more: readonly (keyof ConnectionOptions)[] = [],
): void {
  for (const name of [...OWN_PROTOCOL, ...more]) {
    const value = options[name];
    if (value === undefined || value === Infinity || value === false) continue;
    throw new DOMException(
      `Cannot read options: ${platform} cannot honour ${name}`,
      "NotSupportedError",
    );
  }
}
