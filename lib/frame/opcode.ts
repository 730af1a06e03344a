/**
 * Opcodes and the bits of a frame's first byte (RFC 6455 sections 5.2 and 11.8).
 *
 * @module
 */

/** A frame's opcode, of those that RFC 6455 defines. */
export type Opcode = 0x0 | 0x1 | 0x2 | 0x8 | 0x9 | 0xa;

/** Continues the message that a text or binary frame began. */
export const CONTINUATION = 0x0;
/** Begins a message of UTF-8 text. */
export const TEXT = 0x1;
/** Begins a message of bytes. */
export const BINARY = 0x2;
/** Begins or answers the closing handshake. */
export const CLOSE = 0x8;
/** Asks for a pong with the same payload. */
export const PING = 0x9;
/** Answers a ping, or tells unasked that this end is alive. */
export const PONG = 0xa;

/** The first byte's top bit: the last fragment of a message. */
export const FIN = 0x80;
/** The first reserved bit, which permessage-deflate uses. */
export const RSV1 = 0x40;
/** The second reserved bit. */
export const RSV2 = 0x20;
/** The third reserved bit. */
export const RSV3 = 0x10;
/** All three reserved bits. */
export const RSV = 0x70;
/** The bits of the first byte that hold the opcode. */
export const OPCODE_BITS = 0x0f;
/** The opcode bit that control frames have set (section 5.5). */
export const CONTROL_BIT = 0x08;

/** The longest payload of a control frame, in bytes (section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;

/** Which end of the connection this is: masking depends on it (section 5.1). */
export type Role = "client" | "server";

/** Throws a TypeError for anything but `"client"` and `"server"`. */
export function checkRole(role: unknown): asserts role is Role {
  if (role !== "client" && role !== "server") {
    throw new TypeError(`Cannot read options: role must be "client" or "server", got ${role}`);
  }
}
