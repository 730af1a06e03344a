/**
 * Transports over Deno's own sockets: TCP, TLS and Unix.
 *
 * @module
 */

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
import { BaseTransport } from "./base_transport.ts";
import {
  type DenoAddress,
  type DenoConn,
  type DenoLike,
  type DenoListener,
  findDeno,
} from "./deno_api.ts";
import { connectError } from "./connect_errors.ts";
import {
  acceptError,
  connectionError,
  handshakeEndedError,
  hasLeftEarly,
  listenError,
} from "./errors.ts";
import { connectNode } from "./node.ts";
import { findNode } from "./node_api.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { ReadTurns } from "./read_turns.ts";
import { abortable, ACCEPT_RETRY_DELAY } from "./timing.ts";
import { checkChosenAlpn, denoTlsFunction, denoTlsOptions } from "./tls_client.ts";
import { checkPairWith, updateTlsError } from "./tls_server.ts";
import { acquireCopy, releaseCopy } from "./write_buffer.ts";

/** A first write up to this size counts as taken at once, in bytes: the system's buffer holds it. */
const SMALL_WRITE = 65_536;

/** All connections take turns together. */
const readTurns = /* @__PURE__ */ new ReadTurns();

/** One end of a socket; on a Unix socket the path, of which Deno knows nothing at the client's end. */
function toAddress(address: DenoAddress, path: string | undefined): TransportAddress {
  return path !== undefined
    ? { transport: "unix", hostname: path, port: 0 }
    : { transport: "tcp", hostname: address.hostname ?? "", port: address.port ?? 0 };
}

/** Releases a socket that may be gone already: after a failed handshake, Deno has released it. */
function closeQuietly(conn: DenoConn): void {
  try {
    conn.close();
  } catch {
    // Nothing is left to close.
  }
}

/** Turns Nagle's algorithm off; a peer that has gone already makes some systems refuse. */
function setNoDelay(conn: DenoConn): void {
  try {
    conn.setNoDelay?.(true);
  } catch {
    // Reading tells what has become of it.
  }
}

/** Does the handshake of TLS, and checks what was agreed on by ALPN. */
async function finishHandshake(conn: DenoConn, signal: AbortSignal | undefined): Promise<void> {
  const handshake = conn.handshake?.() ?? Promise.resolve({ alpnProtocol: null });
  const { alpnProtocol } = await abortable(handshake, signal, () => {});
  checkChosenAlpn(alpnProtocol);
}

/** How far the end of our own direction has come. */
type Ending = "no" | "asked" | "done";

/** What a transport is created with. */
interface DenoTransportOptions {
  secure: boolean;
  /** Whether the peer has sent something already, if only in a TLS handshake. */
  heard: boolean;
  /** The path of a Unix socket. */
  path: string | undefined;
}

/** One socket of Deno's. One read and one write at a time are under way. */
class DenoTransport extends BaseTransport {
  /** Whether the last write was copied. */
  readonly secure: boolean;
  readonly #conn: DenoConn;
  readonly #path: string | undefined;
  readonly #buffer = new ReadBuffer();
  #reading = false;
  /** Resolves when nothing is read any more, for a pause or for ever. */
  #reads: Promise<void> | undefined;
  #paused = false;
  #heard = false;
  #ending: Ending = "no";
  /** What is being written, and what waits behind it. */
  #current: Uint8Array | undefined;
  /** The copy that is being written, in memory to give back. */
  #acquired: Uint8Array | undefined;
  #queue: Uint8Array[] = [];
  #bufferedAmount = 0;
  #needDrain = false;
  #writeError: Error | undefined;

  constructor(conn: DenoConn, options: DenoTransportOptions) {
    super();
    this.#conn = conn;
    this.#path = options.path;
    this.secure = options.secure;
    this.#heard = options.heard;
  }

