/**
 * The Host header (RFC 9112 section 3.2), and which hosts a server answers to.
 *
 * A page on the web can point a name of its own at 127.0.0.1 or at any address of the visitor's
 * network (DNS rebinding); its requests then carry that name as Host. So a server that only listens
 * on this machine answers only to names of this machine, unless told otherwise.
 *
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { quote } from "./grammar.ts";
import type { HeaderLines } from "./head.ts";

/**
 * Which hosts the server answers to: all (`"*"`), or those of a list, as `"example.com"` (with any
 * port) or `"example.com:8443"`. A Host without a port matches an entry with port 80 or 443, since
 * clients leave out the default port and a proxy may have changed the scheme.
 */
export type HostPolicy = "*" | readonly string[];

/**
 * The option `hosts`, checked.
 *
 * @throws {TypeError} If it is neither `"*"` nor a list, or has an entry that no host can match.
 */
export function readHostPolicy(value: unknown): HostPolicy | undefined {
  if (value === undefined || value === "*") return value;
  if (!Array.isArray(value)) {
    throw new TypeError('Cannot read options: hosts must be "*" or a list');
  }
  for (const entry of value) {
    if (typeof entry !== "string" || parseHost(entry) === undefined) {
      throw new TypeError(
        `Cannot read options: ${quote(String(entry))} in hosts is not a host as "example.com:8080"`,
      );
    }
  }
  return value;
}

/** A host as a request names it (RFC 9110 section 7.2). */
export interface Host {
  /** The name or address in its one canonical spelling, an IPv6 address in brackets. */
  readonly name: string;
  /** The port, if one was written, even where it is the default of a scheme. */
  readonly port: number | undefined;
}

/** The host in a text `host` or `host:port`; undefined if the text is not of this form. */
export function parseHost(text: string): Host | undefined {
  if (!isHostSyntax(text)) return undefined;
  try {
    const { hostname } = new URL(`http://${text}/`);
    const port = text.slice(text.lastIndexOf(":") + 1);
    const hasPort = text.lastIndexOf(":") > text.lastIndexOf("]") && port !== "";
    return { name: hostname, port: hasPort ? Number(port) : undefined };
  } catch {
    return undefined; // an IPv6 address with too many parts, say, or port 65536
  }
}

/** The host as it stands in a URL of that scheme, whose default port is left out. */
export function formatHost({ name, port }: Host, scheme: "http" | "https"): string {
  return port === undefined || port === DEFAULT_PORTS[scheme] ? name : `${name}:${port}`;
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * `uri-host [ ":" port ]` (RFC 9110 section 7.2). Of RFC 3986's registered names only the
 * characters that names have: no percent-encoding, no sub-delimiters, nothing that a URL parser
 * could take for the end of the host.
 */
function isHostSyntax(text: string): boolean {
  let at = 0;
  if (text[0] === "[") {
    at = text.indexOf("]") + 1;
    if (at === 0) return false;
    for (let i = 1; i < at - 1; i++) {
      if (!"0123456789abcdefABCDEF:.".includes(text[i])) return false;
    }
  } else {
    while (at < text.length && isNameCharacter(text.charCodeAt(at))) at++;
    if (at === 0) return false;
  }
  if (at === text.length) return true;
  if (text[at] !== ":") return false;
  return at + 1 === text.length || isNumber(text.slice(at + 1));
}

function isNumber(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return text.length > 0;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** RFC 3986 section 2.3: letters, digits, "-", ".", "_", "~". */
function isNameCharacter(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) ||
    code === 0x2d || code === 0x2e || code === 0x5f || code === 0x7e;
}

/**
 * The host in the Host header of a request.
 *
 * @throws {HandshakeError} with status 400 if the Host header is missing, came twice, or is no host
 * (RFC 9112 section 3.2).
 */
export function readHost(headers: HeaderLines): Host {
  const values = headers.getAll("host");
  const host = values.length === 1 ? parseHost(values[0]) : undefined;
  if (host !== undefined) return host;
  const why = values.length === 1
    ? `the Host header ${quote(values[0])} is not a host`
    : `the request has ${values.length} Host headers, it must have one`;
  throw new HandshakeError("HOST_HEADER", `Cannot accept handshake: ${why}`, { status: 400 });
}

/** What a host is judged by. */
export interface HostContext {
  /** The policy. Default: any host, or loopback names when bound to loopback. */
  hosts?: HostPolicy | undefined;
  /** Whether the server can only be reached from this machine. Default: false. */
  boundToLoopback?: boolean | undefined;
}

/**
 * Validates the host of a request, for WebSocket or not.
 *
 * @throws {HandshakeError} with status 403 if the server does not answer to that host.
 */
export function checkHost(host: Host, context: HostContext): void {
  const { hosts, boundToLoopback = false } = context;
  if (hosts === "*" || (hosts === undefined && !boundToLoopback)) return;
  const allowed = hosts === undefined
    ? isLoopback(host.name)
    : hosts.some((entry) => matches(host, entry));
  if (allowed) return;
  const expected = hosts === undefined
    ? "a loopback name, and the server is bound to loopback " +
      `(behind a proxy, set the option hosts: [${quote(host.name)}])`
    : "in the list (option hosts)";
  throw new HandshakeError(
    "HOST_REFUSED",
    `Cannot accept handshake: the Host ${quote(formatHost(host, "http"))} is not ${expected}`,
    { status: 403 },
  );
}

function matches(host: Host, entry: string): boolean {
  const expected = parseHost(entry);
  if (expected?.name !== host.name) return false;
  if (expected.port === undefined || expected.port === host.port) return true;
  return host.port === undefined && (expected.port === 80 || expected.port === 443);
}

/**
 * Whether a host name or address, IPv6 with or without brackets, can only mean this machine:
 * `localhost` and names under it (RFC 6761 section 6.3), 127.0.0.0/8, and `::1`.
 */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  const name = bare.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (name === "[::1]" || name === "::1") return true;
  // All four parts are numbers: 127.example.com is anybody's name.
  const parts = name.split(".");
  return parts.length === 4 && parts[0] === "127" &&
    parts.every((part) => isNumber(part) && Number(part) <= 255);
}

/** A socket that a server of `node:http` or `node:http2` has accepted. */
export interface ServedSocket {
  readonly localAddress?: string | undefined;
  /** Documented nowhere, but there in Node, Deno and Bun. */
  readonly server?: { address?(): string | { address: string } | null } | null | undefined;
}

/** Where its server listens, or a path; if that is not told, where the socket was reached. */
export function boundAddress(socket: ServedSocket): string | { address: string } {
  return socket.server?.address?.() ?? { address: socket.localAddress ?? "" };
}

/** Whether its server can only be reached from this machine. */
export function isBoundToLoopback(socket: ServedSocket): boolean {
  const bound = boundAddress(socket);
  return typeof bound === "object" && isLoopback(bound.address);
}
