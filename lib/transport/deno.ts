/**
 * Transports over Deno's own sockets: TCP, TLS and Unix.
 *
 * @module
 */

import {
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
import {
  acceptError,
  connectError,
  connectionError,
  handshakeEndedError,
  hasLeftEarly,
  listenError,
} from "./errors.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { ReadTurns } from "./read_turns.ts";
import { abortable, ACCEPT_RETRY_DELAY } from "./timing.ts";
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

/** Begins TLS on a TCP connection, and does its handshake. What fails leaves the connection to be closed. */
async function startTls(
  deno: DenoLike,
  conn: DenoConn,
  { tls = {}, hostname = "localhost", signal }: TransportConnectOptions,
): Promise<DenoConn> {
  const { caCerts, serverName = hostname } = tls, name = { hostname: serverName };
  const secured = await deno.startTls(
    conn as never,
    caCerts === undefined ? name : { ...name, caCerts },
  );
  try {
    await abortable(secured.handshake?.() ?? Promise.resolve(), signal, () => {});
  } catch (error) {
    closeQuietly(secured);
    throw error;
  }
  return secured;
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
    await this.#reads; // paused, it comes to its end
    this.#buffer.release();
    try {
      options.signal?.throwIfAborted();
      if (this.isGone) throw this.error ?? handshakeEndedError();
      const conn = await startTls(findDeno()!, this.#conn, options);
      return new DenoTransport(conn, { secure: true, heard: true, path: this.#path });
    } catch (error) {
      options.signal?.throwIfAborted();
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
  readonly #listener: DenoListener;
  readonly #accepting: Promise<void>;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(
    listener: DenoListener,
    sink: TransportListenerSink,
    options: { secure: boolean; path: string | undefined },
  ) {
    this.#listener = listener;
    this.address = toAddress(listener.addr, options.path);
    this.#accepting = this.#acceptLoop({ ...options, heard: false }, sink);
  }

  async #acceptLoop(options: DenoTransportOptions, sink: TransportListenerSink): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        setNoDelay(conn);
        sink.onConnection(new DenoTransport(conn, options));
      } catch (error) {
        if (this.#closed) return;
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

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      this.#wake?.();
    }
    return this.#accepting;
  }
}

/**
 * Listens on Deno.
 *
 * @throws {TransportError} If the address cannot be had.
 */
export function listenDeno(
  deno: DenoLike,
  options: TransportListenOptions,
  sink: TransportListenerSink,
): Promise<TransportListener> {
  const { path, tls, port = 0, hostname = "0.0.0.0" } = options;
  try {
    const listener = path !== undefined
      ? deno.listen({ transport: "unix", path })
      : tls !== undefined
      ? deno.listenTls({ hostname, port, cert: tls.cert, key: tls.key })
      : deno.listen({ hostname, port });
    const secure = tls !== undefined;
    return Promise.resolve(new DenoTransportListener(listener, sink, { secure, path }));
  } catch (error) {
    return Promise.reject(listenError(error, { ...options, hostname }));
  }
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
  let conn: DenoConn | undefined;
  try {
    const connecting = path !== undefined
      ? deno.connect({ transport: "unix", path })
      : deno.connect({ hostname, port });
    conn = await abortable(connecting, signal, closeQuietly);
    setNoDelay(conn);
    const secure = tls !== undefined;
    if (secure) conn = await startTls(deno, conn, { ...options, hostname });
    return new DenoTransport(conn, { secure, heard: true, path });
  } catch (error) {
    if (conn !== undefined) closeQuietly(conn);
    signal?.throwIfAborted();
    throw connectError(error, { ...options, hostname });
  }
}
