/** Bytes through the two decoders, as the synchronous cores and as streams, to comparable outcomes. */

import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { FrameDecoder, type FrameDecoderOptions } from "../../lib/frame/decoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { FrameDecoderStream } from "../../lib/frame/streams.ts";
import { MessageDecoder, type MessageDecoderOptions } from "../../lib/message/decoder.ts";
import type { Message } from "../../lib/message/message.ts";
import { MessageDecoderStream } from "../../lib/message/streams.ts";

/** The options of both decoders. */
export interface DriveOptions extends MessageDecoderOptions {
  role: Role;
  maxFrameSize?: number;
  allowedRsv?: number;
}

/** The same for each decoder by itself: a decoder accepts no option of the other. */
export function splitOptions(
  { role, maxFrameSize, allowedRsv, ...message }: DriveOptions,
): { frame: FrameDecoderOptions; message: MessageDecoderOptions } {
  return {
    frame: {
      role,
      ...(maxFrameSize === undefined ? {} : { maxFrameSize }),
      ...(allowedRsv === undefined ? {} : { allowedRsv }),
    },
    message,
  };
}

/** What came out: messages, then perhaps the error, by what it tells a program. */
export interface Outcome {
  messages: Message[];
  error?: { code: string; closeCode: number; option?: string };
}

/** The outcome, and how the cores came to it. */
export interface CoreOutcome extends Outcome {
  /** How many bytes had been taken when the error was thrown: the end of that chunk. */
  failedBy?: number;
  /** Whether the last frame was complete. */
  atFrameBoundary: boolean;
}

/** What a documented error tells; anything else is thrown on. */
export function tell(error: unknown): { code: string; closeCode: number; option?: string } {
  if (error instanceof ProtocolError) return { code: error.code, closeCode: error.closeCode };
  if (error instanceof LimitError) {
    return { code: error.code, closeCode: error.closeCode, option: error.option };
  }
  throw error;
}

const TRUNCATED = { code: "TRUNCATED", closeCode: 1002 };

/**
 * Through the cores, as a connection drives them: nothing is read after a Close. Bytes that end
 * inside something give TRUNCATED, as streams do.
 */
export function throughCores(chunks: Iterable<Uint8Array>, options: DriveOptions): CoreOutcome {
  const messages: Message[] = [];
  let closed = false, taken = 0;
  const { frame, message } = splitOptions(options);
  const sink = new MessageDecoder(message, {
    onMessage: (data) =>
      messages.push(typeof data === "string" ? { type: "text", data } : { type: "binary", data }),
    onPing: (data) => messages.push({ type: "ping", data }),
    onPong: (data) => messages.push({ type: "pong", data }),
    onClose(status): void {
      messages.push({ type: "close", ...status });
      closed = true;
      decoder.stop();
    },
  });
  const decoder = new FrameDecoder(frame, sink);
  for (const chunk of chunks) {
    taken += chunk.length;
    try {
      decoder.decode(chunk);
    } catch (error) {
      const { atFrameBoundary } = decoder;
      return { messages, error: tell(error), failedBy: taken, atFrameBoundary };
    }
    if (closed) return { messages, atFrameBoundary: true };
  }
  const { atFrameBoundary } = decoder;
  if (atFrameBoundary && sink.atMessageBoundary) return { messages, atFrameBoundary };
  return { messages, error: TRUNCATED, atFrameBoundary };
}

/** Through `FrameDecoderStream` and `MessageDecoderStream`; what comes after a Close is not looked at. */
export async function throughStreams(
  chunks: Iterable<Uint8Array>,
  options: DriveOptions,
): Promise<Outcome> {
  const messages: Message[] = [];
  const { frame, message } = splitOptions(options);
  const reader = streamOf(chunks).pipeThrough(new FrameDecoderStream(frame))
    .pipeThrough(new MessageDecoderStream(message)).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { messages };
      messages.push(value);
      if (value.type !== "close") continue;
      await reader.cancel();
      return { messages };
    }
  } catch (error) {
    return { messages, error: tell(error) };
  }
}

/** A stream that gives `items` one by one. */
export function streamOf<T>(items: Iterable<T>): ReadableStream<T> {
  const iterator = items[Symbol.iterator]();
  return new ReadableStream<T>({
    pull(controller): void {
      const next = iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  }, { highWaterMark: 0 });
}

/** Everything a stream gives. */
export async function collect<T>(readable: ReadableStream<T>): Promise<T[]> {
  const items: T[] = [];
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return items;
    items.push(value);
  }
}

/** `bytes` cut at each of `offsets`, each piece in memory of its own. */
export function cut(bytes: Uint8Array, offsets: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const ends = [...offsets].sort((a, b) => a - b).concat(bytes.length);
  let from = 0;
  return ends.map((end) => bytes.slice(from, from = end));
}

/** `bytes` one by one. */
export function byteByByte(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  return Array.from(bytes, (byte) => new Uint8Array([byte]));
}
