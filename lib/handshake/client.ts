/**
 * The client's side of the opening handshake: what it asks for (RFC 6455 section 4.1, the request).
 *
 * @module
 */

import { typeName } from "../options.ts";
import { type HeaderEntries, readCallerHeaders } from "./caller_headers.ts";
import { isToken, quote } from "./grammar.ts";
import { writeRequestHead } from "./head_writer.ts";
import { parseHost } from "./host.ts";
import { decodeLatin1 } from "./latin1.ts";
import { listProtocols, protocolHint } from "./protocols.ts";

const SCHEMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["ws:", "ws:"],
  ["wss:", "wss:"],
  ["http:", "ws:"],
  ["https:", "wss:"],
]);

/**
 * The URL to connect to, with the scheme ws or wss. The schemes http and https stand for these, as
 * in the WebSocket constructor of browsers.
 *
 * @throws {DOMException} SyntaxError If it is not an absolute URL, has another scheme, or a fragment
 * (RFC 6455 section 3).
 * @throws {TypeError} If it is neither a string nor a URL.
 */
export function parseWebSocketURL(url: string | URL): URL {
  // What has `href` is a URL of another realm, or a page's location.
  if (typeof url !== "string" && typeof (url as URL | undefined)?.href !== "string") {
    throw new TypeError(
      `Cannot connect: the first argument must be the URL, a string or a URL, got ${typeName(url)}`,
    );
  }
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw syntaxError(`Cannot connect: ${quote(String(url))} is not an absolute URL`, cause);
  }
  const scheme = SCHEMES.get(parsed.protocol);
  if (scheme === undefined) {
    throw syntaxError(
      `Cannot connect: the URL's scheme must be ws, wss, http or https, got ` +
        quote(parsed.protocol),
    );
  }
  if (parsed.href.includes("#")) { // `hash` is "" for an empty fragment too
    throw syntaxError(`Cannot connect: the URL ${quote(parsed.href)} must not have a fragment`);
  }
  parsed.protocol = scheme;
  return parsed;
}

/**
 * The subprotocols to offer, as a list (RFC 6455 section 4.1, item 10).
 *
 * @throws {DOMException} SyntaxError If one is not a token, or is repeated.
 * @throws {TypeError} If it is neither a string nor a list of strings.
 */
export function checkProtocols(protocols?: string | readonly string[]): string[] {
  const list = listProtocols(protocols);
  for (const protocol of list) {
    if (!isToken(protocol)) {
      throw syntaxError(
        `Cannot offer subprotocol ${quote(protocol)}: it is not a token${protocolHint(protocol)}`,
      );
    }
  }
  const twice = list.find((protocol, i) => list.indexOf(protocol) !== i);
  if (twice !== undefined) {
    throw syntaxError(`Cannot offer subprotocol ${quote(twice)}: it is in the list twice`);
  }
  return list;
}

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
  const { key, host = url.host } = init;
  if (parseHost(host) === undefined) {
    throw new TypeError(`Cannot connect: ${quote(host)} is not a host`);
  }
  const headers: [string, string][] = [
    ["Host", host], // item 4; a URL drops the default port of ws and wss
    ["Upgrade", "websocket"], // item 5
    ["Connection", "Upgrade"], // item 6
    ["Sec-WebSocket-Key", key], // item 7
    ...offerHeaders(url, init),
  ];
  return writeRequestHead({ target: targetOf(url), headers });
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
  const added = readCallerHeaders(init.headers, { alsoReserved: "host" });
  const headers: [string, string][] = [["Sec-WebSocket-Version", "13"]]; // item 9
  if (protocols.length > 0) headers.push(["Sec-WebSocket-Protocol", protocols.join(", ")]); // 10
  if (extensions !== "") headers.push(["Sec-WebSocket-Extensions", extensions]); // item 11
  if (hasCredentials(url) && !added.some(([name]) => name.toLowerCase() === "authorization")) {
    headers.push(["Authorization", basicAuthorization(url)]);
  }
  headers.push(...added);
  return headers;
}

/** RFC 7617 section 2, in UTF-8 (section 2.1). */
function basicAuthorization(url: URL): string {
  let credentials: string;
  try {
    credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  } catch (cause) {
    throw syntaxError(
      "Cannot connect: the user name or password in the URL is not percent-encoded UTF-8",
      cause,
    );
  }
  return `Basic ${btoa(decodeLatin1(new TextEncoder().encode(credentials)))}`;
}

/** A DOMException takes no cause in its constructor, so it is set. */
function syntaxError(message: string, cause?: unknown): DOMException {
  const error = new DOMException(message, "SyntaxError");
  if (cause !== undefined) {
    Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
  }
  return error;
}
