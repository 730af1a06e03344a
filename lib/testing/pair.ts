/**
 * Two connected ends in memory.
 *
 * @module
 */
import {
  type ConnectionHandler,
  type ErrorHandler,
  WebSocketConnection,
} from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import { acceptDeflate, type DeflateAgreement, offerDeflate } from "../deflate/negotiation.ts";
import { ProtocolLink } from "../link/protocol_link.ts";
import type { Role } from "../frame/opcode.ts";
import { checkNames, checkString, type OptionNames } from "../options.ts";
import { extensionFor } from "../protocol/extension.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions } from "../protocol/options.ts";
import {
  readConnectionOptions,
  type ResolvedConnectionOptions,
} from "../protocol/protocol_options.ts";
import type { Clock } from "../protocol/clock.ts";
import { VirtualClock } from "./clock.ts";
import { Network, type NetworkOptions } from "./network.ts";

/** The options of one end, as `connect` and `listen` have them; both ends have the same clock. */
export interface EndOptions extends Omit<ConnectionOptions, "clock" | "messages"> {
  /** Handlers, or a function that is given the connection. */
  websocket?: ConnectionHandler;
  /** Called with errors of the handlers. @default {prints them by console.error} */
  onError?: ErrorHandler;
}

/** How two ends are connected. */
export interface PairOptions<Time extends Clock = VirtualClock> extends NetworkOptions {
  /** The time of both. @default {a VirtualClock} */
  clock?: Time;
  /** The URL that both have. @default {"ws://test/"} */
  url?: string;
  /** The subprotocol that was agreed on. @default {""} */
  protocol?: string;
  /** The client's end. */
  client?: EndOptions;
  /** The server's end. */
  server?: EndOptions;
}

/** Two connected ends. */
export interface Pair<Time extends Clock = VirtualClock> {
  /** The client's end. */
  readonly client: WebSocketConnection;
  /** The server's end. */
  readonly server: WebSocketConnection;
  /** The time of both. */
  readonly clock: Time;
  /** What is between them. */
  readonly network: Network;
}

const END_OPTIONS: OptionNames<EndOptions> = /* @__PURE__ */ endOptions();
const OPTIONS: OptionNames<PairOptions> = {
  latency: true,
  chunkSize: true,
  capacity: true,
  clock: true,
  url: true,
  protocol: true,
  client: true,
  server: true,
};

function endOptions(): OptionNames<EndOptions> {
  return { ...CONNECTION_OPTIONS, websocket: true, onError: true };
}

/**
 * Connects two ends in memory, after an opening handshake that is not made: no socket, no port and no real
 * time. They are the connections of `connect` and `listen`, with the same protocol between them.
 * Compression is agreed on if both have `perMessageDeflate`.
 *
 * @throws {TypeError | RangeError} If an option is unknown or invalid.
 *
 * @example
 * ```ts
 * import { pair } from "@sluice/websocket/testing";
 * import assert from "node:assert/strict";
 *
 * const { client, server } = pair({
 *   server: { websocket: { message: (connection, data) => void connection.send(`You said ${data}`) } },
 * });
 * client.send("Hello");
 * assert.equal(await client.receive(), "You said Hello");
 * client.close(4001, "done");
 * assert.deepEqual((await server.closed).received, { closeCode: 4001, reason: "done" });
 * ```
 */
export function pair<Time extends Clock = VirtualClock>(options?: PairOptions<Time>): Pair<Time>;
export function pair(options: PairOptions<Clock> = {}): Pair<Clock> {
  checkNames(options, OPTIONS);
  const { clock = new VirtualClock(), url = "ws://test/", protocol = "" } = options;
  checkString("url", url);
  checkString("protocol", protocol);
  const settings = {
    client: readEnd("client", options, clock),
    server: readEnd("server", options, clock),
  };
  const agreement = agreementOf(settings.client, settings.server);
  const network = new Network(clock, options);
  const create = (role: Role): WebSocketConnection => {
    const own = settings[role];
    const extension = extensionFor(role, agreement, own);
    const link = new ProtocolLink({
      role,
      transport: network[role],
      protocol,
      extension,
      options: own,
    });
    const { onError } = options[role] ?? {};
    return new WebSocketConnection(link, { url, data: undefined, options: own, onError });
  };
  const client = create("client"), server = create("server");
  server.start(options.server?.websocket);
  client.start(options.client?.websocket);
  return { client, server, clock, network };
}

function readEnd(role: Role, options: PairOptions<Clock>, clock: Clock): ResolvedConnectionOptions {
  const { websocket, onError, ...end } = options[role] ?? {};
  checkNames(options[role] ?? {}, END_OPTIONS, { prefix: `${role}.` });
  checkConnectionHandler({ websocket, onError });
  return readConnectionOptions({ ...end, clock });
}

function agreementOf(
  { perMessageDeflate: offered }: ResolvedConnectionOptions,
  { perMessageDeflate: accepted }: ResolvedConnectionOptions,
): DeflateAgreement | undefined {
  if (offered === undefined || accepted === undefined) return undefined;
  return acceptDeflate([offerDeflate(offered)], accepted);
}
