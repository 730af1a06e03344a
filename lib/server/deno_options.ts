/**
 * The options of the adapter for `Deno.serve`.
 *
 * @module
 */
import type { ConnectionHandler } from "../connection/connection.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { checkMethods, type OptionNames } from "../options.ts";
import type { ServeInfo } from "./deno_request.ts";
import {
  readUpgradeOptions,
  requireConnectionHandler,
  UPGRADE_OPTIONS,
  type UpgradeOptions,
  type UpgradeSettings,
} from "./upgrade_options.ts";

/** How to accept a connection behind `Deno.serve`. */
export interface DenoUpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends UpgradeOptions<Data, Message> {
  /** The second argument of `Deno.serve`'s handler, for `remoteAddress`; Hono's `c.env`. */
  info?: ServeInfo | undefined;
  /** Handlers, or a function that is given the connection once it is open. */
  websocket: ConnectionHandler<Data, Message>;
}

const DENO_OPTIONS: OptionNames<DenoUpgradeOptions> = { ...UPGRADE_OPTIONS, info: true };

/**
 * Checks the arguments of `upgrade` and fills in the defaults.
 *
 * @throws {TypeError | RangeError} If an option is missing, unknown or invalid.
 */
export function readDenoOptions<Data, Message extends AnyMessage>(
  request: Request,
  options: DenoUpgradeOptions<Data, Message>,
): UpgradeSettings<Data, Message> {
  checkMethods("upgrade: request must be a Request", request);
  requireConnectionHandler("upgrade", options);
  return readUpgradeOptions(options, DENO_OPTIONS);
}
