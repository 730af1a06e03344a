/**
 * WebSocket connections behind `Deno.serve`, and on Deno Deploy: on the runtime's own sockets, through
 * nothing but `Deno.upgradeWebSocket`.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage, StreamedMessage } from "../connection/streamed_message.ts";
import { refuseUnsupported } from "../protocol/options.ts";
import type { TransportAddress } from "../link/transport.ts";
import { openWebSocket, type WebSocketLike } from "../connection/web_socket.ts";
import { validateRequest } from "../handshake/server.ts";
import { decideUpgrade, refuse, type UpgradeDecision } from "../server/decision.ts";
import { type DenoUpgradeOptions, readDenoOptions } from "../server/deno_options.ts";
import { addressOf, headOf, isSecure, validatedRequest } from "../server/deno_request.ts";
import { closeInTurn, idleTimeoutOf } from "../server/deno_socket.ts";
import type { UpgradeSettings } from "../server/upgrade_options.ts";

export { isWebSocketUpgrade, type RequestLike } from "../handshake/upgrade.ts";
export type { DenoUpgradeOptions } from "../server/deno_options.ts";
export type { ServeInfo } from "../server/deno_request.ts";

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
 * It is the runtime's socket, and `capabilities` tells what it lacks: compression, pings by hand, and
 * a way to stop reading, so that with more than `maxReceiveBuffered` not taken the connection is closed
 * with 1008. `maxMessageSize` is judged when a message has come; the runtime itself takes frames up to
 * 64 MiB. `terminate()` can do no more than to close with 1000, and a peer that never answers a Close
 * keeps the runtime's socket until it leaves, though `closed` told the end after `closeTimeout`. Who
 * needs these things on Deno uses `node:http` and `@sluice/websocket/node`.
 *
 * The runtime pings a peer that is silent and drops it after `pingInterval` and `pingTimeout` together,
 * in whole seconds; if either is `Infinity`, never. It does not tell which address the server is bound
 * to, so any Host is let in unless `hosts` says otherwise: a server for this machine alone wants
 * `hosts: ["localhost", "127.0.0.1", "[::1]"]`, against DNS rebinding. Nor does it tell whether TLS is
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
export function upgrade<Data = undefined>(
  request: Request,
  options: DenoUpgradeOptions<Data, StreamedMessage> & { messages: "stream" },
): Promise<Response>;
/** The same with whole messages. */
export function upgrade<Data = undefined>(
  request: Request,
  options: DenoUpgradeOptions<Data>,
): Promise<Response>;
// AnyMessage, spelled out: the types that are published keep this line, and not its imports.
export async function upgrade<
  Data,
  Message extends string | Uint8Array<ArrayBuffer> | StreamedMessage,
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
  // Deno never lets go of the socket if it upgrades for a client that left while the hook was asked.
  // Not looked at for a hook that answers at once: Deno warns once of any use of it.
  let signal: AbortSignal | undefined;
  const waiting = (): void => void (signal = request.signal);
  const gone = (): boolean => signal?.aborted ?? false;
  const context = { request, remoteAddress };
  const info = { request, secure, context, waiting, gone };
  const decision = await decideUpgrade(
    () => {
      const validated = validateRequest(headOf(request), { secure, origins, hosts });
      info.request = context.request = validatedRequest(request, validated);
      return validated;
    },
    settings,
    info,
  );
  if (decision.kind === "refuse") return decision.response;
  if (gone()) return new Response(null, { status: 499 });
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

/** What a connection is made of. */
interface OpenInit<Data, Message extends AnyMessage> {
  request: Request;
  decision: UpgradeDecision<Data> & { kind: "accept" };
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
