/**
 * Transports over `node:net` and `node:tls`, which Deno and Bun have as well.
 *
 * @module
 */

import type { PeerCertificate } from "../handshake/hook.ts";
import {
  type TlsKeyPair,
  type Transport,
  type TransportAddress,
  type TransportConnectOptions,
  type TransportListener,
  type TransportListenerSink,
  type TransportListenOptions,
  type WriteResult,
  writeResult,
} from "../link/transport.ts";
import { DuplexTransport } from "./duplex_transport.ts";
import { connectError } from "./connect_errors.ts";
import { acceptError, connectionError, handshakeEndedError, listenError } from "./errors.ts";
import {
  findNode,
  folderExists,
  isDeno,
  isNode,
  type NodeModules,
  type NodeSocket,
  toAddress,
} from "./node_api.ts";
import { checkChosenAlpn, nodeTlsOptions } from "./tls_client.ts";
import {
  checkNodeClient,
  type ClientCertificates,
  clientCertificatesOf,
  nodeSecureContext,
  toPeerCertificate,
  updateTlsError,
} from "./tls_server.ts";

/** The most that is written at once, in bytes: `writableLength` shrinks by whole writes. */
const MAX_WRITE_SIZE = 131_072;

/** The handle of a TLS socket on Deno, which stands on that of a TCP socket. */
interface TlsHandle {
  readonly _parent?: { readStart?(): unknown; readStop?(): unknown } | null;
}

/** The options of a TCP socket, one object for all. */
const TCP: NodeTransportOptions = {};

/** One socket of Node's. */
class NodeTransport extends DuplexTransport<NodeSocket> {
  readonly #options: NodeTransportOptions;
  /** Kept where a closed socket forgets it. */
  readonly #remoteAddress: TransportAddress | undefined;
  /** Until TLS is agreed, the peer's end is a failure. */
  #handshaking = false;

  constructor(socket: NodeSocket, options: NodeTransportOptions) {
    super(socket);
    this.#options = options;
    // Read now: of a closed socket Node knows its address only if it was asked before.
    const { remoteAddress } = this;
    if (!isNode) this.#remoteAddress = remoteAddress;
    if (options.path === undefined) socket.setNoDelay?.(true);
    if (options.raw === undefined) return;
    this.#handshaking = true;
    socket.once("secure", () => this.#onSecure());
  }

  /** Before any data: a client whose certificate is not good is dropped. */
  #onSecure(): void {
    this.#handshaking = false;
    const { clients } = this.#options;
    const error = clients && checkNodeClient(this.stream, clients);
    if (error === undefined) return;
    this.error ??= error;
    this.stream.destroy();
  }

  get peerCertificate(): PeerCertificate | undefined {
    const { clients } = this.#options;
    return clients && toPeerCertificate(this.stream.getPeerX509Certificate?.());
  }

  get secure(): boolean {
    return this.stream.encrypted === true;
  }

