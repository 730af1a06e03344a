/**
 * A connection after a handshake that was made elsewhere.
 *
 * @module
 */
import { WebSocketConnection } from "../connection/connection.ts";
import type { ConnectionUser, ErrorHandler } from "../connection/handlers.ts";
import { type ConnectionOptions, readConnectionOptions } from "../connection/options.ts";
import { ProtocolLink } from "../connection/protocol_link.ts";
import type { Role } from "../frame/opcode.ts";
import { type ByteStreamPair, fromByteStreamPair } from "../transport/byte_stream.ts";

/** A byte stream on which the handshake is over, and what was agreed. */
export interface FromByteStreamOptions extends ByteStreamPair, ConnectionOptions {
  /** This end's role. */
  role: Role;
  /** The agreed subprotocol. @default {""} */
  protocol?: string;
  /** The connection's URL, for `connection.url`. @default {""} */
  url?: string;
  /** Handlers, or a function that is given the connection. */
  websocket?: ConnectionUser;
  /** Where errors of your code go. @default {console.error} */
  onError?: ErrorHandler;
}

/**
 * Makes a connection of a byte stream that is past the handshake: an HTTP/2 stream (RFC 8441), say.
 * Locks both streams.
 *
 * @throws {TypeError | RangeError} if an option is none, or a stream is locked.
 *
 * @example
 * ```ts
 * import { fromByteStream } from "@sluice/websocket";
 * import assert from "node:assert/strict";
 *
 * const up = new TransformStream<Uint8Array, Uint8Array>();
 * const down = new TransformStream<Uint8Array, Uint8Array>();
 * const client = fromByteStream({
 *   readable: down.readable,
 *   writable: up.writable,
 *   role: "client",
 * });
 * const server = fromByteStream({
 *   readable: up.readable,
 *   writable: down.writable,
 *   role: "server",
 * });
 * client.send("Hello");
 * assert.equal(await server.receive(), "Hello");
 * client.close();
 * await Promise.all([client.closed, server.closed]);
 * ```
 */
export function fromByteStream(options: FromByteStreamOptions): WebSocketConnection {
  const settings = readConnectionOptions(options);
  const transport = fromByteStreamPair(options);
  const { role, protocol = "" } = options;
  const link = new ProtocolLink({ role, transport, protocol, options: settings });
  const connection = new WebSocketConnection<undefined>(link, {
    url: options.url ?? "",
    data: undefined,
    receiveHighWaterMark: settings.receiveHighWaterMark,
    clock: settings.clock,
    onError: options.onError,
  });
  connection.start(options.websocket);
  return connection;
}
