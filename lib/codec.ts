/**
 * The codec of WebSocket (RFC 6455 section 5) alone: frames to bytes and messages to frames, and back, as
 * Web Streams or as synchronous functions. For looking at frames, for testing a peer, or to build
 * something else.
 *
 * - {@linkcode FrameDecoderStream}, {@linkcode MessageDecoderStream} and their encoders are Web Streams.
 * - {@linkcode FrameDecoder} and {@linkcode MessageDecoder} pass what they decode to a sink;
 *   {@linkcode FrameEncoder} and {@linkcode MessageEncoder} append to an {@linkcode OutputBuffer}.
 *
 * @example
 * ```ts
 * import { FrameDecoderStream, MessageDecoderStream } from "@sluice/websocket/codec";
 *
 * const bytes = new Blob([new Uint8Array([0x01, 3, 72, 101, 108, 0x80, 2, 108, 111])]).stream();
 * const messages = bytes
 *   .pipeThrough(new FrameDecoderStream({ role: "client" }))
 *   .pipeThrough(new MessageDecoderStream());
 * for await (const message of messages) console.log(message); // { type: "text", data: "Hello" }
 * ```
 *
 * @module
 */
export {
  type CloseStatus,
  LimitError,
  ProtocolError,
  type ProtocolErrorCode,
  SluiceError,
} from "./errors.ts";
export { FrameDecoder, type FrameDecoderOptions, type FrameSink } from "./frame/decoder.ts";
export type { CodecStream } from "./frame/decoder_stream.ts";
export { FrameEncoder, type FrameEncoderOptions, type OutputFlusher } from "./frame/encoder.ts";
export type { Frame } from "./frame/frame.ts";
export { maskInto, type MaskSource, randomMask } from "./frame/mask.ts";
export type { Opcode, Role } from "./frame/opcode.ts";
export { OutputBuffer } from "./frame/output_buffer.ts";
export { FrameDecoderStream, FrameEncoderStream } from "./frame/streams.ts";
export {
  type ControlSink,
  type DataSink,
  MessageDecoder,
  type MessageDecoderOptions,
  type MessageSink,
} from "./message/decoder.ts";
export { MessageEncoder } from "./message/encoder.ts";
export type {
  ExtensionBytes,
  ExtensionOffer,
  MessageExtension,
  PieceSink,
} from "./message/extension.ts";
export type { Message, MessageData, MessageType } from "./message/message.ts";
export {
  MessageDecoderStream,
  MessageEncoderStream,
  type MessageEncoderStreamOptions,
} from "./message/streams.ts";
export { Utf8Checker } from "./message/utf8.ts";
