/**
 * What the load sends with permessage-deflate and how it judges the replies: a conversation in JSON,
 * no message of which comes twice within a window. It is compressed beforehand by zlib, so that no
 * contender is measured with its own code on both ends.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { tradesJson } from "../tests/deflate/corpus.ts";
import { makeMaskedFrames, type ReplyCounter } from "./frames.ts";

/** FIN and RSV1, a text (RFC 7692 section 6). */
const COMPRESSED_TEXT = 0xc1;
/** What a compressed message goes without (RFC 7692 section 7.2.1). */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff);
const WINDOW = 32768;
/** A conversation has so many messages, or so many bytes: far more than a window. */
const MOST_MESSAGES = 512;
const MOST_BYTES = 2 * 1024 * 1024;

/** What is offered, and what must be agreed to: contexts that are taken over both ways, */
export const DEFLATE: { offer: string; answer: RegExp } = {
  offer: "permessage-deflate",
  answer: /^(?!.*no_context_takeover).*permessage-deflate/is,
};
/** or neither way. */
export const DEFLATE_ALONE: { offer: string; answer: RegExp } = {
  offer: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  answer: /permessage-deflate.*server_no_context_takeover/i,
};

/** Messages for one connection. */
export interface Conversation {
  /** The messages, which are sent over and over. */
  readonly messages: readonly Uint8Array[];
  /** Whole frames, so many at once as are in flight: all messages once, and then once more. */
  readonly batches: readonly Uint8Array[];
  /** Where in `batches` the second time begins, which may follow itself. */
  readonly again: number;
}

/** What a conversation is like. */
export interface ConversationOptions {
  /** About so many bytes in each message. */
  payload: number;
  /** Messages in one batch. */
  depth: number;
  /** Whether each message has those before as its context. */
  takeover: boolean;
}

/** Creates a conversation, or gives the one that was made last if it is the same. */
export function makeConversation(options: ConversationOptions): Conversation {
  const key = JSON.stringify(options);
  if (latest?.key !== key) latest = { key, made: make(options) };
  return latest.made;
}

let latest: { key: string; made: Conversation } | undefined;

function make({ payload, depth, takeover }: ConversationOptions): Conversation {
  const batchCount = Math.ceil(Math.min(MOST_MESSAGES, MOST_BYTES / payload) / depth);
  const messages = Array.from(
    { length: batchCount * depth },
    (_, index) => tradesJson(index, payload),
  );
  const plain = Buffer.concat([...messages, ...messages]);
  const batches: Uint8Array[] = [];
  let at = 0;
  for (let first = 0; first < messages.length * 2; first += depth) {
    const frames: Uint8Array[] = [];
    for (let index = first; index < first + depth; index++) {
      const message = messages[index % messages.length];
      // zlib's streams are asynchronous; with what was sent before as its dictionary, a call gives
      // just what the stream would.
      const before = takeover && at > 0 ? plain.subarray(Math.max(0, at - WINDOW), at) : undefined;
      const packed = deflateRawSync(message, {
        finishFlush: constants.Z_SYNC_FLUSH,
        ...(before === undefined ? {} : { dictionary: before }),
      });
      at += message.length;
      const mask = crypto.getRandomValues(new Uint8Array(4));
      frames.push(makeMaskedFrames(COMPRESSED_TEXT & 0x7f, packed.subarray(0, -4), [mask]));
    }
    batches.push(Uint8Array.from(Buffer.concat(frames)));
  }
  return { messages, batches, again: batches.length / 2 };
}

/** Counts replies that are compressed, and the bytes of their payloads. */
export class CompressedCounter implements ReplyCounter {
  /** Bytes of payload so far. */
  bytes = 0;
  readonly #header = new Uint8Array(10);
  #have = 0;
  /** What is to come of a payload. */
  #left = 0;
  /** All payloads, each made whole by its tail, if they are to be kept. */
  readonly #kept: Uint8Array[] | undefined;

  /** Creates a counter that keeps what it counts, or does not. */
  constructor(options: { keep: boolean }) {
    this.#kept = options.keep ? [] : undefined;
  }

  count(chunk: Uint8Array): number {
    let ended = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        this.#header[this.#have++] = chunk[at++];
        if (this.#have < 2 || this.#have < headerSize(this.#header)) continue;
        this.#have = 0;
        this.#left = payloadSize(this.#header);
        this.bytes += this.#left;
      }
      const end = Math.min(chunk.length, at + this.#left);
      this.#kept?.push(chunk.slice(at, end));
      this.#left -= end - at;
      at = end;
      if (this.#left > 0) continue;
      this.#kept?.push(TAIL);
      ended++;
    }
    return ended;
  }

  /**
   * Compares all that came with the messages that were sent, over and over from the first.
   *
   * @throws {Error} If it is not the same.
   */
  verify(messages: readonly Uint8Array[]): void {
    const all = Buffer.concat(this.#kept ?? []);
    const plain = inflateRawSync(all, { finishFlush: constants.Z_SYNC_FLUSH });
    const sent = Buffer.concat(messages);
    for (let at = 0; at < plain.length; at += sent.length) {
      deepStrictEqual(
        plain.subarray(at, at + sent.length),
        sent,
        "a reply is not the message sent",
      );
    }
  }
}

function headerSize(header: Uint8Array): number {
  return header[1] < 126 ? 2 : header[1] === 126 ? 4 : 10;
}

function payloadSize(header: Uint8Array): number {
  if (header[0] !== COMPRESSED_TEXT) throw new Error("a reply is no compressed text");
  const view = new DataView(header.buffer);
  const size = header[1] < 126
    ? header[1]
    : header[1] === 126
    ? view.getUint16(2)
    : Number(view.getBigUint64(2));
  // Even an empty message has a byte (RFC 7692 section 7.2.3.6).
  if (size === 0) throw new Error("a reply has no payload");
  return size;
}
