/**
 * Every error of the library, on one screen.
 *
 * ```text
 * SluiceError                 code: a stable string, to branch on
 * ├── ProtocolError           the peer broke a rule of RFC 6455: one code a rule, and the close code
 * ├── LimitError              a limit was passed: the option's name, the limit, the actual figure
 * ├── HandshakeError          the opening handshake failed: the HTTP status, and what was answered
 * ├── TransportError          the socket failed: refused, reset, not resolved, certificate rejected
 * └── ConnectionClosedError   the connection is closed: what was sent and received, whether clean
 * ```
 *
 * The caller's own mistakes are the language's TypeError and RangeError, or an InvalidStateError
 * DOMException; they never close a connection.
 *
 * @module
 */

import { isInstance } from "./thrown.ts";

/** The base of every error that this library creates. */
export class SluiceError extends Error {
  /** The class. */
  override readonly name: string = "SluiceError";
  /** A stable code, one for each cause; messages may be reworded, codes are not. */
  readonly code: string;

  /** Creates an error with a stable code. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One code for each rule of the protocol that a peer can break. */
export type ProtocolErrorCode =
  | "RESERVED_OPCODE" // 5.2
  | "RESERVED_BITS" // 5.2
  | "CONTROL_FRAGMENTED" // 5.5
  | "CONTROL_TOO_LONG" // 5.5
  | "MASK_REQUIRED" // 5.1
  | "MASK_FORBIDDEN" // 5.1
  | "LENGTH_NOT_MINIMAL" // 5.2
  | "LENGTH_TOP_BIT" // 5.2
  | "CONTINUATION_UNEXPECTED" // 5.4
  | "CONTINUATION_EXPECTED" // 5.4
  | "INVALID_UTF8" // 8.1
  | "CLOSE_PAYLOAD_LENGTH" // 5.5.1
  | "CLOSE_CODE_INVALID" // 7.4
  | "CLOSE_REASON_UTF8" // 5.5.1
  | "EXTENSION_DATA" // RFC 7692 section 6
  | "TRUNCATED"; // a stream of bytes or frames ended inside a frame or message

/** The peer broke a rule of RFC 6455. */
export class ProtocolError extends SluiceError {
  /** The class. */
  override readonly name = "ProtocolError";
  /** The rule that was broken. */
  declare readonly code: ProtocolErrorCode;
  /** The code for the Close frame that answers it: 1002, or 1007 for bad data in a good frame. */
  readonly closeCode: 1002 | 1007;

  /** Creates the error for one broken rule. */
  constructor(code: ProtocolErrorCode, message: string, closeCode: 1002 | 1007 = 1002) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/** A limit that the user or the defaults set was passed. */
export class LimitError extends SluiceError {
  /** The class. */
  override readonly name = "LimitError";
  /** The option that sets the limit: `"maxMessageSize"`, say. */
  readonly option: string;
  /** The limit in force. */
  readonly limit: number;
  /** The figure that passed it. */
  readonly actual: number;
  /** The code for the Close frame: 1009 for sizes, 1008 for all else, 1011 for a silent peer. */
  readonly closeCode: 1008 | 1009 | 1011;

  /** Creates the error for one limit. */
  constructor(
    message: string,
    details: { option: string; limit: number; actual: number; closeCode: 1008 | 1009 | 1011 },
  ) {
    super("LIMIT_EXCEEDED", message);
    this.option = details.option;
    this.limit = details.limit;
    this.actual = details.actual;
    this.closeCode = details.closeCode;
  }
}

/** The details of a HandshakeError. */
export interface HandshakeErrorDetails {
  /** On a server, the status to answer with; on a client, the status that came, or 0 for none. */
  status: number;
  /** Headers for the answer (server), or of the answer (client). */
  headers?: Headers;
  /** The first bytes of the response's body, on a client that was refused. */
  body?: Uint8Array<ArrayBuffer>;
  /**
   * Whether the status, headers and body came from a server, as on a client that was refused; if not,
   * they are those of the answer to send. @default {false}
   */
  received?: boolean;
  /** The error that led to it. */
  cause?: unknown;
}

/**
 * Why an opening handshake failed. A hook that throws an error of its own may give it any other
 * code.
 */
export type HandshakeErrorCode =
  // what was received breaks a rule
  | "HEAD_MALFORMED"
  | "HEAD_TOO_LARGE" // maxHeaderSize, maxHeaders
  | "HTTP_VERSION"
  | "METHOD"
  | "TARGET"
  | "REQUEST_BODY"
  | "HOST_HEADER"
  | "ORIGIN_HEADER"
  | "UPGRADE_HEADER"
  | "CONNECTION_HEADER"
  | "KEY_HEADER"
  | "VERSION_HEADER"
  | "PROTOCOL_HEADER"
  | "EXTENSIONS_HEADER"
  | "ACCEPT_MISMATCH"
  | "EXTENSION_NOT_OFFERED"
  | "EXTENSION_PARAMETERS"
  | "PROTOCOL_NOT_OFFERED"
  | "PROTOCOL" // the :protocol of RFC 8441
  | "STATUS"
  // a server refuses
  | "HOST_REFUSED" // hosts
  | "ORIGIN_REFUSED" // origins
  | "REFUSED" // the hook's Response
  | "UNAVAILABLE" // full, or shutting down
  | "INTERNAL" // a fault, in its cause
  // a client cannot connect
  | "HANDSHAKE_TIMEOUT" // handshakeTimeout, on a server too
  | "REDIRECT_REFUSED" // maxRedirects
  | "PROXY_FAILED" // it does not do as its protocol says
  | "PROXY_REFUSED"
  | "PROXY_AUTHENTICATION" // it wants another user or password
  | "HTTP2_NOT_ENABLED"
  | "PLATFORM_REFUSED"
  | (string & Record<never, never>);

/** The opening handshake failed (RFC 6455 section 4). */
export class HandshakeError extends SluiceError {
  /** The class. */
  override readonly name = "HandshakeError";
  /** Why it failed. */
  declare readonly code: HandshakeErrorCode;
  /** On a server, the status to answer with; on a client, the status that came, or 0 for none. */
  readonly status: number;
  /** Headers for the answer (server), or of the answer (client). */
  readonly headers: Headers;
  /** On a refused client, the first bytes of the response's body (at most 4 KiB). */
  readonly body: Uint8Array<ArrayBuffer>;
  /**
   * Whether the status, headers and body came from a server; false for those of an answer to send.
   */
  readonly received: boolean;

