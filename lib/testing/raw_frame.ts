/**
 * Frames as they are on the wire (RFC 6455 section 5.2), valid or not.
 *
 * @module
 */
import { concat } from "../frame/memory.ts";
import { headerLength, writeHeader } from "../frame/header.ts";
import { maskInto } from "../frame/mask.ts";
import { FIN, OPCODE_BITS, RSV } from "../frame/opcode.ts";

/** A frame that was received, with what its header says. */
export interface RawFrame {
  /** Whether it is the last of its message. */
  readonly fin: boolean;
  /** The reserved bits: 0x40, 0x20 and 0x10. */
  readonly rsv: number;
  /** The opcode, from 0 to 15. */
  readonly opcode: number;
  /** The masking key, four bytes; undefined if it is not masked. */
  readonly mask: Uint8Array | undefined;
  /** How many bytes the header has, the masking key among them. */
  readonly headerSize: number;
  /** The payload, unmasked. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A frame to send. What a peer must not send is possible. */
export interface RawFrameInit {
  /** Whether it is the last of its message. @default {true} */
  fin?: boolean;
  /** The reserved bits: 0x40, 0x20 and 0x10. @default {0} */
  rsv?: number;
  /** The opcode, from 0 to 15. @default {1 for text, else 2} */
  opcode?: number;
  /** The payload: text as UTF-8, or bytes. @default {""} */
  payload?: string | Uint8Array;
  /** The masking key, or false for none. @default {a client masks with 1, 2, 3, 4} */
  mask?: Uint8Array | false;
  /** The length in the header, if it is to be a wrong one. */
  announced?: number;
}

const utf8 = /* @__PURE__ */ new TextEncoder();
const KEY = /* @__PURE__ */ Uint8Array.of(1, 2, 3, 4);

/** Returns the bytes of a frame. */
export function rawFrame(init: RawFrameInit, isClient: boolean): Uint8Array<ArrayBuffer> {
  const { fin = true, rsv = 0, payload = "" } = init;
  const { opcode = typeof payload === "string" ? 1 : 2, mask = isClient && KEY } = init;
  const bytes = typeof payload === "string" ? utf8.encode(payload) : payload;
  const header = new Uint8Array(14);
  const first = (fin ? FIN : 0) | rsv & RSV | opcode & OPCODE_BITS;
  let at = writeHeader(header, 0, first, init.announced ?? bytes.length, mask ? 0x80 : 0);
  if (!mask) return concat(header.subarray(0, at), bytes);
  header.set(mask, at);
  const masked = new Uint8Array(bytes.length);
  maskInto(masked, 0, bytes, 0, bytes.length, keyOf(mask));
  return concat(header.subarray(0, at += 4), masked);
}

/** Returns the frame that begins at the first byte; undefined if it is not complete. */
export function readRawFrame(bytes: Uint8Array): RawFrame | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = bytes, headerSize = headerLength(second);
  if (bytes.length < headerSize) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const short = second & 127;
  const length = short < 126
    ? short
    : short === 126
    ? view.getUint16(2)
    : Number(view.getBigUint64(2));
  if (bytes.length < headerSize + length) return undefined;
  const mask = (second & 0x80) === 0 ? undefined : bytes.slice(headerSize - 4, headerSize);
  const payload = new Uint8Array(length);
  maskInto(payload, 0, bytes, headerSize, headerSize + length, mask ? keyOf(mask) : 0);
  return {
    fin: (first & FIN) !== 0,
    rsv: first & RSV,
    opcode: first & OPCODE_BITS,
    mask,
    headerSize,
    payload,
  };
}

function keyOf(mask: Uint8Array): number {
  return mask[0] | mask[1] << 8 | mask[2] << 16 | mask[3] << 24;
}
