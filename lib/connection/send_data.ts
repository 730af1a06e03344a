/**
 * What can be sent, as bytes and as something to read pieces from.
 *
 * @module
 */
import { checkMemory } from "../frame/memory.ts";
import type { MessageType } from "../message/message.ts";
import {
  checkNames,
  checkSignal,
  type NameContext,
  type OptionNames,
  typeName,
} from "../options.ts";
import { StreamedMessage } from "./streamed_message.ts";

/** What `send` takes whole: text as a string, anything else as binary. It is copied, never kept. */
export type SendData = string | ArrayBufferLike | ArrayBufferView;

/**
 * What `send` reads and sends in fragments: a Blob, a stream, anything that is iterated with
 * `for await`, or a message that comes in on another connection.
 */
export type SendSource =
  | Blob
  | ReadableStream<SendData>
  | AsyncIterable<SendData>
  | StreamedMessage;

/** How to send a message. */
export interface SendOptions {
  /**
   * False sends it as it is, though compression was agreed on: it is compressed already, or holds a
   * secret. @default {true}
   */
  compress?: boolean;
}

/** How to send what is read. */
export interface SendSourceOptions extends SendOptions {
  /**
   * Whether the message is text or binary. By default what the first chunk says: a string, or bytes;
   * an incoming message keeps its type.
   */
  type?: MessageType;
  /** Stops half-way, as if the source had failed with the signal's reason. */
  signal?: AbortSignal;
}

const SEND: NameContext = { verb: "send" };
const OF_SOURCES = "is an option for a source (a Blob, a stream, an async iterable)";
const SOURCES_ONLY = { type: OF_SOURCES, signal: OF_SOURCES };
const SEND_OPTIONS: OptionNames<SendOptions> = /* @__PURE__ */ sendOptions();

function sendOptions(): OptionNames<SendOptions> {
  return { ...SOURCES_ONLY, compress: true };
}
const SEND_SOURCE_OPTIONS: OptionNames<SendSourceOptions> = {
  compress: true,
  type: true,
  signal: true,
};

/**
 * Returns the option `compress` of a whole message.
 *
 * @throws {TypeError} If an option is unknown or invalid.
 */
export function readCompress(options: SendOptions | undefined): boolean | undefined {
  if (options === undefined) return undefined;
  checkNames(options, SEND_OPTIONS, SEND);
  checkCompress(options.compress);
  return options.compress;
}

/**
 * Returns the options for a source.
 *
 * @throws {TypeError} If an option is unknown or invalid.
 */
export function readSourceOptions(options: SendSourceOptions = {}): SendSourceOptions {
  checkNames(options, SEND_SOURCE_OPTIONS, SEND);
  checkCompress(options.compress);
  checkSignal("send", options.signal);
  const { type } = options;
  if (type !== undefined && type !== "text" && type !== "binary") {
    throw new TypeError(`Cannot send: type must be "text" or "binary"`);
  }
  return options;
}

function checkCompress(compress: unknown): void {
  if (compress === undefined || typeof compress === "boolean") return;
  throw new TypeError(`Cannot send: compress must be a boolean, got ${typeName(compress)}`);
}

/** A source as it is read. */
export interface SendReader {
  /** The next chunk. */
  read(): Promise<{ done?: boolean | undefined; value?: SendData | undefined }>;
  /** Cancels the source; what the cancellation fails with is ignored. */
  cancel(reason: unknown): void;
}

/**
 * Returns the bytes of what is neither a string nor read in pieces.
 *
 * @throws {TypeError} If it is something else, or its memory is gone: detached, or out of bounds.
 */
export function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  const isView = ArrayBuffer.isView(data);
  if (!isView && !/^(Shared)?ArrayBuffer$/.test(typeName(data))) {
    throw new TypeError(
      "Cannot send: data must be a string, an ArrayBuffer or a view of one, a Blob, a stream or an " +
        `async iterable, got ${typeName(data)}`,
    );
  }
  if (!hasBytes(data)) checkMemory("send", data);
  return isView
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Whether there are any; a DataView whose memory is gone throws when it is asked. */
function hasBytes(data: ArrayBufferLike | ArrayBufferView): boolean {
  try {
    return data.byteLength > 0;
  } catch {
    return false;
  }
}

/** Whether `data` is read in pieces. */
export function isSource(data: SendData | SendSource): data is SendSource {
  if (typeof data !== "object" || data === null) return false;
  return "stream" in data || "getReader" in data || Symbol.asyncIterator in data;
}

/** The type of the message that a source makes, where that is known before it is read. */
export function typeOf(source: SendSource): MessageType | undefined {
  if (source instanceof StreamedMessage) return source.type;
  return isRead(source) ? undefined : "binary";
}

/** Whether a source is read as it is, whatever else it has: a Blob gives a stream first. */
function isRead(
  source: SendSource,
): source is ReadableStream<SendData> | AsyncIterable<SendData> {
  return "getReader" in source || Symbol.asyncIterator in source;
}

/**
 * The reader of a source.
 *
 * @throws {TypeError} If it is a stream that is locked, or a message that is already read.
 */
export function readerOf(source: SendSource): SendReader {
  const stream = isRead(source) ? source : source.stream();
  if ("getReader" in stream) {
    const reader = (stream as ReadableStream<SendData>).getReader();
    return {
      read: () => reader.read(),
      cancel: async (reason) => {
        try {
          await reader.cancel(reason);
        } catch {
          // Nobody's business.
        }
      },
    };
  }
  const iterator = stream[Symbol.asyncIterator]();
  return {
    read: () => iterator.next(),
    cancel: async () => {
      try {
        await iterator.return?.();
      } catch {
        // Nobody's business.
      }
    },
  };
}
