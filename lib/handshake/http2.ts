/**
 * The opening handshake over HTTP/2: an extended CONNECT (RFC 8441), on either side. Everything that
 * RFC 6455 says of Origin, version, subprotocols and extensions holds here too (section 5); Upgrade,
 * Connection, Host and the key have no place in it.
 *
 * @module
 */
import { HandshakeError } from "../errors.ts";
import { agreedHeaders, type AgreedInit } from "./answer.ts";
import { type ClientOfferInit, hostFor, offerHeaders, targetOf } from "./client.ts";
import {
  type Agreement,
  agreementOf,
  type AnswerHead,
  type ClientTerms,
  failStatus,
} from "./client_response.ts";
import { quote } from "./grammar.ts";
import { HeaderLines, type RequestHead } from "./head.ts";
import { checkHeader, statusTextOf } from "./head_writer.ts";
import { formatHost, type Host, parseHost } from "./host.ts";
import {
  checkNoBody,
  checkVersion,
  refuse,
  requestURL,
  validateOffer,
  type ValidateOptions,
  type WebSocketRequest,
} from "./server.ts";

/** RFC 9113 section 8.2.2: header fields of a connection, which HTTP/2 does not have. */
const CONNECTION_FIELDS: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
];

/** A header list as node:http2 gives and takes it: a line that comes more than once is an array. */
export type Http2Headers = { [name: string]: string | number | string[] | undefined };

/** What a request is judged by, and how large it may be. */
export interface ValidateConnectOptions extends ValidateOptions {
  /** The longest header list, in bytes. Default: Infinity. */
  maxHeaderSize?: number;
  /** The most header lines. Default: Infinity. */
  maxHeaders?: number;
}

/**
 * Validates a request by each rule of RFC 8441, then by the server's policies.
 *
 * @throws {HandshakeError} with the status and headers to answer with: 405 for another method than
 * CONNECT, 501 for another protocol than websocket or none, 431 for a header list that is too large,
 * 403 for a host or origin that is not accepted, and 400 for all else.
 */
export function validateConnect(
  head: Http2Headers,
  options: ValidateConnectOptions,
): WebSocketRequest {
  const { pseudo, headers } = readLines(head);
  checkSize([...pseudo, ...headers], options);
  const method = pseudo.get(":method") ?? "";
  if (method !== "CONNECT") { // section 4
    refuse("METHOD", `over HTTP/2 the method must be CONNECT, got ${quote(method)}`, {
      status: 405,
      headers: new Headers({ allow: "CONNECT" }),
    });
  }
  // Section 4: no tunnel is made to the :authority. RFC 9220 section 3: 501 for what is not spoken.
  const protocol = pseudo.get(":protocol");
  if (protocol !== "websocket") { // section 5
    const found = protocol === undefined ? "none" : quote(protocol);
    refuse("PROTOCOL", `the :protocol must be websocket, got ${found}`, { status: 501 });
  }
  const { scheme, host } = readAuthority(pseudo, headers);
  const path = pseudo.get(":path") ?? "";
  // Section 4: the target's path is given; RFC 9113 section 8.3.1: it begins with a slash.
  if (!path.startsWith("/")) refuse("TARGET", `the :path ${quote(path)} is not a path`);
  const url = requestURL({ scheme, host, path });
  const forbidden = CONNECTION_FIELDS.find((name) => headers.get(name) !== undefined); // section 5
  if (forbidden !== undefined) {
    refuse("CONNECTION_HEADER", `the request has a header ${quote(forbidden)}, not for HTTP/2`);
  }
  // RFC 6455 section 4.4. Not 426: that asks for an Upgrade, which HTTP/2 does not have.
  checkVersion(headers, { status: 400, headers: new Headers({ "sec-websocket-version": "13" }) });
  checkNoBody(headers);
  const request = validateOffer({ url, host, headers }, options);
  // As in HTTP/1.1, for who looks for it there (RFC 9113 section 8.3.1).
  if (headers.get("host") === undefined) headers.append("host", formatHost(host, scheme));
  return request;
}

/**
 * Returns the platform's request object for any header list, accepted or not; undefined where the
 * platform has none for it, or its fields are invalid.
 */
export function readHttp2Request(head: Http2Headers): Request | undefined {
  try {
    const { pseudo, headers } = readLines(head);
    const { scheme, host } = readAuthority(pseudo, headers);
    const url = requestURL({ scheme, host, path: pseudo.get(":path") ?? "" });
    const method = pseudo.get(":method");
    return new Request(url, {
      // Of an extended CONNECT, which the platform has not, as of the one that is accepted.
      method: method === undefined || method === "CONNECT" ? "GET" : method,
      headers: headers.toHeaders(),
    });
  } catch {
    return undefined;
  }
}

/** HTTP/2 has limits of its own (RFC 9113 section 6.5.2), and counts 32 bytes with each line. */
function checkSize(
  lines: readonly [string, string][],
  { maxHeaders = Infinity, maxHeaderSize = Infinity }: ValidateConnectOptions,
): void {
  const size = lines.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  const passed = lines.length > maxHeaders
    ? `${maxHeaders} header lines (option maxHeaders)`
    : size > maxHeaderSize
    ? `${maxHeaderSize} bytes (option maxHeaderSize)`
    : undefined;
  if (passed === undefined) return;
  refuse("HEAD_TOO_LARGE", `the request has more than ${passed}`, { status: 431 });
}

