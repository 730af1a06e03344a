/**
 * Transports over Bun's own sockets: TCP, TLS and Unix.
 *
 * @module
 */

import type { ReadingTimer } from "../link/timers.ts";
import type {
  Transport,
  TransportAddress,
  TransportConnectOptions,
  TransportListener,
  TransportListenerSink,
  TransportListenOptions,
  TransportSink,
} from "../link/transport.ts";
import { copyOf } from "../frame/memory.ts";
import type { BunLike, BunSocket, BunSocketHandler } from "./bun_api.ts";
import { connectError, connectionError, handshakeEndedError, listenError } from "./errors.ts";
import { rootCertificates } from "./node.ts";
import { findNode } from "./node_api.ts";
import { abortable, startLinger } from "./timing.ts";

/** Before its socket is open, a connection's data tells what to make of it. */
interface OpeningSocket {
  secure: boolean;
  path: string | undefined;
  /** Set by a listener; the side that connects has its promise. */
  sink: TransportListenerSink | undefined;
}

type Socket = BunSocket<BunTransport | OpeningSocket>;

/** One socket of Bun's. */
class BunTransport implements Transport {
  readonly copiesOnWrite = true;
  readonly copiesRest = true;
  readonly secure: boolean;
  readonly #socket: Socket;
  readonly #path: string | undefined;
  #sink: TransportSink | undefined;
  /** What `write` may give to the socket at once: open, TLS agreed, nothing waiting. */
  #writable: boolean;
  #queue: Uint8Array[] = [];
  #bufferedAmount = 0;
  #needDrain = false;
  #paused = false;
  /** `closeWrite` was called, and then carried out. */
  #ending = false;
  #ended = false;
  #peerEnded = false;
  /** `close` was called: the sink hears nothing more but `close`. */
  #closed = false;
  #gone = false;
  /** The sink, if there was one, has heard of the close. */
  #told = false;
  #error: Error | undefined;
  /** What came before `start`; held, with the socket paused. */
  #early: Uint8Array | undefined;
  #endUntold = false;
  #handshaking: boolean;
  #onHandshake: ((error?: Error) => void) | undefined;
  #linger: ReadingTimer | undefined;

