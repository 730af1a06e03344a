/**
 * The payload of a Close frame (RFC 6455 section 5.5.1) and its codes (section 7.4).
 *
 * @module
 */
import { type CloseStatus, ProtocolError } from "../errors.ts";

/** The code of a Close frame without one (section 7.1.5). Never on the wire. */
export const NO_STATUS = 1005;
/** The code of a connection that ended without a Close frame (section 7.1.5). Never on the wire. */
export const ABNORMAL = 1006;

/** The longest reason, in bytes of UTF-8: what two bytes of code leave of 125. */
export const MAX_REASON = 123;

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * Whether a code may stand in a Close frame: those that section 7.4.1 and the registry behind it
 * define for the wire, and 3000 to 4999 for libraries and applications (section 7.4.2). Not 1004,
 * 1005, 1006 and 1015, nor what nobody has defined.
 */
export function isWireCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL;
}

/** Whether a connection that ended with this code ended as it should: reading it just ends. */
export function isNormalEnd(code: number): boolean {
  return code === 1000 || code === 1001 || code === NO_STATUS;
}

/**
 * Reads a Close frame's unmasked payload. An empty one is the status 1005.
 *
 * @throws {ProtocolError} If it has one byte, a code that may not be sent, or a reason that is not
 * UTF-8.
 */
export function readClosePayload(payload: Uint8Array): CloseStatus {
  if (payload.length === 0) return { closeCode: NO_STATUS, reason: "" };
  if (payload.length === 1) {
    throw new ProtocolError(
      "CLOSE_PAYLOAD_LENGTH",
      "Cannot read Close frame: its payload has one byte, a code has two",
    );
  }
  const closeCode = payload[0] << 8 | payload[1];
  if (!isWireCode(closeCode)) {
    throw new ProtocolError(
      "CLOSE_CODE_INVALID",
      `Cannot read Close frame: code ${closeCode} may not be sent`,
    );
  }
  try {
    return { closeCode, reason: decoder.decode(payload.subarray(2)) };
  } catch {
    throw new ProtocolError(
      "CLOSE_REASON_UTF8",
      "Cannot read Close frame: its reason is not UTF-8",
      1007,
    );
  }
}

/**
 * Writes a Close frame's payload; the status 1005 gives an empty one.
 *
 * @throws {RangeError} If the code may not be sent, or the reason is over 123 bytes of UTF-8.
 * @throws {TypeError} If the code is not a number or the reason is not a string, or there is a
 * reason and no code.
 */
export function writeClosePayload(status: CloseStatus): Uint8Array<ArrayBuffer> {
  const { closeCode, reason } = status;
  if (typeof closeCode !== "number") {
    throw new TypeError(`Cannot close: closeCode must be a number, got ${typeof closeCode}`);
  }
  if (typeof reason !== "string") {
    throw new TypeError(`Cannot close: reason must be a string, got ${typeof reason}`);
  }
  if (closeCode === NO_STATUS) {
    if (reason !== "") throw new TypeError("Cannot close: a reason needs a closeCode");
    return new Uint8Array(0);
  }
  if (!Number.isInteger(closeCode) || !isWireCode(closeCode)) {
    throw new RangeError(
      `Cannot close: code ${closeCode} may not be sent; use 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
    );
  }
  const bytes = encoder.encode(reason);
  if (bytes.length > MAX_REASON) {
    throw new RangeError(
      `Cannot close: the reason has ${bytes.length} bytes of UTF-8, at most ${MAX_REASON} fit`,
    );
  }
  const payload = new Uint8Array(2 + bytes.length);
  payload[0] = closeCode >> 8;
  payload[1] = closeCode;
  payload.set(bytes, 2);
  return payload;
}

/** The longest beginning of `text` that fits in a reason, whole characters only. */
export function fitReason(text: string): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(MAX_REASON));
  return text.slice(0, read);
}
