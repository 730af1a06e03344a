/**
 * The options by which a server accepts WebSocket connections, whoever reads the request: our own
 * listener or a runtime's.
 *
 * @module
 */
import type { ConnectionUser, ErrorHandler } from "../connection/handlers.ts";
import type { MessageData } from "../connection/inbox.ts";
import type { AnyMessage, MessageModeOf } from "../connection/incoming_message.ts";
import {
  type ConnectionOptions,
  readConnectionLimits,
  type ResolvedLimits,
} from "../connection/options.ts";
import { SluiceError } from "../errors.ts";
import { isToken } from "../handshake/grammar.ts";
import type { HandshakeHook } from "../handshake/hook.ts";
import { type HostPolicy, readHostPolicy } from "../handshake/host.ts";
import { type OriginPolicy, readOriginPolicy } from "../handshake/origin.ts";
import { readLimit } from "../limits.ts";

/** How to accept a WebSocket connection. */
export interface UpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as an {@linkcode IncomingMessage}
   * (`"stream"`), of any size. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /**
   * The place to authenticate, route, choose a subprotocol, set cookies and attach
   * `connection.data`. A Response refuses; an object or nothing accepts.
   */
  handshake?: HandshakeHook<Data>;
  /** The subprotocols the server speaks, the preferred first. @default {[]} */
  protocols?: readonly string[];
  /** Which origins may connect: `"*"`, a list, or a function. @default {those of the same host} */
  origins?: OriginPolicy;
  /** Which hosts the server answers to. @default {any; loopback names when bound to loopback} */
  hosts?: HostPolicy;
  /**
   * How long the opening handshake may take, in milliseconds, the hook included; and how long the body
   * of a Response may give nothing. @default {10000}
   */
  handshakeTimeout?: number;
  /** Where errors of your code go, and what could not be done for one peer. @default {console.error} */
  onError?: ErrorHandler<Data, Message>;
}

/** The same and what is done with the connection. */
export interface UpgradeOptionsWithUser<Data = undefined, Message extends AnyMessage = MessageData>
  extends UpgradeOptions<Data, Message> {
  /** Handlers, or a function that is given the connection once it is open. */
  websocket?: ConnectionUser<Data, Message> | undefined;
}

/** Options with every default filled in. */
export interface UpgradeSettings<Data, Message extends AnyMessage = MessageData> {
  readonly connection: ResolvedLimits;
  readonly handshake: HandshakeHook<Data> | undefined;
  readonly protocols: readonly string[];
  readonly origins: OriginPolicy | undefined;
  readonly hosts: HostPolicy | undefined;
  readonly handshakeTimeout: number;
  readonly websocket: ConnectionUser<Data, Message> | undefined;
  readonly onError: ErrorHandler<Data, Message>;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} naming the option.
 */
export function readUpgradeOptions<Data, Message extends AnyMessage = MessageData>(
  options: UpgradeOptionsWithUser<Data, Message>,
): UpgradeSettings<Data, Message> {
  const { handshake, websocket, onError, protocols = [] } = options;
  for (const protocol of protocols) {
    if (typeof protocol !== "string" || !isToken(protocol)) {
      throw new TypeError(`Cannot read options: protocols has ${protocol}, which is no token`);
    }
  }
  checkFunction("handshake", handshake);
  checkFunction("onError", onError);
  if (websocket !== undefined && typeof websocket !== "function" && !isObject(websocket)) {
    throw new TypeError(
      "Cannot read options: websocket must be an object of handlers or a function",
    );
  }
  return {
    connection: readConnectionLimits(options),
    handshake,
    protocols,
    origins: readOriginPolicy(options.origins),
    hosts: readHostPolicy(options.hosts),
    handshakeTimeout: readLimit("handshakeTimeout", options.handshakeTimeout, 10_000),
    websocket,
    onError: onError === undefined ? report : guarded(onError),
  };
}

/** Refuses what is there and no function. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(`Cannot read options: ${name} must be a function, got ${typeof value}`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** An `onError` that throws must not keep a peer from its answer. */
function guarded<Data, Message extends AnyMessage>(
  onError: ErrorHandler<Data, Message>,
): ErrorHandler<Data, Message> {
  return (error, connection): void => {
    try {
      onError(error, connection);
    } catch (again) {
      console.error(again);
    }
  };
}

/** A peer that was refused or went away is worth a line, not a stack: no code is at fault. */
function report(error: unknown): void {
  console.error(error instanceof SluiceError ? error.message : error);
}
