/**
 * The options by which a server accepts WebSocket connections, by whatever the request is read: our own
 * listener or a runtime's.
 *
 * @module
 */
import type { ConnectionHandler, ErrorContext, ErrorHandler } from "../connection/connection.ts";
import {
  checkConnectionHandler,
  type RefusalContext,
  type RefusalHandler,
} from "../connection/handlers.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage, MessageModeOf } from "../connection/streamed_message.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  readConnectionLimits,
  type ResolvedLimits,
} from "../protocol/options.ts";
import { reportError } from "../connection/report.ts";
import type { HandshakeError, TransportError } from "../errors.ts";
import { isToken, quote } from "../handshake/grammar.ts";
import type { HandshakeHook } from "../handshake/hook.ts";
import { type HostPolicy, readHostPolicy } from "../handshake/host.ts";
import { type OriginPolicy, readOriginPolicy } from "../handshake/origin.ts";
import { listProtocols, protocolHint } from "../handshake/protocols.ts";
import { readLimit } from "../limits.ts";
import {
  checkFunction,
  checkMethods,
  checkNames,
  type Names,
  type OptionNames,
} from "../options.ts";
import { guardRefusals, logRefusals } from "./failures.ts";

/** How to accept a WebSocket connection. */
export interface UpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as a {@linkcode StreamedMessage}
   * (`"stream"`), of any size. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /**
   * The place to authenticate, route, choose a subprotocol, set cookies and attach
   * `connection.data`. A Response, returned or thrown, refuses; undefined or a plain object with
   * `protocol`, `headers` or `data` accepts. Anything else is a 500.
   *
   * TypeScript infers the type of `connection.data` from what the hook returns. It reads options from
   * first to last, so a hook that has a parameter must stand before the handlers: in handlers before it,
   * `data` is unknown.
   */
  handshake?: HandshakeHook<Data>;
  /** The subprotocols the server speaks, the preferred first; a string for one. @default {[]} */
  protocols?: string | readonly string[];
  /** Which origins may connect: `"*"`, a list, or a function. @default {those of the same host} */
  origins?: OriginPolicy;
  /** Which hosts the server answers to. @default {any; loopback names when bound to loopback} */
  hosts?: HostPolicy;
  /**
   * How long the opening handshake may take, in milliseconds, the hook included; and how long the first
   * chunk of a Response's body may take. @default {10000}
   */
  handshakeTimeout?: number;
  /**
   * Called with errors of your code and of the server: what a handler or a hook throws, a hook that
   * is not done within `handshakeTimeout`, a connection that nothing reads, the lack of open files
   * to accept a connection with. Handshakes that are refused go to `onRefused`. @default {prints
   * them by console.error}
   */
  onError?: ErrorHandler<Data, Message>;
  /**
   * Called with each handshake that failed through no fault of the server: the request broke a rule;
   * a policy, a limit or the hook refused it; it was not complete in time; or its connection failed
   * before it was complete. Port scans cause these. By default `console.warn` prints one line a minute for each
   * `code`, with the number of those left out, and nothing for a refusal by a Response of the hook
   * (code `REFUSED`). @default {prints a line}
   */
  onRefused?: RefusalHandler;
}

/** The same and what is done with the connection. */
export interface UpgradeOptionsWithHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> extends UpgradeOptions<Data, Message> {
  /** Handlers, or a function that is given the connection once it is open. */
  websocket?: ConnectionHandler<Data, Message> | undefined;
}

const OF_LISTEN = "is an option of listen";
const OF_OWN_READER =
  "is an option of listen, accept and ./node, which read the request themselves";

/** Options that other functions have: an error says which. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  port: OF_LISTEN,
  hostname: OF_LISTEN,
  path: OF_LISTEN,
  tls: OF_LISTEN,
  fetch: OF_LISTEN,
  maxConnections: OF_LISTEN,
  maxPendingHandshakes: OF_LISTEN,
  maxPendingHandshakesPerAddress: OF_LISTEN,
  maxHeaderSize: OF_OWN_READER,
  maxHeaders: OF_OWN_READER,
  info: "is an option of upgrade of ./deno",
  headers: "is an option of connect; the hook handshake returns headers to add to the response",
};

/** The names of these options. */
export const UPGRADE_OPTIONS: OptionNames<UpgradeOptionsWithHandler> =
  /* @__PURE__ */ upgradeOptions();

function upgradeOptions(): OptionNames<UpgradeOptionsWithHandler> {
  return {
    ...ELSEWHERE,
    ...CONNECTION_OPTIONS,
    handshake: true,
    protocols: true,
    origins: true,
    hosts: true,
    handshakeTimeout: true,
    onError: true,
    onRefused: true,
    websocket: true,
  };
}

/** Options with every default filled in. */
export interface UpgradeSettings<Data, Message extends AnyMessage = MessageData> {
  readonly connection: ResolvedLimits;
  readonly handshake: HandshakeHook<Data> | undefined;
  readonly protocols: readonly string[];
  readonly origins: OriginPolicy | undefined;
  readonly hosts: HostPolicy | undefined;
  readonly handshakeTimeout: number;
  readonly websocket: ConnectionHandler<Data, Message> | undefined;
  /** The option, or its default: whatever it does, the caller goes on. */
  readonly onError: (error: unknown, context: ErrorContext<Data, Message>) => void;
  /** The same. */
  readonly onRefused: (error: HandshakeError | TransportError, context: RefusalContext) => void;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @param known The names of the options that the caller has.
 * @throws {TypeError | RangeError} If an option is unknown or invalid; the error names it.
 */
export function readUpgradeOptions<Data, Message extends AnyMessage = MessageData>(
  options: UpgradeOptionsWithHandler<Data, Message>,
  known: Names,
): UpgradeSettings<Data, Message> {
  checkNames(options, known);
  const { handshake, websocket, onError, onRefused } = options;
  const protocols = listProtocols(options.protocols);
  for (const protocol of protocols) {
    if (isToken(protocol)) continue;
    throw new TypeError(
      `Cannot read options: protocols has ${quote(protocol)}, which is not a token` +
        protocolHint(protocol),
    );
  }
  checkFunction("handshake", handshake);
  checkFunction("onRefused", onRefused);
  checkConnectionHandler({ websocket, onError });
  const connection = readConnectionLimits(options);
  return {
    connection,
    handshake,
    protocols,
    origins: readOriginPolicy(options.origins),
    hosts: readHostPolicy(options.hosts),
    handshakeTimeout: readLimit("handshakeTimeout", options.handshakeTimeout, 10_000),
    websocket,
    onError: onError === undefined
      ? printFault // one function for all connections
      : (error, context): void => reportError(onError, error, context),
    onRefused: guardRefusals(onRefused ?? logRefusals(connection.clock)),
  };
}

function printFault(error: unknown, context: Parameters<typeof reportError>[2]): void {
  reportError(undefined, error, context);
}

/**
 * Checks that the option `websocket` is there, where a connection is given to nothing else.
 *
 * @throws {TypeError} If it is missing, or all options are.
 */
export function requireConnectionHandler(verb: "listen" | "upgrade", options: unknown): void {
  const wanted = "with the option websocket (handlers or a function)";
  checkMethods(`${verb}: the options must be an object ${wanted}`, options);
  if ((options as { websocket?: unknown }).websocket !== undefined) return;
  throw new TypeError(
    `Cannot ${verb}: the option websocket (handlers or a function) is missing`,
  );
}
