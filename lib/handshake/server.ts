/**
 * The server's reading of the opening handshake (RFC 6455 section 4.2.1).
 *
 * @module
 */

import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import type { ExtensionOffer } from "../message/extension.ts";
import { listHas, parseExtensions, parseTokenList, quote } from "./grammar.ts";
import { HeaderLines, type RequestHead } from "./head.ts";
import { checkHost, formatHost, type Host, parseHost, readHost } from "./host.ts";
import type { HostPolicy } from "./host.ts";
import { isValidKey } from "./key.ts";
import { checkOrigin, readOrigin } from "./origin.ts";
import type { OriginPolicy } from "./origin.ts";

/** A request that may be accepted: it asks for WebSocket, and breaks no rule. */
export interface WebSocketRequest {
  /** The URL that was asked for, with the scheme http or https. */
  url: string;
  /** The subprotocols that the client offers, the preferred first, none twice. */
  protocols: string[];
  /** The extensions that the client offers, the preferred first. */
  extensions: ExtensionOffer[];
  /** The `Origin`, if one was sent. */
  origin: string | undefined;
  /** The header lines, as sent; but Host is always the host of the URL. */
  headers: HeaderLines;
}

/** The same in HTTP/1.1. */
export interface UpgradeRequest extends WebSocketRequest {
  /** The `Sec-WebSocket-Key`. */
  key: string;
}

/** What a request is judged by. */
export interface ValidateOptions {
  /** Whether TLS protects the connection. */
  secure: boolean;
  /** Whether the server can only be reached from this machine. Default: false. */
  boundToLoopback?: boolean | undefined;
  /** Which origins may connect. Default: those of the same host. */
  origins?: OriginPolicy | undefined;
  /** Which hosts the server answers to. Default: any, or loopback names when bound to loopback. */
  hosts?: HostPolicy | undefined;
}

/** Whether a request asks for WebSocket at all, well or badly; if not, it is plain HTTP. */
export function isUpgradeRequest(head: { headers: HeaderLines }): boolean {
  return listHas(head.headers.getAll("upgrade"), "websocket");
}

/**
 * Validates a request by each rule of section 4.2.1, then by the server's policies.
 *
 * @throws {HandshakeError} with the status and headers to answer with: 405 for another method than
 * GET, 426 if WebSocket or its version 13 is not asked for, 403 for a host or origin that is not
 * accepted, and 400 for all else.
 */
export function validateRequest(head: RequestHead, options: ValidateOptions): UpgradeRequest {
  const { headers } = head;
  if (head.method !== "GET") { // item 1
    refuse("METHOD", `the method must be GET, got ${quote(head.method)}`, {
      status: 405,
      headers: new Headers({ allow: "GET" }),
    });
  }
  const { url, host } = readTarget(head, options); // items 1 and 2
  checkUpgrade(head);
  checkNoBody(headers);
  const key = readKey(headers);
  return { ...validateOffer({ url, host, headers }, options), key };
}

/**
 * What the two versions of HTTP have in common: what the client offers, and the server's policies.
 *
 * @throws {HandshakeError} 403 for a host or origin that is not accepted, 400 for a header that breaks
 * its grammar.
 */
export function validateOffer(
  asked: RequestTarget & { headers: HeaderLines },
  options: ValidateOptions,
): WebSocketRequest {
  const { url, host, headers } = asked;
  const { secure, origins } = options;
  const request: WebSocketRequest = {
    url,
    protocols: readProtocols(headers),
    extensions: readExtensions(headers),
    origin: readOrigin(headers),
    headers,
  };
  checkHost(host, options);
  checkOrigin(request.origin, {
    host,
    secure,
    origins,
    request: () => ({ url, secure, headers: headers.toHeaders() }),
  });
  return request;
}

/**
 * The platform's own request object, for the user's hook.
 *
 * @param request A request that was judged.
 * @param signal Aborted when the client goes away before the handshake is answered.
 */
