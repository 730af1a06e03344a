/**
 * What a handshake leads to once it is accepted: a connection with our own protocol on a transport,
 * whichever version of HTTP it began with.
 *
 * @module
 */
import { CONNECTION_PARTS } from "../connection/parts.ts";
import { type ConnectionInit, WebSocketConnection } from "../connection/connection.ts";
import { extensionFor } from "../protocol/extension.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { ProtocolLink } from "../link/protocol_link.ts";
import type { Transport } from "../link/transport.ts";
import { acceptDeflate } from "../deflate/negotiation.ts";
import { packHeaders, type WebSocketRequest } from "../handshake/server.ts";
import type { ServerSettings } from "./options.ts";

/** What was accepted. */
export interface Accepted<Data> {
  /** The request, judged. */
  validated: WebSocketRequest;
  /** The same as the hook has seen it, if there was one. */
  request: Request | undefined;
  /** The subprotocol, or `""`. */
  protocol: string;
  data: Data | undefined;
}

/** A connection that has not begun. */
export interface OpenedConnection<Data, Message extends AnyMessage> {
  connection: WebSocketConnection<Data, Message>;
  link: ProtocolLink;
  /** The extensions to answer with, or `""`. */
  extensions: string;
}

/** Creates the connection; it begins with `start`. */
export function createServerConnection<Data, Message extends AnyMessage>(
  transport: Transport,
  settings: ServerSettings<Data, Message>,
  accepted: Accepted<Data> & {
    onClosed?: ConnectionInit<Data, Message>["onClosed"];
  },
): OpenedConnection<Data, Message> {
  const { validated, request, protocol, data, onClosed } = accepted;
  const { connection: options, onError } = settings;
  const { perMessageDeflate: deflate } = options;
  const agreement = deflate && acceptDeflate(validated.extensions, deflate);
  const extension = extensionFor("server", agreement, options);
  const link = new ProtocolLink({ role: "server", transport, protocol, extension, options });
  const url = ["ws", validated.url.slice(4)].join(""); // in one piece, which is smaller to keep
  const connection = new WebSocketConnection<Data, Message>(link, {
    url,
    request: request ?? packHeaders(url, validated.headers),
    onClosed,
    data: data as Data,
    options,
    parts: CONNECTION_PARTS,
    onError,
  });
  return { connection, link, extensions: agreement?.header ?? "" };
}
