/**
 * Transports over Bun's own sockets: TCP, TLS and Unix.
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
import { copyOf } from "../frame/memory.ts";
import { BaseTransport } from "./base_transport.ts";
import type { BunLike, BunListener, BunSocket, BunSocketHandler } from "./bun_api.ts";
import { connectError } from "./connect_errors.ts";
import { connectionError, handshakeEndedError, listenError } from "./errors.ts";
import { findNode } from "./node_api.ts";
import { abortable } from "./timing.ts";
import { bunTlsOptions, checkChosenAlpn } from "./tls_client.ts";
import {
  bunServerTls,
  checkBunClient,
  checkPairWith,
  type ClientCertificates,
  clientCertificatesOf,
  toPeerCertificate,
  updateTlsError,
} from "./tls_server.ts";

/** Before its socket is open, a connection's data tells what to make of it. */
interface OpeningSocket {
  secure: boolean;
  path: string | undefined;
  /** Set by a listener; the side that connects has its promise. */
  sink: TransportListenerSink | undefined;
  /** Of a listener: whether clients must have a certificate. */
  clients?: ClientCertificates;
  /** Of the side that connects: whether every certificate is accepted. */
  acceptsAny?: boolean;
}

type Socket = BunSocket<BunTransport | OpeningSocket>;

/** One socket of Bun's. */
class BunTransport extends BaseTransport {
  readonly alwaysCopies = true;
  readonly secure: boolean;
  readonly #socket: Socket;
  readonly #path: string | undefined;
  readonly #opening: OpeningSocket;
  /** What `write` may give to the socket at once: open, TLS agreed, nothing waiting. */
  #writable: boolean;
  #queue: Uint8Array[] = [];
  #bufferedAmount = 0;
  #needDrain = false;
  #paused = false;
  /** `closeWrite` was called, and then carried out. */
  #ending = false;
  #ended = false;
  /** What came before `start`; held, with the socket paused. */
  #early: Uint8Array | undefined;
  #handshaking: boolean;
  #onHandshake: ((error?: Error) => void) | undefined;

  constructor(socket: Socket, opening: OpeningSocket) {
    super();
    this.#socket = socket;
    this.#path = opening.path;
    this.#opening = opening;
    this.secure = opening.secure;
    this.#handshaking = opening.secure;
    this.#writable = !opening.secure;
  }

  /** One object for every socket. */
  static readonly handler: BunSocketHandler<BunTransport | OpeningSocket> = {
    binaryType: "uint8array",
    open(socket: Socket): void {
      const opening = socket.data as OpeningSocket;
      const transport = new BunTransport(socket, opening);
      socket.data = transport;
      if (opening.path === undefined) socket.setNoDelay(true);
      opening.sink?.onConnection(transport);
    },
    handshake(socket: Socket, success: boolean, error: Error | null): void {
      (socket.data as BunTransport).#handshaken(success, error);
    },
    data(socket: Socket, chunk: Uint8Array): void {
      const transport = socket.data as BunTransport;
      if (transport.state !== "open") return;
      if (transport.sink === undefined) transport.#hold(chunk);
      else transport.sink.onData(chunk);
    },
    drain(socket: Socket): void {
      (socket.data as BunTransport).#flush();
    },
    end(socket: Socket): void {
      (socket.data as BunTransport).reportEnd();
    },
    close(socket: Socket, error?: Error): void {
      (socket.data as BunTransport).#onClose(error);
    },
    error(socket: Socket, error: Error): void {
      const transport = socket.data as BunTransport;
      transport.error ??= connectionError(error);
      socket.terminate();
    },
  };

  get remoteAddress(): TransportAddress {
    return this.#address(this.#socket.remoteAddress, this.#socket.remotePort);
  }

  get localAddress(): TransportAddress {
    return this.#address(this.#socket.localAddress, this.#socket.localPort);
  }

  #address(hostname: string | undefined, port: number | undefined): TransportAddress {
    return this.#path === undefined
      ? { transport: "tcp", hostname: hostname ?? "", port: port ?? 0 }
      : { transport: "unix", hostname: this.#path, port: 0 };
  }

