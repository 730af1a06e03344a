/**
 * What is used of Bun, in types of our own: the library names no runtime's types.
 *
 * @module
 */
import type { NodeX509 } from "./node_api.ts";

/** What is used of a socket of Bun's. */
export interface BunSocket<Data> {
  /** What we hang on it. */
  data: Data;
  /** The peer's address; `undefined` on Unix sockets. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. */
  readonly remotePort: number | undefined;
  /** Our address. */
  readonly localAddress: string | undefined;
  /** Our port. */
  readonly localPort: number | undefined;
  /** On TLS, whether the peer's certificate is good. */
  readonly authorized: boolean;
  /** On TLS, what ALPN chose; false or null for nothing. */
  readonly alpnProtocol: string | false | null;
  /** On TLS, the peer's certificate. */
  getPeerX509Certificate(): NodeX509 | undefined;
  /** Copies what fits and says how much; -1 once closed. */
  write(bytes: Uint8Array): number;
  /** Ends our direction. */
  shutdown(): void;
  /** Closes after what was taken is out. On TLS it waits for that. */
  close(): void;
  /** Resets the connection. */
  terminate(): void;
  /** Stops reading. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Turns Nagle's algorithm off. */
  setNoDelay(noDelay?: boolean): boolean;
}

/** The callbacks that a socket of Bun's makes. */
export interface BunSocketHandler<Data> {
  /** How `data` gets its bytes. */
  binaryType: "uint8array";
  /** Connected. */
  open(socket: BunSocket<Data>): void;
  /** The TLS handshake is over. */
  handshake(socket: BunSocket<Data>, success: boolean, error: Error | null): void;
  /** Bytes arrived. */
  data(socket: BunSocket<Data>, chunk: Uint8Array): void;
  /** There is room to write. */
  drain(socket: BunSocket<Data>): void;
  /** The peer ended its direction. */
  end(socket: BunSocket<Data>): void;
  /** The socket is gone. */
  close(socket: BunSocket<Data>, error?: Error): void;
  /** A callback threw. */
  error(socket: BunSocket<Data>, error: Error): void;
}

/** The address part of the options of `Bun.listen` and `Bun.connect`. */
export type BunEndpoint = { hostname: string; port: number } | { unix: string };

/** The other options of the two. */
export interface BunSocketOptions<Data> {
  /** The callbacks. */
  socket: BunSocketHandler<Data>;
  /** What `socket.data` is at first. */
  data: Data;
  /** The peer's end does not end us. */
  allowHalfOpen: boolean;
  /** TLS. */
  tls?: {
    cert?: string;
    key?: string;
    ca?: string[];
    serverName?: string;
    ALPNProtocols?: Uint8Array;
    requestCert?: boolean;
    rejectUnauthorized?: boolean;
  } | undefined;
}

/** What is used of a listening socket of Bun's. */
export interface BunListener {
  /** The address. */
  readonly hostname?: string;
  /** The port. */
  readonly port?: number;
  /** Stops listening; accepted connections live on. */
  stop(closeAll?: boolean): void;
}

/** What is used of `Bun`. */
export interface BunLike {
  /** Listens. */
  listen<Data>(options: BunEndpoint & BunSocketOptions<Data>): BunListener;
  /** Connects; resolves before the TLS handshake. */
  connect<Data>(options: BunEndpoint & BunSocketOptions<Data>): Promise<BunSocket<Data>>;
}

/** The `Bun` global, where there is one. */
export function findBun(): BunLike | undefined {
  return (globalThis as unknown as { Bun?: BunLike }).Bun;
}
