/**
 * Bytes as text (RFC 4648 section 4).
 *
 * @module
 */
import { decodeLatin1 } from "../handshake/latin1.ts";

/** Returns bytes in base64. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(decodeLatin1(bytes));
}
