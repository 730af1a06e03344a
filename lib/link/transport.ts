/**
 * What a protocol link stands on: a byte pipe, each way in order and without loss. `transport/`
 * implements it for the runtimes' sockets, for byte streams, and in memory.
 *
 * @module
 */
import type { PeerCertificate } from "../handshake/hook.ts";
import type { Clock } from "../protocol/clock.ts";

/** One end of a socket. */
export interface TransportAddress {
  /** The kind of socket. */
  transport: "tcp" | "unix" | "stream" | "memory";
  /** The address, or the path of a Unix socket; `""` where there is none. */
  hostname: string;
  /** The port; 0 where there is none. */
  port: number;
}

/** Receives what happens on a transport. Never called from within `start` or `write`. */
export interface TransportSink {
  /**
   * Bytes arrived. The chunk belongs to the transport, which may use its memory again once this
   * returns: a sink copies what it keeps. After `pause` at most one more call comes.
   */
  onData(chunk: Uint8Array): void;
  /**
   * Called when all that was written has been taken by the system: after a `write` that returned
   * false, and on some transports after others that had to wait. Whatever is decided by it asks for
   * `bufferedAmount` first.
   */
  onDrain(): void;
  /** The peer has ended its direction: no more `data`. */
  onEnd(): void;
  /**
   * The transport is gone, in both directions: after `close`, after an error, or after both ends
   * finished. Called exactly once, last. `error` is set when it was no orderly end.
   */
  onClose(error?: Error): void;
}

/** What follows from a `write`. */
export interface WriteResult {
  /** Whether more may be written; if not, `sink.onDrain` says when. */
  readonly more: boolean;
  /** Whether the caller's memory may be used again; if not, the transport holds it. */
  readonly copied: boolean;
}

const MORE_COPIED: WriteResult = { more: true, copied: true };
const MORE_HELD: WriteResult = { more: true, copied: false };
const FULL_COPIED: WriteResult = { more: false, copied: true };
const FULL_HELD: WriteResult = { more: false, copied: false };

/** Returns one of four objects: a write creates none. */
export function writeResult(more: boolean, copied: boolean): WriteResult {
  if (more) return copied ? MORE_COPIED : MORE_HELD;
  return copied ? FULL_COPIED : FULL_HELD;
}

/** A byte pipe to the peer. */
export interface Transport {
  /** The peer's end. */
  readonly remoteAddress: TransportAddress | undefined;
  /** Our end. */
  readonly localAddress: TransportAddress | undefined;
  /** Whether TLS protects it. */
  readonly secure: boolean;
  /** On a server, the certificate that the client has proved to be its own, if one was asked for. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Set where every `write` copies what it cannot write at once, so that it may be given anyone's memory. */
  readonly alwaysCopies?: true;
  /**
   * Set where `bufferedAmount` shows no progress before the whole of a `write` is taken: the most
   * bytes to write at once, so that a peer that reads slowly differs from one that takes nothing.
   */
  readonly maxWriteSize?: number;
  /** Bytes written that the system has not taken yet. */
  readonly bufferedAmount: number;
  /** Begins to read and to report to `sink`. Called once; calling it again replaces the sink. */
  start(sink: TransportSink): void;
  /**
   * Writes all of `bytes`, now or as the system takes them. Does not throw: the error is reported by
   * `sink.onClose`.
   */
  write(bytes: Uint8Array): WriteResult;
  /** Stops reading, so that the peer's socket fills. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /**
   * Ends our direction once all that was written is out (a TCP half-close). Where the transport
   * cannot half-close (TLS on older versions of Deno), it only writes no more. Reading goes on.
   */
  closeWrite(): void;
  /** Drops both directions at once and releases the socket; `sink.close` follows. */
  close(): void;
  /**
   * Begins TLS on it as a client, where it can, and resolves with what takes its place once the certificate is
   * checked. Reading must be paused. If it fails, the socket is gone.
   */
  startTls?(options: TransportConnectOptions): Promise<Transport>;
}

/** A certificate and its key, as PEM texts. */
export interface TlsKeyPair {
  /** The certificate, and behind it those that lead to its authority. */
  cert: string;
  /** Its private key, not encrypted. */
  key: string;
}