  /** Creates the error for one failed handshake. */
  constructor(code: HandshakeErrorCode, message: string, details: HandshakeErrorDetails) {
    super(code, message, "cause" in details ? { cause: details.cause } : undefined);
    this.status = details.status;
    this.headers = details.headers ?? new Headers();
    this.body = details.body ?? new Uint8Array(0);
    this.received = details.received ?? false;
  }

  /**
   * The body as text, by the charset of its `Content-Type` or as UTF-8; `""` if it is empty or
   * compressed (`Content-Encoding`). A character that is cut off at the end is left out.
   */
  get text(): string {
    const encoding = this.headers.get("content-encoding") ?? "identity";
    if (this.body.length === 0 || encoding.toLowerCase() !== "identity") return "";
    return decoderOf(this.headers.get("content-type") ?? "").decode(this.body, { stream: true });
  }

  /**
   * Returns the response that a server gives to a client because of this error, as `listen` and every
   * `upgrade` do when a `handshake` hook throws it: with the status if that is from 400 to 599,
   * otherwise 502, and the message as plain text.
   *
   * The headers of an error that was made on this server are sent, except those that frame a message
   * or belong to a connection. Of an error of `connect` that a gateway throws on, only `Allow`,
   * `Retry-After`, `Sec-WebSocket-Version` and `WWW-Authenticate` are sent: no cookie and no text of
   * the other server. With 502 there are no headers, and the text gives
   * no details.
   */
  toResponse(): Response {
    const { status, headers, text } = refusalFor(this);
    return new Response(text, { status, headers });
  }
}

/**
 * The decoder for a media type's charset (RFC 9110 section 8.3.2), or for UTF-8 if that is unknown.
 */
function decoderOf(contentType: string): InstanceType<typeof TextDecoder> {
  let charset = "utf-8";
  for (const parameter of contentType.split(";").slice(1)) {
    const [name, value = ""] = parameter.split("=", 2);
    if (name.trim().toLowerCase() === "charset") charset = value.replaceAll('"', "").trim();
  }
  try {
    return new TextDecoder(charset as "utf-8"); // the type of Bun knows three charsets
  } catch {
    return new TextDecoder();
  }
}

/** Why a socket failed. */
export type TransportErrorCode =
  | "ADDRESS_IN_USE"
  | "ADDRESS_NOT_AVAILABLE"
  | "PERMISSION_DENIED"
  | "CONNECTION_REFUSED"
  | "NAME_NOT_RESOLVED"
  | "HOST_UNREACHABLE"
  | "CERTIFICATE_REJECTED"
  | "CLIENT_CERTIFICATE_REQUIRED" // tls.cert and tls.key of connect, tls.requestClientCert of listen
  | "CLIENT_CERTIFICATE_REJECTED"
  | "ALPN_MISMATCH" // tls.alpn
  | "TLS_FAILED"
  | "CONNECTION_RESET"
  | "CONNECTION_ENDED"
  | "TIMED_OUT"
  | "TOO_MANY_OPEN_FILES"
  | "IO_FAILED";

/** The socket below failed. `cause` is the runtime's own error. */
export class TransportError extends SluiceError {
  /** The class. */
  override readonly name = "TransportError";
  /** What failed. */
  declare readonly code: TransportErrorCode;

