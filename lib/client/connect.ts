/**
 * Connecting to a WebSocket server.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage, StreamedMessage } from "../connection/streamed_message.ts";
import { withClockOf } from "../link/network.ts";
import { hasSockets } from "../transport/platform.ts";
import { connectBy } from "./connecting.ts";
import { connectNative } from "./native.ts";
import type { ConnectOptions } from "./options.ts";

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
  const options = isOptions(given) ? withClockOf(given) : given;
  return await connectBy({ url, given: options, more, caller }, async (plan, signal) => {
    const { http2, network, byteStream } = plan.options;
    if ((http2 ?? network ?? byteStream) === undefined && !hasSockets()) {
      return await connectNative(plan, signal);
    }
    const { connectSockets } = await loadSockets();
    return await connectSockets(plan, signal);
  });
}

let sockets: Promise<typeof import("./sockets.ts")> | undefined;

/** Imports it once: doing so again for each connection costs Bun and Node a tenth of what connecting does. */
function loadSockets(): Promise<typeof import("./sockets.ts")> {
  return sockets ??= import("./sockets.ts");
}

function isOptions<Message extends AnyMessage>(
  given: string | readonly string[] | ConnectOptions<Message>,
): given is ConnectOptions<Message> {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}
