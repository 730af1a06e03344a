/**
 * Takes secrets out of what is shown: nobody should find a session's cookie in a log.
 *
 * @module
 */

/** Stands in place of a secret. */
export const REDACTED = "redacted";

/** Words that name secrets, in headers and parameters. */
const SECRET = /token|secret|passw|api-?_?key|signature|credential|authoriz|jwt|session/i;
/** Further names of headers, whole. */
const SECRET_HEADERS = /^(?:cookie|set-cookie|x-auth.*)$/i;
/** Further names of parameters, whole. */
const SECRET_PARAMETERS = /^(?:auth|key|sig|code|sid|pass|pwd|ticket)$/i;
/** Headers whose value is a URL. */
const URLS = /^(?:referer|location)$/i;
/**
 * Pages cannot set headers, so some put a token among the subprotocols. What is longer than any common name
 * of a protocol, and was not agreed on, is taken for one.
 */
const MAX_PROTOCOL_NAME = 32;

/** Returns the lines without secrets; `protocol` is the agreed subprotocol. */
export function redactHeaders(
  lines: Iterable<readonly [string, string]>,
  protocol = "",
): [string, string][] {
  return Array.from(lines, ([name, value]) => [name, redactHeader(name, value, protocol)]);
}

function redactHeader(name: string, value: string, protocol: string): string {
  if (SECRET.test(name) || SECRET_HEADERS.test(name)) return REDACTED;
  if (URLS.test(name)) return redactUrl(value);
  if (name.toLowerCase() !== "sec-websocket-protocol") return value;
  return value.split(/\s*,\s*/).map((each) =>
    each === protocol || each.length <= MAX_PROTOCOL_NAME ? each : REDACTED
  ).join(", ");
}

/** Returns a URL, or a path with its query, without credentials and without secret values of its query. */
export function redactUrl(url: string): string {
  const withoutUser = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, `$1${REDACTED}@`);
  const query = withoutUser.indexOf("?");
  if (query < 0) return withoutUser;
  const parameters = withoutUser.slice(query + 1).split("&").map((each) => {
    const equals = each.indexOf("=");
    if (equals < 0) return each;
    const name = each.slice(0, equals);
    return isSecretParameter(name) ? `${name}=${REDACTED}` : each;
  });
  return `${withoutUser.slice(0, query)}?${parameters.join("&")}`;
}

function isSecretParameter(encoded: string): boolean {
  let name = encoded;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    // It is judged as it stands.
  }
  return SECRET.test(name) || SECRET_PARAMETERS.test(name);
}