export function toRequest(request: WebSocketRequest, signal?: AbortSignal): Request {
  return new Request(request.url, { headers: request.headers.toHeaders(), signal: signal ?? null });
}

/**
 * Returns the platform's request object for any head that was read, accepted or not; undefined where
 * the platform has none for it, or its target or its host is invalid.
 */
export function readRequest(head: RequestHead, options: { secure: boolean }): Request | undefined {
  const { method, headers } = head;
  try {
    const { url } = readTarget(head, options);
    return new Request(url, { method, headers: headers.toHeaders() });
  } catch {
    return undefined;
  }
}

/** The header lines that nearly every request has, given its URL. */
function usualLines(url: string): [string, string][] {
  const start = url.indexOf("//") + 2;
  return [
    ["host", url.slice(start, url.indexOf("/", start))],
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-version", "13"],
  ];
}

/**
 * Packs the header lines of a request into one string, to be kept as long as the connection is: it begins
 * with the numbers of the usual lines, which are left out.
 */
export function packHeaders(url: string, headers: HeaderLines): string {
  const usual = usualLines(url);
  const isLeftOut = usual.map(([name, value]) => {
    const values = headers.getAll(name);
    return values.length === 1 && values[0] === value;
  });
  const parts = [isLeftOut.map((is, index) => is ? index : "").join("")];
  for (const [name, value] of headers) {
    if (!isLeftOut[usual.findIndex((line) => line[0] === name)]) parts.push(name, value);
  }
  return parts.join("\n");
}

