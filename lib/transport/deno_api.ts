/**
 * What is used of Deno, in types of our own: the library names no runtime's types.
 *
 * @module
 */

/** The end of a Deno socket. */
export interface DenoAddress {
  /** The kind of socket; missing after `startTls`. */
  transport?: string;
  /** The address, for TCP. */
  hostname?: string;
  /** The port, for TCP. */
  port?: number;
  /** The path, for Unix sockets; `null` at the end that connected. */
  path?: string | null;
}

/** What is used of `Deno.Conn`. */
export interface DenoConn {
  /** The peer's end. */
  readonly remoteAddr: DenoAddress;
  /** Our end. */
  readonly localAddr: DenoAddress;
  /** Reads some bytes; `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Releases the socket. */
  close(): void;
  /** Ends our direction. On TLS it fails in versions before 2.9. */
  closeWrite(): Promise<void>;
  /** Turns Nagle's algorithm off; TCP only. */
  setNoDelay?(noDelay?: boolean): void;
  /** Finishes the TLS handshake; TLS only. */
  handshake?(): Promise<{ alpnProtocol?: string | null }>;
}

/** The options of `Deno.startTls`. */
export interface DenoTlsOptions {
  /** The name to send, and to check. */
  hostname: string;
  /** Authorities to trust besides the usual ones, as PEM texts. */
  caCerts?: string[];
  /** What to offer by ALPN. */
  alpnProtocols?: string[];
  /** Of `Deno.connectTls`: the client's certificate. */
  cert?: string;
  /** Of `Deno.connectTls`: the key of `cert`. */
  key?: string;
}

/** What is used of `Deno.Listener`. */
export interface DenoListener {
  /** Where it listens. */
  readonly addr: DenoAddress;
  /** The next connection. */
  accept(): Promise<DenoConn>;
  /** Stops listening. */
  close(): void;
}

/** What is used of `Deno`. */
export interface DenoLike {
  /** Listens on a port or a path. */
  listen(
    options: { hostname?: string; port: number } | { transport: "unix"; path: string },
  ): DenoListener;
  /** Listens on a port, with TLS. */
  listenTls(
    options: { hostname?: string; port: number; cert: string; key: string },
  ): DenoListener;
  /** Connects to a port or a path. */
  connect(
    options: { hostname?: string; port: number } | { transport: "unix"; path: string },
  ): Promise<DenoConn>;
  /** Connects to a port with TLS. */
  connectTls(options: DenoTlsOptions & { port: number }): Promise<DenoConn>;
  /** Begins TLS on a TCP connection. */
  startTls(conn: never, options: DenoTlsOptions): Promise<DenoConn>;
}

/** The `Deno` global, where there is one. */
export function findDeno(): DenoLike | undefined {
  return (globalThis as unknown as { Deno?: DenoLike }).Deno;
}