  /** Creates the error for one failed socket. */
  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** A close code and its reason, as sent or received (RFC 6455 section 7.1.5 and 7.1.6). */
export interface CloseStatus {
  /** The code; 1005 for a Close frame without one. */
  closeCode: number;
  /** The reason: at most 123 bytes of UTF-8. */
  reason: string;
}

/**
 * How a connection ended: the value of `connection.closed`.
 *
 * `closeCode` and `reason` are those of the Close frame that was received, or 1006 and `""` if none
 * was (RFC 6455 section 7.1.5). Many peers answer a Close with its code alone: what this side gave
 * as the reason is in `sent`. On a platform's own WebSocket they are what the platform reports.
 */
export interface CloseInfo extends CloseStatus {
  /** Both Close frames passed and then the transport ended (RFC 6455 section 7.1.4). */
  wasClean: boolean;
  /** The Close frame sent, if one was. */
  sent: CloseStatus | undefined;
  /** The Close frame received, if one was. */
  received: CloseStatus | undefined;
  /** Which side began: `"local"` when this side sent Close first, or dropped the transport. */
  initiator: "local" | "remote";
  /** What went wrong, if anything did. */
  error: Error | undefined;
}

/**
 * The connection is closed. Thrown where an open one is needed, and by iteration when the
 * connection ended abnormally.
 */
export class ConnectionClosedError extends SluiceError implements CloseInfo {
  /** The class. */
  override readonly name = "ConnectionClosedError";
  readonly closeCode: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly sent: CloseStatus | undefined;
  readonly received: CloseStatus | undefined;
  readonly initiator: "local" | "remote";
  readonly error: Error | undefined;

  /** Creates the error that says how the connection ended. */
  constructor(info: CloseInfo) {
    const reason = info.reason === "" ? "" : `: ${info.reason}`;
    super(
      "CONNECTION_CLOSED",
      `The connection is closed (${info.closeCode}${reason})`,
      info.error === undefined ? undefined : { cause: info.error },
    );
    this.closeCode = info.closeCode;
    this.reason = info.reason;
    this.wasClean = info.wasClean;
    this.sent = info.sent;
    this.received = info.received;
    this.initiator = info.initiator;
    this.error = info.error;
  }
}

/**
 * Returns the close code and reason that report an error to the peer: the error's own, or 1011 with
 * an empty reason, since the text of an unknown error may hold secrets.
 */
export function closeStatusFor(error: unknown): CloseStatus {
  if (error instanceof ProtocolError || error instanceof LimitError) {
    return { closeCode: error.closeCode, reason: error.message.slice(0, 120) };
  }
  return { closeCode: 1011, reason: "" };
}

/** What a server answers in place of accepting. */
export interface Refusal {
  /** The status, from 400 to 599. */
  readonly status: number;
  /** The headers. */
  readonly headers: [string, string][];
  /** The body. */
  readonly text: string;
  /** Whether the error is a fault of the server or of its user's code, and not a refusal. */
  readonly fault: boolean;
}

/** The headers that are passed on from an answer of another server. */
const PASSED_ON = ["allow", "retry-after", "sec-websocket-version", "www-authenticate"];

/** Headers of the message's framing and of one connection, and what describes another body. */
const NOT_SENT = [
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Returns the answer to a handshake that failed with `error`, whatever that is: a HandshakeError's
 * status, headers and message, if its status is from 400 to 599; else 502. Any other error is a 500
 * without its text.
 */
export function refusalFor(error: unknown): Refusal {
  const plain: [string, string] = ["content-type", "text/plain; charset=utf-8"];
  const isHandshake = isInstance(error, HandshakeError);
  try {
    const status = isHandshake ? error.status : 500;
    if (isHandshake && Number.isInteger(status) && status >= 400 && status < 600) {
      const { message, received } = error;
      const headers = [...error.headers].filter(([name]) => isSent(name, received));
      // RFC 9110 section 15.5.22: it names the protocol to upgrade to.
      if (status === 426) headers.push(["connection", "Upgrade"], ["upgrade", "websocket"]);
      const text = received
        ? `Cannot accept handshake: the server behind this one answered ${status}`
        : message;
      return { status, headers: [...headers, plain], text: `${text}\n`, fault: false };
    }
  } catch {
    // A class of the user's, whose members throw: as if it had no status.
  }
  const text = "Cannot accept handshake: the server failed\n";
  return { status: isHandshake ? 502 : 500, headers: [plain], text, fault: true };
}

function isSent(name: string, received: boolean): boolean {
  const key = name.toLowerCase();
  if (received) return PASSED_ON.includes(key);
  if (key === "sec-websocket-version") return true;
  return !NOT_SENT.includes(key) && !key.startsWith("sec-websocket-");
}
