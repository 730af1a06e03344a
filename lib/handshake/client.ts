/**
 * The client's side of the opening handshake: what it asks for (RFC 6455 section 4.1, the request).
 *
 * @module
 */

import { type HeaderEntries, readCallerHeaders } from "./caller_headers.ts";
import { checkProtocols, syntaxError } from "./client_url.ts";
import { quote } from "./grammar.ts";
import { writeRequestHead } from "./head_writer.ts";
import { parseHost } from "./host.ts";
import { decodeLatin1 } from "./latin1.ts";

/** What to offer. */
export interface ClientOfferInit {
  /** The subprotocols to offer, the preferred first. */
  protocols?: readonly string[] | undefined;
  /** The value of `Sec-WebSocket-Extensions`; `""` or undefined to offer none. */
  extensions?: string | undefined;
  /** Headers to add: `Authorization`, `Cookie`, `Origin`, say. */
  headers?: HeaderEntries | undefined;
}

/** What to ask for in HTTP/1.1. */
export interface ClientRequestInit extends ClientOfferInit {
  /** The `Sec-WebSocket-Key`: a fresh one for each request. */
  key: string;
  /** The value of `Host`, if it is not the URL's: behind a tunnel, or on a Unix socket. */
  host?: string | undefined;
}

/**
 * The bytes of the request (RFC 6455 section 4.1). A user name and password in the URL are sent as
 * Basic authorization, unless the caller gives an Authorization header. No Origin is sent unless
 * the caller gives one.
 *
 * @param url What {@linkcode parseWebSocketURL} gave.
 * @throws {DOMException} SyntaxError If a subprotocol is not a token, or is repeated.
 * @throws {TypeError} If the host is missing, or a header is reserved or malformed.
 */
export function requestFor(url: URL, init: ClientRequestInit): Uint8Array<ArrayBuffer> {
  const headers: [string, string][] = [
    ["Host", hostFor(url, init)], // item 4; a URL drops the default port of ws and wss
    ["Upgrade", "websocket"], // item 5
    ["Connection", "Upgrade"], // item 6
    ["Sec-WebSocket-Key", init.key], // item 7
    ...offerHeaders(url, init),
  ];
  return writeRequestHead({ target: targetOf(url), headers });
}

/**
 * Returns whom a request is for: what the caller gives as Host, or the host of the URL.
 *
 * @throws {TypeError} If it is not one host.
 */
export function hostFor(
  url: URL,
  { headers, host = url.host }: Pick<ClientRequestInit, "headers" | "host">,
): string {
  const [given = host, ...more] = readCallerHeaders(headers).filter(([name]) => isHost(name)).map((
    [, value],
  ) => value);
  if (parseHost(given) !== undefined && more.length === 0) return given;
  throw new TypeError(
    more.length > 0
      ? "Cannot connect: there is more than one Host in the headers"
      : `Cannot connect: ${quote(given)} is not a host`,
  );
}

function isHost(name: string): boolean {
  return name.toLowerCase() === "host";
}

/** The path and the query: what a request asks for. */
export function targetOf(url: URL): string {
  return `${url.pathname}${url.search}`;
}

/** Returns whether a request has credentials: in the URL, or in a header of the caller. */
export function isAuthorized(url: URL, headers: readonly (readonly [string, string])[]): boolean {
  return hasCredentials(url) || headers.some(([name]) => name.toLowerCase() === "authorization");
}

function hasCredentials({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

/**
 * The header lines that offer what the two may agree on, and then those of the caller.
 *
 * @throws {DOMException} SyntaxError If a subprotocol is not a token, or is repeated.
 * @throws {TypeError} If a header is reserved or malformed.
 */
export function offerHeaders(url: URL, init: ClientOfferInit): [string, string][] {
  const { extensions = "" } = init;
  const protocols = checkProtocols(init.protocols);
  const added = readCallerHeaders(init.headers).filter(([name]) => !isHost(name));
  const headers: [string, string][] = [["Sec-WebSocket-Version", "13"]]; // item 9
  if (protocols.length > 0) headers.push(["Sec-WebSocket-Protocol", protocols.join(", ")]); // 10
  if (extensions !== "") headers.push(["Sec-WebSocket-Extensions", extensions]); // item 11
  if (hasCredentials(url) && !added.some(([name]) => name.toLowerCase() === "authorization")) {
    headers.push(["Authorization", basicAuthorization(url)]);
  }
  headers.push(...added);
  return headers;
}

/** Returns the value of an Authorization header: RFC 7617 section 2, in UTF-8 (section 2.1). */
export function basicCredentials(name: string, password: string): string {
  return `Basic ${btoa(decodeLatin1(new TextEncoder().encode(`${name}:${password}`)))}`;
}

function basicAuthorization(url: URL): string {
  try {
    return basicCredentials(decodeURIComponent(url.username), decodeURIComponent(url.password));
  } catch (cause) {
    throw syntaxError(
      "Cannot connect: the user name or password in the URL is not percent-encoded UTF-8",
      cause,
    );
  }
}
