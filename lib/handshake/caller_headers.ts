/**
 * Header lines that a caller adds to a handshake: all but those that make the handshake.
 *
 * @module
 */

import { typeName } from "../options.ts";
import { quote } from "./grammar.ts";
import { checkHeader } from "./head_writer.ts";

/**
 * Headers that a caller adds: a `Headers` object, pairs of name and value, or an object. It is what the
 * standard calls `HeadersInit`, a name that not all platforms' types have.
 */
export type HeaderEntries =
  | Headers
  | Iterable<readonly string[]>
  | Readonly<Record<string, string>>;

/** What the handshake writes itself, besides everything that begins with `sec-websocket-`. */
const RESERVED: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "upgrade",
  "connection",
  "content-length",
  "transfer-encoding",
]);

/**
 * The caller's headers as lines, checked, each `Set-Cookie` on its own line.
 *
 * @throws {TypeError} If it is reserved to the handshake or breaks the grammar.
 */
export function readCallerHeaders(headers: HeaderEntries | undefined): [string, string][] {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null) {
    throw new TypeError(
      `Cannot read headers: they must be an object, a list of pairs or Headers, got ${
        typeName(headers)
      }`,
    );
  }
  const isIterable = Symbol.iterator in Object(headers);
  const lines = isIterable ? headers as Iterable<unknown> : Object.entries(headers);
  return Array.from(lines, (line) => {
    if (!Array.isArray(line) || line.length !== 2) {
      throw new TypeError("Cannot read headers: each must be a pair of name and value");
    }
    const [name, value] = [String(line[0]), String(line[1])];
    const key = name.toLowerCase();
    if (RESERVED.has(key) || key.startsWith("sec-websocket-")) {
      throw new TypeError(`Cannot set header ${quote(name)}: it is reserved to the handshake`);
    }
    checkHeader(name, value);
    return [name, value];
  });
}
