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
import { checkMethods } from "../options.ts";
import { clientOffer } from "../protocol/client_offer.ts";
import { readConnectionOptions } from "../protocol/protocol_options.ts";
import { openingError } from "../transport/connect_errors.ts";
import { createClientConnection } from "./create_connection.ts";
import { ClientHandshake, type ClientHandshakeInit } from "./handshake.ts";
import { connectHttp2 } from "./http2.ts";
import { whenOpened } from "./opening.ts";
import { checkWay, openTransport, readHeadLimits } from "./open_transport.ts";
import type { ConnectPlan, SocketPlan } from "./options.ts";
import { followRedirect, type Redirect } from "./redirect.ts";

/** Opens the connection. Rejects with a TypeError or RangeError if an option is invalid. */
export async function connectSockets<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { protocols, options } = plan, { http2 } = options;
  checkWay(options);
  const settings = readConnectionOptions(options), { perMessageDeflate: deflate } = settings;
  const extensions = deflate ? [offerDeflate(deflate)] : [];
  const planFor = ({ target, headers, tls }: Redirect): SocketPlan<Message> => {
    const wishes = { protocols, headers, extensions, deflate }, given = { ...options };
    if (tls !== options.tls) given.tls = tls!;
    return { ...plan, target, settings, options: given, ...clientOffer(target, wishes) };
  };
  let to: Redirect = { target: plan.target, headers: options.headers, tls: options.tls };
  if (http2 !== undefined) {
    const what = "connect: http2 must be a client's session of node:http2";
    checkMethods(what, http2, "request", "ping");
    return await connectHttp2(http2, planFor(to), signal);
  }
  const maxRedirects = readLimit("maxRedirects", options.maxRedirects, 0);
  for (let left = maxRedirects;; left--) {
    try {
      return await connectSocket(planFor(to), signal);
    } catch (error) {
      if (maxRedirects === 0) throw error;
      to = followRedirect(error, to, left);
    }
  }
}

async function connectSocket<Message extends AnyMessage>(
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, offer, terms, options } = plan, key = createKey();
  const init: ClientHandshakeInit = {
    request: requestFor(target, { ...offer, key }),
    offer: { ...terms, key },
    followsRedirects: (options.maxRedirects ?? 0) > 0,
    ...readHeadLimits(options),
  };
  const transport = await openTransport(plan, signal);
  const opening = whenOpened(
    (events) => new ClientHandshake(transport, init, events),
    (_, opened) => createClientConnection(transport, plan, { ...opened, request: init.request }),
    signal,
  );
  if (!transport.secure) return await opening;
  return await opening.catch((error) => {
    const hasCertificate = options.tls?.cert !== undefined;
    throw openingError(error, { ...endpointOf(target), hasCertificate });
  });
}

function endpointOf(target: URL): { hostname: string; port: number } {
  const { hostname, port, protocol } = target;
  return { hostname, port: port === "" ? protocol === "wss:" ? 443 : 80 : Number(port) };
}
