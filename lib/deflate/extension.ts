/**
 * permessage-deflate (RFC 7692 section 7) in the way of messages.
 *
 * @module
 */
import type { Role } from "../frame/opcode.ts";
import { RSV1 } from "../frame/opcode.ts";
import type { ExtensionBytes, MessageExtension, PieceSink } from "../message/extension.ts";
import { Deflater } from "./deflater.ts";
import { Inflater } from "./inflater.ts";
import type { DeflateAgreement } from "./negotiation.ts";
import { acquireDeflater, acquireInflater, releaseDeflater, releaseInflater } from "./pool.ts";

/** Shorter messages shrink by less than their frame and packet cost anyway. */
const THRESHOLD = 64;
/** Without a context, shorter ones hardly shrink at all. */
const LONELY_THRESHOLD = 256;

/** What a {@linkcode PerMessageDeflate} is made of. */
export interface PerMessageDeflateInit {
  /** Which end this is. */
  role: Role;
  /** What was agreed on. */
  agreement: DeflateAgreement;
  /** The deflater's level, 1 to 9. */
  level: number;
  /** Shorter messages, in bytes, are sent as they are. @default {64, without context 256} */
  threshold?: number | undefined;
}

/**
 * The extension of one connection. A context is made with the first message that needs it. Where no
 * context is taken over, one is acquired for each message, from its first byte to its last.
 */
export class PerMessageDeflate implements MessageExtension {
  /** The extension and its parameters, as they stand in the response's header. */
  readonly header: string;
  /** Section 6: "Per-Message Compressed" is the first reserved bit. */
  readonly rsv: number = RSV1;
  /** The bytes of the messages that were compressed. */
  readonly bytes: ExtensionBytes = {
    receivedEncoded: 0,
    receivedDecoded: 0,
    sentDecoded: 0,
    sentEncoded: 0,
  };
  readonly #level: number;
  readonly #threshold: number;
  readonly #inflateBits: number;
  readonly #deflateBits: number;
  /** Whether the peer's contexts, and this end's, are kept from message to message. */
  readonly #inflateTakeover: boolean;
  readonly #deflateTakeover: boolean;
  #inflater: Inflater | undefined;
  #deflater: Deflater | undefined;
  #decoded: PieceSink = ignore;
  #encoded: PieceSink = ignore;
  /** They count, and pass on to the sink of the call. */
  readonly #countDecoded: PieceSink = (piece) => {
    this.bytes.receivedDecoded += piece.length;
    return this.#decoded(piece);
  };
  readonly #countEncoded: PieceSink = (piece) => {
    this.bytes.sentEncoded += piece.length;
    this.#encoded(piece);
  };

  /** Creates the extension of one end. */
  constructor({ role, agreement, level, threshold }: PerMessageDeflateInit) {
    const server = role === "server";
    const { serverMaxWindowBits, clientMaxWindowBits } = agreement;
    const { serverNoContextTakeover, clientNoContextTakeover } = agreement;
    this.header = agreement.header;
    this.#level = level;
    this.#inflateBits = server ? clientMaxWindowBits : serverMaxWindowBits;
    this.#deflateBits = server ? serverMaxWindowBits : clientMaxWindowBits;
    this.#inflateTakeover = !(server ? clientNoContextTakeover : serverNoContextTakeover);
    this.#deflateTakeover = !(server ? serverNoContextTakeover : clientNoContextTakeover);
    this.#threshold = threshold ?? (this.#deflateTakeover ? THRESHOLD : LONELY_THRESHOLD);
  }

  /** The bytes of memory that its contexts hold. */
  get memory(): number {
    return (this.#inflater?.memory ?? 0) + (this.#deflater?.memory ?? 0);
  }

  /**
   * Inflates a piece of a message (section 7.2.2). Returns how many bytes of it were read: fewer than
   * all when `emit` returned `false`.
   *
   * @throws {ProtocolError} with close code 1007 for what cannot be inflated.
   * @throws {LimitError} with close code 1009 when there would be more than `limit`.
   */
  decode(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): number {
    const inflater = this.#inflater ?? this.#acquireInflater();
    // Nobody else gets it while it works, and nobody at all if it fails.
    this.#inflater = undefined;
    this.bytes.receivedEncoded += piece.length;
    this.#decoded = emit;
    const read = inflater.inflate(piece, final, limit, this.#countDecoded);
    const left = piece.length - read;
    this.bytes.receivedEncoded -= left; // they come again
    if (!final || left > 0 || this.#inflateTakeover) this.#inflater = inflater;
    else releaseInflater(inflater, this.#inflateBits);
    return read;
  }

  /** Whether a message of `size` bytes is worth it; one of unknown size is, unless none ever is. */
  wants(size: number): boolean {
    return size < 0 ? this.#threshold !== Infinity : size >= this.#threshold;
  }

  /** Deflates a piece of a message (section 7.2.1). */
  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    const deflater = this.#deflater ?? this.#acquireDeflater();
    this.#deflater = undefined;
    this.bytes.sentDecoded += piece.length;
    this.#encoded = emit;
    deflater.deflate(piece, final, this.#countEncoded);
    // A fragment is to be read when it comes: its source may be slow.
    if (!final) deflater.flush(this.#countEncoded);
    if (!final || this.#deflateTakeover) this.#deflater = deflater;
    else releaseDeflater(deflater, this.#deflateBits, this.#level);
  }

  /** Releases what messages in progress hold, and drops the rest: the connection has ended. */
  release(): void {
    const inflater = this.#inflater, deflater = this.#deflater;
    this.#inflater = this.#deflater = undefined;
    this.#decoded = this.#encoded = ignore;
    if (inflater !== undefined && !this.#inflateTakeover) {
      releaseInflater(inflater, this.#inflateBits);
    }
    if (deflater !== undefined && !this.#deflateTakeover) {
      releaseDeflater(deflater, this.#deflateBits, this.#level);
    }
  }

  #acquireInflater(): Inflater {
    const windowBits = this.#inflateBits;
    return this.#inflateTakeover ? new Inflater({ windowBits }) : acquireInflater(windowBits);
  }

  #acquireDeflater(): Deflater {
    const windowBits = this.#deflateBits, level = this.#level;
    return this.#deflateTakeover
      ? new Deflater({ windowBits, level })
      : acquireDeflater(windowBits, level);
  }
}

function ignore(): void {}
