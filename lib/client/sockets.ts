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
import type { ConnectOptions, ConnectPlan, SocketPlan } from "./options.ts";
import { openTunnel, readProxy } from "./proxy/proxy.ts";

/** Opens the connection. Rejects with a TypeError or RangeError if an option is invalid. */
export async function connectSockets<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, protocols, options } = plan;
  checkClientTls(options.tls);
  checkNetwork("connect", options.network);
  for (const name of ["path", "http2"] as const) {
    if (options.proxy === undefined || options[name] === undefined) continue;
    throw new TypeError(`Cannot connect: ${name} excludes proxy`);
  }
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
    ...readHeadLimits(options),
  };
  const transport = await openTransport(plan, signal);
  return await whenOpened(
    (events) => new ClientHandshake(transport, init, events),
    (_, opened) => createClientConnection(transport, plan, { ...opened, request: init.request }),
    signal,
  );
}

async function openTransport<Message extends AnyMessage>(
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { target, options } = plan, { path, network } = options;
  const secure = target.protocol === "wss:";
  if (path !== undefined) {
    if (secure || options.tls !== undefined) {
      throw new TypeError("Cannot connect: path excludes TLS, by a wss: URL or the option tls");
    }
    return await connectTransport({ path, network, signal });
  }
  const { hostname } = target;
  const port = target.port === "" ? secure ? 443 : 80 : Number(target.port);
  const tls = secure ? options.tls ?? {} : undefined, proxy = readProxy(options.proxy, target);
  if (proxy === undefined) return await connectTransport({ hostname, port, tls, network, signal });
  const limits = readHeadLimits(options), serverName = hostname.replace(/^\[(.*)\]$/, "$1");
  return await connectTransport({
    hostname: proxy.hostname,
    port: proxy.port,
    tls: tls && { serverName, ...tls },
    network,
    signal,
    tunnel: (transport) => openTunnel(proxy, transport, { hostname, port, ...limits }),
  });
}

/** The limits of what a server, or a proxy, answers. */
function readHeadLimits<Message extends AnyMessage>(
  { maxHeaderSize, maxHeaders }: ConnectOptions<Message>,
): { maxHeaderSize: number; maxHeaders: number } {
  return {
    maxHeaderSize: readLimit("maxHeaderSize", maxHeaderSize, 16_384),
    maxHeaders: readLimit("maxHeaders", maxHeaders, 128),
  };
}
