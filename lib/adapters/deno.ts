/**
 * WebSocket connections behind `Deno.serve`, and on Deno Deploy: on the runtime's own sockets, through
 * nothing but `Deno.upgradeWebSocket`.
 *
 * @module
 */
import type { ConnectionHandler, WebSocketConnection } from "../connection/connection.ts";
import type { DataOf, HandshakeResult, WithHandshake } from "../handshake/hook.ts";
import type { AnyMessage, MessageOf } from "../connection/streamed_message.ts";
import type { MessageMode } from "../protocol/options.ts";
import { openWebSocket, type WebSocketLike } from "../connection/web_socket.ts";
import { HeaderLines, type RequestHead } from "../handshake/head.ts";
import { toRequest, validateRequest, type WebSocketRequest } from "../handshake/server.ts";
import type { TransportAddress } from "../link/transport.ts";
import type { MessageData } from "../message/message.ts";
import { checkMethods, type OptionNames } from "../options.ts";
import { refuseUnsupported, type ResolvedLimits } from "../protocol/options.ts";
import { type AcceptedUpgrade, decideInTime, refuse } from "../server/decision.ts";
import {
  readUpgradeOptions,
  requireConnectionHandler,
  UPGRADE_OPTIONS,
  type UpgradeOptions,
  type UpgradeSettings,
} from "../server/upgrade_options.ts";

export { isWebSocketUpgrade, type RequestLike } from "../handshake/upgrade.ts";

/** What `Deno.serve` knows of a request: the second argument of its handler. */
export interface ServeInfo {
  /** The peer's address. */
  readonly remoteAddr: {
    readonly transport: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly path?: string | null;
  };
}

/** How to accept a connection behind `Deno.serve`. */
export interface DenoUpgradeOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends UpgradeOptions<Data, Message> {
  /** The second argument of `Deno.serve`'s handler, for `remoteAddress`; Hono's `c.env`. */
  info?: ServeInfo | undefined;
  /** Handlers, or a function that is given the connection once it is open. */
  websocket: ConnectionHandler<Data, Message>;
}

/** The only thing that is asked of the runtime. */
interface DenoLike {
  upgradeWebSocket?(
    request: Request,
    options: { idleTimeout: number },
  ): { socket: WebSocketLike; response: Response };
}

/**
 * Accepts the WebSocket that a request asks for, or refuses: give the Response to `Deno.serve` either
 * way. A request that was upgraded and is then answered otherwise, by an error say or after a second
 * upgrade, makes `Deno.serve` itself stop listening; and it keeps a file open for ever for each client
 * that resets its connection before the 101, unless a `handshake` hook was being waited for (see
 * SECURITY.md). `websocket` gets the connection once it is open.
 *
 * It is the runtime's socket, and `capabilities` says what it lacks: compression, pings by hand, and
 * a way to stop reading, so that with more than `maxReceiveBuffered` not taken the connection is closed
 * with 1008. `maxMessageSize` is judged when a message has come; the runtime itself takes frames up to
 * 64 MiB. `terminate()` can do no more than to close with 1000, and a peer that never answers a Close
 * keeps the runtime's socket until it leaves, though `closed` has resolved after `closeTimeout`. Who
 * needs these things on Deno uses `node:http` and `@sluice/websocket/node`.
 *
 * The runtime pings a peer that is silent and drops it after `pingInterval` and `pingTimeout` together,
 * in whole seconds; if either is `Infinity`, never. It does not say which address the server is bound
 * to, so any Host is accepted unless `hosts` says otherwise: a server for this machine alone wants
 * `hosts: ["localhost", "127.0.0.1", "[::1]"]`, against DNS rebinding. Nor does it say whether TLS is
 * in use: `secure` and the scheme of `url` are those of the request's URL, which a client chooses that
 * sends an absolute request target. Over HTTP/2 a request is answered with 426: `Deno.serve` does not
 * offer RFC 8441, and browsers open a connection with HTTP/1.1 for the WebSocket. If a `handshake` hook
 * waits, Deno warns once of `request.signal`; that is harmless.
 *
 * @throws {DOMException} NotSupportedError where there is no `Deno.upgradeWebSocket`, and for an option
 * that it cannot honour, unless it is off: `perMessageDeflate`, `maxPingsPerSecond`, `maxFrameSize`,
 * `maxFragments`, `sendTimeout`, `mask` (rejects).
 * @throws {TypeError | RangeError} If an option is unknown or invalid (rejects).
 *
 * @example
 * ```ts
 * import { isWebSocketUpgrade, upgrade } from "@sluice/websocket/deno";
 * import { connect } from "@sluice/websocket";
 *
 * await using server = Deno.serve({ port: 0, onListen() {} }, (request, info) => {
 *   if (!isWebSocketUpgrade(request)) return new Response("Hello");
 *   return upgrade(request, {
 *     info,
 *     websocket: { message: (connection, data) => void connection.send(data) },
 *   });
 * });
 * await using connection = await connect(`ws://localhost:${server.addr.port}/`);
 * connection.send("Hello");
 * console.log(await connection.receive()); // Hello
 * ```
 */
export function upgrade<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  request: Request,
  options: WithHandshake<DenoUpgradeOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<Response>;
