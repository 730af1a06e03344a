/**
 * The options of `reconnecting`, and what they come to.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { CloseInfo } from "../../errors.ts";
import type { HeaderEntries } from "../../handshake/caller_headers.ts";
import { checkProtocols, parseWebSocketURL } from "../../handshake/client_url.ts";
import { readLimit } from "../../limits.ts";
import { withClockOf } from "../../link/network.ts";
import type { MessageData } from "../../message/message.ts";
import {
  checkFunction,
  checkNames,
  checkSignal,
  type OptionNames,
  typeName,
} from "../../options.ts";
import { readConnectionLimits, type ResolvedLimits } from "../../protocol/options.ts";
import { CONNECT_OPTIONS, type ConnectOptions } from "../options.ts";
import type { BackoffTimes } from "./backoff.ts";
import { type HeartbeatOptions, readHeartbeat } from "./heartbeat.ts";

/** A value, or a function that returns it, or a promise of it, for each attempt. */
export type ForEachAttempt<Value> = Value | (() => Value | Promise<Value>);

/** Where a connection of `reconnecting` stands: an object that does not change. */
export interface ReconnectingState {
  /** `"waiting"` is between two attempts; `"closed"` is the end. */
  readonly name: "connecting" | "open" | "waiting" | "closed";
  /** How many attempts and connections have failed since one was open for `stableTime`. */
  readonly failures: number;
  /** While waiting: how long in all, in milliseconds. */
  readonly delay: number | undefined;
  /** While waiting: when it is over, as `Date.now()` counts. */
  readonly retryAt: number | undefined;
  /** How the last connection has ended, or why the last attempt failed. */
  readonly reason: CloseInfo | Error | undefined;
}

/** Why a message was not sent: it was dropped for a newer one, or all is over. */
export type UnsentReason = "dropped" | "closed";

/** How to connect, and when to connect again. Times are in milliseconds, sizes in bytes. */
export interface ReconnectingOptions extends
  Omit<
    ConnectOptions,
    "messages" | "websocket" | "protocols" | "headers" | "http2" | "maxBufferedAmount" | "onError"
  > {
  /** The subprotocols to offer. @default {[]} */
  protocols?: ForEachAttempt<string | readonly string[]>;
  /** Headers to add; a function can return a fresh token for each attempt. Not in a browser. */
  headers?: ForEachAttempt<HeaderEntries>;
  /** Ends it, whatever its state: the peer is dropped. */
  signal?: AbortSignal;
  /** The first attempt after a failure comes after a random time up to this. @default {1000} */
  retryDelay?: number;
  /** With each failure in a row the time doubles, up to this. @default {30000} */
  maxRetryDelay?: number;
  /** A connection that was open for so long was good: failures are counted anew. @default {5000} */
  stableTime?: number;
  /**
   * The close codes of the peer after which it does not connect again; or a function that decides, by how
   * the connection has ended, or the error of an attempt. @default {[1008]}
   */
  stayAway?: readonly number[] | ((end: CloseInfo | Error) => boolean);
  /**
   * How much may wait to be sent, and how much may have been sent and not be confirmed; each message counts
   * 256 bytes besides its size. @default {16777216}
   */
  maxQueueSize?: number;
  /**
   * What `send` does with a message that has no room in the queue: it throws a {@linkcode LimitError}, or
   * drops the oldest that wait, which `onUnsent` is called with. @default {"throw"}
   */
  whenFull?: "throw" | "drop-oldest";
  /** Messages that find a dead link, and their answers: for pages, which cannot send pings. */
  heartbeat?: HeartbeatOptions;
  /** Called with each new state. */
  onState?: (state: ReconnectingState) => void;
  /**
   * Called when it is connected again, before what waits is sent: to subscribe again, say. What is sent on
   * this connection goes before what waits, and is not kept. A promise is waited for.
   */
  onReconnect?: (connection: WebSocketConnection) => void | Promise<void>;
  /**
   * Called when a connection was lost, with the messages that were sent on it and may not have arrived.
   * Send those again that the peer can tell from new ones.
   */
  onUnconfirmed?: (messages: readonly MessageData[]) => void;
  /** Called with messages that will not be sent, in order. */
  onUnsent?: (messages: readonly MessageData[], reason: UnsentReason) => void;
  /** Called with errors of your code, and with the error that ends it. @default {prints them} */
  onError?: (error: unknown) => void;
}