  constructor(socket: Socket, opening: OpeningSocket) {
    this.#socket = socket;
    this.#path = opening.path;
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
      if (transport.#closed) return;
      if (transport.#sink === undefined) transport.#hold(chunk);
      else transport.#sink.onData(chunk);
    },
    drain(socket: Socket): void {
      (socket.data as BunTransport).#flush();
    },
    end(socket: Socket): void {
      (socket.data as BunTransport).#onEnd();
    },
    close(socket: Socket, error?: Error): void {
      (socket.data as BunTransport).#onClose(error);
    },
    error(socket: Socket, error: Error): void {
      const transport = socket.data as BunTransport;
      transport.#error ??= connectionError(error);
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

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  start(sink: TransportSink): void {
    this.#sink = sink;
    if (this.#told) this.#tellClose();
    else if (this.#early !== undefined || this.#endUntold) queueMicrotask(() => this.#replay());
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#writable) return this.#enqueue(bytes);
    const taken = this.#socket.write(bytes);
    if (taken === bytes.byteLength) return true;
    this.#writable = false;
    return this.#enqueue(bytes.subarray(Math.max(taken, 0)));
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
    if (this.#closed || this.#gone) return;
    this.#closed = true;
    this.#writable = false;
    // While lingering, the peer's end must still be seen: Bun shows none on a paused socket.
    this.#socket.resume();
    this.#linger = startLinger(() => this.#socket.terminate());
    if (!this.#ending || this.#ended) this.#socket.close();
  }

  #enqueue(bytes: Uint8Array): boolean {
    if (this.#ending || this.#closed || this.#gone) return false;
    if (bytes.byteLength === 0) return !this.#needDrain;
    this.#queue.push(copyOf(bytes));
    this.#bufferedAmount += bytes.byteLength;
    this.#needDrain = true;
    return false;
  }

  /** Writes what waits, as far as it is taken; then ends or tells the sink. */
  #flush(): void {
    if (this.#handshaking || this.#gone) return;
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
    if (this.#closed) return;
    this.#writable = true;
    if (this.#needDrain) {
      this.#needDrain = false;
      this.#sink?.onDrain();
    }
  }

  #endWriting(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.shutdown();
    if (this.#closed) this.#socket.close();
  }

  #hold(chunk: Uint8Array): void {
    const early = new Uint8Array((this.#early?.byteLength ?? 0) + chunk.byteLength);
    if (this.#early !== undefined) early.set(this.#early);
    early.set(chunk, early.byteLength - chunk.byteLength);
    this.#early = early;
    this.#socket.pause();
  }

  /** Tells a first sink what came before it, in its order; nothing new comes meanwhile. */
  #replay(): void {
    const early = this.#early;
    const ended = this.#endUntold;
    this.#early = undefined;
    this.#endUntold = false;
    if (early !== undefined && !this.#closed) this.#sink?.onData(early);
    if (ended && !this.#closed) this.#sink?.onEnd();
    if (!this.#gone && !this.#paused) this.#socket.resume();
  }

  #handshaken(success: boolean, error: Error | null): void {
    this.#handshaking = false;
    if (success) {
      this.#onHandshake?.();
      return this.#flush();
    }
    // Bun reports an untrusted certificate and goes on: not so we.
    this.#error = connectionError(error);
    this.#socket.terminate();
  }

  #onEnd(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    if (this.#sink === undefined) this.#endUntold = true;
    else if (!this.#closed) this.#sink.onEnd();
  }

  #onClose(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#writable = false;
    this.#queue = [];
    this.#bufferedAmount = 0;
    this.#linger?.cancel();
    if (this.#closed) this.#error = undefined;
    else if (error !== undefined) this.#error ??= connectionError(error);
    else if (this.#handshaking) this.#error ??= handshakeEndedError();
    this.#onHandshake?.(this.#error ?? handshakeEndedError());
    // Once both directions have ended, Bun tells of the close alone.
    if (this.#ended && this.#error === undefined) queueMicrotask(() => this.#onEnd());
    this.#tellClose();
  }

  /** Tells the sink of the close, in a turn of its own: `close` may have brought it about. */
  #tellClose(): void {
    queueMicrotask(() => {
      this.#told = true;
      if (this.#sink === undefined) return;
      this.#replay();
      this.#sink.onClose(this.#error);
    });
  }

  /** Settles when the TLS handshake has. */
  secured(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#error ?? handshakeEndedError());
      if (!this.#handshaking) return resolve();
      this.#onHandshake = (error): void => {
        this.#onHandshake = undefined;
        return error === undefined ? resolve() : reject(error);
      };
    });
  }
}

/**
 * Listens on Bun.
 *
 * @throws {TransportError} if the address cannot be had.
 */
export function listenBun(
  bun: BunLike,
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { path, tls, port = 0, hostname = "0.0.0.0" } = options;
  try {
    const listener = bun.listen<BunTransport | OpeningSocket>({
      ...(path === undefined ? { hostname, port } : { unix: path }),
      socket: BunTransport.handler,
      data: { secure: tls !== undefined, path, sink },
      allowHalfOpen: true,
      tls,
    });
    return Promise.resolve({
      address: path === undefined
        ? { transport: "tcp", hostname: listener.hostname ?? hostname, port: listener.port ?? port }
        : { transport: "unix", hostname: path, port: 0 },
      close(): Promise<void> {
        listener.stop(false);
        return Promise.resolve();
      },
    });
  } catch (error) {
    return Promise.reject(listenError(error, { ...options, hostname }));
  }
}

/**
 * Connects on Bun; with TLS, after the handshake.
 *
 * @throws {TransportError} if no connection is made.
 */
export async function connectBun(
  bun: BunLike,
  options: TransportConnectOptions,
): Promise<Transport> {
  const { path, tls, signal, port = 0, hostname = "localhost" } = options;
  signal?.throwIfAborted();
  let socket: Socket | undefined;
  try {
    const connecting = bun.connect<BunTransport | OpeningSocket>({
      ...(path === undefined ? { hostname, port } : { unix: path }),
      socket: BunTransport.handler,
      data: { secure: tls !== undefined, path, sink: undefined },
      allowHalfOpen: true,
      tls: tls && {
        serverName: tls.serverName ?? hostname,
        ...(tls.caCerts === undefined
          ? {}
          : { ca: [...rootCertificates(findNode()), ...tls.caCerts] }),
      },
    });
    socket = await abortable(connecting, signal, (late) => late.terminate());
    const transport = socket.data as BunTransport;
    if (tls !== undefined) await abortable(transport.secured(), signal, () => {});
    return transport;
  } catch (error) {
    socket?.terminate();
    signal?.throwIfAborted();
    throw connectError(error, { ...options, hostname });
  }
}