/** TLS of a server. */
export interface ServerTlsOptions extends TlsKeyPair {
  /** The authorities whose certificates clients may have (PEM): for `requestClientCert`. */
  ca?: string | string[];
  /**
   * Whether clients must have a certificate of one of `ca`: `true` refuses a client without one in the
   * TLS handshake. `"optional"` lets a client without a certificate in, for the hook `handshake` to
   * decide about (`info.peerCertificate`); with one of another authority it is refused as well. On
   * Node and Bun: on Deno it is a NotSupportedError. @default {false}
   */
  requestClientCert?: boolean | "optional";
}

/** TLS of a client. */
export interface ClientTlsOptions {
  /** Further authorities to trust (PEM), besides those of the runtime. */
  caCerts?: string[];
  /** The name to send and to check in the certificate. @default {the URL's host} */
  serverName?: string;
  /** The client's own certificate (PEM), for a server that asks for one; with `key`. */
  cert?: string;
  /** The private key of `cert` (PEM), not encrypted. */
  key?: string;
  /**
   * The protocols to offer by ALPN (RFC 7301): `["http/1.1"]`, for a server that wants to be asked.
   * If the server chooses another one than `http/1.1`, connecting fails (`ALPN_MISMATCH`).
   * @default {none is offered}
   */
  alpn?: string[];
  /**
   * Accepts every certificate: self-signed, expired, for another name. Whoever is in between can
   * then read and change everything, so this is for development alone, where `caCerts` will not do.
   * The first connection with it prints a warning by console.warn. @default {false}
   */
  dangerouslyAcceptAnyCertificate?: boolean;
}

/** Where and how to listen. */
export interface TransportListenOptions {
  /** The port; 0 lets the system choose one. */
  port?: number;
  /** The address to bind; IPv6 may be in brackets. */
  hostname?: string;
  /** The path of a Unix socket, in place of port and hostname. */
  path?: string;
  /** For TLS: the certificate chain and its key (PEM), and whether clients must have one too. */
  tls?: ServerTlsOptions;
}

/** Where and how to connect. */
export interface TransportConnectOptions {
  /** The port. */
  port?: number;
  /** The host's name or address, IPv6 without brackets. */
  hostname?: string;
  /** The path of a Unix socket, in place of port and hostname. */
  path?: string;
  /** TLS: an empty object for the defaults. */
  tls?: ClientTlsOptions | undefined;
  /** Aborts connecting: the promise rejects with the signal's reason, and nothing stays open. */
  signal?: AbortSignal | undefined;
  /** The peer behind the proxy that is connected to; `tls` is for the peer. */
  tunnel?: TransportTunnel | undefined;
}

/** The way to a peer through a proxy. */
export interface TransportTunnel {
  /** The peer's name or address, IPv6 without brackets: what TLS checks unless `serverName` is given. */
  readonly hostname: string;
  /** The peer's port. */
  readonly port: number;
  /**
   * Called with the socket that is open, before TLS: has the proxy there open the way to the peer.
   * Reading is paused when it resolves.
   */
  open(transport: Transport): Promise<void>;
}

/** Receives what happens on a listening socket. */
export interface TransportListenerSink {
  /** A peer connected (with TLS: its handshake may still be under way; `data` comes after it). */
  onConnection(transport: Transport): void;
  /** Accepting failed (out of files, say); the listener waits a little and goes on. */
  onError(error: Error): void;
}

/** A listening socket. */
export interface TransportListener {
  /** Where it listens: the port that the system chose, if 0 was asked for. */
  readonly address: TransportAddress;
  /** Stops listening; accepted connections live on. Resolves when the port is free. */
  close(): Promise<void>;
  /**
   * Uses another certificate for the connections that come from now on. Rejects, and changes nothing,
   * if it cannot be used. Missing where certificates cannot be changed.
   */
  updateTls?(pair: TlsKeyPair): Promise<void>;
}

/** What `connect` and `listen` open sockets with in place of the runtime's: a network in memory, say. */
export interface TransportNetwork {
  /** The clock of connections over it that are given no other. */
  readonly clock?: Clock;
  /** Connects. Rejects with a TransportError if no connection is made, or with the signal's reason. */
  connect(options: TransportConnectOptions): Promise<Transport>;
  /** Listens. Rejects with a TransportError if the address cannot be had. */
  listen(options: TransportListenOptions, sink: TransportListenerSink): Promise<TransportListener>;
}
