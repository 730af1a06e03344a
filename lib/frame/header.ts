/**
 * The frame header (RFC 6455 section 5.2): judging one that arrived, writing one that leaves.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import {
  CONTROL_BIT,
  FIN,
  MAX_CONTROL_PAYLOAD,
  OPCODE_BITS,
  PONG,
  type Role,
  RSV,
} from "./opcode.ts";

/** The longest header: two bytes, a 64-bit length, a masking key. */
export const MAX_HEADER_LENGTH = 14;

/** The bytes of a header whose second byte is `second`: 2, 4 or 10, and 4 for a masking key. */
export function headerLength(second: number): number {
  const length = second & 127;
  return (length < 126 ? 2 : length === 126 ? 4 : 10) + ((second & 128) >> 5);
}

/**
 * Validates what a header's first two bytes tell, in a fixed order: opcode, reserved bits, a control
 * frame's FIN and length, mask. Nothing of the payload is needed, so a bad frame fails before any
 * of it is read.
 *
 * `allowedRsv` holds the reserved bits that an extension has claimed for the first frame of a data
 * message (section 5.2, RFC 7692 section 6); a continuation or control frame may have none.
 *
 * @throws {ProtocolError} naming the rule.
 */
export function validateHeader(
  first: number,
  second: number,
  role: Role,
  allowedRsv: number,
): void {
  const opcode = first & OPCODE_BITS;
  const control = (opcode & CONTROL_BIT) !== 0;
  // 5.2: opcodes 3 to 7 and 11 to 15 are reserved.
  if (control ? opcode > PONG : opcode > 2) {
    throw refusal("RESERVED_OPCODE", `opcode ${opcode} is reserved`);
  }
  // 5.2: a reserved bit "MUST be 0 unless an extension is negotiated that defines meanings".
  const lawful = opcode === 1 || opcode === 2 ? allowedRsv : 0;
  if ((first & RSV & ~lawful) !== 0) {
    throw refusal("RESERVED_BITS", "a reserved bit is set that no extension allows on this frame");
  }
  if (control) {
    // 5.5: control frames are not fragmented, and carry at most 125 bytes.
    if ((first & FIN) === 0) throw refusal("CONTROL_FRAGMENTED", "a control frame is fragmented");
    if ((second & 127) > MAX_CONTROL_PAYLOAD) {
      throw refusal("CONTROL_TOO_LONG", "a control frame has more than 125 bytes of payload");
    }
  }
  // 5.1: a client masks every frame, a server none.
  const masked = (second & 128) !== 0;
  if (masked && role === "client") throw refusal("MASK_FORBIDDEN", "server sent a masked frame");
  if (!masked && role === "server") throw refusal("MASK_REQUIRED", "client sent an unmasked frame");
}

/**
 * The 16-bit length at `at`.
 *
 * @throws {ProtocolError} If it would have fitted in 7 bits (section 5.2: "the minimal number of
 * bytes MUST be used to encode the length").
 */
export function readLength16(bytes: Uint8Array, at: number): number {
  const length = bytes[at] << 8 | bytes[at + 1];
  if (length < 126) throw notMinimal(length, 16);
  return length;
}

/**
 * The 64-bit length at `at`. Above 2^53 it is no longer exact, which is far above any limit.
 *
 * @throws {ProtocolError} If it would have fitted in 16 bits, or its top bit is set (section 5.2).
 */
export function readLength64(bytes: Uint8Array, at: number): number {
  const high = word(bytes, at), low = word(bytes, at + 4);
  if (high === 0 && low < 0x10000) throw notMinimal(low, 64);
  if (high > 0x7fffffff) throw refusal("LENGTH_TOP_BIT", "the top bit of a 64-bit length is set");
  return high * 0x100000000 + low;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
}

function notMinimal(length: number, bits: number): ProtocolError {
  return refusal("LENGTH_NOT_MINIMAL", `length ${length} is written in ${bits} bits`);
}

function refusal(code: ProtocolError["code"], what: string): ProtocolError {
  return new ProtocolError(code, `Cannot decode frame: ${what}`);
}

/**
 * Writes a header without a masking key at `at`, the length in as few bytes as can hold it (section
 * 5.2), and returns the offset behind it. `maskBit` is 0x80 for a client, 0 for a server.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  first: number,
  length: number,
  maskBit: number,
): number {
  target[at] = first;
  if (length < 126) {
    target[at + 1] = maskBit | length;
    return at + 2;
  }
  if (length < 0x10000) {
    target[at + 1] = maskBit | 126;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
    return at + 4;
  }
  target[at + 1] = maskBit | 127;
  const high = Math.floor(length / 0x100000000);
  target[at + 2] = high >>> 24;
  target[at + 3] = high >>> 16;
  target[at + 4] = high >>> 8;
  target[at + 5] = high;
  target[at + 6] = length >>> 24;
  target[at + 7] = length >>> 16;
  target[at + 8] = length >>> 8;
  target[at + 9] = length;
  return at + 10;
}
