/**
 * Connecting with our own protocol: over a runtime's socket, or on an HTTP/2 session. `connect` loads
 * this module where there are sockets, so that a browser does not.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { offerDeflate } from "../deflate/negotiation.ts";
import { requestFor } from "../handshake/client.ts";
import { createKey } from "../handshake/key.ts";
import { readLimit } from "../limits.ts";
import { checkNetwork } from "../link/network.ts";
import type { Transport } from "../link/transport.ts";
import { checkMethods } from "../options.ts";
import { clientOffer } from "../protocol/client_offer.ts";
import { readConnectionOptions } from "../protocol/protocol_options.ts";
import { connectTransport } from "../transport/runtime.ts";
import { checkClientTls } from "../transport/tls_options.ts";
import { createClientConnection } from "./create_connection.ts";
import { ClientHandshake, type ClientHandshakeInit } from "./handshake.ts";
import { connectHttp2 } from "./http2.ts";
import { whenOpened } from "./opening.ts";
import type { ConnectPlan, SocketPlan } from "./options.ts";

/** Opens the connection. Rejects with a TypeError or RangeError if an option is invalid. */
export async function connectSockets<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, protocols, options } = plan;
  checkClientTls(options.tls);
  checkNetwork("connect", options.network);
  const settings = readConnectionOptions(options);
  const { perMessageDeflate: deflate } = settings;
  const extensions = deflate ? [offerDeflate(deflate)] : [];
  const wishes = { protocols, headers: options.headers, extensions, deflate };
  const socketPlan: SocketPlan<Message> = { ...plan, settings, ...clientOffer(target, wishes) };
  if (options.http2 === undefined) return await connectSocket(socketPlan, signal);
  const what = "connect: http2 must be a client's session of node:http2";
  checkMethods(what, options.http2, "request", "ping");
  return await connectHttp2(options.http2, socketPlan, signal);
}

async function connectSocket<Message extends AnyMessage>(
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, offer, terms, options } = plan;
  const key = createKey();
  const init: ClientHandshakeInit = {
    request: requestFor(target, { ...offer, key }),
    offer: { ...terms, key },
    maxHeaderSize: readLimit("maxHeaderSize", options.maxHeaderSize, 16_384),
    maxHeaders: readLimit("maxHeaders", options.maxHeaders, 128),
  };
  const transport = await openTransport(plan, signal);
  return await whenOpened(
    (events) => new ClientHandshake(transport, init, events),
    (_, opened) => createClientConnection(transport, plan, { ...opened, request: init.request }),
    signal,
  );
}

function openTransport<Message extends AnyMessage>(
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { target, options } = plan;
  const secure = target.protocol === "wss:";
  if (options.path !== undefined) {
    if (secure || options.tls !== undefined) {
      throw new TypeError("Cannot connect: path excludes TLS, by a wss: URL or the option tls");
    }
    return connectTransport({ path: options.path, network: options.network, signal });
  }
  return connectTransport({
    hostname: target.hostname,
    port: target.port === "" ? secure ? 443 : 80 : Number(target.port),
    tls: secure ? options.tls ?? {} : undefined,
    network: options.network,
    signal,
  });
}
