/**
 * The frame codec as Web Streams: bytes to frames, frames to bytes.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { PayloadBuffer } from "./payload_buffer.ts";
import { FrameDecoder, type FrameDecoderOptions, type FrameSink } from "./decoder.ts";
import { FrameEncoder, type FrameEncoderOptions } from "./encoder.ts";
import { firstByte, type Frame } from "./frame.ts";
import { maskedCopy, maskInto } from "./mask.ts";
import { FIN, type Opcode, OPCODE_BITS, RSV } from "./opcode.ts";
import { BATCH, type CodecStream, decoderStream } from "./decoder_stream.ts";

/**
 * Decodes bytes to frames (RFC 6455 section 5), payloads unmasked. The frames before a violation are
 * all read before the stream errors with it.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Blob([new Uint8Array([0x81, 2, 72, 105, 0x89, 0])]).stream();
 * const frames = bytes.pipeThrough(new FrameDecoderStream({ role: "client" }));
 * const opcodes: number[] = [];
 * for await (const frame of frames) opcodes.push(frame.opcode);
 * assert.deepEqual(opcodes, [1, 9]);
 * ```
 */
export class FrameDecoderStream implements CodecStream<Uint8Array, Frame> {
  /** Yields the frames. */
  readonly readable: ReadableStream<Frame>;
  /** Takes the bytes, in chunks of any size; a chunk is neither changed nor kept. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Creates the pair.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: FrameDecoderOptions) {
    const pair = decoderStream<Uint8Array, Frame>((emit) => {
      let batch = 0, offset = 0;
      const gather = new FrameAssembler((frame) => {
        if (++batch === BATCH) decoder.stop();
        emit(frame);
      });
      const decoder = new FrameDecoder(options, gather);
      return {
        step(chunk): boolean {
          batch = 0;
          offset = decoder.decode(chunk, offset);
          if (offset < chunk.length) return false;
          offset = 0;
          return true;
        },
        end(): void {
          if (!decoder.atFrameBoundary) throw truncated("frame");
        },
      };
    });
    this.readable = pair.readable;
    this.writable = pair.writable;
  }
}

/** Creates a Frame of what a decoder passes on. */
class FrameAssembler implements FrameSink {
  readonly #emit: (frame: Frame) => void;
  readonly #gathered = new PayloadBuffer();
  #first = 0;
  #left = 0;

  constructor(emit: (frame: Frame) => void) {
    this.#emit = emit;
  }

  onFrame(first: number, chunk: Uint8Array, start: number, end: number, key: number): void {
    this.#emitFrame(first, maskedCopy(chunk, start, end, key));
  }

  onFrameStart(first: number, payloadLength: number): void {
    this.#first = first;
    this.#left = payloadLength;
  }

  onFramePiece(chunk: Uint8Array, start: number, end: number, key: number): void {
    const at = this.#gathered.extend(end - start, this.#left);
    maskInto(this.#gathered.bytes, at, chunk, start, end, key);
    this.#left -= end - start;
  }

  onFrameEnd(): void {
    this.#emitFrame(this.#first, this.#gathered.finish());
  }

  #emitFrame(first: number, payload: Uint8Array<ArrayBuffer>): void {
    this.#emit({
      fin: (first & FIN) !== 0,
      rsv: first & RSV,
      opcode: (first & OPCODE_BITS) as Opcode,
      payload,
    });
  }
}

/** The error for input that ends inside something. */
export function truncated(what: "frame" | "message"): ProtocolError {
  return new ProtocolError("TRUNCATED", `Cannot decode ${what}: the input ended inside it`);
}

/**
 * Encodes frames to bytes (RFC 6455 section 5), one chunk a frame, masked for a client.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream, FrameEncoderStream } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const frames = ReadableStream.from([{ opcode: 2 as const, payload: new Uint8Array([1, 2]) }]);
 * const decoded = frames.pipeThrough(new FrameEncoderStream({ role: "client" }))
 *   .pipeThrough(new FrameDecoderStream({ role: "server" }));
 * for await (const frame of decoded) assert.deepEqual([...frame.payload], [1, 2]);
 * ```
 */
export class FrameEncoderStream implements CodecStream<Frame, Uint8Array<ArrayBuffer>> {
  /** Yields the bytes, one chunk for each frame. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Accepts the frames. */
  readonly writable: WritableStream<Frame>;

  /**
   * Creates the stream. A frame that section 5 forbids errors it with a TypeError.
   *
   * @throws {TypeError} If an option is unknown or invalid.
   */
  constructor(options: FrameEncoderOptions) {
    const encoder = new FrameEncoder(options);
    const stream = new TransformStream<Frame, Uint8Array<ArrayBuffer>>({
      transform(frame, controller): void {
        encoder.encode(firstByte(frame), frame.payload);
        // A reader may transfer a chunk's buffer, so it must not be shared: a copy.
        controller.enqueue(encoder.output.view().slice());
        encoder.output.release();
      },
    });
    this.readable = stream.readable;
    this.writable = stream.writable;
  }
}
