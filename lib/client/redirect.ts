/**
 * Redirects of the opening handshake, which are followed only when asked for (RFC 6455 section 4.1: "the
 * client MAY follow redirects").
 *
 * @module
 */
import { HandshakeError } from "../errors.ts";
import { type HeaderEntries, readCallerHeaders } from "../handshake/caller_headers.ts";
import { parseWebSocketURL } from "../handshake/client_url.ts";
import { quote } from "../handshake/grammar.ts";
import type { TransportConnectOptions } from "../link/transport.ts";
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
  /** The URL. */
  target: URL;
  /** The caller's headers that go along. */
  headers: HeaderEntries | undefined;
  /** The caller's settings of TLS that go along. */
  tls: TransportConnectOptions["tls"];
}

/**
 * Returns where a refusal leads to. To another origin no credentials go along: neither those of the URL, nor
 * `Authorization` and `Cookie`; nor does the name to check in the certificate, which is the first server's.
 *
 * @throws {HandshakeError} The error itself if it is no redirect; code `REDIRECT_REFUSED` if it is not followed.
 */
export function followRedirect(
  error: unknown,
  { target: from, headers, tls }: Redirect,
  left: number,
): Redirect {
  if (!isInstance(error, HandshakeError) || error.code !== "STATUS" || !isRedirect(error.status)) {
    throw error;
  }
  const location = error.headers.get("location");
  if (location === null) throw error;
  const refuse = (why: string): HandshakeError =>
    new HandshakeError(
      "REDIRECT_REFUSED",
      `Cannot follow the redirect to ${quote(location)}: ${why}`,
      {
        status: error.status,
        headers: error.headers,
        received: true,
        cause: error,
      },
    );
  if (left <= 0) throw refuse("it is one too many (maxRedirects)");
  // A Headers object joins several lines. A space is no part of a URL (RFC 9110 section 10.2.2).
  if (location.includes(", ")) throw refuse("there is more than one Location");
  if (!URL.canParse(location, from.href)) throw refuse("it is not a URL");
  let target: URL;
  try {
    const url = new URL(location, from.href);
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
  if (isSame) return { target, headers, tls };
  const kept = readCallerHeaders(headers).filter(([name]) => !SECRETS.has(name.toLowerCase()));
  const { serverName: _name, cert: _cert, key: _key, ...rest } = tls ?? {};
  return { target, headers: kept, tls: tls && rest };
}
