/**
 * HAR 1.2 (HTTP Archive, http://www.softwareishard.com/blog/har-12-spec/) with the field for WebSocket that
 * the browsers' network panels write: `_webSocketMessages`.
 *
 * @module
 */
import { toBase64 } from "./base64.ts";
import type { ObservedConnection, ObservedRequest, RecordedEvent } from "./events.ts";

/** A name and its value: a header line, or a parameter of the query. */
export interface HarPair {
  /** The name. */
  readonly name: string;
  /** The value. */
  readonly value: string;
}

/** A message, as the network panel of Chromium writes it. */
export interface HarWebSocketMessage {
  /** Which way, as this end sees it. */
  readonly type: "send" | "receive";
  /** When, in seconds since 1970. */
  readonly time: number;
  /** 1 for text, 2 for binary. */
  readonly opcode: number;
  /** The text, or bytes in base64. */
  readonly data: string;
}

/** The request of an entry. */
export interface HarRequest {
  /** `GET`, or `CONNECT` over HTTP/2. */
  readonly method: string;
  /** The URL, without secrets. */
  readonly url: string;
  /** The version of HTTP. */
  readonly httpVersion: string;
  /** The header lines, without secrets. */
  readonly headers: readonly HarPair[];
  /** The parameters of the query, without secrets. */
  readonly queryString: readonly HarPair[];
  /** None: they are secrets. */
  readonly cookies: readonly HarPair[];
  /** -1: not measured. */
  readonly headersSize: number;
  /** 0: there is no body. */
  readonly bodySize: number;
}

/** The answer of an entry. */
export interface HarResponse {
  /** The status; 0 if there was no answer. */
  readonly status: number;
  /** The reason phrase. */
  readonly statusText: string;
  /** The version of HTTP. */
  readonly httpVersion: string;
  /** The header lines, without secrets. */
  readonly headers: readonly HarPair[];
  /** None: they are secrets. */
  readonly cookies: readonly HarPair[];
  /** Empty: messages are not a body. */
  readonly content: { readonly size: number; readonly mimeType: string };
  /** Always `""`. */
  readonly redirectURL: string;
  /** -1: not measured. */
  readonly headersSize: number;
  /** -1: not measured. */
  readonly bodySize: number;
}

/** How a connection ended. */
export interface HarWebSocketClose {
  /** The code. */
  readonly code: number;
  /** The reason. */
  readonly reason: string;
  /** Whether both Closes passed. */
  readonly wasClean: boolean;
  /** Which side began, as this end sees it. */
  readonly initiator: "local" | "remote";
}

/** One connection, or one handshake that was refused. */
export interface HarEntry {
  /** When it began, in ISO 8601. */
  readonly startedDateTime: string;
  /** How long it was open, in milliseconds. */
  readonly time: number;
  /** The request. */
  readonly request: HarRequest;
  /** The answer. */
  readonly response: HarResponse;
  /** Nothing: a WebSocket is not cached. */
  readonly cache: Record<string, never>;
  /** Where the time went: all of it into receiving. */
  readonly timings: { readonly send: number; readonly wait: number; readonly receive: number };
  /** The server's IP address, on a client. */
  readonly serverIPAddress?: string;
  /** The number of the connection. */
  readonly connection?: string;
  /** Always `websocket`. */
  readonly _resourceType: "websocket";
  /** The messages, in their order. */
  readonly _webSocketMessages: readonly HarWebSocketMessage[];
  /** How it ended; without it, it is still open. */
  readonly _webSocketClose?: HarWebSocketClose;
}

/** An archive. */
export interface Har {
  /** Its content. */
  readonly log: {
    /** The version of the format. */
    readonly version: "1.2";
    /** What wrote it. */
    readonly creator: { readonly name: string; readonly version: string };
    /** Connections and refused handshakes, in the order in which they began. */
    readonly entries: readonly HarEntry[];
  };
}

/** The version of the library, for `creator`. */
const VERSION = "0.1.0";

/** An IP address, and no name. */
const IP = /^[\d.]+$|:/;

/** A connection, and what was recorded of it. */
interface Recorded {
  readonly connection: ObservedConnection;
  readonly messages: HarWebSocketMessage[];
  endedAt: number;
  close?: HarWebSocketClose;
}

