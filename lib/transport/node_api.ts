/**
 * What is used of `node:net` and `node:tls`, in types of our own, and how to get at it without an
 * import.
 *
 * @module
 */

import type { TransportAddress } from "../link/transport.ts";

/** What is used of a `net.Socket` or `tls.TLSSocket`. */
export interface NodeSocket {
  /** The peer's address; `undefined` on Unix sockets, and once closed. */
  readonly remoteAddress?: string | undefined;
  /** The peer's port. */
  readonly remotePort?: number | undefined;
  /** Our address. */
  readonly localAddress?: string | undefined;
  /** Our port. */
  readonly localPort?: number | undefined;
  /** True on TLS. */
  readonly encrypted?: boolean;
  /** On TLS, whether the peer's certificate is good, where that was checked. */
  readonly authorized?: boolean;
  /** What ALPN chose; false or null for nothing. */
  readonly alpnProtocol?: string | false | null;
  /** Bytes that wait to be written. */
  readonly writableLength: number;
  /** All was written, and our direction ended. */
  readonly writableFinished: boolean;
  /** The socket is gone. */
  readonly destroyed: boolean;
  /** The peer's end has been told already. */
  readonly readableEnded: boolean;
  /** Whether our direction stays open after the peer's end. */
  allowHalfOpen: boolean;
  /** Writes, now or later; false above the socket's mark, and then `drain` follows. */
  write(bytes: Uint8Array): boolean;
  /** Ends our direction after what was written. */
  end(): unknown;
  /** Drops the socket. */
  destroy(error?: Error): unknown;
  /** Stops reading. */
  pause(): unknown;
  /** Reads again. */
  resume(): unknown;
  /** Turns Nagle's algorithm off; only a real socket can. */
  setNoDelay?(noDelay?: boolean): unknown;
  /** The peer's certificate, on TLS. */
  getPeerX509Certificate?(): NodeX509 | undefined;
  /** Turns the peer's wish for another handshake into an error. */
  disableRenegotiation?(): void;
  /** How long the socket may be idle; 0 for ever. */
  setTimeout?(milliseconds: number): unknown;
  /** Listens for what the peer sends. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Listens for its failure. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Listens for the peer's end, for room to write again, or for its close. */
  on(event: "end" | "drain" | "close", listener: () => void): unknown;
  /** Listens no more. */
  removeAllListeners(event: string): unknown;
  /** Listens once for the connection, for the end of the TLS handshake, or for all being written. */
  once(event: "connect" | "secureConnect" | "secure" | "finish", listener: () => void): unknown;
}

/** What is used of an `X509Certificate` of `node:crypto`. */
export interface NodeX509 {
  /** The name of its owner, a line for each part. */
  readonly subject: string;
  /** The names and addresses that it is for. */
  readonly subjectAltName: string | undefined;
  /** Its SHA-256. */
  readonly fingerprint256: string;
  /** Its PEM text. */
  toString(): string;
}

