/**
 * Takes secrets out of what is shown: nobody should find a session's cookie in a log.
 *
 * @module
 */
import type { HandshakeHeads } from "../connection/watcher.ts";
import type { ObservedHandshake, ObservedRequest } from "./events.ts";

/** Stands in place of a secret. */
export const REDACTED = "redacted";

/** Words that name secrets, in headers and parameters. */
const SECRET =
  /token|secret|passw|(?:api|access|auth|private)[-_]?key|signature|credential|authoriz|bearer|jwt|sess(?:ion|id)/i;
/** Further names of headers, whole. */
const SECRET_HEADERS = /^(?:cookie|set-cookie|auth|authentication-info|x-auth.*)$/i;
/** Further names of parameters, whole. */
const SECRET_PARAMETERS = /^(?:auth|key|sig|code|sid|connect\.sid|pass|pwd|pin|otp|ticket)$/i;
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

/** Returns the heads of a handshake without secrets; `protocol` is the agreed subprotocol. */
export function redactHeads(
  { request, response }: HandshakeHeads,
  protocol: string,
): ObservedHandshake {
  const { status, statusText, headers } = response;
  return {
    request: redactRequest(request, protocol),
    response: { status, statusText, headers: redactHeaders(headers, protocol) },
  };
}

/** Returns a request without secrets; `protocol` is the agreed subprotocol. */
export function redactRequest(
  { method, target, httpVersion, headers }: HandshakeHeads["request"],
  protocol: string,
): ObservedRequest {
  return {
    method,
    target: redactText(target),
    httpVersion,
    headers: redactHeaders(headers, protocol),
  };
}

function redactHeader(name: string, value: string, protocol: string): string {
  if (SECRET.test(name) || SECRET_HEADERS.test(name)) return REDACTED;
  if (name.toLowerCase() !== "sec-websocket-protocol") return redactText(value);
  return value.split(",").map((each) => each.trim()).map((each) =>
    each === protocol || each.length <= MAX_PROTOCOL_NAME ? each : REDACTED
  ).join(", ");
}

/**
 * Returns a text without the credentials of URLs and without the values of parameters that are named like
 * secrets: a URL, a path with its query, a header that has one, or a message that quotes one. The work is
 * linear in the length: a peer may have written the text.
 */
export function redactText(text: string): string {
  return redactParameters(redactCredentials(text));
}

/** What stands before an `@`, as far back as a URL's authority goes, if it has a colon or follows `//`. */
function redactCredentials(text: string): string {
  let shown = "", done = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    let start = at;
    while (start > done && !AUTHORITY_ENDS.includes(text[start - 1])) start--;
    const isAuthority = text.slice(start - 2, start) === "//";
    if (!isAuthority && !text.slice(start, at).includes(":")) continue;
    shown += text.slice(done, start) + REDACTED;
    done = at;
  }
  return shown + text.slice(done);
}

const AUTHORITY_ENDS = "/?#@\"' \t";
/** What begins a parameter, and what ends its name, or its value. */
const BEGINS = "?&#;", NAME_ENDS = "?&#;=\"' \t", VALUE_ENDS = "&#;\"' \t";

function redactParameters(text: string): string {
  let shown = "", done = 0;
  for (let at = 0; at < text.length; at++) {
    if (!BEGINS.includes(text[at])) continue;
    const end = endOf(text, at + 1, NAME_ENDS);
    if (text[end] !== "=" || !isSecretParameter(text.slice(at + 1, end))) {
      at = end - 1;
      continue;
    }
    shown += text.slice(done, end + 1) + REDACTED;
    done = endOf(text, end + 1, VALUE_ENDS);
    at = done - 1;
  }
  return shown + text.slice(done);
}

/** Returns where the first of these characters stands, or the end. */
function endOf(text: string, from: number, ends: string): number {
  let at = from;
  while (at < text.length && !ends.includes(text[at])) at++;
  return at;
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