  get remoteAddress(): TransportAddress {
    if (this.#remoteAddress !== undefined) return this.#remoteAddress;
    // Bun's TLS sockets know only one of the two.
    const { path, raw = this.stream } = this.#options;
    return toAddress(path, raw.remoteAddress, raw.remotePort);
  }

  get localAddress(): TransportAddress {
    const { path, raw = this.stream } = this.#options;
    return toAddress(path, raw.localAddress, raw.localPort);
  }

  get maxWriteSize(): number {
    return MAX_WRITE_SIZE;
  }

  write(bytes: Uint8Array): WriteResult {
    if (this.ending || this.state !== "open") return writeResult(false, true);
    const socket = this.stream;
    const more = bytes.byteLength > 0 && socket.write(bytes);
    // What the system takes is written at once. False comes also for a large write that it has taken.
    const taken = socket.writableLength === 0;
    return writeResult(more || taken, taken);
  }

  close(): void {
    if (!this.startClosing()) return;
    const socket = this.stream;
    if (!this.ending || socket.writableFinished) {
      socket.destroy();
      return;
    }
    this.linger(() => socket.destroy());
    // With TLS, what the peer still says of the handshake would make the system reset the connection
    // if it came after us, and lose what we said: that peer's end is awaited, which ends the socket.
    if (this.secure) this.resume();
    else socket.once("finish", () => socket.destroy());
  }

  async startTls(options: TransportConnectOptions): Promise<Transport> {
    const raw = this.stream, modules = findNode()!;
    options.signal?.throwIfAborted();
    if (this.isGone) throw connectError(this.error ?? handshakeEndedError(), options);
    for (const event of ["data", "end", "drain", "close", "error"]) raw.removeAllListeners(event);
    raw.on("error", () => {}); // the TLS socket tells of it
    const { hostname = "localhost", tls } = options;
    const socket = modules.tls.connect({
      socket: raw,
      allowHalfOpen: true,
      ...nodeTlsOptions(modules, { hostname, ...tls }),
    });
    await connected(socket, options);
    return new NodeTransport(socket, TCP);
  }

  protected override toError(cause: unknown): Error {
    return connectionError(cause);
  }

  protected override flow(): void {
    super.flow();
    if (!isDeno || !this.secure) return;
    // Deno's TLS sockets go on reading from the TCP socket while they are paused, keep all of it, and
    // then lose the peer's end. The only hold on that socket is its handle.
    const { _handle } = this.stream as { _handle?: TlsHandle | null };
    if (this.paused) _handle?._parent?.readStop?.();
    else _handle?._parent?.readStart?.();
  }

  protected override onEnd(): void {
    // An end behind an error is no orderly one: it is reported as the close, with the error.
    if (!this.#handshaking && this.error === undefined) return super.onEnd();
    this.error ??= handshakeEndedError();
    this.stream.destroy();
  }
}

interface NodeTransportOptions {
  path?: string | undefined;
  /** The TCP socket below, on a server's TLS socket, whose handshake is still to come. */
  raw?: NodeSocket;
  /** Whether the client must have a certificate. */
  clients?: ClientCertificates;
}

/**
 * A transport over an open socket that another has used before, such as the `upgrade` event of
 * `node:http` gives. On a Unix socket, `path` is what the server listens on.
 */
export function fromNodeSocket(socket: NodeSocket, path?: string): Transport {
  // The HTTP server's timeouts are not ours; and its TLS sockets would end with the peer.
  socket.setTimeout?.(0);
  socket.allowHalfOpen = true;
  return new NodeTransport(socket, path === undefined ? TCP : { path });
}

/**
 * Listens with `node:net`. TLS is agreed on each socket by itself, so that a handshake that never
 * ends counts as a connection.
 *
 * @throws {TransportError} If the address cannot be had.
 */
export function listenNode(
  modules: NodeModules,
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { net, tls } = modules;
  const { path, port = 0, hostname = "0.0.0.0" } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const cause = isNode && path !== undefined && !folderExists(path)
        ? Object.assign(new Error("no such folder", { cause: error }), { code: "ENOENT" })
        : error;
      reject(listenError(cause, { ...options, hostname }));
    };
    let secureContext: object | undefined;
    try {
      secureContext = options.tls && nodeSecureContext(modules, options.tls);
    } catch (error) {
      return fail(error);
    }
    const plain = { path }, clients = clientCertificatesOf(options.tls);
    const requests = {
      isServer: true,
      allowHalfOpen: true,
      requestCert: clients !== undefined,
      rejectUnauthorized: clients === "required",
    };
    const server = net.createServer({ allowHalfOpen: true }, (raw) => {
      if (secureContext === undefined) return sink.onConnection(new NodeTransport(raw, plain));
      // The TLS socket tells of its trouble; unheard, the raw one would throw its own.
      raw.on("error", () => {});
      raw.setNoDelay?.(true);
      const socket = new tls.TLSSocket(raw, { ...requests, secureContext });
      sink.onConnection(new NodeTransport(socket, { path, raw, clients }));
    });
    let listening = false;
    server.on("error", (error: unknown) => {
      if (listening) sink.onError(acceptError(error));
      else fail(error);
    });
    server.on("listening", () => {
      listening = true;
      const address = server.address();
      resolve({
        address: typeof address === "object" && address !== null
          ? { transport: "tcp", hostname: address.address, port: address.port }
          : { transport: "unix", hostname: path ?? "", port: 0 },
        async close(): Promise<void> {
          if (listening) server.close();
          listening = false;
          // The callback of close() waits for every connection; the port is free in a moment.
          await new Promise((done) => setTimeout(done, 0));
        },
        updateTls(pair: TlsKeyPair): Promise<void> {
          try {
            secureContext = nodeSecureContext(modules, { ...options.tls, ...pair });
            return Promise.resolve();
          } catch (error) {
            return Promise.reject(updateTlsError(error));
          }
        },
      });
    });
    server.listen(path === undefined ? { port, host: hostname } : { path });
  });
}

/**
 * Connects with `node:net` or `node:tls`; with TLS, after the handshake.
 *
 * @throws {TransportError} If no connection is made.
 */
export async function connectNode(
  modules: NodeModules,
  options: TransportConnectOptions,
): Promise<Transport> {
  const { path, signal, port = 0, hostname = "localhost" } = options;
  signal?.throwIfAborted();
  const target = path === undefined
    ? { host: hostname, port, allowHalfOpen: true }
    : { path, allowHalfOpen: true };
  const socket = options.tls === undefined
    ? modules.net.connect(target)
    : modules.tls.connect({ ...target, ...nodeTlsOptions(modules, { hostname, ...options.tls }) });
  await connected(socket, { ...options, hostname });
  return new NodeTransport(socket, { path });
}

/** Waits until a socket is connected, with TLS after its handshake. If that fails, the socket is gone. */
function connected(socket: NodeSocket, options: TransportConnectOptions): Promise<void> {
  const { signal, tls } = options;
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      signal?.removeEventListener("abort", abort);
      return true;
    };
    const abort = (): void => {
      if (!settle()) return;
      socket.destroy();
      reject(signal?.reason);
    };
    const fail = (error: unknown): void => {
      if (!settle()) return;
      socket.destroy();
      reject(connectError(error, options));
    };
    signal?.addEventListener("abort", abort, { once: true });
    socket.on("error", fail);
    // It stays with the socket: an error is made only where one is needed, which takes its time.
    socket.on("close", () => settled || fail(handshakeEndedError()));
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      try {
        checkChosenAlpn(socket.alpnProtocol);
      } catch (error) {
        return fail(error);
      }
      if (settle()) resolve();
    });
  });
}
