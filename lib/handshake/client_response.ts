/**
 * The client's side of the opening handshake: what it makes of the answer (RFC 6455 section 4.1,
 * "the client MUST validate the server's response").
 *
 * @module
 */

import { type DeflateAgreement, readDeflateResponse } from "../deflate/negotiation.ts";
import type { ResolvedPerMessageDeflate } from "../deflate/options.ts";
import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import type { ExtensionOffer } from "../message/extension.ts";
import { isToken, listHas, parseExtensions, quote } from "./grammar.ts";
import type { ResponseHead } from "./head.ts";
import { statusTextOf } from "./head_writer.ts";
import { acceptFor } from "./key.ts";

/** What the client offered. */
export interface ClientTerms {
  /** The subprotocols that were offered. */
  protocols?: readonly string[] | undefined;
  /** The names of the extensions that were offered. */
  extensions?: readonly string[] | undefined;
  /** What the offer of permessage-deflate was made of, if it was among them. */
  deflate?: ResolvedPerMessageDeflate | undefined;
  /** Whether an Authorization header was sent. Default: false. */
  authorized?: boolean | undefined;
}

/** What the client asked for in HTTP/1.1. */
export interface ClientOffer extends ClientTerms {
  /** The `Sec-WebSocket-Key` that was sent. */
  key: string;
}

/** What came of an answer, in either version of HTTP. */
export type AnswerHead = Pick<ResponseHead, "status" | "statusText" | "headers">;

/** What the server agreed to. */
export interface Agreement {
  /** The subprotocol, or `""` for none. */
  protocol: string;
  /** The extensions in use, in the order in which they apply. */
  extensions: ExtensionOffer[];
  /** The terms of permessage-deflate, if that is one of them. */
  deflate?: DeflateAgreement | undefined;
}

/**
 * Validates the answer to a handshake.
 *
 * @throws {HandshakeError} with the status and headers that came, and a code that tells why it is
 * no acceptance: `STATUS`, `HTTP_VERSION`, `UPGRADE_HEADER`, `CONNECTION_HEADER`, `ACCEPT_MISMATCH`,
 * `EXTENSIONS_HEADER`, `EXTENSION_NOT_OFFERED`, `EXTENSION_PARAMETERS`, `PROTOCOL_HEADER` or
 * `PROTOCOL_NOT_OFFERED`.
 */
export function checkResponse(head: ResponseHead, offered: ClientOffer): Agreement {
  const { headers } = head;
  if (head.status !== 101) failStatus(head, 101, offered); // item 1
  if (head.minorVersion === 0) {
    fail(head, "HTTP_VERSION", "the server answered in HTTP/1.0, which has no upgrade");
  }
  const upgrade = headers.get("upgrade"); // item 2
  if (upgrade?.toLowerCase() !== "websocket") {
    const found = upgrade === undefined ? "no Upgrade header" : `"Upgrade: ${shown(upgrade)}"`;
    fail(head, "UPGRADE_HEADER", `the server answered 101 with ${found}, not "websocket"`);
  }
  if (!listHas(headers.getAll("connection"), "upgrade")) { // item 3
    fail(head, "CONNECTION_HEADER", 'the server answered 101 without "Connection: Upgrade"');
  }
  const accepts = headers.getAll("sec-websocket-accept"); // item 4
  if (accepts.length !== 1 || accepts[0] !== acceptFor(offered.key)) {
    const found = accepts.length === 1
      ? "a Sec-WebSocket-Accept that does not answer the key"
      : `${accepts.length} Sec-WebSocket-Accept headers`;
    fail(head, "ACCEPT_MISMATCH", `the server sent ${found}; a cache or another server answered`);
  }
  return agreementOf(head, offered);
}

/**
 * What an answer that accepts agrees to (items 5 and 6).
 *
 * @throws {HandshakeError} as {@linkcode checkResponse} does.
 */
export function agreementOf(head: AnswerHead, offered: ClientTerms): Agreement {
  const extensions = agreedExtensions(head, offered);
  const deflate = agreedDeflate(head, extensions, offered);
  return { extensions, deflate, protocol: agreedProtocol(head, offered) };
}

