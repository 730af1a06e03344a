/**
 * The opening handshake as text (RFC 6455 section 4), for peers that a test plays itself. Nothing of
 * the library is used: it is what is tested.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** RFC 6455 section 1.3: the example's key, and the answer to it. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** Section 1.3: what is hashed behind the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Lines in place of those of the same name, or besides; undefined takes a line out. */
export type LineChanges = Readonly<Record<string, string | undefined>>;

/** The header lines that every request for a WebSocket has. */
export const REQUEST_LINES: Readonly<Record<string, string>> = {
  "Host": "localhost",
  "Upgrade": "websocket",
  "Connection": "Upgrade",
  "Sec-WebSocket-Key": KEY,
  "Sec-WebSocket-Version": "13",
};

/** Returns the head of a message with these lines. */
function headText(start: string, lines: LineChanges, changes: LineChanges): string {
  const all = new Map<string, [string, string | undefined]>();
  for (const [name, value] of [...Object.entries(lines), ...Object.entries(changes)]) {
    all.set(name.toLowerCase(), [name, value]);
  }
  const written = [...all.values()].filter(([, value]) => value !== undefined);
  return [start, ...written.map((line) => line.join(": ")), "\r\n"].join("\r\n");
}

/** Returns a request for a WebSocket. */
export function requestText(changes: LineChanges = {}, start = "GET /chat HTTP/1.1"): string {
  return headText(start, REQUEST_LINES, changes);
}

/** Returns the key of the request that begins with this head. */
export function keyOf(head: string): string {
  return /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
}

/** Returns the answer that accepts a request with this key. */
export function answerText(key: string = KEY, changes: LineChanges = {}): string {
  return headText("HTTP/1.1 101 Switching Protocols", {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": createHash("sha1").update(key + GUID).digest("base64"),
  }, changes);
}
