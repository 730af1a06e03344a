/**
 * The key of the handshake and the answer that proves it was read (RFC 6455 sections 4.1 and 4.2.2).
 *
 * @module
 */

import { randomMask } from "../frame/mask.ts";
import { decodeLatin1, encodeLatin1 } from "./latin1.ts";
import { sha1 } from "./sha1.ts";

/** Section 1.3: appended to the key, and unlikely to be used by servers that know no WebSocket. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function toBase64(bytes: Uint8Array): string {
  return btoa(decodeLatin1(bytes));
}

/**
 * A new `Sec-WebSocket-Key`: 16 random bytes in base64 (section 4.1, item 7). They are drawn as masking
 * keys are: a draw of its own would cost Node as much as the rest of the request.
 */
export function createKey(): string {
  const words = Int32Array.of(randomMask(), randomMask(), randomMask(), randomMask());
  return toBase64(new Uint8Array(words.buffer));
}

/**
 * Whether a `Sec-WebSocket-Key` is 16 bytes in base64: 22 digits and the padding `==` (section 4.2.1,
 * item 5). The four bits that the last digit has to spare may be set: RFC 6455 prints such a key
 * itself, as an example in section 4.1.
 */
export function isValidKey(key: string): boolean {
  if (key.length !== 24 || !key.endsWith("==")) return false;
  for (let i = 0; i < 22; i++) {
    const code = key.charCodeAt(i);
    const isDigit = (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) ||
      (code >= 0x61 && code <= 0x7a) || code === 0x2b || code === 0x2f;
    if (!isDigit) return false;
  }
  return true;
}

/** The `Sec-WebSocket-Accept` that answers a key (section 4.2.2, item 5.4). */
export function acceptFor(key: string): string {
  return toBase64(sha1(encodeLatin1(key + GUID)));
}
