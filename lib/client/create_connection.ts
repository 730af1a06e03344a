/**
 * What a client's handshake leads to, whichever version of HTTP it was made with.
 *
 * @module
 */
import { CONNECTION_PARTS } from "../connection/parts.ts";
import { WebSocketConnection } from "../connection/connection.ts";
import { extensionFor } from "../protocol/extension.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { ProtocolLink } from "../link/protocol_link.ts";
import type { Transport } from "../link/transport.ts";
import type { OpenedHandshake } from "./opening.ts";
import type { SocketPlan } from "./options.ts";
import { clients } from "./clients.ts";
import { packResponse } from "../handshake/response.ts";
import { clientHeads, type SentRequest } from "./heads.ts";

/** Creates the connection and starts it. */
export function createClientConnection<Message extends AnyMessage>(
  transport: Transport,
  { target, settings: options, options: { onError, websocket } }: SocketPlan<Message>,
  { protocol, deflate, rest, head, request }: OpenedHandshake & { request: SentRequest },
): WebSocketConnection<undefined, Message> {
  const extension = extensionFor("client", deflate, options);
  const link = new ProtocolLink({ role: "client", transport, protocol, extension, options });
  const init = {
    url: target.href,
    data: undefined,
    options,
    parts: CONNECTION_PARTS,
    onError,
    response: packResponse(head),
  };
  const connection = new WebSocketConnection<undefined, Message>(link, init);
  clients.onOpen(connection, "client", () => clientHeads(request, head));
  connection.start(websocket);
  link.feed(rest);
  return connection;
}
