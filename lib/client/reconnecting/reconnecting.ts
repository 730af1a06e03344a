/**
 * A connection that comes back, for the entry `.`.
 *
 * @module
 */
import { connect } from "../connect.ts";
import {
  type ForEachAttempt,
  readReconnectingOptions,
  type ReconnectingOptions,
} from "./options.ts";
import { ReconnectingConnection } from "./reconnecting_connection.ts";

/**
 * Connects to a WebSocket server, and again whenever the connection is lost or cannot be made: after a random
 * time of up to a second, then of up to 2, 4 and so on up to 30 s (RFC 6455 section 7.2.3), and at once when
 * a browser is online again or its page becomes visible. What is sent meanwhile waits in a queue.
 *
 * Each message arrives at most once, in order. What was handed to a connection that was then lost may have
 * arrived or not: `onUnconfirmed` is called with it, and it is not sent again. A message counts as arrived
 * when the pong of a later ping has come, or the answer of a later `heartbeat`, where there are no pings.
 * Without either, as in a page without `heartbeat`, all that fits in `maxQueueSize` is reported.
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
 * import { reconnecting } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * await using chat = reconnecting(`ws://localhost:${server.address.port}/chat`, {
 *   headers: async () => ({ authorization: `Bearer ${await Promise.resolve("a fresh token")}` }),
 *   onReconnect: (connection) => void connection.send("subscribe again"),
 *   onUnconfirmed: (messages) => console.log(messages.length, "messages may be lost"),
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