const OF_CONNECTION = "is not an option of reconnecting: iterate over it";
const OTHERS: Record<string, string> = {
  messages: "is not an option of reconnecting: messages are whole",
  websocket: OF_CONNECTION,
  message: OF_CONNECTION,
  http2: "is not an option of reconnecting: a session does not come back",
  maxBufferedAmount: "is not an option of reconnecting; did you mean maxQueueSize?",
};
const OWN: OptionNames<Omit<ReconnectingOptions, keyof ConnectOptions>> = {
  retryDelay: true,
  maxRetryDelay: true,
  stableTime: true,
  stayAway: true,
  maxQueueSize: true,
  whenFull: true,
  heartbeat: true,
  onState: true,
  onReconnect: true,
  onUnconfirmed: true,
  onUnsent: true,
};

/** The options with their defaults, checked; those of `connect` alone apart. */
export interface ReconnectingPlan extends BackoffTimes {
  readonly url: ForEachAttempt<string | URL>;
  readonly given: ReconnectingOptions;
  /** The options of each attempt. */
  readonly connectOptions: ConnectOptions;
  readonly limits: ResolvedLimits;
  readonly handshakeTimeout: number;
  readonly maxQueueSize: number;
  readonly heartbeat: Required<HeartbeatOptions> | undefined;
}

/**
 * Reads the arguments of `reconnecting`.
 *
 * @throws {TypeError | RangeError} If an option is unknown or invalid.
 * @throws {DOMException} SyntaxError If the URL or a subprotocol is invalid.
 */
export function readReconnectingOptions(
  url: ForEachAttempt<string | URL>,
  options: ReconnectingOptions,
): ReconnectingPlan {
  checkNames(options, { ...CONNECT_OPTIONS, ...OWN, ...OTHERS });
  const given = withClockOf(options), { protocols, heartbeat, stayAway, whenFull } = given;
  if (typeof url !== "function") parseWebSocketURL(url);
  if (typeof protocols !== "function") checkProtocols(protocols);
  checkSignal("connect", given.signal);
  for (const name of ["onState", "onReconnect", "onUnconfirmed", "onUnsent", "onError"] as const) {
    checkFunction(name, given[name]);
  }
  if (stayAway !== undefined && typeof stayAway !== "function" && !Array.isArray(stayAway)) {
    throw new TypeError(
      `Cannot read options: stayAway must be a list of close codes or a function, got ${
        typeName(stayAway)
      }`,
    );
  }
  if (whenFull !== undefined && whenFull !== "throw" && whenFull !== "drop-oldest") {
    throw new TypeError('Cannot read options: whenFull must be "throw" or "drop-oldest"');
  }
  const connectOptions: Record<string, unknown> = {};
  for (const name of Object.keys(CONNECT_OPTIONS)) {
    connectOptions[name] = (given as Record<string, unknown>)[name];
  }
  return {
    url,
    given,
    connectOptions,
    limits: readConnectionLimits(given),
    handshakeTimeout: readLimit("handshakeTimeout", given.handshakeTimeout, 10_000),
    retryDelay: readLimit("retryDelay", given.retryDelay, 1_000),
    maxRetryDelay: readLimit("maxRetryDelay", given.maxRetryDelay, 30_000),
    stableTime: readLimit("stableTime", given.stableTime, 5_000),
    maxQueueSize: readLimit("maxQueueSize", given.maxQueueSize, 16_777_216),
    heartbeat: heartbeat && readHeartbeat(heartbeat),
  };
}
