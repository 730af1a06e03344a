/**
 * A message that is given from its first bytes on: with `messages: "stream"`.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import { PayloadBuffer } from "../frame/payload_buffer.ts";
import { DEFAULT_MAX_SIZE } from "../frame/decoder.ts";
import { readLimit } from "../limits.ts";
import type { MessageType } from "../message/message.ts";
import { decodeUtf8 } from "../message/string.ts";
import type { MessageMode } from "../protocol/options.ts";
import { checkNames, type OptionNames } from "../options.ts";
import type { MessageBody } from "./message_body.ts";
import type { MessageData } from "../message/message.ts";

/** Any message: whole, or with `messages: "stream"` in pieces. */
export type AnyMessage = MessageData | StreamedMessage;

/** The messages of a connection with this value of the option `messages`. */
export type MessageOf<Mode extends MessageMode> = Mode extends "stream" ? StreamedMessage
  : MessageData;

/** The value of the option `messages` for such messages. */
export type MessageModeOf<Message extends AnyMessage> = Message extends StreamedMessage ? "stream"
  : "whole";

/** How much to gather. */
export interface BodyOptions {
  /** The most bytes to take into memory; past it a LimitError. @default {16777216} */
  maxSize?: number;
}

const BODY_OPTIONS: OptionNames<BodyOptions> = { maxSize: true };

/**
 * A message of any size, read as it comes. It is read once: by `stream`, `bytes`, `text` or `json`.
 *
 * What is not read makes the peer wait. Cancelling the stream discards the rest of the message, and
 * the connection goes on with the next; so does asking the connection for its next message. When
 * the connection ends within a message, reading rejects with a
 * {@linkcode ConnectionClosedError}, after what had come.
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 *
 * await using server = await listen({
 *   port: 0,
 *   messages: "stream",
 *   async websocket(connection) {
 *     for await (const message of connection) {
 *       let size = 0;
 *       for await (const piece of message.stream()) size += piece.length;
 *       connection.send(`${size} bytes of ${message.type}`);
 *     }
 *   },
 * });
 * await using connection = await connect(`ws://localhost:${server.address.port}`);
 * await connection.send(new Blob(["Hello, ", "world"]).stream());
 * console.log(await connection.receive()); // 12 bytes of binary
 * ```
 */
export class StreamedMessage {
  /** Whether it is text, which comes as UTF-8, checked, or binary. */
  readonly type: MessageType;
  /**
   * Its length in bytes, where the first frame says it: in a message that is not fragmented, nor
   * compressed. What really comes is what counts.
   */
  readonly announcedLength: number | undefined;
  readonly #body: MessageBody;
  #used = false;

  /** @internal Made by the connection. */
  constructor(type: MessageType, announcedLength: number | undefined, body: MessageBody) {
    this.type = type;
    this.announcedLength = announcedLength;
    this.#body = body;
  }

  /** Whether one of the ways to read it was taken. */
  get bodyUsed(): boolean {
    return this.#used;
  }

  /**
   * The content as it comes, each chunk yours to keep. Chunks of text may end within a character.
   * Cancelling discards the rest.
   *
   * @throws {TypeError} If the message is already read.
   */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#use();
    const body = this.#body;
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller): Promise<void> {
        const piece = await body.read();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
      cancel(): void {
        body.discard();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * The content, once it has come.
   *
   * Rejects with a LimitError when there is more than `maxSize`; the rest is then discarded.
   *
   * @throws {TypeError | RangeError} If the message is already read, or an option is unknown or invalid
   * (rejects).
   */
  async bytes(options: BodyOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkNames(options, BODY_OPTIONS, { verb: "read message" });
    const limit = readLimit("maxSize", options.maxSize, DEFAULT_MAX_SIZE);
    this.#use();
    const gathered = new PayloadBuffer();
    this.#check(this.announcedLength ?? 0, limit);
    for (
      let piece = await this.#body.read();
      piece !== undefined;
      piece = await this.#body.read()
    ) {
      const total = gathered.length + piece.length;
      this.#check(total, limit);
      const at = gathered.extend(piece.length, (this.announcedLength ?? total) - gathered.length);
      gathered.bytes.set(piece, at);
    }
    return gathered.finish();
  }

  /**
   * The content as text, once it has come; of a binary message too, if it is UTF-8.
   *
   * Rejects like `bytes`, with a TypeError for binary that is not UTF-8, and with a LimitError for
   * text that is longer than a string of the platform can be: 512 MiB in V8.
   */
  async text(options?: BodyOptions): Promise<string> {
    return decodeUtf8(await this.bytes(options));
  }

  /** The content as JSON, once it has come. Rejects like `text`, and with a SyntaxError. */
  async json(options?: BodyOptions): Promise<unknown> {
    return JSON.parse(await this.text(options));
  }

  /** @internal Drops what is not read, and what comes. */
  discard(): void {
    this.#body.discard();
  }

  #use(): void {
    if (this.#used) {
      throw new TypeError("Cannot read message: it is already read, and can be read once only");
    }
    this.#used = true;
  }

  #check(size: number, limit: number): void {
    if (size <= limit) return;
    const error = new LimitError(
      `Cannot read message: it has ${size} bytes or more, maxSize is ${limit}`,
      { option: "maxSize", limit, actual: size, closeCode: 1009 },
    );
    this.#body.discard(error);
    throw error;
  }
}
