/**
 * Two connected ends in memory.
 *
 * @module
 */
import { CONNECTION_PARTS } from "../connection/parts.ts";
import {
  type ConnectionHandler,
  type ErrorHandler,
  WebSocketConnection,
} from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import { acceptDeflate, type DeflateAgreement, offerDeflate } from "../deflate/negotiation.ts";
import { ProtocolLink } from "../link/protocol_link.ts";
import type { Role } from "../frame/opcode.ts";
import { checkNames, checkString, type Names, type OptionNames } from "../options.ts";
import { extensionFor } from "../protocol/extension.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions } from "../protocol/options.ts";
import {
  readConnectionOptions,
  type ResolvedConnectionOptions,
} from "../protocol/protocol_options.ts";
import type { Clock } from "../protocol/clock.ts";
import type { VirtualClock } from "./clock.ts";
import { NETWORK_OPTIONS, type NetworkOptions } from "./conditions.ts";
import { Network } from "./network.ts";

/** The options of one end, as `connect` and `listen` have them; both ends have the same clock. */
export interface EndOptions extends Omit<ConnectionOptions, "clock" | "messages"> {
  /** Handlers, or a function that is given the connection. */
  websocket?: ConnectionHandler;
  /** Called with errors of the handlers. @default {prints them by console.error} */
  onError?: ErrorHandler;
}

/** How two ends are connected. */
export interface PairOptions<Time extends Clock = VirtualClock> extends NetworkOptions<Time> {
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
  readonly network: Network<Time>;
}

const END_OPTIONS: Names = /* @__PURE__ */ endOptions();
const OPTIONS: OptionNames<PairOptions> = /* @__PURE__ */ pairOptions();

function pairOptions(): OptionNames<PairOptions> {
  return { ...NETWORK_OPTIONS, url: true, protocol: true, client: true, server: true };
}

function endOptions(): Names {
  const own: OptionNames<EndOptions> = { ...CONNECTION_OPTIONS, websocket: true, onError: true };
  return {
    ...own,
    clock: "is an option of pair: both ends have the same",
    messages: "is not an option of pair: messages are whole",
  };
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
  const { url = "ws://test/", protocol = "", client, server, ...conditions } = options;
  checkString("url", url);
  checkString("protocol", protocol);
  const network = new Network<Clock>(conditions), { clock } = network;
  const given = { client, server };
  const settings = {
    client: readEnd("client", client, clock),
    server: readEnd("server", server, clock),
  };
  const agreement = agreementOf(settings.client, settings.server);
  const ends = network.createLink({
    address: { transport: "memory", hostname: "test", port: 80 },
    secure: false,
  });
  const create = (role: Role): WebSocketConnection => {
    const own = settings[role];
    const extension = extensionFor(role, agreement, own);
    const link = new ProtocolLink({
      role,
      transport: ends[role],
      protocol,
      extension,
      options: own,
    });
    const { onError } = given[role] ?? {};
    return new WebSocketConnection(link, {
      url,
      data: undefined,
      options: own,
      parts: CONNECTION_PARTS,
      onError,
    });
  };
  const connections = { client: create("client"), server: create("server") };
  connections.server.start(server?.websocket);
  connections.client.start(client?.websocket);
  return { ...connections, clock, network };
}

function readEnd(role: Role, given: EndOptions = {}, clock: Clock): ResolvedConnectionOptions {
  checkNames(given, END_OPTIONS, { prefix: `${role}.` });
  const { websocket, onError, ...end } = given;
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
