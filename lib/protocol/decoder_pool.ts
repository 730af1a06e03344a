/**
 * The decoders of idle connections: none. One is acquired to a connection while it has bytes in the middle
 * of something.
 *
 * @module
 */
import type { CloseStatus } from "../errors.ts";
import { FrameDecoder } from "../frame/decoder.ts";
import type { Role } from "../frame/opcode.ts";
import { MessageDecoder, type MessageSink } from "../message/decoder.ts";
import type { MessageExtension } from "../message/extension.ts";
import type { MessageType } from "../message/message.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/** So many wait to be acquired; more are left to the garbage collector. */
const POOL_LIMIT = 16;
/** So many pools are kept for later connections. One that is dropped still serves those that have it. */
const POOLS_LIMIT = 16;

/** What tells a owner of what it decodes. */
export type DecoderOwner = Required<MessageSink>;

/** A frame decoder and the message decoder behind it. */
export class PooledDecoder implements DecoderOwner {
  /** Bytes go in there. */
  readonly frames: FrameDecoder;
  /** Who has it. */
  owner: DecoderOwner | undefined;
  readonly #messages: MessageDecoder;

  /** Makes it; somebody has to borrow it first. */
  constructor(options: DecoderOptions, end: End) {
    const { messages, maxFrameSize, maxMessageSize, maxFragments } = options;
    const { role, extension } = end;
    const inPieces = messages === "stream";
    this.#messages = new MessageDecoder(
      { maxMessageSize, maxFragments, extension, inPieces },
      this,
    );
    this.frames = new FrameDecoder(
      {
        role,
        // Where both limits are one, the message's judges the header, and has the name users know.
        maxFrameSize: maxFrameSize === maxMessageSize
          ? frameRoom(end, maxMessageSize)
          : maxFrameSize,
        allowedRsv: extension?.rsv ?? 0,
        inPieces,
      },
      this.#messages,
    );
  }

  /** Whether it holds nothing: the bytes so far end with a message. */
  get idle(): boolean {
    return this.frames.atFrameBoundary && this.#messages.atMessageBoundary;
  }

  /** Decoding returns after the frame at hand, or of a message in pieces within it. */
  stop(): void {
    this.frames.stop();
    this.#messages.stop();
  }

  /** @internal From the message decoder. */
  onMessage(data: string | Uint8Array<ArrayBuffer>): void {
    this.owner!.onMessage(data);
  }
  /** @internal */
  onMessageStart(type: MessageType, announcedLength: number | undefined): void {
    this.owner!.onMessageStart(type, announcedLength);
  }
  /** @internal */
  onMessageData(piece: Uint8Array<ArrayBuffer>): void {
    this.owner!.onMessageData(piece);
  }
  /** @internal */
  onMessageEnd(): void {
    this.owner!.onMessageEnd();
  }
  /** @internal */
  onPing(payload: Uint8Array<ArrayBuffer>): void {
    this.owner!.onPing(payload);
  }
  /** @internal */
  onPong(payload: Uint8Array<ArrayBuffer>): void {
    this.owner!.onPong(payload);
  }
  /** @internal */
  onClose(status: CloseStatus): void {
    this.owner!.onClose(status);
  }
}

/** The end for which is decoded. */
export interface End {
  /** The role of the end that decodes. */
  role: Role;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
}

/**
 * The longest frame when its message may have `limit`. What an extension encodes may grow by that:
 * random bytes do. Its messages are judged as they are decoded.
 */
function frameRoom({ extension }: End, limit: number): number {
  const room = extension === undefined ? Infinity : Math.ceil(limit * 1.125) + 1024;
  return Number.isSafeInteger(room) ? room : Infinity;
}

/** The options that a decoder depends on. */
type DecoderOptions = Pick<
  ResolvedConnectionOptions,
  "messages" | "maxFrameSize" | "maxMessageSize" | "maxFragments"
>;

/** The decoders that are not in use, for connections of one role and with the same limits. */
export class DecoderPool {
  /** The pools that were last asked for, the latest first: what they hold is bounded. */
  static readonly #shared: DecoderPool[] = [];
  readonly #options: DecoderOptions;
  readonly #end: End;
  readonly #free: PooledDecoder[] = [];

  private constructor(options: DecoderOptions, end: End) {
    const { messages, maxFrameSize, maxMessageSize, maxFragments } = options;
    this.#options = { messages, maxFrameSize, maxMessageSize, maxFragments };
    this.#end = end;
  }

  /**
   * Returns the pool for these options: it is found by their values, as each connection may have read
   * its options by itself. An extension is one connection's alone, and so is its pool.
   */
  static of(options: DecoderOptions, end: End): DecoderPool {
    if (end.extension !== undefined) return new DecoderPool(options, end);
    const shared = DecoderPool.#shared;
    const at = shared.findIndex((pool) => pool.#isFor(options, end.role));
    if (at === 0) return shared[0];
    const pool = at > 0 ? shared.splice(at, 1)[0] : new DecoderPool(options, { role: end.role });
    shared.unshift(pool);
    if (shared.length > POOLS_LIMIT) shared.pop();
    return pool;
  }

  #isFor(options: DecoderOptions, role: Role): boolean {
    const { messages, maxFrameSize, maxMessageSize, maxFragments } = this.#options;
    return role === this.#end.role && messages === options.messages &&
      maxFrameSize === options.maxFrameSize && maxMessageSize === options.maxMessageSize &&
      maxFragments === options.maxFragments;
  }

  /** Acquires one for `owner`. */
  acquire(owner: DecoderOwner): PooledDecoder {
    const decoder = this.#free.pop() ?? new PooledDecoder(this.#options, this.#end);
    decoder.owner = owner;
    return decoder;
  }

  /** Takes back one that is idle. One that failed, or saw a Close, is not given back. */
  release(decoder: PooledDecoder): void {
    decoder.owner = undefined;
    if (this.#free.length < POOL_LIMIT) this.#free.push(decoder);
  }
}
