/**
 * Connecting to a WebSocket server.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage, StreamedMessage } from "../connection/streamed_message.ts";
import { offerDeflate, PER_MESSAGE_DEFLATE } from "../deflate/negotiation.ts";
import { HandshakeError } from "../errors.ts";
import { readCallerHeaders } from "../handshake/caller_headers.ts";
import {
  checkProtocols,
  type ClientOfferInit,
  isAuthorized,
  parseWebSocketURL,
  requestFor,
} from "../handshake/client.ts";
import type { ClientTerms } from "../handshake/client_response.ts";
import { formatExtensions } from "../handshake/grammar.ts";
import { createKey } from "../handshake/key.ts";
import { readLimit } from "../limits.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { Transport } from "../link/transport.ts";
import { readConnectionOptions } from "../protocol/protocol_options.ts";
import { connectTransport, hasSockets } from "../transport/runtime.ts";
import { createClientConnection } from "./create_connection.ts";
import { ClientHandshake, type ClientHandshakeInit } from "./handshake.ts";
import { connectHttp2 } from "./http2.ts";
import { connectNative } from "./native.ts";
import { whenOpened } from "./opening.ts";
import { type ConnectOptions, type ConnectPlan, readConnectOptions } from "./options.ts";

/**
 * Connects to a WebSocket server and resolves when the connection is open. In a browser it runs on
 * the platform's WebSocket, and `capabilities` says what that lacks.
 *
 * Rejects with a {@linkcode TransportError} when no connection is made (refused, name not resolved,
 * certificate rejected), a {@linkcode HandshakeError} when the server answers anything but a correct
 * 101 (with its status, headers and the beginning of the body) or has not answered within
 * `handshakeTimeout` (code `HANDSHAKE_TIMEOUT`, status 0), or the signal's reason.
 *
 * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or if a subprotocol
 * is not a token or is repeated (rejects); NotSupportedError for an option that a browser does not
 * have (rejects).
 * @throws {TypeError | RangeError} If an option is unknown or invalid (rejects).
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * await using connection = await connect(`ws://localhost:${server.address.port}/chat`);
 * connection.send("Hello");
 * console.log(await connection.receive()); // Hello
 * ```
 */
export function connect(
  url: string | URL,
  options: ConnectOptions<StreamedMessage> & { messages: "stream" },
): Promise<WebSocketConnection<undefined, StreamedMessage>>;
/**
 * The same with subprotocols alone, like the `WebSocket` constructor of the WebSocket standard:
 * `connect(url, "chat")` is the same as `connect(url, { protocols: "chat" })`.
 */
export function connect(
  url: string | URL,
  protocols: string | readonly string[],
): Promise<WebSocketConnection>;
/** The same with whole messages. */
export function connect(
  url: string | URL,
  options?: ConnectOptions,
): Promise<WebSocketConnection>;
// AnyMessage, spelled out: the types that are published keep this line, and not its imports.
export async function connect<Message extends string | Uint8Array<ArrayBuffer> | StreamedMessage>(
  url: string | URL,
  given: string | readonly string[] | ConnectOptions<Message> = {},
  ...more: unknown[]
): Promise<WebSocketConnection<undefined, Message>> {
  const caller = new CallSite(connect);
  try {
    const target = parseWebSocketURL(url);
    return await openURL(target, readConnectOptions<Message>(given, more));
  } catch (error) {
    throw caller.addTo(error);
  }
}

async function openURL<Message extends AnyMessage>(
  target: URL,
  options: ConnectOptions<Message>,
): Promise<WebSocketConnection<undefined, Message>> {
  const protocols = checkProtocols(options.protocols);
  const settings = readConnectionOptions(options);
  const handshakeTimeout = readLimit("handshakeTimeout", options.handshakeTimeout, 10_000);
  const { perMessageDeflate: deflate } = settings;
  const headers = readCallerHeaders(options.headers, { alsoReserved: "host" });
  const offer: ClientOfferInit = {
    protocols,
    headers,
    extensions: deflate && formatExtensions([offerDeflate(deflate)]),
  };
  const terms: ClientTerms = {
    protocols,
    deflate,
    extensions: deflate ? [PER_MESSAGE_DEFLATE] : [],
    authorized: isAuthorized(target, headers),
  };
  const plan: ConnectPlan<Message> = { target, protocols, settings, options, offer, terms };
  options.signal?.throwIfAborted();

  // One controller for the caller's signal and the timeout: whichever comes first ends it all.
  const controller = new AbortController();
  const late = (): HandshakeError =>
    new HandshakeError(
      "HANDSHAKE_TIMEOUT",
      `Cannot open connection: ${target.host} did not answer within ${handshakeTimeout} ms ` +
        "(handshakeTimeout)",
      { status: 0 },
    );
  const deadline = new ReadingTimer(() => controller.abort(late()));
  const abort = (): void => controller.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  Timers.of(settings.clock).set(deadline, handshakeTimeout);
  try {
    const { signal } = controller;
    if (options.http2 !== undefined) return await connectHttp2(options.http2, plan, signal);
    return await (hasSockets() ? connectSocket(plan, signal) : connectNative(plan, signal));
  } finally {
    deadline.cancel();
    options.signal?.removeEventListener("abort", abort);
  }
}

async function connectSocket<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, offer, terms, options } = plan;
  const key = createKey();
  const init: ClientHandshakeInit = {
    request: requestFor(target, { ...offer, key }),
    offer: { ...terms, key },
    maxHeaderSize: readLimit("maxHeaderSize", options.maxHeaderSize, 16_384),
    maxHeaders: readLimit("maxHeaders", options.maxHeaders, 128),
  };
  const transport = await openTransport(plan, signal);
  return await whenOpened(
    (events) => new ClientHandshake(transport, init, events),
    (_, opened) => createClientConnection(transport, plan, opened),
    signal,
  );
}

function openTransport<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { target, options } = plan;
  const secure = target.protocol === "wss:";
  if (options.path !== undefined) {
    if (secure || options.tls !== undefined) {
      throw new TypeError("Cannot connect: path excludes TLS, by a wss: URL or the option tls");
    }
    return connectTransport({ path: options.path, signal });
  }
  return connectTransport({
    hostname: target.hostname,
    port: target.port === "" ? secure ? 443 : 80 : Number(target.port),
    tls: secure ? options.tls ?? {} : undefined,
    signal,
  });
}
