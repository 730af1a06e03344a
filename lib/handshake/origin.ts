/**
 * Which origins may open a connection (RFC 6455 section 10.2).
 *
 * A browser lets any page open a WebSocket to any server and sends the user's cookies along; the
 * Origin header is all that tells the server whose page it is. So pages of other hosts are refused
 * unless allowed. Clients that are no browsers send no Origin, or whatever they like: this protects
 * users of browsers, and authenticates nobody.
 *
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { catchRejection } from "../thrown.ts";
import { isToken, quote } from "./grammar.ts";
import type { HeaderLines } from "./head.ts";
import { formatHost, type Host, parseHost } from "./host.ts";

/** What a function in the option `origins` receives besides the origin. */
export interface OriginRequestInfo {
  /** The URL that was asked for: `"https://example.com/chat"`. */
  readonly url: string;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The headers. */
  readonly headers: Headers;
}

/**
 * Which origins may connect: all (`"*"`), those of a list, as `"https://example.com"`, or those for
 * which a function returns true. A list also accepts requests without an Origin, as they do not
 * come from a browser; a function is called for these too. `"null"`, the origin of sandboxed pages
 * and local files, is refused unless listed.
 */
export type OriginPolicy =
  | "*"
  | readonly string[]
  | ((origin: string | undefined, request: OriginRequestInfo) => boolean);

/**
 * The option `origins`, checked.
 *
 * @throws {TypeError} If it is neither `"*"` nor a list nor a function, or has an entry that no origin
 * can match, such as one with a path or without a scheme.
 */
export function readOriginPolicy(value: unknown): OriginPolicy | undefined {
  if (value === undefined || value === "*") return value;
  if (typeof value === "function") return value as OriginPolicy;
  if (!Array.isArray(value)) {
    throw new TypeError('Cannot read options: origins must be "*", a list or a function');
  }
  for (const entry of value) {
    if (typeof entry !== "string" || canonicalOrigin(entry) === undefined) {
      throw new TypeError(
        `Cannot read options: ${quote(String(entry))} in origins is not an origin as ` +
          '"https://example.com"',
      );
    }
  }
  return value;
}

/** What an origin is judged by. */
export interface OriginContext {
  /** The host that the request was sent to. */
  host: Host;
  /** Whether TLS protects the connection. */
  secure: boolean;
  /** The policy. Default: the host of the origin must be the host of the request. */
  origins?: OriginPolicy | undefined;
  /** Returns what the function of the option `origins` receives. */
  request(): OriginRequestInfo;
}

/**
 * The Origin header.
 *
 * @throws {HandshakeError} with status 400 if it came twice.
 */
export function readOrigin(headers: HeaderLines): string | undefined {
  const values = headers.getAll("origin");
  if (values.length <= 1) return values[0];
  throw new HandshakeError(
    "ORIGIN_HEADER",
    `Cannot accept handshake: the request has ${values.length} Origin headers`,
    { status: 400 },
  );
}

/**
 * Validates the origin of a handshake.
 *
 * @throws {HandshakeError} with status 403 if the origin may not connect.
 * @throws {TypeError} If the function returns anything but a boolean.
 */
export function checkOrigin(origin: string | undefined, context: OriginContext): void {
  const { origins } = context;
  if (origins === "*") return;
  if (typeof origins === "function") {
    const allowed: unknown = origins(origin, context.request());
    // A promise would count as true: a policy that is async would let everybody in.
    if (typeof allowed !== "boolean") {
      catchRejection(allowed, () => {}); // what is thrown next tells all
      throw new TypeError(
        "Cannot judge origin: the function given as option origins must return a boolean " +
          "(to decide later, use the handshake hook)",
      );
    }
    if (!allowed) throw refused(origin, "allowed by the function given (option origins)");
    return;
  }
  if (origin === undefined) return;
  const canonical = canonicalOrigin(origin);
  if (origins === undefined) {
    if (canonical !== undefined && isSameHost(canonical, context)) return;
    const host = quote(formatHost(context.host, context.secure ? "https" : "http"));
    const hint = canonical === undefined || canonical === "null"
      ? "(option origins)"
      : `(behind a proxy, have it pass on Host, or set the option origins: [${quote(canonical)}])`;
    throw refused(origin, `of the same host as the request, ${host} ${hint}`);
  }
  if (canonical !== undefined && origins.some((entry) => canonicalOrigin(entry) === canonical)) {
    return;
  }
  throw refused(origin, "in the list (option origins)");
}

/**
 * Whether the host of an origin is that of the request, each without a default port. The scheme may
 * differ: a proxy in front may speak TLS with the browser, and not with us. So 443 is the default
 * port of a Host that comes with an https origin; 80 is as well, if the proxy speaks http with us. An
 * origin of plain http is never taken for one of port 443.
 */
function isSameHost(origin: string, { host, secure }: OriginContext): boolean {
  const http = formatHost(host, "http"), https = formatHost(host, "https");
  if (origin === `https://${https}`) return true;
  if (secure) return http === https && origin === `http://${http}`;
  return origin === `https://${http}` || origin === `http://${http}`;
}

function refused(origin: string | undefined, expected: string): HandshakeError {
  const shown = origin === undefined ? "(none)" : quote(origin);
  return new HandshakeError(
    "ORIGIN_REFUSED",
    `Cannot accept handshake: the Origin ${shown} is not ${expected}`,
    { status: 403 },
  );
}

/**
 * The one spelling of an origin (RFC 6454 section 6.2): the default port dropped, in lower case;
 * undefined for what is not an origin, such as a URL with a path or a user name.
 */
export function canonicalOrigin(origin: string): string | undefined {
  if (origin === "null") return origin;
  const end = origin.indexOf("://");
  if (end <= 0) return undefined;
  const scheme = origin.slice(0, end).toLowerCase();
  const host = origin.slice(end + 3);
  if (scheme === "http" || scheme === "https") {
    const parsed = parseHost(host);
    return parsed && `${scheme}://${formatHost(parsed, scheme)}`;
  }
  // The page of a browser's extension, say: its host is an identifier.
  return isToken(scheme) && isToken(host) ? `${scheme}://${host.toLowerCase()}` : undefined;
}
