/**
 * Messages to frames (RFC 6455 sections 5.4 to 5.6).
 *
 * @module
 */
import type { CloseStatus } from "../errors.ts";
import type { FrameEncoder, FrameEncoderTap } from "../frame/encoder.ts";
import { checkMemory } from "../frame/memory.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  MAX_CONTROL_PAYLOAD,
  PING,
  PONG,
  TEXT,
} from "../frame/opcode.ts";
import { writeClosePayload } from "./close.ts";
import type { MessageExtension } from "./extension.ts";
import { encodePiece, releaseScratch, textBytes } from "./scratch_buffer.ts";
import type { MessageType } from "./message.ts";

/**
 * Encodes messages and control frames through a `FrameEncoder`. A message leaves whole, or as the
 * fragments that its caller makes; control frames may stand between fragments, another message may
 * not (section 5.4).
 */
export class MessageEncoder {
  readonly #frames: FrameEncoder;
  readonly #extension: MessageExtension | undefined;
  /** The first byte for the next fragment of the message in progress; -1 when there is none. */
  #next = -1;
  #transformed = false;

  /** Creates an encoder that writes through `frames`. */
  constructor(frames: FrameEncoder, extension?: MessageExtension) {
    this.#frames = frames;
    this.#extension = extension;
  }

  /** Whether a message begun with `begin` waits for its last fragment. */
  get inMessage(): boolean {
    return this.#next !== -1;
  }

  /** Whether the extension transforms that message. */
  get inTransformed(): boolean {
    return this.inMessage && this.#transformed;
  }

  /** How many frames were encoded. */
  get frameCount(): number {
    return this.#frames.count;
  }

  /** @internal Sets what sees the frames. */
  setTap(tap: FrameEncoderTap | undefined): void {
    this.#frames.tap = tap;
  }

  /** Encodes a whole message in one frame, as it is if `transform` is false. */
  message(data: string | Uint8Array, transform = true): void {
    if (this.#extension !== undefined && transform && this.#transform(data, this.#extension)) {
      return;
    }
    if (typeof data === "string") this.#frames.encodeText(FIN | TEXT, data);
    else this.#frames.encode(FIN | BINARY, data);
  }

  /** Begins a message in fragments. Nothing is written until the first one. */
  begin(type: MessageType, transform = true): void {
    this.#next = type === "text" ? TEXT : BINARY;
    this.#transformed = transform && (this.#extension?.wants(-1) ?? false);
    if (this.#transformed) this.#next |= sentBits(this.#extension!);
  }

  /**
   * Encodes the next fragment; `final` makes it the last. An extension may keep one back that is not,
   * to let it leave with the next: the result is whether a frame was written.
   */
  fragment(payload: Uint8Array, final: boolean): boolean {
    if (!this.#transformed) {
      this.#fragment(payload, final);
      return true;
    }
    // What an extension returns for a piece becomes one frame; for some it returns nothing yet.
    const scratch = encodePiece(this.#extension!, payload, final);
    const encoded = scratch.payload;
    const leaves = final || encoded.length > 0;
    if (leaves) this.#fragment(encoded, final);
    releaseScratch(scratch);
    return leaves;
  }

  /** Encodes a ping (section 5.5.2). */
  ping(payload: Uint8Array): void {
    this.#frames.encode(FIN | PING, checkControlPayload(payload));
  }

  /** Encodes a pong (section 5.5.3). */
  pong(payload: Uint8Array): void {
    this.#frames.encode(FIN | PONG, checkControlPayload(payload));
  }

  /**
   * Encodes a Close frame (section 5.5.1).
   *
   * @throws {RangeError | TypeError} If the status is one that may not be sent.
   */
  close(status: CloseStatus): void {
    this.#frames.encode(FIN | CLOSE, writeClosePayload(status));
  }

  #fragment(payload: Uint8Array, final: boolean): void {
    this.#frames.encode(final ? this.#next | FIN : this.#next, payload);
    this.#next = final ? -1 : CONTINUATION;
  }

  /** Encodes a whole message through the extension; false if that does not want it. */
  #transform(data: string | Uint8Array, extension: MessageExtension): boolean {
    const bytes = typeof data === "string" ? textBytes(data) : data;
    if (!extension.wants(bytes.length)) return false;
    const first = FIN | sentBits(extension) | (typeof data === "string" ? TEXT : BINARY);
    const scratch = encodePiece(extension, bytes, true);
    this.#frames.encode(first, scratch.payload);
    releaseScratch(scratch);
    return true;
  }
}

function sentBits({ sentRsv, rsv }: MessageExtension): number {
  return sentRsv ?? rsv;
}

/**
 * The payload, if a control frame can carry it.
 *
 * @throws {TypeError} If it is not a Uint8Array.
 * @throws {RangeError} If it has more than 125 bytes (section 5.5).
 */
export function checkControlPayload(payload: unknown): Uint8Array {
  if (!(payload instanceof Uint8Array)) {
    throw new TypeError("Cannot send ping or pong: the payload must be a Uint8Array");
  }
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new RangeError(
      `Cannot send ping or pong: the payload has ${payload.length} bytes, at most 125 fit`,
    );
  }
  if (payload.length === 0) checkMemory("send ping or pong", payload);
  return payload;
}
