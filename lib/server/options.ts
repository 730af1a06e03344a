/**
 * The options of a server that reads requests itself: read once.
 *
 * @module
 */
import type { ConnectionHandler } from "../connection/connection.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import {
  readConnectionOptions,
  type ResolvedConnectionOptions,
} from "../protocol/protocol_options.ts";
import { readLimit } from "../limits.ts";
import { checkFunction, type Names, type OptionNames } from "../options.ts";
import {
  readUpgradeOptions,
  UPGRADE_OPTIONS,
  type UpgradeOptions,
  type UpgradeSettings,
} from "./upgrade_options.ts";

/** How to accept WebSocket connections on a byte stream. */
export interface AcceptOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends UpgradeOptions<Data, Message> {
  /**
   * Handlers, or a function that is given the connection once it is open. Without it, read the
   * connection that the call gives.
   */
  websocket?: ConnectionHandler<Data, Message>;
  /** The longest request head, in bytes. @default {16384} */
  maxHeaderSize?: number;
  /** The most header lines of a request. @default {128} */
  maxHeaders?: number;
}

/** The names of these options. */
export const ACCEPT_OPTIONS: OptionNames<AcceptOptions> = /* @__PURE__ */ acceptOptions();

function acceptOptions(): OptionNames<AcceptOptions> {
  return {
    ...UPGRADE_OPTIONS,
    maxHeaderSize: true,
    maxHeaders: true,
  };
}

/** Options with every default filled in. */
export interface ServerSettings<Data, Message extends AnyMessage = MessageData>
  extends UpgradeSettings<Data, Message> {
  readonly connection: ResolvedConnectionOptions;
  readonly maxHeaderSize: number;
  readonly maxHeaders: number;
  readonly fetch: ((request: Request) => Response | Promise<Response>) | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @param known The names of the options that the caller has.
 * @throws {TypeError | RangeError} If an option is unknown or invalid; the error names it.
 */
export function readServerOptions<Data, Message extends AnyMessage = MessageData>(
  options: AcceptOptions<Data, Message> & { fetch?: ServerSettings<Data>["fetch"] },
  known: Names = ACCEPT_OPTIONS,
): ServerSettings<Data, Message> {
  const settings = readUpgradeOptions(options, known);
  const { fetch } = options;
  checkFunction("fetch", fetch);
  return {
    ...settings,
    connection: readConnectionOptions(options),
    maxHeaderSize: readLimit("maxHeaderSize", options.maxHeaderSize, 16_384),
    maxHeaders: readLimit("maxHeaders", options.maxHeaders, 128),
    fetch,
  };
}

/** Settings, and what is wrong with the options that they were to be read of. */
export interface SettingsOrProblem<Data, Message extends AnyMessage> {
  readonly settings: ServerSettings<Data, Message>;
  readonly problem?: { readonly error: unknown };
}

/**
 * For callers that must answer a peer though the options are invalid: uses the defaults. Does not
 * throw.
 */
export function readServerOptionsFor<Data, Message extends AnyMessage>(
  options: Parameters<typeof readServerOptions<Data, Message>>[0],
): SettingsOrProblem<Data, Message> {
  try {
    return { settings: readServerOptions(options) };
  } catch (error) {
    const { onError, onRefused } = options ?? {}; // a program in JavaScript may pass null
    const handlers = {
      ...(typeof onError === "function" && { onError }),
      ...(typeof onRefused === "function" && { onRefused }),
    };
    return { settings: readServerOptions<Data, Message>(handlers), problem: { error } };
  }
}
