/**
 * The client for browsers: the same names as `@sluice/websocket` has, without those that a page cannot
 * use, on the platform's own WebSocket. An import map or an alias of a bundler can replace the one by the
 * other.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import { connectBy } from "../client/connecting.ts";
import { connectNative } from "../client/native.ts";
import type { ConnectOptions } from "../client/options.ts";
import {
  type ForEachAttempt,
  readReconnectingOptions,
  type ReconnectingOptions,
} from "../client/reconnecting/options.ts";
import {
  WebSocketError as OwnWebSocketError,
  type WebSocketErrorConstructor,
} from "../client/whatwg/web_socket_error.ts";
import {
  defineWebSocket,
  type WebSocketConstructor,
  type WebSocketObject,
} from "../client/whatwg/web_socket.ts";
import {
  defineWebSocketStream,
  type WebSocketStreamConstructor,
  type WebSocketStreamObject,
} from "../client/whatwg/web_socket_stream.ts";
import { ReconnectingConnection } from "../client/reconnecting/reconnecting_connection.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { StreamedMessage } from "../connection/streamed_message.ts";

/**
 * Connects to a WebSocket server through the platform's WebSocket, and resolves when the connection is
 * open. `capabilities` says what the platform cannot do.
 *
 * Rejects with a {@linkcode HandshakeError} when the connection does not open, of which the platform does
 * not say why, or when it has not opened within `handshakeTimeout` (code `HANDSHAKE_TIMEOUT`), or with the
 * signal's reason.
 *
 * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or if a subprotocol
 * is not a token or is repeated (rejects); NotSupportedError for an option that a browser does
 * not have: `headers`, `tls`, `path`, `http2`, `pingInterval` and others (rejects).
 * @throws {TypeError | RangeError} If an option is unknown or invalid (rejects).
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/websocket/browser";
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
  return await connectBy({ url, given, more, caller: new CallSite(connect) }, connectNative);
}

/**
 * Connects to a WebSocket server, and again whenever the connection is lost or cannot be made: after a random
 * time of up to a second, then of up to 2, 4 and so on up to 30 s (RFC 6455 section 7.2.3), and at once when
 * the browser is online again or the page becomes visible. What is sent meanwhile waits in a queue.
 *
 * Each message arrives at most once, in order. What was handed to a connection that was then lost may have
 * arrived or not: `onUnconfirmed` is called with it, and it is not sent again. A page cannot send pings: give
 * a `heartbeat`, so that a dead link is found, and what was sent before an answer counts as arrived. Without
 * it, all that fits in `maxQueueSize` is reported.
 *
 * It ends by `close`, by the signal, by a close code of `stayAway` that the peer sent, or by an option that
 * cannot work here; `closed` resolves then.
 *
 * @param url The URL, or a function that returns it for each attempt.
 * @throws {TypeError | RangeError} If an option is unknown or invalid.
 * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or a subprotocol is not a token
 * or is repeated.
 *
 * @example
 * ```ts
 * import { reconnecting } from "@sluice/websocket/browser";
 * import { listen } from "@sluice/websocket/server";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * await using chat = reconnecting(`ws://localhost:${server.address.port}/chat`, {
 *   heartbeat: { message: "ping", isAnswer: (message) => message === "ping", interval: 10_000 },
 *   onState: ({ name, delay }) => console.log(name, delay ?? ""), // connecting, open
 * });
 * chat.send("Hello"); // sent when it is connected
 * for await (const message of chat) {
 *   console.log(message); // Hello
 *   break;
 * }
 * ```
 */
export function reconnecting(
  url: ForEachAttempt<string | URL>,
  options: ReconnectingOptions = {},
): ReconnectingConnection {
  return new ReconnectingConnection(connect, readReconnectingOptions(url, options));
}

/** What the class {@linkcode WebSocket} creates. */
export type WebSocket = WebSocketObject;

/** What the class {@linkcode WebSocketStream} creates. */
export type WebSocketStream = WebSocketStreamObject;

/** What the class {@linkcode WebSocketError} creates. */
export type WebSocketError = OwnWebSocketError;

/** The platform's class WebSocket. */
export const WebSocket: WebSocketConstructor = /* @__PURE__ */ webSocket();

/** The platform's class WebSocketStream, or where it has none, ours over its WebSocket. */
export const WebSocketStream: WebSocketStreamConstructor = /* @__PURE__ */ webSocketStream();

/** The class of the errors of WebSocketStream: the platform's, or where it has none, ours. */
export const WebSocketError: WebSocketErrorConstructor = /* @__PURE__ */ webSocketError();

/** The platform's classes as they are when this is loaded. */
interface Platform {
  WebSocket?: WebSocketConstructor;
  WebSocketStream?: WebSocketStreamConstructor;
  WebSocketError?: WebSocketErrorConstructor;
}

function platform(): Platform {
  return globalThis as unknown as Platform;
}

function webSocket(): WebSocketConstructor {
  return platform().WebSocket ?? defineWebSocket(connect);
}

function webSocketStream(): WebSocketStreamConstructor {
  return platform().WebSocketStream ?? defineWebSocketStream(connect);
}

function webSocketError(): WebSocketErrorConstructor {
  return platform().WebSocketError ?? OwnWebSocketError;
}

export * from "../client/mod.ts";
