/**
 * A pool of decoders: an idle connection holds none. It acquires one for as long as it has received a
 * part of a frame or message.
 *
 * @module
 */
import { FrameDecoder } from "../frame/decoder.ts";
import type { Role } from "../frame/opcode.ts";
import {
  type ControlSink,
  type DataSink,
  MessageDecoder,
  type MessageSink,
} from "../message/decoder.ts";
import type { MessageExtension } from "../message/extension.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";
import type { ProtocolTap } from "./tap.ts";

/** How many free decoders a pool keeps; more are left to the garbage collector. */
const POOL_LIMIT = 16;
/** How many pools are kept for later connections. One that is dropped still serves those that have it. */
const POOLS_LIMIT = 16;

/** What a decoder in the pool is attached to. */
const DETACHED: MessageSink = {
  onMessage(): void {},
  onPing(): void {},
  onPong(): void {},
  onClose(): void {},
};

/** A frame decoder and the message decoder behind it. */
export class PooledDecoder {
  /** Takes the bytes. */
  readonly frames: FrameDecoder;
  readonly #messages: MessageDecoder;

  /** Creates one that is attached to nothing. */
  constructor(options: DecoderOptions, end: End) {
    const { messages, maxFrameSize, maxMessageSize, maxFragments } = options;
    const { role, extension } = end;
    const inPieces = messages === "stream";
    this.#messages = new MessageDecoder(
      { maxMessageSize, maxFragments, extension, inPieces },
      DETACHED,
    );
    this.frames = new FrameDecoder(
      {
        role,
        // Where both limits are equal, the header is validated by the message's, whose name users know.
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

  /** Causes decoding to return after the current frame, or within it where messages come in pieces. */
  stop(): void {
    this.frames.stop();
    this.#messages.stop();
  }

  /** Sets what sees the frames. */
  setTap(tap: ProtocolTap | undefined): void {
    this.frames.attach(tap === undefined ? this.#messages : tap.frames(this.#messages));
  }

  /** Attaches the sinks of a connection: what is decoded goes to them directly. */
  attach(data: DataSink, control: ControlSink): void {
    this.#messages.attach(data, control);
  }
}

/** The end of the connection that decodes. */
export interface End {
  /** The role of the end that decodes. */
  role: Role;
  /** The agreed extension. */
  extension?: MessageExtension | undefined;
}

/**
 * The longest frame when its message may have `limit`. What an extension encodes may grow by that:
 * random bytes do. Its messages are checked as they are decoded.
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

/** The free decoders for connections of one role and with the same limits. */
export class DecoderPool {
  /** The pools that were used last, the latest first: what they hold is bounded. */
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

  /** Acquires a decoder whose messages go to `data` and whose control frames go to `control`. */
  acquire(data: DataSink, control: ControlSink): PooledDecoder {
    const decoder = this.#free.pop() ?? new PooledDecoder(this.#options, this.#end);
    decoder.attach(data, control);
    return decoder;
  }

  /** Releases a decoder that is idle. One that failed, or decoded a Close, is not released. */
  release(decoder: PooledDecoder): void {
    decoder.attach(DETACHED, DETACHED);
    decoder.frames.resetFrameCount();
    decoder.setTap(undefined);
    if (this.#free.length < POOL_LIMIT) this.#free.push(decoder);
  }
}
