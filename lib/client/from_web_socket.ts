/**
 * A connection over a WebSocket that was created elsewhere.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { ConnectionHandler, ErrorHandler } from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage, MessageModeOf, StreamedMessage } from "../connection/streamed_message.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  readConnectionLimits,
  refuseUnsupported,
} from "../protocol/options.ts";
import { openWebSocket, type WebSocketLike } from "../connection/web_socket.ts";
import { checkMethods, checkNames, checkString, type OptionNames } from "../options.ts";

/** The options of {@linkcode fromWebSocket}. */
export interface FromWebSocketOptions<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> extends ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or as a {@linkcode StreamedMessage} (`"stream"`), which comes
   * in one piece here. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /**
   * Whether the socket can send every close code, for `capabilities`: a server's can (a Worker's,
   * Deno's), a client's cannot. A code that it refuses after all, 1001, 1008 or 1011 say, is sent as
   * 4001, 4008 or 4011, and `closed` says so. @default {false}
   */
  anyCloseCode?: boolean;
  /** For `connection.url`. @default {the socket's} */
  url?: string;
  /** What becomes `connection.data`. */
  data?: Data;
  /** Handlers, or a function that is given the connection once it is open. */
  websocket?: ConnectionHandler<Data, Message>;
  /** Called with errors of your code: what a handler throws. @default {prints them by console.error} */
  onError?: ErrorHandler<Data, Message>;
}

const OPTIONS: OptionNames<FromWebSocketOptions> = /* @__PURE__ */ optionNames();

function optionNames(): OptionNames<FromWebSocketOptions> {
  return {
    ...CONNECTION_OPTIONS,
    anyCloseCode: true,
    url: true,
    data: true,
    websocket: true,
    onError: true,
  };
}

/**
 * Creates a connection from any WebSocket with the standard's interface, connecting or open: that
 * of a browser, Deno, Bun or Node, one that `Deno.upgradeWebSocket` returns, or one end of a
 * Cloudflare Worker's pair after its `accept()`. Resolves when it is open. Leave the socket alone
 * from then on; messages that came before the call are lost.
 *
 * The platform's limits remain, and `capabilities` lists them. It cannot pause: with more than
 * `maxReceiveBuffered` not taken, the connection is closed. `terminate()` can only close with 1000.
 * (Bun's client can do both.) It has no pings, and messages pass whole. Compression is agreed on by
 * the platform alone.
 *
 * A Cloudflare Worker drops pending promises when the client has left. Where a `message` handler
 * returns promises, keep the Worker running for them: `context.waitUntil(connection.closed)`.
 *
 * Rejects with a {@linkcode HandshakeError} if the socket does not open, or is closed already.
 *
 * @throws {DOMException} NotSupportedError for an option that only this library's own protocol can
 * honour, unless it is off: `perMessageDeflate` with details, `pingInterval`, `pingTimeout`,
 * `maxPingsPerSecond`, `maxFrameSize`, `maxFragments`, `sendTimeout`, `mask` (rejects).
 * @throws {TypeError | RangeError} If an option is unknown or invalid (rejects).
 *
 * @example
 * ```ts
 * import { fromWebSocket } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const socket = new WebSocket(`ws://localhost:${server.address.port}/`);
 * await using connection = await fromWebSocket(socket);
 * connection.send("Hello");
 * assert.equal(await connection.receive(), "Hello");
 * ```
 */
export function fromWebSocket<Data = undefined>(
  webSocket: WebSocketLike,
  options: FromWebSocketOptions<Data, StreamedMessage> & { messages: "stream" },
): Promise<WebSocketConnection<Data, StreamedMessage>>;
/** The same with whole messages. */
export function fromWebSocket<Data = undefined>(
  webSocket: WebSocketLike,
  options?: FromWebSocketOptions<Data>,
): Promise<WebSocketConnection<Data>>;
export async function fromWebSocket<Data, Message extends AnyMessage>(
  webSocket: WebSocketLike,
  options: FromWebSocketOptions<Data, Message> = {},
): Promise<WebSocketConnection<Data, Message>> {
  const what =
    "use WebSocket: the first argument must have the interface of the WebSocket standard";
  checkMethods(what, webSocket, "addEventListener", "send", "close");
  checkNames(options, OPTIONS);
  checkConnectionHandler(options);
  checkString("url", options.url);
  const { perMessageDeflate, anyCloseCode = false, url = "" } = options;
  refuseUnsupported(
    // That the platform compresses as it likes is what `true` asks for.
    { ...options, perMessageDeflate: perMessageDeflate === true ? false : perMessageDeflate },
    "a platform's WebSocket",
    ["pingInterval", "pingTimeout"],
  );
  const init = {
    url,
    data: options.data as Data,
    options: readConnectionLimits(options),
    capabilities: { anyCloseCode },
    websocket: options.websocket,
    onError: options.onError,
  };
  const caller = new CallSite(fromWebSocket);
  try {
    return await openWebSocket<Data, Message>(webSocket, init);
  } catch (error) {
    throw caller.addTo(error);
  }
}
