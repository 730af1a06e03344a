/**
 * Listening and connecting in whichever runtime this is.
 *
 * @module
 */

import type {
  Transport,
  TransportConnectOptions,
  TransportListener,
  TransportListenerSink,
  TransportListenOptions,
  TransportNetwork,
  TransportTunnel,
} from "../link/transport.ts";
import { TransportError } from "../errors.ts";
import { typeName } from "../options.ts";
import { isInstance } from "../thrown.ts";
import { connectBun, listenBun } from "./bun.ts";
import { findBun } from "./bun_api.ts";
import { connectDeno, listenDeno } from "./deno.ts";
import { findDeno } from "./deno_api.ts";
import { connectNode, listenNode } from "./node.ts";
import { findNode } from "./node_api.ts";
import { denoTlsFunction, warnIfUnchecked } from "./tls_client.ts";
import { checkServerTls } from "./tls_options.ts";

/** An address as users write it: the port may be a decimal string, an IPv6 address in brackets. */
export interface GivenAddress {
  /** The port. */
  port?: number | string | undefined;
  /** The host's name or address. */
  hostname?: string | undefined;
  /** The path of a Unix socket, in place of the two. */
  path?: string | undefined;
}

interface Address {
  port?: number;
  hostname?: string;
  path?: string;
}

/** Checks an address, and returns it as every runtime understands it. */
function readAddress(verb: string, given: GivenAddress & { tls?: unknown }): Address {
  const { path, tls } = given;
  const port = readPort(verb, given.port), hostname = readHostname(verb, given.hostname);
  if (path === undefined) {
    return { ...(port === undefined ? {} : { port }), ...(hostname && { hostname }) };
  }
  if (typeof path !== "string" || path === "") {
    throw new TypeError(
      `Cannot ${verb}: path must be the path of a Unix socket, got ${show(path)}`,
    );
  }
  if (port !== undefined || hostname !== undefined) {
    throw new TypeError(`Cannot ${verb}: path excludes port and hostname`);
  }
  if (tls !== undefined) throw new TypeError(`Cannot ${verb}: path excludes tls`);
  return { path };
}

/** A port comes as a string from the environment or the command line. */
function readPort(verb: string, given: number | string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const wanted = `Cannot ${verb}: port must be a whole number from 0 to 65535, got ${show(given)}`;
  const isString = typeof given === "string";
  if (isString ? !/^[0-9]+$/.test(given) : typeof given !== "number") throw new TypeError(wanted);
  const port = Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new RangeError(wanted);
  return port;
}

function readHostname(verb: string, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "string" && given !== "") return given.replace(/^\[(.+)\]$/, "$1");
  throw new TypeError(`Cannot ${verb}: hostname must be a name or an address, got ${show(given)}`);
}

/** A value for an error: a string is not to be taken for a number. */
function show(value: unknown): string {
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  return typeof value === "number" ? String(value) : typeName(value);
}

function unsupported(verb: string): DOMException {
  return new DOMException(
    `Cannot ${verb}: this runtime has no sockets; use its own WebSocket (globalThis.WebSocket)`,
    "NotSupportedError",
  );
}

/**
 * Listens for connections on Deno's, Bun's or Node's sockets, or on the network that is given. The port is 0 unless given, the address
 * `0.0.0.0`.
 *
 * @throws {TransportError} If the address cannot be had.
 * @throws {TypeError | RangeError} If an option is invalid, or two contradict each other.
 * @throws {DOMException} NotSupportedError where there are no sockets: in a browser.
 */
export async function listenTransport(
  given: GivenAddress & {
    tls?: TransportListenOptions["tls"];
    network?: TransportNetwork | undefined;
  },
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { tls, network } = given, address = readAddress("listen", given);
  checkServerTls(tls);
  const options: TransportListenOptions = { ...address, ...(tls && { tls }) };
  if (network !== undefined) return await network.listen(options, sink);
  const deno = findDeno();
  if (deno !== undefined) return await listenDeno(deno, options, sink);
  const bun = findBun();
  if (bun !== undefined) return await listenBun(bun, options, sink);
  const node = findNode();
  if (node !== undefined) return await listenNode(node, options, sink);
  throw unsupported("listen");
}

/** Where and how to connect. */
export interface ConnectTransportOptions extends TransportConnectOptions {
  /** What opens sockets in place of the runtime. */
  network?: TransportNetwork | undefined;
  /** Whether the sockets are those of `node:net`, on every runtime. */
  onNode?: boolean;
}

/**
 * Connects with Deno's, Bun's or Node's sockets, or over the network that is given, to `localhost` unless a host is given; with TLS, the
 * handshake is over and the certificate checked when it resolves.
 *
 * @throws {TransportError} If no connection is made.
 * @throws {TypeError | RangeError} If an option is invalid, or two contradict each other.
 * @throws {DOMException} NotSupportedError where there are no sockets: in a browser; or the signal's
 * reason once it aborts.
 */
export async function connectTransport(given: ConnectTransportOptions): Promise<Transport> {
  const { tls, signal, network } = given, address = readAddress("connect", given);
  const options: TransportConnectOptions = { ...address, tls, signal };
  if (options.port === undefined && options.path === undefined) {
    throw new TypeError("Cannot connect: port or path is missing");
  }
  options.signal?.throwIfAborted();
  if (given.tunnel !== undefined) return await connectThrough(given, given.tunnel);
  warnIfUnchecked(tls);
  if (network !== undefined) return await network.connect(options);
  const deno = given.onNode ? undefined : findDeno();
  if (deno !== undefined) return await connectDeno(deno, options);
  const bun = given.onNode ? undefined : findBun();
  if (bun !== undefined) return await connectBun(bun, options);
  const node = findNode();
  if (node !== undefined) return await connectNode(node, options);
  throw unsupported("connect");
}

async function connectProxy(options: ConnectTransportOptions): Promise<Transport> {
  try {
    return await connectTransport(options);
  } catch (error) {
    if (!isInstance(error, TransportError)) throw error;
    const { code, message, cause } = error;
    throw new TransportError(code, message.replace(/ to /, " to the proxy "), { cause });
  }
}

/** Connects to a proxy, has it open the way to the peer, and begins TLS with the peer. */
async function connectThrough(
  given: ConnectTransportOptions,
  { hostname, port, open }: TransportTunnel,
): Promise<Transport> {
  const { tls, signal, network } = given;
  // Bun's own sockets begin TLS when they connect, or never; Deno's cannot do all of it later.
  const onNode = tls !== undefined && network === undefined &&
    (findDeno() === undefined ||
      denoTlsFunction({ hostname, ...tls }) !== "startTls");
  warnIfUnchecked(tls);
  const transport = await connectProxy({ ...given, tls: undefined, tunnel: undefined, onNode });
  const abort = (): void => transport.close();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await open(transport);
    signal?.throwIfAborted();
    if (tls !== undefined && network === undefined) {
      return await transport.startTls!({ hostname, port, tls, signal });
    }
    return transport;
  } catch (error) {
    transport.close();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