/** Item 5: only extensions that were offered. Section 9.1: the list may be spread over lines. */
function agreedExtensions(head: AnswerHead, offered: ClientTerms): ExtensionOffer[] {
  const value = head.headers.get("sec-websocket-extensions");
  if (value === undefined) return [];
  let extensions: ExtensionOffer[];
  try {
    extensions = parseExtensions(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    fail(head, "EXTENSIONS_HEADER", `the server's extensions are malformed: ${why}`, cause);
  }
  for (const { name } of extensions) {
    if (!offered.extensions?.includes(name)) {
      const why = `the server chose extension ${quote(name)}, which was not offered`;
      fail(head, "EXTENSION_NOT_OFFERED", why);
    }
  }
  return extensions;
}

/** RFC 7692 section 7.1.3: parameters that do not fit the offer fail the connection. */
function agreedDeflate(
  head: AnswerHead,
  extensions: readonly ExtensionOffer[],
  offered: ClientTerms,
): DeflateAgreement | undefined {
  if (offered.deflate === undefined) return undefined;
  const agreed = readDeflateResponse(extensions, offered.deflate);
  if (typeof agreed !== "string") return agreed;
  fail(head, "EXTENSION_PARAMETERS", `the server's terms for compression do not hold: ${agreed}`);
}

/** Fails for what the server has answered about an extension. */
export function failExtensions(head: AnswerHead, why: string, cause?: unknown): never {
  const what = `the server's terms for the extensions do not hold: ${why}`;
  fail(head, "EXTENSION_PARAMETERS", what, cause);
}

/** Item 6: only one subprotocol, and one that was offered. */
function agreedProtocol(head: AnswerHead, offered: ClientTerms): string {
  // Section 11.3.4: the header must not come twice in a response.
  const values = head.headers.getAll("sec-websocket-protocol");
  if (values.length === 0) return "";
  const [protocol] = values;
  if (values.length > 1 || !isToken(protocol)) {
    const found = quote(values.join(", "));
    fail(head, "PROTOCOL_HEADER", `the server's Sec-WebSocket-Protocol ${found} is not one token`);
  }
  if (!offered.protocols?.includes(protocol)) {
    const why = `the server chose subprotocol ${quote(protocol)}, which was not offered`;
    fail(head, "PROTOCOL_NOT_OFFERED", why);
  }
  return protocol;
}

/** Fails for a status other than the one that accepts. */
export function failStatus(head: AnswerHead, accepting: number, offered: ClientTerms): never {
  fail(head, "STATUS", explainStatus(head, accepting, offered));
}

/** What a status that does not accept means to one who wants a WebSocket. */
function explainStatus(head: AnswerHead, accepting: number, offered: ClientTerms): string {
  const { status, headers } = head;
  const answer = `the server answered ${status} ${shown(head.statusText) || statusTextOf(status)}`;
  switch (status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: {
      const location = headers.get("location");
      const to = location === undefined ? "elsewhere" : `to ${quote(location)}`;
      return `${answer}, a redirect ${to}: connect to the new URL, or have it followed (maxRedirects)`;
    }
    case 401:
      return offered.authorized
        ? `${answer}: the credentials in the Authorization header were not accepted`
        : `${answer}: no credentials were sent that it accepts; it may want an Authorization header`;
    case 403:
      return `${answer}: the server refuses this client, perhaps for its Origin or credentials`;
    case 407:
      return `${answer}: the proxy asks for credentials`;
    case 426: {
      const versions = headers.get("sec-websocket-version");
      if (versions === undefined) break;
      return `${answer}: it speaks the WebSocket versions ${quote(versions)}, not 13`;
    }
    case 429:
    case 503: {
      const after = headers.get("retry-after");
      return `${answer}: try again ${after === undefined ? "later" : `after ${quote(after)}`}`;
    }
  }
  const instead = `${answer} instead of ${accepting}`;
  if (status >= 500) return `${instead}: the server, or a proxy in front of it, failed`;
  return status < 300 || status === 404 || status === 405
    ? `${instead}: no WebSocket endpoint at this URL`
    : instead;
}

function shown(text: string): string {
  return quote(text).slice(1, -1);
}

function fail(head: AnswerHead, code: HandshakeErrorCode, why: string, cause?: unknown): never {
  throw new HandshakeError(code, `Cannot open connection: ${why}`, {
    status: head.status,
    headers: head.headers.toHeaders(),
    received: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
