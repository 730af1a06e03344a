/**
 * What `Bun.serve` wants as `websocket`: its settings, which hold for all connections of a server, and
 * what it calls.
 *
 * @module
 */
import { readConnectionLimits } from "../../protocol/options.ts";
import { checkNames, type OptionNames } from "../../options.ts";
import type { BunPeer, BunServerInfo, BunSocketLike } from "./peer.ts";

/** What holds for all connections of a server. */
export interface BunWebSocketOptions {
  /**
   * Whether to compress where the client wants it, with a context for each connection. @default
   * {false}
   */
  perMessageDeflate?: boolean;
  /** The longest message in bytes, below 4 GiB; `upgrade` can set less. @default {16777216} */
  maxMessageSize?: number;
  /**
   * A peer that is silent for this and `pingTimeout` together, ... Bun counts in steps of 4 seconds, and
   * waits for 8 at least. @default {20000}
   */
  pingInterval?: number;
  /** ... is dropped; Bun pings it before. @default {20000} */
  pingTimeout?: number;
}

const BUN_WEBSOCKET_OPTIONS: OptionNames<BunWebSocketOptions> = {
  perMessageDeflate: true,
  maxMessageSize: true,
  pingInterval: true,
  pingTimeout: true,
};

/** The object that `Bun.serve` wants as `websocket`: settings by Bun's names, and what it calls. */
export interface BunWebSocket {
  /** Compression. */
  perMessageDeflate: boolean | { compress: "dedicated"; decompress: "dedicated" };
  /** The longest message, in bytes. */
  maxPayloadLength: number;
  /** How long a peer may be silent, in seconds; 0: for ever. */
  idleTimeout: number;
  /** Whether it is pinged before it is dropped. */
  sendPings: boolean;
  /** The number of waiting bytes at which Bun drops what is sent. */
  backpressureLimit: number;
  /** A socket is open. */
  open(socket: BunSocketLike): void;
  /** A message came. */
  message(socket: BunSocketLike, data: string | Uint8Array): void;
  /** Some of what waited has left. */
  drain(socket: BunSocketLike): void;
  /** A ping came. */
  ping(socket: BunSocketLike, payload: Uint8Array): void;
  /** A pong came. */
  pong(socket: BunSocketLike, payload: Uint8Array): void;
  /** It is closed. */
  close(socket: BunSocketLike, code: number, reason: string): void;
}

/** Bun keeps lengths in 32 bits, */
const MAX_TIMEOUT = 0xffff_ffff;
/** and waits for a peer no longer than this, in seconds. */
const MAX_IDLE = 960;

/**
 * Creates the object for `Bun.serve`'s `websocket`, by options of this library's: what Bun sets
 * once for all connections of a server. Settings of Bun's own may be put over it:
 * `{ ...websocketWith(options), publishToSelf: true }`.
 *
 * @throws {TypeError | RangeError} If an option is unknown or invalid, or Bun has no number for it.
 *
 * @example
 * ```ts ignore
 * import { upgrade, websocketWith } from "@sluice/websocket/bun";
 *
 * Bun.serve({
 *   fetch: (request, server) => upgrade(request, server, { websocket: chat }),
 *   websocket: websocketWith({ perMessageDeflate: true, maxMessageSize: 64 * 1024 }),
 * });
 * ```
 */
export function websocketWith(options: BunWebSocketOptions = {}): BunWebSocket {
  checkNames(options, BUN_WEBSOCKET_OPTIONS);
  const { perMessageDeflate = false } = options;
  if (typeof perMessageDeflate !== "boolean") {
    throw new TypeError("Cannot read options: perMessageDeflate must be true or false on Bun");
  }
  const { maxMessageSize, pingInterval, pingTimeout } = readConnectionLimits(options);
  const idle = Math.ceil((pingInterval + pingTimeout) / 1000);
  if (idle > MAX_IDLE && idle !== Infinity) {
    throw new RangeError(
      `Cannot read options: pingInterval and pingTimeout are ${idle} s together, Bun can wait for ` +
        `${MAX_IDLE} s, or for ever (Infinity)`,
    );
  }
  const maxPayloadLength = Math.min(maxMessageSize, MAX_TIMEOUT);
  const facts: BunServerInfo = { perMessageDeflate, maxPayloadLength };
  return {
    perMessageDeflate: perMessageDeflate && { compress: "dedicated", decompress: "dedicated" },
    maxPayloadLength,
    idleTimeout: idle === Infinity ? 0 : idle,
    sendPings: true,
    backpressureLimit: MAX_TIMEOUT, // `maxBufferedAmount` judges: Bun would drop single messages
    open: (socket) => (socket.data as BunPeer).onOpen(socket, facts),
    message: (socket, data) => (socket.data as BunPeer).onMessage(data),
    drain: (socket) => (socket.data as BunPeer).onDrain(),
    ping: (socket, payload) => (socket.data as BunPeer).onPing(payload),
    pong: (socket, payload) => (socket.data as BunPeer).onPong(payload),
    close: (socket, code, reason) => (socket.data as BunPeer).onClose(code, reason, facts),
  };
}

/** The object for `Bun.serve`'s `websocket`, with the defaults of {@linkcode websocketWith}. */
export const websocket: BunWebSocket = websocketWith();
