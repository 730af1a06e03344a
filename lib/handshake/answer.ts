/**
 * The server's answers to the opening handshake (RFC 6455 section 4.2.2).
 *
 * @module
 */

import type { Refusal } from "../errors.ts";
import { type HeaderEntries, readCallerHeaders } from "./caller_headers.ts";
import { isToken, quote } from "./grammar.ts";
import { statusTextOf, writeResponseHead } from "./head_writer.ts";
import { acceptFor } from "./key.ts";

/** What the server chooses a subprotocol by. */
export interface ProtocolChoice {
  /** What the server speaks, the preferred first. Default: nothing. */
  supported?: readonly string[] | undefined;
  /** What the user's hook chose: wins over `supported`; `""` chooses none. */
  chosen?: string | undefined;
}

/**
 * The subprotocol to answer with, or `""` for none (item 5, /subprotocol/): what the hook chose, or
 * else the first of those the server supports that the client offers. With none in common the
 * connection goes on without.
 *
 * @throws {TypeError} If the hook chose what the client does not offer.
 */
export function chooseProtocol(offered: readonly string[], choice: ProtocolChoice): string {
  const { chosen, supported = [] } = choice;
  if (chosen === undefined) return supported.find((each) => offered.includes(each)) ?? "";
  if (chosen !== "" && !offered.includes(chosen)) {
    throw new TypeError(
      `Cannot choose subprotocol ${quote(chosen)}: the client offers ` +
        (offered.length === 0 ? "none" : quote(offered.join(", "))),
    );
  }
  return chosen;
}

/** What to accept with. */
export interface AgreedInit {
  /** The subprotocol; `""` or undefined for none. */
  protocol?: string | undefined;
  /** The value of `Sec-WebSocket-Extensions`; `""` or undefined for none. */
  extensions?: string | undefined;
  /** Headers to add. */
  headers?: HeaderEntries | undefined;
}

/** The same in HTTP/1.1. */
export interface AcceptInit extends AgreedInit {
  /** The client's `Sec-WebSocket-Key`. */
  key: string;
}

/**
 * The bytes of the 101 response that accepts (section 4.2.2, item 5).
 *
 * @throws {TypeError} If the subprotocol is not a token, or a header is reserved or malformed.
 */
export function acceptHead(init: AcceptInit): Uint8Array<ArrayBuffer> {
  const headers: [string, string][] = [
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Accept", acceptFor(init.key)],
    ...agreedHeaders(init),
  ];
  return writeResponseHead({ status: 101, headers });
}

/**
 * The header lines that tell what was agreed on, and then those of the caller.
 *
 * @throws {TypeError} If the subprotocol is not a token, or a header is reserved or malformed.
 */
export function agreedHeaders(init: AgreedInit): [string, string][] {
  const { protocol = "", extensions = "" } = init;
  const headers: [string, string][] = [];
  if (protocol !== "") {
    if (!isToken(protocol)) {
      throw new TypeError(`Cannot accept handshake: subprotocol ${quote(protocol)} is not a token`);
    }
    headers.push(["Sec-WebSocket-Protocol", protocol]);
  }
  if (extensions !== "") headers.push(["Sec-WebSocket-Extensions", extensions]);
  headers.push(...readCallerHeaders(init.headers));
  return headers;
}

/** What to answer with in place of 101. */
export interface RefusalInit {
  /** The status: 200 to 999. */
  status: number;
  /** The reason phrase. Default: the usual one of that status. */
  statusText?: string | undefined;
  /** The headers. Those of HTTP's framing are left out, and written as they are. */
  headers?: Iterable<readonly [string, string]> | undefined;
  /** The length of the body that follows, in bytes. Default: unknown. */
  contentLength?: number | undefined;
  /** Whether the body that follows is in chunks (RFC 9112 section 7.1). Default: false. */
  chunked?: boolean | undefined;
}

/** Headers that frame the message or manage the connection (RFC 9110 section 7.6.1). */
export const FRAMING: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "connection",
  "content-length",
  "keep-alive",
  "transfer-encoding",
]);

/**
 * The bytes of the head of a final response, after whose body the connection closes.
 *
 * @throws {RangeError} If the status is not a whole number from 200 to 999.
 * @throws {TypeError} If a header breaks the grammar.
 */
export function refusalHead(init: RefusalInit): Uint8Array<ArrayBuffer> {
  const { status, contentLength } = init;
  if (status < 200) throw new RangeError(`Cannot refuse handshake: ${status} is no final status`);
  const headers = Array.from(init.headers ?? []).filter(([name]) =>
    !FRAMING.has(name.toLowerCase())
  );
  // RFC 9110 sections 7.8 and 15.5.22: 426 has an Upgrade, and an Upgrade is named in Connection.
  let upgrade = headers.some(([name]) => name.toLowerCase() === "upgrade");
  if (status === 426 && !upgrade) {
    headers.push(["Upgrade", "websocket"]);
    upgrade = true;
  }
  headers.push(["Connection", upgrade ? "Upgrade, close" : "close"]);
  // RFC 9110 section 8.6: never with 204.
  if (contentLength !== undefined && status !== 204) {
    headers.push(["Content-Length", String(contentLength)]);
  }
  if (init.chunked === true) headers.push(["Transfer-Encoding", "chunked"]);
  // A Response made without a status text has an empty one.
  const statusText = init.statusText || statusTextOf(status);
  return writeResponseHead({ status, statusText, headers });
}

/**
 * The bytes of the whole response that refuses: its status, headers and text. In answer to HEAD the
 * text is left out, though its length is sent (RFC 9110 section 9.3.2).
 */
export function refusalBytes(
  { status, headers, text }: Refusal,
  method?: string,
): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(text);
  const head = refusalHead({ status, headers, contentLength: body.length });
  if (method === "HEAD") return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
