/**
 * The socket implementations under test, and how to make connected pairs with them.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  Transport,
  TransportConnectOptions,
  TransportListener,
  TransportListenerSink,
  TransportListenOptions,
} from "../../lib/link/transport.ts";
import { connectNode, listenNode } from "../../lib/transport/node.ts";
import { findNode } from "../../lib/transport/node_api.ts";
import { connectTransport, listenTransport } from "../../lib/transport/runtime.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import type { OpenPair } from "./suite.ts";

/** One way to make sockets. */
export interface Sockets {
  name: string;
  listen(options: TransportListenOptions, sink: TransportListenerSink): Promise<TransportListener>;
  connect(options: TransportConnectOptions): Promise<Transport>;
}

const node = findNode();
if (node === undefined) throw new Error("these tests need node:net");

/** The runtime's own sockets. */
export const own: Sockets = {
  name: "own sockets",
  listen: listenTransport,
  connect: connectTransport,
};

/** `node:net`, in whichever runtime. */
export const nodeNet: Sockets = {
  name: "node:net",
  listen: (options, sink) => listenNode(node, options, sink),
  connect: (options) => connectNode(node, options),
};

/** Listens, connects, and gives both ends. */
export async function openPair(
  sockets: Sockets,
  kind: "tcp" | "tls" | "unix",
): Promise<OpenPair> {
  const folder = kind === "unix" ? mkdtempSync(join(tmpdir(), "sluice-")) : undefined;
  const path = folder === undefined ? undefined : join(folder, "socket");
  const accepted = Promise.withResolvers<Transport>();
  const sink = { onConnection: accepted.resolve, onError: accepted.reject };
  const tls = kind === "tls" ? { tls: { cert, key } } : {};
  const listener = await sockets.listen(
    path === undefined ? { hostname: "127.0.0.1", ...tls } : { path },
    sink,
  );
  const client = await sockets.connect(
    path === undefined
      ? {
        hostname: "127.0.0.1",
        port: listener.address.port,
        ...(kind === "tls" ? { tls: { caCerts: [ca] } } : {}),
      }
      : { path },
  );
  const server = await accepted.promise;
  return {
    client,
    server,
    async dispose(): Promise<void> {
      await listener.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
