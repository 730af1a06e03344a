/**
 * WebSocket connections behind `Bun.serve`, on the runtime's own sockets: `upgrade` answers a request,
 * `websocket` is the object that `Bun.serve` wants besides.
 *
 * @module
 */
import { CONNECTION_PARTS } from "../../connection/parts.ts";
import { WebSocketConnection } from "../../connection/connection.ts";
import type { ConnectionHandler } from "../../connection/connection.ts";
import type { MessageData } from "../../message/message.ts";
import type { DataOf, HandshakeResult, WithHandshake } from "../../handshake/hook.ts";
import type { AnyMessage, MessageOf } from "../../connection/streamed_message.ts";
import type { MessageMode } from "../../protocol/options.ts";
import { refuseUnsupported } from "../../protocol/options.ts";
import type { TransportAddress } from "../../link/transport.ts";
import { HeaderLines, type RequestHead } from "../../handshake/head.ts";
import { isLoopback } from "../../handshake/host.ts";
import { validateRequest } from "../../handshake/server.ts";
import { checkMethods, type OptionNames } from "../../options.ts";
import { decideInTime, failureResponse, refuse } from "../../server/decision.ts";
import { offerForBun } from "./offer.ts";
import { BunPeer } from "./peer.ts";
import {
  readUpgradeOptions,
  requireConnectionHandler,
  UPGRADE_OPTIONS,
  type UpgradeOptions,
  type UpgradeSettings,
} from "../../server/upgrade_options.ts";

export { isWebSocketUpgrade, type RequestLike } from "../../handshake/upgrade.ts";
export {
  type BunWebSocket,
  type BunWebSocketOptions,
  websocket,
  websocketWith,
} from "./websocket.ts";
export type { BunSocketLike } from "./peer.ts";

/** What is used of the server: the second argument of `fetch`. */
export interface BunServerLike {
  /** The address that it is bound to. */
  readonly hostname?: string | undefined;
  /** Takes a request's socket for WebSocket. */
  upgrade(request: Request, options: { headers: [string, string][]; data: unknown }): boolean;
  /** The peer's address. */
  requestIP(request: Request): { address: string; port: number } | null;
}

/** How to accept a connection behind `Bun.serve`. */
export interface BunUpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends
    Omit<UpgradeOptions<Data, Message>, "perMessageDeflate" | "pingInterval" | "pingTimeout"> {
  /** Handlers, or a function that is given the connection once it is open. */
  websocket: ConnectionHandler<Data, Message>;
  /** `false`: no compression for this connection, though the server compresses. */
  perMessageDeflate?: false;
}

const OF_SERVER = "is an option of websocketWith on Bun";
const SERVER_OPTIONS = { pingInterval: OF_SERVER, pingTimeout: OF_SERVER };
const BUN_OPTIONS: OptionNames<BunUpgradeOptions> = /* @__PURE__ */ bunOptions();

function bunOptions(): OptionNames<BunUpgradeOptions> {
  return { ...UPGRADE_OPTIONS, ...SERVER_OPTIONS };
}

/**
 * Accepts the WebSocket that a request asks for, or refuses: give what it resolves with to `Bun.serve`,
 * nothing once the socket is taken. `Bun.serve` must have been given {@linkcode websocket} too, or what
 * {@linkcode websocketWith} made. Each call may have options of its own.
 *
 * It is the runtime's socket, and `capabilities` says what that lacks: messages larger than
 * memory. Reading does stop where it is paused. When your side closes, that is reported at once,
 * whether the peer answers or not: `closed` then has no `received`, and `wasClean` is false.
 * Compression, a limit of messages above 16 MiB, `pingInterval` and `pingTimeout` are the server's:
 * they are options of `websocketWith`. `extensions` knows of compression that was set there, not of
 * Bun's own setting put over it.
 *
 * What is wrong with Bun's own `websocket` object goes to `onError`, and is answered with 500.
 *
 * @throws {DOMException} NotSupportedError for an option that Bun cannot honour, unless it is off:
 * `maxFrameSize`, `maxFragments`, `sendTimeout`, `mask` (rejects).
 * @throws {TypeError | RangeError} If an option is unknown or invalid, or is one of `websocketWith`
 * (rejects).
 *
 * @example
 * ```ts ignore
 * import { upgrade, websocket } from "@sluice/websocket/bun";
 *
 * Bun.serve({
 *   routes: {
 *     "/": new Response("Hello"),
 *     "/echo": (request, server) =>
 *       upgrade(request, server, {
 *         websocket: { message: (connection, data) => void connection.send(data) },
 *       }),
 *   },
 *   websocket,
 * });
 * ```
 */
