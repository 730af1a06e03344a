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
} from "../connection/transport.ts";
import { connectBun, listenBun } from "./bun.ts";
import { findBun } from "./bun_api.ts";
import { connectDeno, listenDeno } from "./deno.ts";
import { findDeno } from "./deno_api.ts";
import type { Endpoint } from "./errors.ts";
import { connectNode, listenNode } from "./node.ts";
import { findNode } from "./node_api.ts";

/** Refuses what no runtime could make sense of. */
function checkOptions(
  verb: string,
  { port, hostname, path, tls }: Endpoint & { tls?: unknown },
): void {
  if (path !== undefined && (port !== undefined || hostname !== undefined)) {
    throw new TypeError(`Cannot ${verb}: path excludes port and hostname`);
  }
  if (path !== undefined && tls !== undefined) {
    throw new TypeError(`Cannot ${verb}: path excludes tls`);
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new RangeError(
      `Cannot ${verb}: port must be a whole number from 0 to 65535, got ${port}`,
    );
  }
}

/** Whether this runtime has sockets; a browser has none. */
export function hasSockets(): boolean {
  return (findDeno() ?? findBun() ?? findNode()) !== undefined;
}

function unsupported(verb: string): DOMException {
  return new DOMException(
    `Cannot ${verb}: this runtime has no sockets; use its own WebSocket (globalThis.WebSocket)`,
    "NotSupportedError",
  );
}

/**
 * Listens for connections on Deno's, Bun's or Node's sockets. The port is 0 unless given, the address
 * `0.0.0.0`.
 *
 * @throws {TransportError} if the address cannot be had.
 * @throws {TypeError | RangeError} if the options contradict each other or the port is none.
 * @throws {DOMException} NotSupportedError where there are no sockets: in a browser.
 */
export async function listenTransport(
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  checkOptions("listen", options);
  const deno = findDeno();
  if (deno !== undefined) return await listenDeno(deno, options, sink);
  const bun = findBun();
  if (bun !== undefined) return await listenBun(bun, options, sink);
  const node = findNode();
  if (node !== undefined) return await listenNode(node, options, sink);
  throw unsupported("listen");
}

/**
 * Connects with Deno's, Bun's or Node's sockets, to `localhost` unless a host is given; with TLS, the
 * handshake is over and the certificate checked when it resolves.
 *
 * @throws {TransportError} if no connection is made.
 * @throws {TypeError | RangeError} if the options contradict each other or the port is none.
 * @throws {DOMException} NotSupportedError where there are no sockets: in a browser; or the signal's
 * reason once it aborts.
 */
export async function connectTransport(options: TransportConnectOptions): Promise<Transport> {
  checkOptions("connect", options);
  if (options.port === undefined && options.path === undefined) {
    throw new TypeError("Cannot connect: port or path is missing");
  }
  options.signal?.throwIfAborted();
  const deno = findDeno();
  if (deno !== undefined) return await connectDeno(deno, options);
  const bun = findBun();
  if (bun !== undefined) return await connectBun(bun, options);
  const node = findNode();
  if (node !== undefined) return await connectNode(node, options);
  throw unsupported("connect");
}
