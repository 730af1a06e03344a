/**
 * What a client's opening handshake goes over: a runtime's socket, with TLS or through a proxy, or a pair of
 * streams of the caller's.
 *
 * @module
 */
import { HandshakeError, TransportError } from "../errors.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { readLimit } from "../limits.ts";
import { checkNetwork } from "../link/network.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { Transport } from "../link/transport.ts";
import { type ByteStreamPair, fromByteStreamPair } from "../transport/byte_stream.ts";
import { isInstance } from "../thrown.ts";
import { connectTransport } from "../transport/runtime.ts";
import { checkClientTls } from "../transport/tls_options.ts";
import type { ConnectOptions, SocketPlan } from "./options.ts";
import { openTunnel, readProxy } from "./proxy/proxy.ts";

/** The ways to the server, and what has no meaning with each; an `http2` session is checked with its own. */
const EXCLUDED = {
  path: ["proxy", "byteStream", "maxRedirects"],
  proxy: ["byteStream"],
  byteStream: ["network", "tls", "maxRedirects", "connectTimeout"],
} as const;
const WAYS = ["path", "proxy", "byteStream"] as const;

/**
 * Checks the options that say how to get to the server.
 *
 * @throws {TypeError | RangeError} If one is invalid, or two contradict each other.
 */
export function checkWay<Message extends AnyMessage>(options: ConnectOptions<Message>): void {
  checkClientTls(options.tls);
  checkNetwork("connect", options.network);
  // Off is as good as not given.
  const maxRedirects = readLimit("maxRedirects", options.maxRedirects, 0) || undefined;
  const limit = readLimit("connectTimeout", options.connectTimeout, Infinity);
  const given = { ...options, maxRedirects, connectTimeout: limit < Infinity ? limit : undefined };
  for (const way of WAYS.filter((name) => given[name] !== undefined)) {
    const other = EXCLUDED[way].find((name) => given[name] !== undefined);
    if (other !== undefined) throw new TypeError(`Cannot connect: ${way} excludes ${other}`);
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
  if (options.byteStream !== undefined) return overStreams(options.byteStream, signal);
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
  const abort = (): void => controller.abort(withStage(signal.reason, options));
  signal.addEventListener("abort", abort, { once: true });
  Timers.of(settings.clock).set(late, limit);
  try {
    return await open(plan, controller.signal);
  } finally {
    late.cancel();
    signal.removeEventListener("abort", abort);
  }
}

/** The streams are taken in any case: whoever gives them up closes them. */
function overStreams(pair: ByteStreamPair, signal: AbortSignal): Transport {
  const transport = fromByteStreamPair(pair);
  if (signal.aborted) transport.close();
  signal.throwIfAborted();
  return transport;
}

/** Returns the reason of the signal; `handshakeTimeout` is told how far it came. */
function withStage<Message extends AnyMessage>(
  reason: unknown,
  { proxy }: ConnectOptions<Message>,
): unknown {
  if (!isInstance(reason, HandshakeError)) return reason;
  const stage = proxy === undefined ? "name, TCP and TLS" : "name, TCP, the proxy and TLS";
  const { code, message, status } = reason;
  return new HandshakeError(code, `${message}, spent on ${stage}`, { status });
}

async function open<Message extends AnyMessage>(
  { target, options }: SocketPlan<Message>,
  signal: AbortSignal,
): Promise<Transport> {
  const { path, network } = options, secure = target.protocol === "wss:";
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
  const limits = readHeadLimits(options);
  return await connectTransport({
    hostname: proxy.hostname,
    port: proxy.port,
    tls,
    network,
    signal,
    tunnel: {
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port,
      open: (transport) => openTunnel(proxy, transport, { hostname, port, ...limits }),
    },
  });
}
