/**
 * Writes the head of an HTTP/1.1 message. Every part is checked first: nothing that a caller gives
 * can end a line and begin another.
 *
 * @module
 */

import { isFieldCharacter, isToken, quote } from "./grammar.ts";
import { encodeLatin1 } from "./latin1.ts";

/** The head of a request to write. */
export interface RequestHeadInit {
  /** The method. Default: `"GET"`. */
  method?: string;
  /** The request target: `"/chat?room=1"`. */
  target: string;
  /** The header lines, written in this order. */
  headers: Iterable<readonly [string, string]>;
}

/** The head of a response to write. */
export interface ResponseHeadInit {
  /** The status: 100 to 999. */
  status: number;
  /** The reason phrase. Default: the usual one of that status. */
  statusText?: string;
  /** The header lines, written in this order. */
  headers: Iterable<readonly [string, string]>;
}

/** The reason phrases of the statuses that a handshake may end with (RFC 9110 section 15). */
const STATUS_TEXTS: ReadonlyMap<number, string> = /* @__PURE__ */ new Map([
  [101, "Switching Protocols"],
  [200, "OK"],
  [204, "No Content"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [413, "Content Too Large"],
  [426, "Upgrade Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [505, "HTTP Version Not Supported"],
]);

/** The usual reason phrase of a status, or one that only names its class. */
export function statusTextOf(status: number): string {
  return STATUS_TEXTS.get(status) ??
    (status < 400 ? "Response" : status < 500 ? "Client Error" : "Server Error");
}

/**
 * The bytes of a request's head (RFC 9112 section 3).
 *
 * @throws {TypeError} If a part of it breaks HTTP's grammar, naming that part.
 */
export function writeRequestHead(init: RequestHeadInit): Uint8Array<ArrayBuffer> {
  const { method = "GET", target } = init;
  if (!isToken(method)) {
    throw new TypeError(`Cannot write request: the method ${quote(method)} is not a token`);
  }
  if (!isTarget(target)) {
    throw new TypeError(
      `Cannot write request: the target ${quote(target)} must be visible ASCII characters`,
    );
  }
  return write(`${method} ${target} HTTP/1.1`, init.headers);
}

/**
 * The bytes of a response's head (RFC 9112 section 4).
 *
 * @throws {TypeError} If a part of it breaks HTTP's grammar, naming that part.
 * @throws {RangeError} If the status is not a whole number from 100 to 999.
 */
export function writeResponseHead(init: ResponseHeadInit): Uint8Array<ArrayBuffer> {
  const { status, statusText = statusTextOf(status) } = init;
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new RangeError(`Cannot write response: the status must be 100 to 999, got ${status}`);
  }
  if (!isFieldValue(statusText)) {
    throw new TypeError(
      `Cannot write response: the status text ${quote(statusText)} has a forbidden character`,
    );
  }
  return write(`HTTP/1.1 ${status} ${statusText}`, init.headers);
}

/**
 * Checks one header line that a caller gave (RFC 9110 sections 5.1 and 5.5).
 *
 * @throws {TypeError} If its name is not a token or its value has a control
 * character other than a tab, or one past U+00FF.
 */
export function checkHeader(name: string, value: string): void {
  if (!isToken(name)) {
    throw new TypeError(`Cannot write header ${quote(name)}: the name is not a token`);
  }
  if (!isFieldValue(value)) {
    throw new TypeError(`Cannot write header ${quote(name)}: the value has a forbidden character`);
  }
}

function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isFieldCharacter(text.charCodeAt(i))) return false;
  return true;
}

function isTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return false;
  }
  return text.length > 0;
}

function write(
  startLine: string,
  headers: Iterable<readonly [string, string]>,
): Uint8Array<ArrayBuffer> {
  let text = `${startLine}\r\n`;
  for (const [name, value] of headers) {
    checkHeader(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return encodeLatin1(`${text}\r\n`);
}
