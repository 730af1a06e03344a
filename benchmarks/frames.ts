/**
 * What the load sends and what it must get back: masked frames made once, and counters that judge
 * the replies. A codec of its own, so that no contender is measured with its own code on both ends.
 *
 * @module
 */

/** One kind of load. */
export interface LoadCase {
  /** Frames over a WebSocket, the same bytes over plain TCP, or over TCP after the handshake. */
  mode: "websocket" | "bare" | "upgraded";
  /** 1 for text, 2 for binary (RFC 6455 section 5.2). */
  opcode: 1 | 2;
  /** Bytes of payload in each message. */
  payload: number;
  /** Messages in flight on each connection; the next batch leaves when this one is back whole. */
  depth: number;
  /** Connections, all busy. */
  connections: number;
  /** Whether messages are varied JSON of about `payload` bytes, compressed with context takeover. */
  compressed?: boolean;
}

/** The payload of every message: ASCII, so that it is valid as text too. */
export function makePayload(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, index) => 0x61 + index % 26);
}

/** The header of a final frame, its length in the shortest form (RFC 6455 section 5.2). */
function makeHeader(opcode: number, size: number, maskBit: 0 | 0x80): Uint8Array<ArrayBuffer> {
  const first = 0x80 | opcode;
  if (size < 126) return Uint8Array.of(first, maskBit | size);
  if (size < 0x10000) return Uint8Array.of(first, maskBit | 126, size >> 8, size);
  const header = new Uint8Array(10);
  header[0] = first;
  header[1] = maskBit | 127;
  new DataView(header.buffer).setBigUint64(2, BigInt(size));
  return header;
}

/** Whole frames end to end, the n-th masked with the n-th of `masks` (RFC 6455 section 5.3). */
export function makeMaskedFrames(
  opcode: number,
  payload: Uint8Array,
  masks: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const header = makeHeader(opcode, payload.length, 0x80);
  const frames = new Uint8Array((header.length + 4 + payload.length) * masks.length);
  let at = 0;
  for (const mask of masks) {
    frames.set(header, at);
    frames.set(mask, at + header.length);
    at += header.length + 4;
    for (let index = 0; index < payload.length; index++) {
      frames[at++] = payload[index] ^ mask[index & 3];
    }
  }
  return frames;
}

/** The frame that an echo server must answer with. */
export function makeReply(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = makeHeader(opcode, payload.length, 0);
  const reply = new Uint8Array(header.length + payload.length);
  reply.set(header);
  reply.set(payload, header.length);
  return reply;
}

/** Checks what comes back, in chunks cut anywhere. */
export interface ReplyCounter {
  /**
   * Takes the next chunk and tells how many replies ended in it.
   *
   * @throws {Error} If it is not what an echo server sends.
   */
  count(chunk: Uint8Array): number;
}

/**
 * Counts reply frames. The first `verified` are compared byte for byte; of the later ones only the
 * header, which costs the load next to nothing and still catches a reply of another type or length.
 */
export class FrameCounter implements ReplyCounter {
  readonly #reply: Uint8Array;
  readonly #headerSize: number;
  #position = 0;
  #unverified: number;

  constructor(reply: Uint8Array, options: { payload: number; verified: number }) {
    this.#reply = reply;
    this.#headerSize = reply.length - options.payload;
    this.#unverified = options.verified;
  }

  count(chunk: Uint8Array): number {
    const reply = this.#reply;
    let position = this.#position;
    let ended = 0;
    for (let at = 0; at < chunk.length;) {
      const compared = this.#unverified > 0 ? reply.length : this.#headerSize;
      while (position < compared && at < chunk.length) {
        if (chunk[at++] !== reply[position++]) throw new Error("a reply is not the message sent");
      }
      const skipped = Math.min(reply.length - position, chunk.length - at);
      position += skipped;
      at += skipped;
      if (position === reply.length) {
        position = 0;
        ended++;
        if (this.#unverified > 0) this.#unverified--;
      }
    }
    this.#position = position;
    return ended;
  }
}

/** Counts bytes, for a server that is no WebSocket server: a reply is as long as what was sent. */
export class ByteCounter implements ReplyCounter {
  readonly #size: number;
  #position = 0;

  constructor(size: number) {
    this.#size = size;
  }

  count(chunk: Uint8Array): number {
    const position = this.#position + chunk.length;
    this.#position = position % this.#size;
    return Math.floor(position / this.#size);
  }
}
