/**
 * A frame as an object: what the frame streams carry.
 *
 * @module
 */
import { checkMemory } from "./memory.ts";
import { CONTROL_BIT, FIN, MAX_CONTROL_PAYLOAD, type Opcode, PONG, RSV } from "./opcode.ts";

/** One frame (RFC 6455 section 5.2), its payload unmasked. */
export interface Frame {
  /** The last fragment of its message. @default {true} */
  fin?: boolean;
  /** The reserved bits: 0x40, 0x20 and 0x10 for RSV1, RSV2 and RSV3. @default {0} */
  rsv?: number;
  /** What kind of frame it is. */
  opcode: Opcode;
  /** The payload. */
  payload: Uint8Array<ArrayBuffer>;
}

/**
 * The first byte of a frame's header.
 *
 * @throws {TypeError} If the frame is one that section 5.2 or 5.5 forbids, or the memory of its payload
 * is detached or out of bounds.
 */
export function firstByte(frame: Frame): number {
  const { fin = true, rsv = 0, opcode, payload } = frame;
  if (!(payload instanceof Uint8Array)) {
    throw new TypeError("Cannot encode frame: the payload must be a Uint8Array");
  }
  if (payload.length === 0) checkMemory("encode frame", payload);
  const control = (opcode & CONTROL_BIT) !== 0;
  if (!Number.isInteger(opcode) || opcode < 0 || (control ? opcode > PONG : opcode > 2)) {
    throw new TypeError(`Cannot encode frame: opcode ${opcode} is reserved`);
  }
  if ((rsv & ~RSV) !== 0) {
    throw new TypeError(`Cannot encode frame: ${rsv} is no set of reserved bits`);
  }
  if (control && (!fin || payload.length > MAX_CONTROL_PAYLOAD)) {
    throw new TypeError(
      "Cannot encode frame: a control frame is whole and has at most 125 bytes of payload",
    );
  }
  return (fin ? FIN : 0) | rsv | opcode;
}
