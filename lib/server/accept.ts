/**
 * The HTTP/1.1 handshake on any byte stream.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { DataOf, HandshakeResult, WithHandshake } from "../handshake/hook.ts";
import type { MessageOf } from "../connection/streamed_message.ts";
import type { MessageMode } from "../protocol/options.ts";
import { type ByteStreamPair, fromByteStreamPair } from "../transport/byte_stream.ts";
import { ServerHandshake } from "./handshake.ts";
import { type AcceptOptions, readServerOptions } from "./options.ts";

/**
 * Accepts one WebSocket connection on a byte stream: a Unix socket, a tunnel, a test. Locks both
 * streams.
 *
 * Rejects with a {@linkcode HandshakeError} once the refusal has been sent to the peer,
 * or with a {@linkcode TransportError} when the stream fails. `onRefused` is called as well if it is
 * given; nothing is printed by default.
 *
 * @throws {TypeError | RangeError} If an option is unknown or invalid, or the streams are not there
 * (rejects).
 *
 * @example
 * ```ts
 * import { accept } from "@sluice/websocket/server";
 *
 * async function serve(conn: Deno.Conn): Promise<void> {
 *   const connection = await accept(conn, { origins: "*" });
 *   for await (const message of connection) connection.send(message);
 * }
 * ```
 */
export function accept<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  stream: ByteStreamPair,
  options: WithHandshake<AcceptOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<WebSocketConnection<DataOf<Result>, MessageOf<Mode>>>;
/** The same without a hook, or with a type for `data`. */
export function accept<Data = undefined, Mode extends MessageMode = "whole">(
  stream: ByteStreamPair,
  options?: AcceptOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<WebSocketConnection<Data, MessageOf<Mode>>>;
// AnyMessage by another name: the types that are published keep this line, and not its imports.
export function accept<Data, Message extends MessageOf<MessageMode>>(
  stream: ByteStreamPair,
  options: AcceptOptions<Data, Message> = {},
): Promise<WebSocketConnection<Data, Message>> {
  const caller = new CallSite(accept);
  return new Promise((resolve, reject) => {
    let settings = readServerOptions<Data, Message>(options);
    // By default nothing is printed: the promise rejects.
    if (options.onRefused === undefined) settings = { ...settings, onRefused: (): void => {} };
    const opening = new ServerHandshake<Data, Message>(fromByteStreamPair(stream), settings, {
      boundToLoopback: false,
      onOpen: (_opening, connection): void => resolve(connection),
      onEnd: (_opening, error): void => reject(caller.addTo(error ?? endedEarly())),
    });
    opening.start();
  });
}

function endedEarly(): DOMException {
  return new DOMException("The peer ended before its request", "AbortError");
}