  get remoteAddress(): TransportAddress {
    return toAddress(this.#conn.remoteAddr, this.#path);
  }

  get localAddress(): TransportAddress {
    return toAddress(this.#conn.localAddr, this.#path);
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  protected override onStart(): void {
    this.resume();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.sink === undefined || this.#reading || this.peerEnded || this.isGone) return;
    this.#reads = this.#readLoop();
  }

  write(bytes: Uint8Array): WriteResult {
    const failed = this.#ending !== "no" || this.state !== "open" || this.#writeError !== undefined;
    if (failed) return writeResult(false, true);
    const size = bytes.byteLength;
    if (size === 0) return writeResult(!this.#needDrain, true);
    let copied = false;
    this.#bufferedAmount += size;
    if (this.#current === undefined) {
      this.#acquired = acquireCopy(bytes);
      copied = this.#acquired !== undefined;
      this.#current = this.#acquired ?? bytes;
      void this.#writeLoop();
      if (size <= SMALL_WRITE) return writeResult(true, copied);
    } else this.#queue.push(bytes);
    this.#needDrain = true;
    return writeResult(false, copied);
  }

  closeWrite(): void {
    if (this.#ending !== "no") return;
    this.#ending = "asked";
    if (this.#current === undefined) void this.#endWriting();
  }

  close(): void {
    if (!this.startClosing()) return;
    if (this.#ending === "asked" && this.#writeError === undefined) {
      this.linger(() => this.#release());
    } else this.#release();
  }

  async startTls(options: TransportConnectOptions): Promise<Transport> {
    const { hostname = "localhost", tls, signal } = options;
    let conn = this.#conn;
    await this.#reads; // paused, it comes to its end
    this.#buffer.release();
    try {
      signal?.throwIfAborted();
      if (this.isGone) throw this.error ?? handshakeEndedError();
      conn = await findDeno()!.startTls(conn as never, denoTlsOptions({ hostname, ...tls }));
      await finishHandshake(conn, signal);
      return new DenoTransport(conn, { secure: true, heard: true, path: this.#path });
    } catch (error) {
      closeQuietly(conn);
      signal?.throwIfAborted();
      throw connectError(error, options);
    }
  }

  async #readLoop(): Promise<void> {
    this.#reading = true;
    const conn = this.#conn;
    const buffer = this.#buffer;
    try {
      while (!this.#paused && this.state === "open") {
        const memory = buffer.take();
        const size = await conn.read(memory);
        if (this.state !== "open") break;
        if (size === null) {
          this.peerEnded = true;
          break;
        }
        this.#heard = true;
        const turn = this.secure ? undefined : readTurns.next();
        this.sink?.onData(size === memory.byteLength ? memory : memory.subarray(0, size));
        buffer.used(size);
        if (turn !== undefined) await turn;
      }
    } catch (error) {
      this.#reading = false;
      this.#readFailed(error);
    }
    this.#reading = false;
    if (this.peerEnded || this.state !== "open") buffer.release();
    if (this.peerEnded && this.state === "open") this.#onPeerEnd();
  }

  #onPeerEnd(): void {
    this.reportEnd();
    if (this.#writeError !== undefined) this.#release(this.#writeError);
    else if (this.#ending === "done") this.#release();
  }

  #readFailed(error: unknown): void {
    // The read that was pending when we closed fails too; that tells nothing.
    if (this.state !== "open") return;
    if (!this.secure || (error as Error | undefined)?.name !== "UnexpectedEof") {
      this.#release(connectionError(error));
    } else if (!this.#heard) {
      this.#release(handshakeEndedError());
    } else {
      // A peer that ended without TLS's close_notify. The socket reads no more, so what we still
      // have to say is said, and that is all.
      this.reportEnd();
      this.closeWrite();
      this.close();
    }
  }

  async #writeLoop(): Promise<void> {
    const conn = this.#conn;
    try {
      while (this.#current !== undefined) {
        let bytes = this.#current;
        for (;;) {
          const size = await conn.write(bytes);
          this.#bufferedAmount -= size;
          if (size === bytes.byteLength) break;
          bytes = bytes.subarray(size);
        }
        if (this.#acquired !== undefined) releaseCopy(this.#acquired);
        this.#acquired = undefined;
        this.#current = this.#queue.shift();
      }
    } catch (error) {
      return this.#writeFailed(error);
    }
    if (this.isGone) return;
    if (this.#ending === "asked") return void this.#endWriting();
    this.#needDrain = false;
    // After a write that counted as taken as well: `bufferedAmount` counted it until now.
    this.reportDrain();
  }

  #writeFailed(error: unknown): void {
    if (this.isGone) return;
    this.#current = undefined;
    this.#queue = [];
    this.#bufferedAmount = 0;
    this.#writeError = connectionError(error);
    // What the peer said before it left may still be unread (its Close frame, say): the read under
    // way comes to the end of it. If there is none, it is over.
    if (!this.#reading || this.state !== "open") return this.#release(this.#writeError);
    this.linger(() => this.#release(this.#writeError));
  }

  async #endWriting(): Promise<void> {
    // It fails where the peer has gone, which reading tells in more detail.
    await this.#conn.closeWrite().catch(() => {});
    this.#ending = "done";
    if (this.state !== "open" || this.peerEnded) this.#release();
  }

  #release(error?: Error): void {
    if (!this.onGone(error)) return;
    this.#current = undefined;
    this.#queue = [];
    this.#bufferedAmount = 0;
    closeQuietly(this.#conn);
    if (!this.#reading) this.#buffer.release();
  }
}

class DenoTransportListener implements TransportListener {
  readonly address: TransportAddress;
  readonly #deno: DenoLike;
  readonly #options: TransportListenOptions;
  readonly #sink: TransportListenerSink;
  /** Missing while it is replaced, and once the port is lost. */
  #listener: DenoListener | undefined;
  #accepting: Promise<void>;
  #updating: Promise<void> | undefined;
  #tls: TransportListenOptions["tls"];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(deno: DenoLike, options: TransportListenOptions, sink: TransportListenerSink) {
    this.#deno = deno;
    this.#options = options;
    this.#sink = sink;
    this.#tls = options.tls;
    const listener = this.#listener = this.#listen(options.port ?? 0);
    this.address = toAddress(listener.addr, options.path);
    this.#accepting = this.#acceptLoop(listener);
  }

  #listen(port: number): DenoListener {
    const { path, hostname = "" } = this.#options, tls = this.#tls;
    if (path !== undefined) return this.#deno.listen({ transport: "unix", path });
    if (tls === undefined) return this.#deno.listen({ hostname, port });
    return this.#deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key });
  }

  async #acceptLoop(listener: DenoListener): Promise<void> {
    const { path } = this.#options, sink = this.#sink, secure = this.#tls !== undefined;
    while (this.#listener === listener) {
      try {
        const conn = await listener.accept();
        setNoDelay(conn);
        sink.onConnection(new DenoTransport(conn, { secure, path, heard: false }));
      } catch (error) {
        if (this.#listener !== listener) return;
        // The client has left before it was accepted: nothing failed, and the next one waits.
        if (hasLeftEarly(error)) continue;
        sink.onError(acceptError(error));
        await this.#rest();
      }
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_RETRY_DELAY);
      this.#wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    await this.#updating?.catch(() => {});
    await this.#accepting;
  }

  #stop(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.close();
    this.#wake?.();
  }

  updateTls(pair: TlsKeyPair): Promise<void> {
    const updating = this.#updateTls(pair);
    this.#updating = updating;
    return updating;
  }

  /** Deno's listening socket keeps its certificate: another one takes its place. */
  async #updateTls(pair: TlsKeyPair): Promise<void> {
    const before = this.#tls;
    try {
      checkPairWith(findNode(), pair);
    } catch (error) {
      throw updateTlsError(error);
    }
    if (this.#closed || before === undefined) return;
    this.#stop();
    // The port is free once `accept` has ended.
    await this.#accepting;
    if (this.#closed) return;
    const { port } = this.address;
    try {
      this.#tls = { ...before, ...pair };
      this.#start(this.#listen(port));
    } catch (error) {
      this.#tls = before;
      this.#start(this.#listenAgain(port));
      throw updateTlsError(error);
    }
  }

  #start(listener: DenoListener): void {
    this.#listener = listener;
    this.#accepting = this.#acceptLoop(listener);
  }

  #listenAgain(port: number): DenoListener {
    try {
      return this.#listen(port);
    } catch (error) {
      throw listenError(error, { ...this.#options, port });
    }
  }
}

/**
 * Listens on Deno.
 *
 * @throws {TransportError} If the address cannot be had.
 * @throws {DOMException} NotSupportedError if clients are to have certificates.
 */
export function listenDeno(
  deno: DenoLike,
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { hostname = "0.0.0.0", tls } = options, given = { ...options, hostname };
  // Deno's node:tls could ask for one, but says of a resumed session only that all is well, also if
  // the certificate was refused when the session began.
  if (tls?.requestClientCert) return Promise.reject(clientsUnsupported());
  try {
    return Promise.resolve(new DenoTransportListener(deno, given, sink));
  } catch (error) {
    return Promise.reject(listenError(error, given));
  }
}

function clientsUnsupported(): DOMException {
  return new DOMException(
    "Cannot listen: Deno cannot check the certificates of clients (tls.requestClientCert); " +
      "run the server on Node or Bun, or let a proxy in front of it check them",
    "NotSupportedError",
  );
}

/** What `node:tls` has, and Deno's own TLS has not. */
function connectThroughNode(options: TransportConnectOptions): Promise<Transport> {
  const node = findNode();
  if (node !== undefined) return connectNode(node, options);
  return Promise.reject(
    new DOMException(
      "Cannot connect: this version of Deno has no tls.dangerouslyAcceptAnyCertificate, nor tls.cert " +
        "with tls.serverName; update Deno, or run it with --unsafely-ignore-certificate-errors",
      "NotSupportedError",
    ),
  );
}

/**
 * Connects on Deno; with TLS, after the handshake.
 *
 * @throws {TransportError} If no connection is made.
 */
export async function connectDeno(
  deno: DenoLike,
  options: TransportConnectOptions,
): Promise<Transport> {
  const { path, tls, signal, port = 0, hostname = "localhost" } = options;
  signal?.throwIfAborted();
  const by = tls && denoTlsFunction({ hostname, ...tls });
  if (by === "node:tls") return await connectThroughNode(options);
  let conn: DenoConn | undefined;
  try {
    const connecting = path !== undefined
      ? deno.connect({ transport: "unix", path })
      : by === "connectTls"
      ? deno.connectTls({ port, ...denoTlsOptions({ hostname, ...tls }) })
      : deno.connect({ hostname, port });
    conn = await abortable(connecting, signal, closeQuietly);
    setNoDelay(conn);
    if (tls === undefined) return new DenoTransport(conn, { secure: false, heard: true, path });
    if (by === "startTls") {
      conn = await deno.startTls(conn as never, denoTlsOptions({ hostname, ...tls }));
    }
    await finishHandshake(conn, signal);
    return new DenoTransport(conn, { secure: true, heard: true, path });
  } catch (error) {
    if (conn !== undefined) closeQuietly(conn);
    signal?.throwIfAborted();
    throw connectError(error, { ...options, hostname });
  }
}
