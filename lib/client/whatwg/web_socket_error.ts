/**
 * WebSocketError, and the close information of the WebSocketStream proposal
 * (https://github.com/whatwg/websockets/pull/48).
 *
 * @module
 */
import { syntaxError } from "../../handshake/client_url.ts";
import { defineInterface, toClampedShort, toUSVString, utf8Length } from "./web_idl.ts";

/** What a WebSocketStream is closed with, and how it has ended. */
export interface WebSocketCloseInfo {
  /** The code: 1000, or from 3000 to 4999. */
  closeCode?: number;
  /** The reason, at most 123 bytes in UTF-8. @default {""} */
  reason?: string;
}

/** How a WebSocketStream has ended, where not cleanly; or a reason to close it with a code. */
export interface WebSocketError extends DOMException {
  /** The close code, or null. */
  readonly closeCode: number | null;
  /** The reason, or `""`. */
  readonly reason: string;
}

/** The class of {@linkcode WebSocketError}. */
export interface WebSocketErrorConstructor {
  /**
   * Creates an error. A reason without a code has the code 1000.
   *
   * @throws {DOMException} InvalidAccessError For another code; SyntaxError for a reason that is too long.
   */
  new (message?: string, init?: WebSocketCloseInfo): WebSocketError;
  /** What errors inherit from. */
  readonly prototype: WebSocketError;
}

/** What a Close frame is sent with; without a code it has no body. */
export interface CheckedClose {
  readonly code: number | undefined;
  readonly reason: string;
}

/**
 * Converts and checks what is to be sent in a Close frame.
 *
 * @throws {DOMException} InvalidAccessError, or SyntaxError.
 * @throws {TypeError} If it is no object.
 */
export function readCloseInfo(given: unknown): CheckedClose {
  if (
    given !== undefined && given !== null && typeof given !== "object" &&
    typeof given !== "function"
  ) {
    throw new TypeError("Cannot close: the close information must be an object");
  }
  const { closeCode, reason } = (given ?? {}) as WebSocketCloseInfo;
  return checkClose(
    closeCode === undefined ? undefined : toClampedShort(closeCode),
    reason === undefined ? "" : toUSVString(reason),
  );
}

/** Returns whether a close code may be sent by who uses the API. */
export function mayClose(code: number): boolean {
  return code === 1000 || code >= 3000 && code <= 4999;
}

/** The rules of `close()` of the standard; a reason alone has the code 1000. */
export function checkClose(code: number | undefined, reason: string): CheckedClose {
  if (code !== undefined && !mayClose(code)) {
    throw new DOMException(
      `Cannot close: the code must be 1000, or from 3000 to 4999, got ${code}`,
      "InvalidAccessError",
    );
  }
  const size = utf8Length(reason);
  if (size > 123) {
    throw syntaxError(`Cannot close: the reason has ${size} bytes of UTF-8, at most 123 fit`);
  }
  return { code: code ?? (reason === "" ? undefined : 1000), reason };
}

/**
 * Returns the error for a connection that ended so. A peer's code may be any, also one that the constructor
 * refuses.
 */
export function closedWith(message: string, code: number, reason: string): WebSocketError {
  return Object.defineProperties(new WebSocketError(message), {
    closeCode: { value: code },
    reason: { value: reason },
  });
}

function defineWebSocketError(): WebSocketErrorConstructor {
  class WebSocketError extends DOMException {
    readonly #closeCode: number | null;
    readonly #reason: string;

    constructor(message = "", init: WebSocketCloseInfo = {}) {
      super(`${message}`, "WebSocketError");
      const { code, reason } = readCloseInfo(init);
      this.#closeCode = code ?? null;
      this.#reason = reason;
    }

    get closeCode(): number | null {
      return this.#closeCode;
    }

    get reason(): string {
      return this.#reason;
    }
  }
  defineInterface("WebSocketError", WebSocketError);
  return WebSocketError;
}

/**
 * How a WebSocketStream has ended, where not cleanly. Cancelling `readable` or aborting `writable` with one
 * closes with its code and reason.
 */
export const WebSocketError: WebSocketErrorConstructor = /* @__PURE__ */ defineWebSocketError();
