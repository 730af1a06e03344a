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

export * from "../client/mod.ts";
