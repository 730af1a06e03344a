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

/** The base of every error that this library makes. */
export class SluiceError extends Error {
  /** The class. */
  override readonly name: string = "SluiceError";
  /** A stable code, one for each cause; messages may be reworded, codes are not. */
  readonly code: string;

  /** Makes an error with a stable code. */
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

  /** Makes the error for one broken rule. */
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

  /** Makes the error for one limit. */
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

/** What a HandshakeError tells besides its message. */
export interface HandshakeErrorDetails {
  /** On a server, the status to answer with; on a client, the status that came, or 0 for none. */
  status: number;
  /** Headers for the answer (server), or of the answer (client). */
  headers?: Headers;
  /** The first bytes of the response's body, on a client that was refused. */
  body?: Uint8Array<ArrayBuffer>;
  /** What was behind it. */
  cause?: unknown;
}

/** The opening handshake failed (RFC 6455 section 4). */
export class HandshakeError extends SluiceError {
  /** The class. */
  override readonly name = "HandshakeError";
  /** On a server, the status to answer with; on a client, the status that came, or 0 for none. */
  readonly status: number;
  /** Headers for the answer (server), or of the answer (client). */
  readonly headers: Headers;
  /** On a refused client, the first bytes of the response's body (at most 4 KiB). */
  readonly body: Uint8Array<ArrayBuffer>;

  /** Makes the error for one failed handshake. */
  constructor(code: string, message: string, details: HandshakeErrorDetails) {
    super(code, message, "cause" in details ? { cause: details.cause } : undefined);
    this.status = details.status;
    this.headers = details.headers ?? new Headers();
    this.body = details.body ?? new Uint8Array(0);
  }

  /**
   * The response that tells the client: the status, the headers, and the message as plain text. A
   * client's error whose status is no refusal (0, 101, 204) gives 502.
   */
  toResponse(): Response {
    const headers = new Headers(this.headers);
    const status = this.status >= 400 && this.status <= 599 ? this.status : 502;
    headers.set("content-type", "text/plain; charset=utf-8");
    return new Response(`${this.message}\n`, { status, headers });
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

  /** Makes the error for one failed socket. */
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

/** How a connection ended: the value of `connection.closed`. */
export interface CloseInfo extends CloseStatus {
  /** Both Close frames passed and then the transport ended (RFC 6455 section 7.1.4). */
  wasClean: boolean;
  /** The Close frame sent, if one was. */
  sent: CloseStatus | undefined;
  /** The Close frame received, if one was. */
  received: CloseStatus | undefined;
  /** Who began: `"local"` when this side sent Close first, or dropped the transport. */
  initiator: "local" | "remote";
  /** What went wrong, if anything did. */
  error: Error | undefined;
}

/** The connection is closed. Thrown by what needs an open one, and by iteration after trouble. */
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

  /** Makes the error that tells how the connection ended. */
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
 * The close code and reason that tell a peer about an error: the error's own, or 1011 with an empty
 * reason, since the text of an unknown error is none of the peer's business.
 */
export function closeStatusFor(error: unknown): CloseStatus {
  if (error instanceof ProtocolError || error instanceof LimitError) {
    return { closeCode: error.closeCode, reason: error.message.slice(0, 120) };
  }
  return { closeCode: 1011, reason: "" };
}