/** The same without a hook, or with a type for `data`. */
export function upgrade<Data = undefined, Mode extends MessageMode = "whole">(
  request: Request,
  options: DenoUpgradeOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<Response>;
// AnyMessage by another name: the types that are published keep this line, and not its imports.
export async function upgrade<
  Data,
  Message extends MessageOf<MessageMode>,
>(
  request: Request,
  options: DenoUpgradeOptions<Data, Message>,
): Promise<Response> {
  const { Deno: deno } = globalThis as { Deno?: DenoLike };
  if (typeof deno?.upgradeWebSocket !== "function") {
    throw new DOMException(
      "Cannot upgrade: this platform has no Deno.upgradeWebSocket",
      "NotSupportedError",
    );
  }
  const settings = readDenoOptions(request, options);
  refuseUnsupported(options, "Deno.serve's WebSocket");
  const { origins, hosts } = settings;
  const secure = isSecure(request), remoteAddress = addressOf(options.info);
  // Deno never releases the socket if it upgrades for a client that left while the hook was pending.
  // Not looked at for a hook that answers at once: Deno warns once of any use of it.
  let signal: AbortSignal | undefined;
  const onWait = (): void => void (signal = request.signal);
  const hasLeft = (): boolean => signal?.aborted ?? false;
  const context = { request, remoteAddress };
  const info = { request, secure, context, onWait, hasLeft };
  const decision = await decideInTime(
    () => {
      const validated = validateRequest(headOf(request), { secure, origins, hosts });
      info.request = context.request = validatedRequest(request, validated);
      return validated;
    },
    settings,
    info,
  );
  if (decision.kind === "refuse") return decision.response;
  if (hasLeft()) return new Response(null, { status: 499 });
  try {
    const idleTimeout = idleTimeoutOf(settings.connection);
    const { socket, response } = deno.upgradeWebSocket(request, { idleTimeout });
    closeInTurn(socket);
    open(socket, { request: info.request, decision, settings, remoteAddress })
      .catch((error) => settings.onRefused(error, context)); // the client left before it was open
    for (const [name, value] of decision.headers) response.headers.append(name, value);
    // Not by its option: Deno finds no subprotocol in a list without spaces behind the commas.
    if (decision.protocol !== "") {
      response.headers.set("sec-websocket-protocol", decision.protocol);
    }
    return response;
  } catch (error) {
    return refuse(error, settings, context);
  }
}

/** What a connection is created with. */
interface OpenInit<Data, Message extends AnyMessage> {
  request: Request;
  decision: AcceptedUpgrade<Data>;
  settings: UpgradeSettings<Data, Message>;
  remoteAddress: TransportAddress | undefined;
}

function open<Data, Message extends AnyMessage>(
  socket: WebSocketLike,
  init: OpenInit<Data, Message>,
): Promise<WebSocketConnection<Data, Message>> {
  const { request, decision, settings, remoteAddress } = init;
  return openWebSocket<Data, Message>(socket, {
    url: `ws${decision.validated.url.slice(4)}`,
    request,
    protocol: decision.protocol,
    data: decision.data as Data,
    options: settings.connection,
    capabilities: { anyCloseCode: true },
    remoteAddress,
    websocket: settings.websocket,
    onError: settings.onError,
  });
}

const DENO_OPTIONS: OptionNames<DenoUpgradeOptions> = /* @__PURE__ */ denoOptions();

function denoOptions(): OptionNames<DenoUpgradeOptions> {
  return { ...UPGRADE_OPTIONS, info: true };
}

/**
 * Checks the arguments of `upgrade` and fills in the defaults.
 *
 * @throws {TypeError | RangeError} If an option is missing, unknown or invalid.
 */
function readDenoOptions<Data, Message extends AnyMessage>(
  request: Request,
  options: DenoUpgradeOptions<Data, Message>,
): UpgradeSettings<Data, Message> {
  checkMethods("upgrade: request must be a Request", request);
  requireConnectionHandler("upgrade", options);
  return readUpgradeOptions(options, DENO_OPTIONS);
}

/** Returns the peer's address. */
function addressOf(info: ServeInfo | undefined): TransportAddress | undefined {
  const { transport, hostname = "", port = 0, path } = info?.remoteAddr ?? {};
  if (transport === "tcp") return { transport, hostname, port };
  return transport === "unix" ? { transport, hostname: path ?? "", port: 0 } : undefined;
}

/**
 * Returns the head of a request, with the URL as its target: the URL is the Host and the path joined
 * as text or, if the target was absolute, that target as it was sent; which of the two cannot be seen.
 */
function headOf({ method, url, headers: given }: Request): RequestHead {
  const headers = new HeaderLines(given);
  // HTTP/2 has an authority in place of Host, and no Upgrade.
  if (headers.get("host") === undefined && headers.get("upgrade") === undefined) {
    const start = url.indexOf("://") + 3;
    headers.append("host", url.slice(start, url.indexOf("/", start)));
  }
  return { method, target: url, headers };
}

/** Returns whether TLS protects the connection, as far as the URL shows. */
function isSecure({ url }: Request): boolean {
  const scheme = url.slice(0, url.indexOf(":")).toLowerCase();
  return scheme === "https" || scheme === "wss";
}

/**
 * Returns the runtime's request, or one in its place if that has another host in Host than in its URL,
 * or a URL with the scheme `ws`: what users see of a request must have one host.
 */
function validatedRequest(request: Request, validated: WebSocketRequest): Request {
  const same = request.headers.get("host") === validated.headers.get("host");
  return same && request.url.startsWith("http") ? request : toRequest(validated, request.signal);
}

/** Deno never sends a Close asked for while it has more messages to give: it gets a turn of its own. */
function closeInTurn(socket: WebSocketLike): void {
  const close = socket.close.bind(socket);
  socket.close = (...status): void => void setTimeout(() => close(...status), 0);
}

/** In seconds: half of it to the ping, half to the end. Past 4,000,000 a timer would wrap around. */
function idleTimeoutOf({ pingInterval, pingTimeout }: ResolvedLimits): number {
  const time = pingInterval + pingTimeout;
  return time === Infinity ? 0 : Math.min(Math.ceil(time / 1000), 4_000_000);
}