/** Returns the request once more, by a connection's URL and its packed header lines. */
export function unpackRequest(url: string, packed: string): Request {
  const headers = new HeaderLines(), [leftOut, ...parts] = packed.split("\n");
  const usual = usualLines(url);
  for (const index of leftOut) headers.append(...usual[Number(index)]);
  for (let at = 0; at < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return new Request(`http${url.slice(2)}`, { headers: headers.toHeaders() });
}

/** What a request asks for. */
export interface RequestTarget {
  /** The URL, with the scheme http or https. */
  url: string;
  /** Its host. */
  host: Host;
}

/** What an absolute target may begin with. */
const SCHEMES = ["http://", "https://", "ws://", "wss://"];

/**
 * Items 1 and 2: the target is a resource name at the Host, or an absolute URL that has both. Of the
 * latter the host is taken in place of Host (RFC 9112 section 3.2.2), also in the headers, so that a
 * hook finds no other host there than the one that was judged. The scheme of the URL is that of
 * the connection: a client cannot claim TLS.
 *
 * @throws {HandshakeError} with status 400 if the target is neither, or there is not exactly one valid
 * Host header; an absolute target does not make up for it (section 3.2).
 */
export function readTarget(head: RequestHead, options: { secure: boolean }): RequestTarget {
  const { target, headers } = head;
  const scheme = options.secure ? "https" : "http";
  let host = readHost(headers);
  let path = target;
  if (!target.startsWith("/")) {
    const start = SCHEMES.find((each) => target.toLowerCase().startsWith(each))?.length;
    if (start === undefined) refuseTarget(target, "a path or an http URL");
    const pathStart = indexOfPath(target, start);
    const authority = target.slice(start, pathStart);
    path = target.slice(pathStart);
    host = parseHost(authority) ?? refuseTarget(target, "a URL with a valid host");
    headers.set("host", authority);
  }
  return { url: requestURL({ scheme, host, path }), host };
}

/**
 * The URL of a request.
 *
 * @throws {HandshakeError} with status 400 if the path has a fragment.
 */
export function requestURL(
  { scheme, host, path }: { scheme: "http" | "https"; host: Host; path: string },
): string {
  // Section 3: a resource name has no fragment.
  if (path.includes("#")) refuseTarget(path, 'free of "#"');
  // Joined as text: to resolve "//other/path" against a base would change the host.
  return new URL(`${scheme}://${formatHost(host, scheme)}${path}`).href;
}

function indexOfPath(target: string, from: number): number {
  let at = from;
  while (at < target.length && !"/?#".includes(target[at])) at++;
  return at;
}

function refuseTarget(target: string, expected: string): never {
  refuse("TARGET", `the request target ${quote(target)} is not ${expected}`);
}

/** Items 3, 4 and 6, and section 4.4 for the version. */
function checkUpgrade(head: RequestHead): void {
  const { headers } = head;
  // RFC 9110 section 15.5.22: 426 names the protocol to upgrade to. RFC 6455 section 4.4: an answer
  // to another version names those that the server speaks.
  const upgradeRequired = {
    status: 426,
    headers: new Headers({
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
    }),
  };
  const proxyHint = headers.get("sec-websocket-key") === undefined
    ? ""
    : " (a proxy in between must pass on Upgrade and Connection)";
  if (!isUpgradeRequest(head)) {
    const why = `the request has no header "Upgrade: websocket"${proxyHint}`;
    refuse("UPGRADE_HEADER", why, upgradeRequired);
  }
  if (!listHas(headers.getAll("connection"), "upgrade")) {
    refuse("CONNECTION_HEADER", `the request has no header "Connection: Upgrade"${proxyHint}`);
  }
  checkVersion(headers, upgradeRequired);
}

/** Item 6. Section 4.4: `answer` tells one who speaks another version. */
export function checkVersion(headers: HeaderLines, answer: RefusalAnswer): void {
  const versions = headers.getAll("sec-websocket-version");
  if (versions.length > 1) {
    refuse("VERSION_HEADER", "the request has two Sec-WebSocket-Version headers");
  }
  if (versions[0] !== "13") {
    const found = versions.length === 0 ? "none" : quote(versions[0]);
    refuse("VERSION_HEADER", `the Sec-WebSocket-Version must be 13, got ${found}`, answer);
  }
}

/**
 * What follows the head would be frames to us, and a body to a proxy in front that does not know the
 * upgrade: a way to smuggle requests past it.
 */
export function checkNoBody(headers: HeaderLines): void {
  const lengths = headers.getAll("content-length");
  if (headers.get("transfer-encoding") !== undefined || lengths.some((length) => length !== "0")) {
    refuse("REQUEST_BODY", "the request must not have a body");
  }
}

/** Item 5. Section 11.3.1: the header must not come twice. */
function readKey(headers: HeaderLines): string {
  const keys = headers.getAll("sec-websocket-key");
  if (keys.length !== 1) {
    refuse("KEY_HEADER", `the request has ${keys.length} Sec-WebSocket-Key headers`);
  }
  if (!isValidKey(keys[0])) {
    refuse("KEY_HEADER", `the Sec-WebSocket-Key ${quote(keys[0])} is not 16 bytes in base64`);
  }
  return keys[0];
}

/** Item 8. Section 11.3.4: the list may be spread over several headers. */
function readProtocols(headers: HeaderLines): string[] {
  const value = headers.get("sec-websocket-protocol");
  if (value === undefined) return [];
  const protocols = parseTokenList(value);
  // Section 4.1, item 10: all of them are unique.
  if (new Set(protocols).size !== protocols.length) {
    refuse("PROTOCOL_HEADER", "the Sec-WebSocket-Protocol header names a subprotocol twice");
  }
  return protocols;
}

/** Item 9. Section 9.1: the list may be spread over several headers. */
function readExtensions(headers: HeaderLines): ExtensionOffer[] {
  const value = headers.get("sec-websocket-extensions");
  return value === undefined ? [] : parseExtensions(value);
}

/** What to refuse with. */
export interface RefusalAnswer {
  status: number;
  headers?: Headers;
}

/** Refuses: always throws. */
export function refuse(
  code: HandshakeErrorCode,
  why: string,
  answer: RefusalAnswer = { status: 400 },
): never {
  throw new HandshakeError(code, `Cannot accept handshake: ${why}`, answer);
}