  get peerCertificate(): PeerCertificate | undefined {
    if (this.#opening.clients === undefined) return undefined;
    return toPeerCertificate(this.#socket.getPeerX509Certificate());
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  protected override onStart(): void {
    if (this.#early !== undefined || this.peerEnded) queueMicrotask(() => this.#replay());
  }

  write(bytes: Uint8Array): WriteResult {
    if (!this.#writable) return writeResult(this.#enqueue(bytes), true);
    const taken = this.#socket.write(bytes);
    if (taken === bytes.byteLength) return writeResult(true, true);
    this.#writable = false;
    return writeResult(this.#enqueue(bytes.subarray(Math.max(taken, 0))), true);
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#early === undefined) this.#socket.resume();
  }

  closeWrite(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#writable = false;
    if (this.#queue.length === 0 && !this.#handshaking) this.#endWriting();
  }

  close(): void {
    if (!this.startClosing()) return;
    this.#early = undefined;
    this.#writable = false;
    // While lingering, the peer's end must still be seen: Bun shows none on a paused socket.
    this.#socket.resume();
    this.linger(() => this.#socket.terminate());
    if (!this.#ending || this.#ended) this.#socket.close();
  }

  #enqueue(bytes: Uint8Array): boolean {
    if (this.#ending || this.state !== "open") return false;
    if (bytes.byteLength === 0) return !this.#needDrain;
    this.#queue.push(copyOf(bytes));
    this.#bufferedAmount += bytes.byteLength;
    this.#needDrain = true;
    return false;
  }

  /** Writes what waits, as far as it is taken; then ends or tells the sink. */
  #flush(): void {
    if (this.#handshaking || this.isGone) return;
    for (let bytes = this.#queue[0]; bytes !== undefined; bytes = this.#queue[0]) {
      const taken = Math.max(this.#socket.write(bytes), 0);
      this.#bufferedAmount -= taken;
      if (taken < bytes.byteLength) {
        this.#queue[0] = bytes.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    if (this.#ending) return this.#endWriting();
    if (this.state !== "open") return;
    this.#writable = true;
    if (!this.#needDrain) return;
    this.#needDrain = false;
    this.reportDrain();
  }

  #endWriting(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.shutdown();
    if (this.state === "closing") this.#socket.close();
  }

  #hold(chunk: Uint8Array): void {
    const early = new Uint8Array((this.#early?.byteLength ?? 0) + chunk.byteLength);
    if (this.#early !== undefined) early.set(this.#early);
    early.set(chunk, early.byteLength - chunk.byteLength);
    this.#early = early;
    this.#socket.pause();
  }

  /** Reports to a first sink what came before it, in its order; nothing new comes meanwhile. */
  #replay(): void {
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) this.sink?.onData(early);
    if (this.peerEnded) this.reportEnd();
    if (!this.isGone && !this.#paused) this.#socket.resume();
  }

  #handshaken(success: boolean, error: Error | null): void {
    this.#handshaking = false;
    const failure = this.#checkPeer(success, error);
    if (failure === undefined) {
      this.#onHandshake?.();
      return this.#flush();
    }
    // Bun reports an untrusted certificate and goes on: not so we.
    this.error = failure;
    this.#socket.terminate();
  }

  #checkPeer(success: boolean, error: Error | null): Error | undefined {
    const { clients, acceptsAny } = this.#opening;
    const failure = checkBunClient(this.#socket, { success, error }, clients);
    // The handshake itself has not failed then: what Bun reports is its view of the certificate.
    if (acceptsAny && failure?.code === "CERTIFICATE_REJECTED") return undefined;
    return failure;
  }

  /** What ALPN chose. */
  get alpnProtocol(): unknown {
    return this.#socket.alpnProtocol;
  }

  #onClose(error: Error | undefined): void {
    if (this.isGone) return;
    this.#writable = false;
    this.#queue = [];
    this.#bufferedAmount = 0;
    if (error !== undefined) this.error ??= connectionError(error);
    else if (this.#handshaking) this.error ??= handshakeEndedError();
    this.#onHandshake?.(this.error ?? handshakeEndedError());
    // Once both directions have ended, Bun reports only the close.
    if (this.#ended && this.error === undefined) queueMicrotask(() => this.reportEnd());
    this.onGone();
  }

  protected override onBeforeClose(): void {
    this.#replay();
  }

  /** Settles when the TLS handshake has. */
  secured(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.isGone) return reject(this.error ?? handshakeEndedError());
      if (!this.#handshaking) return resolve();
      this.#onHandshake = (error): void => {
        this.#onHandshake = undefined;
        return error === undefined ? resolve() : reject(error);
      };
    });
  }
}

class BunTransportListener implements TransportListener {
  readonly address: TransportAddress;
  readonly #bun: BunLike;
  readonly #options: TransportListenOptions;
  readonly #sink: TransportListenerSink;
  /** Missing once the port is lost. */
  #listener: BunListener | undefined;
  #tls: TransportListenOptions["tls"];
  #closed = false;

  constructor(bun: BunLike, options: TransportListenOptions, sink: TransportListenerSink) {
    this.#bun = bun;
    this.#options = options;
    this.#sink = sink;
    this.#tls = options.tls;
    const { path, hostname = "", port = 0 } = options;
    const { hostname: bound, port: chosen } = this.#listener = this.#listen(port);
    this.address = path === undefined
      ? { transport: "tcp", hostname: bound ?? hostname, port: chosen ?? port }
      : { transport: "unix", hostname: path, port: 0 };
  }

  #listen(port: number): BunListener {
    const { path, hostname = "" } = this.#options, tls = this.#tls, secure = tls !== undefined;
    return this.#bun.listen<BunTransport | OpeningSocket>({
      ...(path === undefined ? { hostname, port } : { unix: path }),
      socket: BunTransport.handler,
      data: { secure, path, sink: this.#sink, clients: clientCertificatesOf(tls) },
      allowHalfOpen: true,
      tls: tls && bunServerTls(tls),
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    return Promise.resolve();
  }

  #stop(): void {
    this.#listener?.stop(false);
    this.#listener = undefined;
  }

  /** Bun's listening socket keeps its certificate: another one takes its place, in the same turn. */
  updateTls(pair: TlsKeyPair): Promise<void> {
    const before = this.#tls, { port } = this.address;
    try {
      checkPairWith(findNode(), pair);
      if (this.#closed || before === undefined) return Promise.resolve();
      this.#tls = { ...before, ...pair };
      this.#stop();
      this.#listener = this.#listen(port);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(this.#restore(before, port, error));
    }
  }

  /** Listens with the old certificate again, if it was given up. Returns the error to report. */
  #restore(before: TransportListenOptions["tls"], port: number, cause: unknown): Error {
    if (this.#tls === before) return updateTlsError(cause);
    this.#tls = before;
    try {
      this.#listener = this.#listen(port);
      return updateTlsError(cause);
    } catch (error) {
      return listenError(error, { ...this.#options, port });
    }
  }
}

/**
 * Listens on Bun.
 *
 * @throws {TransportError} If the address cannot be had.
 */
export function listenBun(
  bun: BunLike,
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { hostname = "0.0.0.0" } = options, given = { ...options, hostname };
  try {
    return Promise.resolve(new BunTransportListener(bun, given, sink));
  } catch (error) {
    return Promise.reject(listenError(error, given));
  }
}

/**
 * Connects on Bun; with TLS, after the handshake.
 *
 * @throws {TransportError} If no connection is made.
 */
export async function connectBun(
  bun: BunLike,
  options: TransportConnectOptions,
): Promise<Transport> {
  const { path, tls, signal, port = 0, hostname = "localhost" } = options;
  signal?.throwIfAborted();
  let socket: Socket | undefined;
  try {
    const secure = tls !== undefined, acceptsAny = tls?.dangerouslyAcceptAnyCertificate === true;
    const connecting = bun.connect<BunTransport | OpeningSocket>({
      ...(path === undefined ? { hostname, port } : { unix: path }),
      socket: BunTransport.handler,
      data: { secure, path, sink: undefined, acceptsAny },
      allowHalfOpen: true,
      tls: tls && bunTlsOptions(findNode(), { hostname, ...tls }),
    });
    socket = await abortable(connecting, signal, (late) => late.terminate());
    const transport = socket.data as BunTransport;
    if (tls !== undefined) await abortable(transport.secured(), signal, () => {});
    checkChosenAlpn(transport.alpnProtocol);
    return transport;
  } catch (error) {
    socket?.terminate();
    signal?.throwIfAborted();
    throw connectError(error, { ...options, hostname });
  }
}
