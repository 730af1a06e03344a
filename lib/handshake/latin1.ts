/**
 * Latin-1, in which bytes and characters 0 to 0xFF are the same numbers: the encoding of a head.
 *
 * Written out because a TextDecoder's "latin1" is windows-1252, which is another at 0x80 to 0x9F.
 *
 * @module
 */

/** How many arguments one call of a function surely takes. */
const PIECE = 4096;

/** The text of these bytes. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += PIECE) {
    // Not spread: to spread a typed array costs five times as much.
    text += Reflect.apply(String.fromCharCode, null, bytes.subarray(start, start + PIECE));
  }
  return text;
}

/** The bytes of this text, whose characters must be of latin-1. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