/** What is used of a `net.Server`. */
export interface NodeServer {
  address(): string | { address: string; port: number } | null;
  listen(options: { port?: number; host?: string; path?: string }): unknown;
  close(): unknown;
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** How to connect. */
export interface NodeConnectOptions {
  host?: string;
  port?: number;
  path?: string;
  allowHalfOpen: boolean;
}

/** How to connect with TLS. */
export interface NodeTlsConnectOptions extends NodeConnectOptions {
  /** A socket that is open already. */
  socket?: NodeSocket;
  servername?: string;
  ca?: readonly string[];
  cert?: string;
  key?: string;
  ALPNProtocols?: string[];
  rejectUnauthorized?: boolean;
  checkServerIdentity?: (name: string, certificate: unknown) => Error | undefined;
}

/** What is used of `node:net`. */
export interface NodeNet {
  /** Creates a server. */
  createServer(
    options: { allowHalfOpen: boolean },
    connection: (socket: NodeSocket) => void,
  ): NodeServer;
  /** Connects. */
  connect(options: NodeConnectOptions): NodeSocket;
  /** 4, 6, or 0 for what is no address. */
  isIP(text: string): number;
}

/** What is used of `node:tls`. */
export interface NodeTls {
  /** Connects with TLS. */
  connect(options: NodeTlsConnectOptions): NodeSocket;
  /** Parses certificates and key. */
  createSecureContext(
    options: { cert: string; key: string; ca?: string | string[]; sessionIdContext?: string },
  ): object;
  /** Wraps a TCP socket. */
  TLSSocket: new (
    socket: NodeSocket,
    options: {
      isServer: boolean;
      secureContext: object;
      allowHalfOpen: boolean;
      requestCert: boolean;
      rejectUnauthorized: boolean;
    },
  ) => NodeSocket;
  /** The authorities that are trusted by default. */
  readonly rootCertificates: readonly string[];
  /** The same and what the environment adds; since Node 22.15. */
  getCACertificates?(): string[];
  /** Whether a certificate is for that name. */
  checkServerIdentity(name: string, certificate: unknown): Error | undefined;
}

/** The built-in modules that these transports stand on. */
export interface NodeModules {
  /** `node:net`. */
  net: NodeNet;
  /** `node:tls`. */
  tls: NodeTls;
}

/** One of Node's built-in modules, where there is such: in Node from 20.16 on, in Deno, in Bun. */
export function builtinModule<Module>(id: string): Module | undefined {
  const { process } = globalThis as unknown as {
    process?: { getBuiltinModule?(id: string): unknown };
  };
  return process?.getBuiltinModule?.(id) as Module | undefined;
}

/** What is used of `node:buffer`. */
interface NodeBuffer {
  Buffer: { from(memory: ArrayBufferLike): Uint8Array };
}

/** Returns memory as a Buffer of Node's, where there are Buffers. */
export function toNodeBuffer(memory: ArrayBufferLike): Uint8Array | undefined {
  return builtinModule<NodeBuffer>("node:buffer")?.Buffer.from(memory);
}

/** Node's built-in modules, where there are any: in Node from 20.16 on, in Deno, in Bun. */
export function findNode(): NodeModules | undefined {
  const net = builtinModule<NodeNet>("node:net"), tls = builtinModule<NodeTls>("node:tls");
  return net === undefined || tls === undefined ? undefined : { net, tls };
}

/**
 * The PEM texts of the authorities that are trusted by default. Node and Bun take a list in place of
 * these, where we mean "these as well".
 */
export function rootCertificates(modules: NodeModules | undefined): readonly string[] {
  return modules?.tls.getCACertificates?.() ?? modules?.tls.rootCertificates ?? [];
}

/**
 * Whether the folder of a path exists. Node's `listen` cannot tell: a missing folder is EACCES there, as
 * is one that may not be written.
 */
export function folderExists(path: string): boolean {
  const fs = builtinModule<{ existsSync(path: string): boolean }>("node:fs");
  const end = path.lastIndexOf("/");
  return end <= 0 || fs?.existsSync(path.slice(0, end)) !== false;
}

/**
 * Returns a variable of the environment.
 *
 * @throws {DOMException} NotSupportedError If the environment may not be read.
 */
export function readEnvironment(name: string): string | undefined {
  const process = builtinModule<{ env: Record<string, string | undefined> }>("node:process");
  try {
    return process?.env[name];
  } catch {
    throw new DOMException(
      `Cannot read the environment: permission denied; run Deno with --allow-env=${name}, or name ` +
        "the proxy itself",
      "NotSupportedError",
    );
  }
}

/** What is used of `node:crypto`. */
interface NodeCrypto {
  X509Certificate: new (cert: string) => { checkPrivateKey(key: object): boolean };
  createPrivateKey(key: string): object;
}

/**
 * Checks that a key is the one of a certificate, and that those behind the certificate can be read.
 * `createSecureContext` does not notice it where the two are of different types (an RSA key and the
 * certificate of an EC key, for example), and on Deno it notices nothing.
 *
 * @throws {Error} If it is not, or one of them cannot be read.
 */
export function checkKeyPair({ cert, key }: { cert: string; key: string }): void {
  const crypto = builtinModule<NodeCrypto>("node:crypto");
  if (crypto === undefined) return;
  const { X509Certificate, createPrivateKey } = crypto;
  const each = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;
  for (const text of (cert.match(each) ?? []).slice(1)) new X509Certificate(text);
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  throw Object.assign(new Error("tls.key is not the key of the certificate in tls.cert"), {
    code: "ERR_SSL_KEY_MISMATCH",
  });
}

/** Which runtime's version of these modules this is. */
function runtimeOf(): "deno" | "bun" | "node" | undefined {
  const { process } = globalThis as unknown as {
    process?: { versions?: { node?: string; bun?: string; deno?: string } };
  };
  const versions = process?.versions;
  if (versions?.deno !== undefined) return "deno";
  if (versions?.bun !== undefined) return "bun";
  return versions?.node === undefined ? undefined : "node";
}

/** Deno's version of these modules. */
export const isDeno: boolean = /* @__PURE__ */ isRuntime("deno");

/** Node itself: Deno and Bun, which have these modules too, differ in what a socket tells of itself. */
export const isNode: boolean = /* @__PURE__ */ isRuntime("node");

function isRuntime(name: "deno" | "node"): boolean {
  return runtimeOf() === name;
}

/** One end of such a socket; on a Unix socket, its path. */
export function toAddress(
  path: string | undefined,
  hostname: string | undefined,
  port: number | undefined,
): TransportAddress {
  return path === undefined
    ? { transport: "tcp", hostname: hostname ?? "", port: port ?? 0 }
    : { transport: "unix", hostname: path, port: 0 };
}