export function upgrade<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  request: Request,
  server: BunServerLike,
  options: WithHandshake<BunUpgradeOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<Response | undefined>;
/** The same without a hook, or with a type for `data`. */
export function upgrade<Data = undefined, Mode extends MessageMode = "whole">(
  request: Request,
  server: BunServerLike,
  options: BunUpgradeOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<Response | undefined>;
export async function upgrade<Data, Message extends AnyMessage>(
  request: Request,
  server: BunServerLike,
  options: BunUpgradeOptions<Data, Message>,
): Promise<Response | undefined> {
  const what = "upgrade: server must be the second argument of the function fetch";
  checkMethods("upgrade: request must be a Request", request);
  checkMethods(what, server, "upgrade", "requestIP");
  const settings = readOptions(options);
  const { connection: limits, origins, hosts, onError, websocket } = settings;
  const secure = request.url.startsWith("https:"), remoteAddress = addressOf(request, server);
  const boundToLoopback = isLoopback(server.hostname ?? "");
  const context = { request, remoteAddress };
  const decision = await decideInTime(
    () => validateRequest(headOf(request), { secure, boundToLoopback, origins, hosts }),
    settings,
    { request, secure, context, hasLeft: () => request.signal.aborted },
  );
  if (decision.kind === "refuse") return decision.response;
  const { validated, protocol, data } = decision;
  const offer = options.perMessageDeflate === false ? "" : offerForBun(validated.extensions);
  const peer = new BunPeer({
    protocol,
    offer,
    options: limits,
    remoteAddress,
    open(link): void {
      const url = `ws${validated.url.slice(4)}`;
      const init = {
        url,
        request,
        data: data as Data,
        options: limits,
        parts: CONNECTION_PARTS,
        onError,
      };
      new WebSocketConnection<Data, Message>(link, init).start(websocket);
    },
  });
  // Without a line for the subprotocol Bun would agree to the first one offered.
  const headers: [string, string][] = [...decision.headers, ["sec-websocket-protocol", protocol]];
  try {
    const taken = showing(offer, request, () => server.upgrade(request, { headers, data: peer }));
    if (taken && peer.readyState > 0) return undefined;
    throw new TypeError(`Cannot upgrade: ${taken ? NOT_OURS : NOT_TAKEN}`);
  } catch (error) {
    // If the socket was taken, or the client is gone, this answer is not sent.
    return request.signal.aborted ? failureResponse(error) : refuse(error, settings, context);
  }
}

const NOT_OURS = "Bun.serve must be given the `websocket` of this module, and has another one";
const NOT_TAKEN = "Bun.serve does not take the request; was it upgraded before?";

function readOptions<Data, Message extends AnyMessage>(
  options: BunUpgradeOptions<Data, Message>,
): UpgradeSettings<Data, Message> {
  requireConnectionHandler("upgrade", options);
  const settings = readUpgradeOptions(options, BUN_OPTIONS);
  const { perMessageDeflate = false, ...given } = options;
  if (perMessageDeflate !== false) {
    throw new TypeError(`Cannot read options: perMessageDeflate ${OF_SERVER}`);
  }
  refuseUnsupported({ ...given, maxPingsPerSecond: undefined }, "Bun.serve's WebSocket");
  return settings;
}

/** The request as it was read, its path not changed by any parser of URLs. */
function headOf({ method, url, headers }: Request): RequestHead {
  const authority = url.indexOf("://");
  const target = authority === -1 ? url : url.slice(url.indexOf("/", authority + 3));
  return { method, target, headers: new HeaderLines(headers) };
}

/** The peer's address; Bun knows none on a Unix socket. */
function addressOf(request: Request, server: BunServerLike): TransportAddress | undefined {
  const from = server.requestIP(request);
  return from === null ? undefined : { transport: "tcp", hostname: from.address, port: from.port };
}

/** Bun reads the offer of compression from the request: it sees this one, the user what was sent. */
function showing(offer: string, { headers }: Request, upgrade: () => boolean): boolean {
  const sent = headers.get("sec-websocket-extensions");
  if (sent === null) return upgrade();
  headers.set("sec-websocket-extensions", offer);
  const taken = upgrade();
  headers.set("sec-websocket-extensions", sent);
  return taken;
}
