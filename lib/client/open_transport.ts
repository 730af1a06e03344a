/**
 * What a client's opening handshake goes over: a runtime's socket, with TLS or through a proxy, or a pair of
 * streams of the caller's.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { readLimit } from "../limits.ts";
import { checkNetwork } from "../link/network.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { Transport } from "../link/transport.ts";
import { fromByteStreamPair } from "../transport/byte_stream.ts";
import { connectTransport } from "../transport/runtime.ts";
import { checkClientTls } from "../transport/tls_options.ts";
import type { ConnectOptions, SocketPlan } from "./options.ts";
import { openTunnel, readProxy } from "./proxy/proxy.ts";

/** The ways to the server: at most one of them is given. */
const WAYS = ["path", "proxy", "byteStream"] as const;

/**
 * Checks the options that say how to get to the server.
 *
 * @throws {TypeError} If one is invalid, or two contradict each other.
 */
export function checkWay<Message extends AnyMessage>(options: ConnectOptions<Message>): void {
  checkClientTls(options.tls);
  checkNetwork("connect", options.network);
  const [first, second] = WAYS.filter((name) => options[name] !== undefined);
  if (second !== undefined) throw new TypeError(`Cannot connect: ${first} excludes ${second}`);
  if (options.byteStream === undefined) return;
  for (const name of ["network", "maxRedirects"] as const) {
    if (options[name]) throw new TypeError(`Cannot connect: byteStream excludes ${name}`);
  }
}

/** The limits of what a server, or a proxy, answers. */
export function readHeadLimits<Message extends AnyMessage>(
  { maxHeaderSize, maxHeaders }: ConnectOptions<Message>,
): { maxHeaderSize: number; maxHeaders: number } {
  return {
    maxHeaderSize: readLimit("maxHeaderSize", maxHeaderSize, 16_384),
    maxHeaders: readLimit("maxHeaders", maxHeaders, 128),
  };
}

/** Opens it, within `connectTimeout`. Rejects with a TransportError, or the signal's reason. */
export async function openTransport<Message extends AnyMessage>(
  plan: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { target, settings, options } = plan;
  const limit = readLimit("connectTimeout", options.connectTimeout, Infinity);
  signal.throwIfAborted();
  const controller = new AbortController();
  const late = new ReadingTimer(() =>
    controller.abort(
      new TransportError(
        "TIMED_OUT",
        `Cannot connect to ${target.host}: name, TCP and TLS took more than ${limit} ms (connectTimeout)`,
      ),
    )
  );
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  Timers.of(settings.clock).set(late, limit);
  try {
    return await open(plan, controller.signal);
  } finally {
    late.cancel();
    signal.removeEventListener("abort", abort);
  }
}

async function open<Message extends AnyMessage>(
  { target, options }: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { path, network, byteStream } = options, secure = target.protocol === "wss:";
  if (byteStream !== undefined) return fromByteStreamPair(byteStream);
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
