/**
 * Frames written down in hexadecimal, to be sent by either side.
 *
 * A frame is `"header | payload"` as a server would send it: `"81 05 | 48 65 6c 6c 6f"`. `00x300` is
 * 300 bytes of 00, `'Hello'` the bytes of that text. For a client the mask bit is set, the key put
 * in and the payload masked.
 */

import type { Role } from "../../lib/frame/opcode.ts";

/** The masking key of section 5.7's examples. */
export const KEY_BYTES: readonly number[] = [0x37, 0xfa, 0x21, 0x3d];
/** The same as the word that lib/frame/mask.ts works with. */
export const KEY = 0x3d21fa37;

const utf8 = new TextEncoder();

/** The bytes that hexadecimal digits, `00x300` and `'text'` stand for, separated by spaces. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const word of text.trim().split(" ")) {
    if (word === "") continue;
    const [digits, count = "1"] = word.split("x");
    const part = word.startsWith("'") ? utf8.encode(word.slice(1, -1)) : pairs(digits);
    for (let i = word.startsWith("'") ? 1 : Number(count); i > 0; i--) {
      for (const byte of part) bytes.push(byte);
    }
  }
  return new Uint8Array(bytes);
}

function pairs(digits: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < digits.length; at += 2) {
    bytes.push(Number.parseInt(digits.slice(at, at + 2), 16));
  }
  return bytes;
}

/** Bytes joined. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The payload of a frame in notation, unmasked. */
export function payloadOf(frame: string): Uint8Array<ArrayBuffer> {
  return hex(frame.split("|")[1] ?? "");
}

/** A frame's header alone, as sent by `sender`. */
export function headerOf(frame: string, sender: Role): Uint8Array<ArrayBuffer> {
  const header = hex(frame.split("|")[0]);
  if (sender === "server") return header;
  header[1] |= 0x80;
  return join([header, new Uint8Array(KEY_BYTES)]);
}

/** A whole frame, as sent by `sender`. */
export function frameBytes(frame: string, sender: Role): Uint8Array<ArrayBuffer> {
  const payload = payloadOf(frame);
  if (sender === "client") payload.forEach((byte, i) => payload[i] = byte ^ KEY_BYTES[i & 3]);
  return join([headerOf(frame, sender), payload]);
}

/** Frames in a row, as sent by `sender`. */
export function framesBytes(frames: readonly string[], sender: Role): Uint8Array<ArrayBuffer> {
  return join(frames.map((frame) => frameBytes(frame, sender)));
}
