/**
 * Connecting to a WebSocket server.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { ConnectionHandler, ErrorHandler } from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage, MessageModeOf, StreamedMessage } from "../connection/streamed_message.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions } from "../protocol/options.ts";
import {
  readConnectionOptions,
  type ResolvedConnectionOptions,
} from "../protocol/protocol_options.ts";
import type { Transport } from "../link/transport.ts";
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
import { checkMethods, checkNames, checkSignal, type OptionNames } from "../options.ts";
import { isInstance } from "../thrown.ts";
import { connectTransport, hasSockets } from "../transport/runtime.ts";
import { checkClientTls } from "../transport/tls_options.ts";
import { ClientHandshake, type ClientHandshakeInit } from "./handshake.ts";
import { type ClientHttp2Session, connectHttp2 } from "./http2.ts";
import { connectNative } from "./native.ts";
import { createClientConnection } from "./create_connection.ts";

/** How to connect. */
export interface ConnectOptions<Message extends AnyMessage = MessageData>
  extends ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as a {@linkcode StreamedMessage}
   * (`"stream"`), of any size. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /**
   * The subprotocols to offer, the preferred first. If the server chooses none, the connection opens and
   * its `protocol` is `""`; in a browser it fails. @default {[]}
   */
  protocols?: string | readonly string[];
  /** Headers to add: `Authorization`, `Cookie`, `Origin`, say. Not in a browser. */
  headers?: HeadersInit;
  /** Gives up while connecting: rejects with the signal's reason. No effect once open. */
  signal?: AbortSignal;
  /** For `wss:`: further certificates (PEM) to trust, and the name to check. Not in a browser. */
  tls?: { caCerts?: string[]; serverName?: string };
  /** The path of a Unix socket to connect to in place of the URL's host. Not in a browser. */
  path?: string;
  /** How long connecting and the opening handshake may take, in milliseconds. @default {10000} */
  handshakeTimeout?: number;
  /**
   * A session of node:http2 to open the connection on, as a stream of it (RFC 8441), in place of a
   * socket of its own. The session is not closed with it.
   */
  http2?: ClientHttp2Session;
  /** The longest response head, in bytes. @default {16384} */
  maxHeaderSize?: number;
  /** The most header lines of a response. @default {128} */
  maxHeaders?: number;
  /**
   * Handlers, or a function that is given the connection once it is open. Without it, read what
   * `connect` gives, or call `discard()` on it: a connection that nobody reads answers no pings once
   * `receiveHighWaterMark` is reached.
   */
  websocket?: ConnectionHandler<undefined, Message>;
  /** Called with errors of your code: what a handler throws. @default {prints them by console.error} */
  onError?: ErrorHandler<undefined, Message>;
}

const IN_URL = "is not an option: it is part of the URL";
const ELSEWHERE = { host: IN_URL, hostname: IN_URL, port: IN_URL };
const CONNECT_OPTIONS: OptionNames<ConnectOptions> = {
  ...ELSEWHERE,
  ...CONNECTION_OPTIONS,
  protocols: true,
  headers: true,
  signal: true,
  tls: true,
  path: true,
  handshakeTimeout: true,
  http2: true,
  maxHeaderSize: true,
  maxHeaders: true,
  websocket: true,
  onError: true,
};

/**
 * Connects to a WebSocket server and resolves when the connection is open. In a browser it runs on
 * the platform's WebSocket, and `capabilities` tells what that lacks.
 *
 * Rejects with a {@linkcode TransportError} when no connection is made (refused, name not resolved,
 * certificate rejected), a {@linkcode HandshakeError} when the server answers anything but a correct
 * 101 (with its status, headers and the beginning of the body) or has not answered within
 * `handshakeTimeout` (code `HANDSHAKE_TIMEOUT`, status 0), or the signal's reason.
 *
 * @throws {DOMException} SyntaxError if the URL is invalid or has a fragment, or if a subprotocol is not a
 * token or is repeated (rejects); NotSupportedError for an option that a browser does not have (rejects).
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
export async function connect<Message extends AnyMessage>(
  url: string | URL,
  given: string | readonly string[] | ConnectOptions<Message> = {},
  ...more: unknown[]
): Promise<WebSocketConnection<undefined, Message>> {
  const caller = new CallSite(connect);
  try {
    const target = parseWebSocketURL(url);
    return await openURL(target, readOptions<Message>(given, more));
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

/** Returns the options, checked where nobody else does. */
function readOptions<Message extends AnyMessage>(
  given: string | readonly string[] | ConnectOptions<Message>,
  more: readonly unknown[],
): ConnectOptions<Message> {
  if (more.some((each) => each !== undefined)) {
    throw new TypeError(
      "Cannot connect: there are two arguments, the URL and the options; subprotocols are one of them, " +
        "as in connect(url, { protocols, headers })",
    );
  }
  const options = isProtocols(given) ? { protocols: given } : given;
  checkNames(options, CONNECT_OPTIONS);
  checkConnectionHandler(options);
  checkSignal("connect", options.signal);
  checkClientTls(options.tls);
  if (options.http2 !== undefined) {
    const what = "connect: http2 must be a client's session of node:http2";
    checkMethods(what, options.http2, "request", "ping");
  }
  return options;
}

function isProtocols(given: object | string): given is string | readonly string[] {
  return typeof given === "string" ||
    typeof given === "object" && given !== null && Symbol.iterator in given;
}

/** What is to be done, checked. */
export interface ConnectPlan<Message extends AnyMessage> {
  /** Where to. */
  readonly target: URL;
  /** The subprotocols to offer. */
  readonly protocols: string[];
  /** Limits and times. */
  readonly settings: ResolvedConnectionOptions;
  /** The caller's options. */
  readonly options: ConnectOptions<Message>;
  /** What to offer. */
  readonly offer: ClientOfferInit;
  /** What was offered: the answer is judged by it. */
  readonly terms: ClientTerms;
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
  return await shakeHands(transport, { plan, init, signal });
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

function shakeHands<Message extends AnyMessage>(
  transport: Transport,
  { plan, init, signal }: {
    plan: ConnectPlan<Message>;
    init: ClientHandshakeInit;
    signal: AbortSignal;
  },
): Promise<WebSocketConnection<undefined, Message>> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      isInstance(signal.reason, HandshakeError)
        ? handshake.late(signal.reason)
        : handshake.fail(signal.reason);
    const handshake = new ClientHandshake(transport, init, {
      opened(agreed): void {
        signal.removeEventListener("abort", abort);
        resolve(createClientConnection(transport, plan, agreed));
      },
      failed(error): void {
        signal.removeEventListener("abort", abort);
        reject(error);
      },
    });
    // It may have been aborted between the socket's opening and now.
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
