/**
 * A whole text payload to a string, unmasked and checked on the way (RFC 6455 sections 5.6 and 8.1).
 *
 * @module
 */
import { LimitError, ProtocolError } from "../errors.ts";
import { maskInto } from "../frame/mask.ts";
import { decodeUtf8 } from "./string.ts";

/** Up to this many characters a loop is faster than the platform's decoder. */
const BY_LOOP = 24;
/** Texts up to this size are unmasked in memory that is used again. */
const SCRATCH_SIZE = 65_536;

const scratch = /* @__PURE__ */ new Uint8Array(SCRATCH_SIZE);
const char = /* @__PURE__ */ (() => String.fromCharCode)();

/** The error for text that is not UTF-8. */
export function invalidUtf8(): ProtocolError {
  return new ProtocolError("INVALID_UTF8", "Cannot decode message: text is not UTF-8", 1007);
}

/**
 * The string that `bytes` spell.
 *
 * @throws {ProtocolError} If they are not UTF-8.
 * @throws {LimitError} If the platform has no string that long.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    throw error instanceof LimitError ? error : invalidUtf8();
  }
}

/**
 * The string that the masked bytes `chunk[start, end)` spell.
 *
 * @throws {ProtocolError} If they are not UTF-8.
 * @throws {LimitError} If the platform has no string that long.
 */
export function unmaskText(chunk: Uint8Array, start: number, end: number, key: number): string {
  const size = end - start;
  const b = size <= SCRATCH_SIZE ? scratch : new Uint8Array(size);
  maskInto(b, 0, chunk, start, end, key);
  if (size > BY_LOOP) return decodeText(b.subarray(0, size));
  let text = "", i = 0;
  for (; i + 8 <= size; i += 8) {
    const seen = b[i] | b[i + 1] | b[i + 2] | b[i + 3] | b[i + 4] | b[i + 5] | b[i + 6] | b[i + 7];
    if (seen > 127) return decodeText(b.subarray(0, size));
    text += char(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
  }
  for (; i < size; i++) {
    if (b[i] > 127) return decodeText(b.subarray(0, size));
    text += char(b[i]);
  }
  return text;
}
