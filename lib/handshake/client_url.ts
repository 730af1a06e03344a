/**
 * What a client connects to: the URL and the subprotocols (RFC 6455 sections 3 and 4.1), in a browser too.
 *
 * @module
 */
import { typeName } from "../options.ts";
import { isToken, quote } from "./grammar.ts";
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

/**
 * Creates the error of the WebSocket standard for an invalid URL or subprotocol. The constructor of
 * DOMException takes no cause, so it is set afterwards.
 */
export function syntaxError(message: string, cause?: unknown): DOMException {
  const error = new DOMException(message, "SyntaxError");
  if (cause !== undefined) {
    Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
  }
  return error;
}