/** Returns events as an archive. */
export function toHar(events: readonly RecordedEvent[]): Har {
  const connections = new Map<number, Recorded>();
  const entries: { startedAt: number; entry: HarEntry }[] = [];
  for (const event of events) {
    if (event.kind === "refused") {
      entries.push({ startedAt: event.time, entry: refusedEntry(event) });
      continue;
    }
    const { connection, time } = event;
    let recorded = connections.get(connection.id);
    if (recorded === undefined) {
      connections.set(connection.id, recorded = { connection, messages: [], endedAt: time });
    }
    recorded.endedAt = time;
    if (event.kind === "message") recorded.messages.push(messageOf(event));
    if (event.kind === "close") {
      const { closeCode: code, reason, wasClean, initiator } = event.info;
      recorded.close = { code, reason, wasClean, initiator };
    }
  }
  for (const recorded of connections.values()) {
    entries.push({ startedAt: recorded.connection.openedAt, entry: connectionEntry(recorded) });
  }
  entries.sort((one, other) => one.startedAt - other.startedAt);
  const creator = { name: "@sluice/websocket", version: VERSION };
  return { log: { version: "1.2", creator, entries: entries.map(({ entry }) => entry) } };
}

function messageOf(
  { direction, time, type, data }: RecordedEvent & { kind: "message" },
): HarWebSocketMessage {
  return {
    type: direction === "sent" ? "send" : "receive",
    time: time / 1000,
    opcode: type === "text" ? 1 : 2,
    data: typeof data === "string" ? data : toBase64(data),
  };
}

function connectionEntry({ connection, messages, endedAt, close }: Recorded): HarEntry {
  const { id, role, url, openedAt, remoteAddress, handshake } = connection;
  const httpVersion = handshake?.request.httpVersion ?? "HTTP/1.1";
  const { status = 101, statusText = "Switching Protocols", headers = [] } = handshake?.response ??
    {};
  const time = endedAt - openedAt;
  return {
    startedDateTime: new Date(openedAt).toISOString(),
    time,
    request: requestOf(url, handshake?.request),
    response: responseOf({ status, statusText, headers, httpVersion }),
    cache: {},
    timings: { send: 0, wait: 0, receive: time },
    ...(role === "client" && remoteAddress && IP.test(remoteAddress.hostname) &&
      { serverIPAddress: remoteAddress.hostname }),
    connection: String(id),
    _resourceType: "websocket",
    _webSocketMessages: messages,
    ...(close && { _webSocketClose: close }),
  };
}

function refusedEntry(
  { time, url, request, error }: RecordedEvent & { kind: "refused" },
): HarEntry {
  const status = "status" in error ? error.status : 0;
  const httpVersion = request?.httpVersion ?? "HTTP/1.1";
  return {
    startedDateTime: new Date(time).toISOString(),
    time: 0,
    request: requestOf(url, request),
    response: responseOf({ status, statusText: error.code, headers: [], httpVersion }),
    cache: {},
    timings: { send: 0, wait: 0, receive: 0 },
    _resourceType: "websocket",
    _webSocketMessages: [],
  };
}

function requestOf(url: string, request: ObservedRequest | undefined): HarRequest {
  return {
    method: request?.method ?? "GET",
    url: url || "about:invalid", // the format wants one
    httpVersion: request?.httpVersion ?? "HTTP/1.1",
    headers: pairs(request?.headers ?? []),
    queryString: URL.canParse(url) ? pairs(new URL(url).searchParams) : [],
    cookies: [],
    headersSize: -1,
    bodySize: 0,
  };
}

function responseOf({ status, statusText, headers, httpVersion }: {
  status: number;
  statusText: string;
  headers: Iterable<readonly [string, string]>;
  httpVersion: string;
}): HarResponse {
  return {
    status,
    statusText,
    httpVersion,
    headers: pairs(headers),
    cookies: [],
    content: { size: 0, mimeType: "x-unknown" },
    redirectURL: "",
    headersSize: -1,
    bodySize: -1,
  };
}

function pairs(lines: Iterable<readonly [string, string]>): HarPair[] {
  return Array.from(lines, ([name, value]) => ({ name, value }));
}
