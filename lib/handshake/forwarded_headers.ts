/**
 * The headers of one request that may be passed on with another.
 *
 * @module
 */
import { checkMethods } from "../options.ts";
import { readCallerHeaders } from "./caller_headers.ts";

/** Headers of one connection (RFC 9110 section 7.6.1), of a body, or of the hosts of a request. */
const NOT_FORWARDED: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Returns the headers of another request that a gateway may pass on as the option `headers` of `connect`: all
 * but those that belong to one connection, to a body, or to the handshake itself, and those that `Connection`
 * names (RFC 9110 section 7.6.1). Whom to trust with `Cookie` and `Authorization`, and what to say in
 * `X-Forwarded-For`, is for the gateway to decide.
 *
 * @throws {TypeError} If it is no Headers object, or a header breaks the grammar.
 *
 * @example
 * ```ts
 * import { forwardedHeaders } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * const headers = new Headers({ connection: "upgrade, x-hop", cookie: "a=1", "x-hop": "2" });
 * assert.deepEqual(forwardedHeaders(headers), [["cookie", "a=1"]]);
 * ```
 */
export function forwardedHeaders(headers: Headers): [string, string][] {
  checkMethods("forward headers: they must be a Headers object", headers, "get", "getSetCookie");
  const named = (headers.get("connection") ?? "").toLowerCase().split(",").map((name) =>
    name.trim()
  );
  const lines = [...headers].filter(([name]) => {
    const key = name.toLowerCase();
    return !NOT_FORWARDED.has(key) && !named.includes(key) && !key.startsWith("sec-websocket-") &&
      !key.startsWith("content-");
  });
  return readCallerHeaders(lines);
}
