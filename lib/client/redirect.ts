/**
 * Redirects of the opening handshake, which are followed only when asked for (RFC 6455 section 4.1: "the
 * client MAY follow redirects").
 *
 * @module
 */
import { HandshakeError } from "../errors.ts";
import { type HeaderEntries, readCallerHeaders } from "../handshake/caller_headers.ts";
import { parseWebSocketURL } from "../handshake/client_url.ts";
import { isInstance, textOf } from "../thrown.ts";

/** What belongs to the server that it was meant for. */
const SECRETS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "authorization",
  "cookie",
  "host",
  "proxy-authorization",
]);

/** Whether a status is a redirect (RFC 9110 section 15.4) that another request may follow. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** Where to connect next. */
export interface Redirect {
  target: URL;
  headers: HeaderEntries | undefined;
}

/**
 * Returns where a refusal leads to. To another origin no credentials go along: neither those of the URL, nor
 * `Authorization` and `Cookie`.
 *
 * @throws {HandshakeError} The error itself if it is no redirect; code `REDIRECT_REFUSED` if it is not followed.
 */
export function followRedirect(
  error: unknown,
  from: URL,
  { left, headers }: { left: number; headers: HeaderEntries | undefined },
): Redirect {
  if (!isInstance(error, HandshakeError) || error.code !== "STATUS" || !isRedirect(error.status)) {
    throw error;
  }
  const location = error.headers.get("location");
  if (location === null) throw error;
  const refuse = (why: string): HandshakeError =>
    new HandshakeError("REDIRECT_REFUSED", `Cannot follow the redirect to ${location}: ${why}`, {
      status: error.status,
      headers: error.headers,
      received: true,
      cause: error,
    });
  if (left <= 0) throw refuse("it is one too many (maxRedirects)");
  let target: URL;
  try {
    const url = new URL(location, from);
    url.hash = "";
    target = parseWebSocketURL(url);
  } catch (reason) {
    throw refuse(textOf(reason));
  }
  if (from.protocol === "wss:" && target.protocol === "ws:") {
    throw refuse("it leads from wss: to ws:");
  }
  const isSame = target.origin === from.origin;
  if (isSame && target.username === "" && target.password === "") {
    target.username = from.username;
    target.password = from.password;
  } else if (!isSame) target.username = target.password = "";
  if (isSame || headers === undefined) return { target, headers };
  const kept = readCallerHeaders(headers).filter(([name]) => !SECRETS.has(name.toLowerCase()));
  return { target, headers: kept };
}
