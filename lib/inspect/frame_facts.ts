/**
 * What is known of a frame from its first byte, its size and what has passed before it.
 *
 * @module
 */
import { headerLength } from "../frame/header.ts";
import { CLOSE, CONTINUATION, CONTROL_BIT, FIN, OPCODE_BITS, RSV } from "../frame/opcode.ts";
import { NO_STATUS } from "../message/close.ts";
import type { Direction, ObservedFrame } from "./events.ts";

/** What a frame is on the wire. */
export interface FrameOnWire {
  /** Its first byte. */
  first: number;
  /** The size of its payload. */
  size: number;
  /** The payload of a control frame. */
  payload: Uint8Array | undefined;
  /** How many bytes an extension made of it, or made it of; undefined if it does not count. */
  transformedSize: number | undefined;
}

/** What a frame's event says of the frame itself. */
export type FrameFacts = Omit<ObservedFrame, "connection" | "time" | "initiator">;

/** Numbers the messages and fragments of one direction. */
export class FrameCounter {
  readonly #direction: Direction;
  readonly #masked: boolean;
  readonly #mayTransform: boolean;
  #message = 0;
  #fragment = 0;
  /** Undefined for a message whose beginning was not seen. */
  #isTransformed: boolean | undefined = false;
  /** Whether a frame of the next message has been counted. */
  #hasFrame = false;

  /** Creates the counter of one direction; `mayTransform` is whether an extension was agreed on. */
  constructor(
    direction: Direction,
    { masked, mayTransform }: { masked: boolean; mayTransform: boolean },
  ) {
    this.#direction = direction;
    this.#masked = masked;
    this.#mayTransform = mayTransform;
  }

  /** Returns the number of a message that is complete, whether its frames were seen or not. */
  nextMessage(): number {
    if (!this.#hasFrame) this.#message++;
    this.#hasFrame = false;
    return this.#message;
  }

  /** Returns what a frame's event says. Called once for each frame, in order. */
  next({ first, size, payload, transformedSize }: FrameOnWire): FrameFacts {
    const opcode = first & OPCODE_BITS, isControl = (opcode & CONTROL_BIT) !== 0;
    if (!isControl) this.#count(first);
    const length = size < 126 ? size : size < 0x10000 ? 126 : 127;
    return {
      direction: this.#direction,
      opcode,
      fin: (first & FIN) !== 0,
      rsv: first & RSV,
      masked: this.#masked,
      headerSize: headerLength(length | (this.#masked ? 0x80 : 0)),
      payloadSize: size,
      decodedSize: isControl ? size : this.#sizeBefore(size, transformedSize),
      message: isControl ? undefined : this.#message,
      fragment: isControl ? undefined : this.#fragment,
      payload: isControl ? payload : undefined,
      closeCode: opcode === CLOSE ? closeCodeOf(payload) : undefined,
    };
  }

  #count(first: number): void {
    const isFirst = (first & OPCODE_BITS) !== CONTINUATION;
    // The first that is seen may be the rest of a message.
    if (isFirst || !this.#hasFrame) {
      this.#message++;
      this.#fragment = 0;
      const isKnown = isFirst || !this.#mayTransform;
      this.#isTransformed = isKnown ? (first & RSV) !== 0 : undefined;
    }
    this.#hasFrame = true;
    this.#fragment++;
  }

  #sizeBefore(size: number, transformedSize: number | undefined): number | undefined {
    if (this.#isTransformed === undefined) return undefined;
    return this.#isTransformed ? transformedSize : size;
  }
}

function closeCodeOf(payload: Uint8Array | undefined): number {
  return payload === undefined || payload.length < 2 ? NO_STATUS : payload[0] << 8 | payload[1];
}