/** The fields that begin with a colon, and the others as lines. */
function readLines(head: Http2Headers): { pseudo: Map<string, string>; headers: HeaderLines } {
  const pseudo = new Map<string, string>();
  const headers = new HeaderLines();
  for (const [name, value] of Object.entries(head)) {
    if (value === undefined) continue;
    if (name.startsWith(":")) pseudo.set(name, String(value));
    else if (Array.isArray(value)) { for (const each of value) headers.append(name, each); }
    else headers.append(name, String(value));
  }
  return { pseudo, headers };
}

/** Sections 4 and 5: :scheme and :authority are both needed, and tell what Host tells otherwise. */
function readAuthority(
  pseudo: ReadonlyMap<string, string>,
  headers: HeaderLines,
): { scheme: "http" | "https"; host: Host } {
  const scheme = pseudo.get(":scheme") ?? "";
  if (scheme !== "http" && scheme !== "https") { // section 5
    refuse("TARGET", `the :scheme must be https or http, got ${quote(scheme)}`);
  }
  const authority = pseudo.get(":authority") ?? "";
  const host = parseHost(authority);
  if (host === undefined) {
    refuse("HOST_HEADER", `the :authority ${quote(authority)} is not a host`);
  }
  // RFC 9113 section 8.3.1: if they differed, two readers could disagree.
  const others = headers.getAll("host");
  const same = (other: Host | undefined): boolean =>
    other !== undefined && formatHost(other, scheme) === formatHost(host, scheme);
  if (!others.every((other) => same(parseHost(other)))) {
    refuse("HOST_HEADER", `the Host ${quote(others.join(", "))} is not the :authority`);
  }
  return { scheme, host };
}

/**
 * The header list that accepts (RFC 8441 section 5.1).
 *
 * @throws {TypeError} If the subprotocol is not a token, or a header is reserved or malformed.
 */
export function connectAnswer(init: AgreedInit): Http2Headers {
  return { ":status": 200, ...toHttp2Headers(agreedHeaders(init)) };
}

/**
 * The header list of a response that refuses, without the fields that HTTP/2 does not have.
 *
 * @throws {TypeError} If a header breaks the grammar, or the status is one that accepts.
 */
export function connectRefusal(response: Response): Http2Headers {
  // RFC 9110 section 9.3.6: the client would take the body for the peer's frames.
  if (response.status < 300) {
    throw new TypeError(
      `Cannot refuse handshake: over HTTP/2 the status ${response.status} accepts it`,
    );
  }
  const lines = [...response.headers].filter(([name]) => !CONNECTION_FIELDS.includes(name));
  return { ":status": response.status, ...toHttp2Headers(lines) };
}

/**
 * The header list of the request (RFC 8441 sections 4 and 5).
 *
 * @param url What `parseWebSocketURL` gave.
 * @throws {DOMException} SyntaxError If a subprotocol is not a token, or is repeated.
 * @throws {TypeError} If a header is reserved or malformed.
 */
export function connectRequest(url: URL, init: ClientOfferInit): Http2Headers {
  return {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": url.protocol === "wss:" ? "https" : "http",
    ":authority": hostFor(url, init),
    ":path": targetOf(url),
    ...toHttp2Headers(offerHeaders(url, init)),
  };
}

/**
 * Validates the answer to a handshake. RFC 9110 section 9.3.6: any status of 2xx makes it a tunnel.
 *
 * @throws {HandshakeError} with the status and headers that came, and a code that tells why it is no
 * acceptance, as of `checkResponse`.
 */
export function checkConnectAnswer(head: AnswerHead, offered: ClientTerms): Agreement {
  if (head.status < 200 || head.status > 299) failStatus(head, 200, offered);
  return agreementOf(head, offered);
}

/** The head of a request that {@linkcode connectRequest} made. */
export function readConnectRequest(head: Http2Headers): RequestHead {
  const { pseudo, headers } = readLines(head);
  return { method: pseudo.get(":method") ?? "", target: pseudo.get(":path") ?? "", headers };
}

/** The head of an answer that node:http2 read. */
export function readAnswer(head: Http2Headers): AnswerHead {
  const { pseudo, headers } = readLines(head);
  const status = Number(pseudo.get(":status"));
  return { status, statusText: statusTextOf(status), headers };
}

/**
 * The error for a server that has not allowed extended CONNECT: section 3 lets a client use it only
 * after SETTINGS_ENABLE_CONNECT_PROTOCOL came with the value 1.
 */
export function notEnabled(host: string): HandshakeError {
  return new HandshakeError(
    "HTTP2_NOT_ENABLED",
    `Cannot open connection: ${host} does not speak WebSocket over HTTP/2 (RFC 8441: its setting ` +
      "ENABLE_CONNECT_PROTOCOL is not 1); connect without the option http2",
    { status: 0 },
  );
}

/** RFC 9113 section 8.2: names are in lower case. */
function toHttp2Headers(lines: Iterable<readonly [string, string]>): Http2Headers {
  const headers: { [name: string]: string | string[] } = Object.create(null);
  for (const [name, value] of lines) {
    checkHeader(name, value);
    const key = name.toLowerCase(), before = headers[key];
    // RFC 9113 section 8.2.2: it would make the message malformed, and not every runtime looks.
    if (CONNECTION_FIELDS.includes(key)) {
      throw new TypeError(`Cannot set header ${quote(name)}: HTTP/2 does not have it`);
    }
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}
