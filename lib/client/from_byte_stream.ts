/**
 * A connection after a handshake that was made elsewhere.
 *
 * @module
 */
import { CONNECTION_PARTS } from "../connection/parts.ts";
import { WebSocketConnection } from "../connection/connection.ts";
import type { ConnectionHandler, ErrorHandler } from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage, MessageModeOf, StreamedMessage } from "../connection/streamed_message.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions } from "../protocol/options.ts";
import { readConnectionOptions } from "../protocol/protocol_options.ts";
import { extensionFor } from "../protocol/extension.ts";
import { ProtocolLink } from "../link/protocol_link.ts";
import {
  type DeflateAgreement,
  PER_MESSAGE_DEFLATE,
  readDeflateResponse,
} from "../deflate/negotiation.ts";
import { readPerMessageDeflate } from "../deflate/options.ts";
import { checkRole, type Role } from "../frame/opcode.ts";
import { parseExtensions } from "../handshake/grammar.ts";
import type { ExtensionOffer } from "../message/extension.ts";
import { checkMethods, checkNames, checkString, type OptionNames } from "../options.ts";
import { type ByteStreamPair, fromByteStreamPair } from "../transport/byte_stream.ts";

/** A byte stream on which the handshake is over, and what was agreed. */
export interface FromByteStreamOptions<Message extends AnyMessage = MessageData>
  extends ByteStreamPair, ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as a {@linkcode StreamedMessage}
   * (`"stream"`), of any size. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /** This end's role. */
  role: Role;
  /** The agreed subprotocol. @default {""} */
  protocol?: string;
  /**
   * The agreed extensions, as in the response's header: `permessage-deflate` with its parameters.
   * `perMessageDeflate` then sets only the level and the threshold. @default {""}
   */
  extensions?: string;
  /** The connection's URL, for `connection.url`. @default {""} */
  url?: string;
  /** Handlers, or a function that is given the connection. */
  websocket?: ConnectionHandler<undefined, Message>;
  /** Called with errors of your code: what a handler throws. @default {prints them by console.error} */
  onError?: ErrorHandler<undefined, Message>;
}

const OPTIONS: OptionNames<FromByteStreamOptions> = /* @__PURE__ */ optionNames();

function optionNames(): OptionNames<FromByteStreamOptions> {
  return {
    ...CONNECTION_OPTIONS,
    readable: true,
    writable: true,
    remoteAddress: true,
    role: true,
    protocol: true,
    extensions: true,
    url: true,
    websocket: true,
    onError: true,
  };
}

/**
 * Creates a connection on a byte stream whose opening handshake is over: on an HTTP/2 stream (RFC
 * 8441), say. Locks both streams.
 *
 * @throws {TypeError | RangeError} If an option is missing, unknown or invalid, or a stream is locked.
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
export function fromByteStream(
  options: FromByteStreamOptions<StreamedMessage> & { messages: "stream" },
): WebSocketConnection<undefined, StreamedMessage>;
/** The same with whole messages. */
export function fromByteStream(
  options: FromByteStreamOptions,
): WebSocketConnection;
export function fromByteStream<Message extends AnyMessage>(
  options: FromByteStreamOptions<Message>,
): WebSocketConnection<undefined, Message> {
  checkMethods("use byte stream: the options must have role, readable and writable", options);
  checkNames(options, OPTIONS);
  checkConnectionHandler(options);
  const settings = readConnectionOptions(options);
  const { role, protocol = "" } = options;
  checkRole(role);
  for (const name of ["protocol", "extensions", "url"] as const) checkString(name, options[name]);
  const extension = extensionFor(role, agreementOf(options.extensions), settings);
  const transport = fromByteStreamPair(options); // locks: nothing may throw behind it
  const link = new ProtocolLink({ role, transport, protocol, extension, options: settings });
  const connection = new WebSocketConnection<undefined, Message>(link, {
    url: options.url ?? "",
    data: undefined,
    options: settings,
    parts: CONNECTION_PARTS,
    onError: options.onError,
  });
  connection.start(options.websocket);
  return connection;
}

/** What the caller says was agreed on: an unknown extension would change what frames mean. */
function agreementOf(header: string | undefined): DeflateAgreement | undefined {
  if (header === undefined || header === "") return undefined;
  let extensions: ExtensionOffer[];
  try {
    extensions = parseExtensions(header);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot read options: extensions: ${why}`, { cause });
  }
  const unknown = extensions.find(({ name }) => name !== PER_MESSAGE_DEFLATE);
  const agreed = unknown === undefined
    ? readDeflateResponse(extensions, readPerMessageDeflate(true)!)
    : `${unknown.name} is no extension that is known here`;
  if (typeof agreed === "string") throw new TypeError(`Cannot read options: extensions: ${agreed}`);
  return agreed;
}
