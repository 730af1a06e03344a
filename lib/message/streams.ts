/**
 * The message codec as Web Streams: frames to messages, messages to frames.
 *
 * @module
 */
import { firstByte, type Frame } from "../frame/frame.ts";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from "../frame/opcode.ts";
import { checkMemory } from "../frame/memory.ts";
import { type CodecStream, decoderStream } from "../frame/decoder_stream.ts";
import { truncated } from "../frame/streams.ts";
import { readLimit } from "../limits.ts";
import { checkNames, type OptionNames } from "../options.ts";
import { writeClosePayload } from "./close.ts";
import { MessageDecoder, type MessageDecoderOptions } from "./decoder.ts";
import { checkControlPayload } from "./encoder.ts";
import type { Message } from "./message.ts";

/**
 * Joins frames to messages (RFC 6455 section 5.4 to 5.6); control frames come out where they stood
 * between fragments. After a Close nothing more comes.
 *
 * @example
 * ```ts
 * import { MessageDecoderStream } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const messages = ReadableStream.from([
 *   { opcode: 1 as const, fin: false, payload: bytes("Hel") },
 *   { opcode: 9 as const, payload: bytes("still there?") },
 *   { opcode: 0 as const, payload: bytes("lo") },
 * ]).pipeThrough(new MessageDecoderStream());
 * const types: string[] = [];
 * for await (const message of messages) types.push(message.type);
 * assert.deepEqual(types, ["ping", "text"]);
 * ```
 */
export class MessageDecoderStream implements CodecStream<Frame, Message> {
  /** Yields the messages. */
  readonly readable: ReadableStream<Message>;
  /** Accepts the frames. */
  readonly writable: WritableStream<Frame>;

  /**
   * Creates the pair.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: MessageDecoderOptions = {}) {
    const pair = decoderStream<Frame, Message>((emit) => {
      const decoder = new MessageDecoder(options, {
        onMessage: (data) =>
          emit(typeof data === "string" ? { type: "text", data } : { type: "binary", data }),
        onPing: (data) => emit({ type: "ping", data }),
        onPong: (data) => emit({ type: "pong", data }),
        onClose: (status) => emit({ type: "close", ...status }),
      });
      return {
        step(frame): boolean {
          const { payload } = frame;
          decoder.onFrame(firstByte(frame), payload, 0, payload.length, 0);
          return true;
        },
        end(): void {
          if (!decoder.atMessageBoundary) throw truncated("message");
        },
      };
    });
    this.readable = pair.readable;
    this.writable = pair.writable;
  }
}

/** The options of a {@linkcode MessageEncoderStream}. */
export interface MessageEncoderStreamOptions {
  /** Longer messages are cut into fragments of this many bytes. @default {Infinity} */
  fragmentSize?: number;
}

const OPTIONS: OptionNames<MessageEncoderStreamOptions> = { fragmentSize: true };

const utf8 = /* @__PURE__ */ new TextEncoder();

/**
 * Cuts messages into frames (RFC 6455 section 5.4).
 *
 * @example
 * ```ts
 * import { MessageEncoderStream } from "@sluice/websocket/codec";
 * import assert from "node:assert/strict";
 *
 * const frames = ReadableStream.from([{ type: "text" as const, data: "Hello" }])
 *   .pipeThrough(new MessageEncoderStream({ fragmentSize: 3 }));
 * const sizes: number[] = [];
 * for await (const frame of frames) sizes.push(frame.payload.length);
 * assert.deepEqual(sizes, [3, 2]);
 * ```
 */
export class MessageEncoderStream implements CodecStream<Message, Frame> {
  /** Yields the frames. */
  readonly readable: ReadableStream<Frame>;
  /** Accepts the messages. */
  readonly writable: WritableStream<Message>;

  /**
   * Creates the stream. A close code, reason or payload that cannot be sent errors it.
   *
   * @throws {TypeError | RangeError} If an option is unknown, or `fragmentSize` is not a whole number of
   * at least 1.
   */
  constructor(options: MessageEncoderStreamOptions = {}) {
    checkNames(options, OPTIONS);
    const size = readLimit("fragmentSize", options.fragmentSize, Infinity);
    if (size === 0) throw new RangeError("Cannot read options: fragmentSize must not be 0");
    const stream = new TransformStream<Message, Frame>({
      transform(message, controller): void {
        for (const frame of framesOf(message, size)) controller.enqueue(frame);
      },
    });
    this.readable = stream.readable;
    this.writable = stream.writable;
  }
}

function* framesOf(message: Message, size: number): Generator<Frame> {
  switch (message.type) {
    case "close":
      return yield { opcode: CLOSE, payload: writeClosePayload(message) };
    case "ping":
    case "pong": {
      checkControlPayload(message.data);
      return yield { opcode: message.type === "ping" ? PING : PONG, payload: message.data };
    }
  }
  const payload = message.type === "text" ? utf8.encode(message.data) : message.data;
  if (!(payload instanceof Uint8Array)) {
    throw new TypeError("Cannot encode message: the data of a binary message must be a Uint8Array");
  }
  if (payload.length === 0) checkMemory("encode message", payload);
  const opcode = message.type === "text" ? TEXT : BINARY;
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    const fin = at + size >= payload.length;
    yield {
      fin,
      opcode: at === 0 ? opcode : CONTINUATION,
      payload: payload.subarray(at, fin ? payload.length : at + size),
    };
  }
}
