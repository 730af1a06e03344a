/**
 * Telling the requests that ask for a WebSocket from all others.
 *
 * @module
 */

import { listHas } from "./grammar.ts";

/** A request whose headers can be read: a `Request`, or an `IncomingMessage` of `node:http`. */
export interface RequestLike {
  /** The headers: a `Headers` object, or an object with names in lower case. */
  readonly headers: Headers | { readonly upgrade?: string | undefined };
}

/**
 * Returns whether a request of HTTP/1.1 asks for a WebSocket: whether `websocket` is one of the
 * protocols in its Upgrade header, which is a list and compared without regard to case (RFC 6455
 * section 4.2.1, RFC 9110 section 7.8).
 *
 * It does not check the rest of the request: `upgrade` does, and answers what is wrong. Over HTTP/2 it
 * is always false, as there is no Upgrade header; there `:protocol` is `"websocket"` (RFC 8441).
 *
 * @throws {TypeError} If the value has no headers.
 *
 * @example
 * ```ts
 * import { isWebSocketUpgrade } from "@sluice/websocket";
 *
 * const request = new Request("http://localhost/", { headers: { upgrade: "WebSocket" } });
 * console.log(isWebSocketUpgrade(request)); // true
 * ```
 */
export function isWebSocketUpgrade(request: RequestLike): boolean {
  const headers = (request as Partial<RequestLike> | undefined)?.headers;
  if (typeof headers !== "object" || headers === null) {
    throw new TypeError(
      "Cannot read request: expected a Request, or an IncomingMessage of node:http",
    );
  }
  const value = isHeaders(headers) ? headers.get("upgrade") : headers.upgrade;
  return typeof value === "string" && listHas([value], "websocket");
}

/** By its method, not its class: a framework may bring Headers of its own. */
function isHeaders(headers: RequestLike["headers"]): headers is Headers {
  return typeof (headers as Headers).get === "function";
}
