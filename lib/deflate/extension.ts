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
import { lendDeflater, lendInflater, returnDeflater, returnInflater } from "./pool.ts";

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
 * context is taken over, one is lent for each message, from its first byte to its last.
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
  /** They count, and hand on to the sink of the call. */
  readonly #countDecoded: PieceSink = (piece) => {
    this.bytes.receivedDecoded += piece.length;
    this.#decoded(piece);
  };
  readonly #countEncoded: PieceSink = (piece) => {
    this.bytes.sentEncoded += piece.length;
    this.#encoded(piece);
  };

  /** Makes the extension of one end. */
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
   * Inflates a piece of a message (section 7.2.2).
   *
   * @throws {ProtocolError} with close code 1007 for what cannot be inflated.
   * @throws {LimitError} with close code 1009 when there would be more than `limit`.
   */
  decode(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): void {
    this.#inflater ??= this.#inflateTakeover
      ? new Inflater({ windowBits: this.#inflateBits })
      : lendInflater(this.#inflateBits);
    this.bytes.receivedEncoded += piece.length;
    this.#decoded = emit;
    this.#inflater.inflate(piece, final, limit, this.#countDecoded);
    if (final && !this.#inflateTakeover) this.#returnInflater();
  }

  /** Whether a message of `size` bytes is worth it; one of unknown size is. */
  wants(size: number): boolean {
    return size < 0 || size >= this.#threshold;
  }

  /** Deflates a piece of a message (section 7.2.1). */
  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    this.#deflater ??= this.#deflateTakeover
      ? new Deflater({ windowBits: this.#deflateBits, level: this.#level })
      : lendDeflater(this.#deflateBits, this.#level);
    this.bytes.sentDecoded += piece.length;
    this.#encoded = emit;
    this.#deflater.deflate(piece, final, this.#countEncoded);
    if (final && !this.#deflateTakeover) this.#returnDeflater();
  }

  /** Gives back what messages in progress hold, and forgets the rest: the connection has ended. */
  release(): void {
    this.#decoded = this.#encoded = ignore;
    if (!this.#inflateTakeover) this.#returnInflater();
    if (!this.#deflateTakeover) this.#returnDeflater();
    this.#inflater = undefined;
    this.#deflater = undefined;
  }

  #returnInflater(): void {
    if (this.#inflater !== undefined) returnInflater(this.#inflater, this.#inflateBits);
    this.#inflater = undefined;
  }

  #returnDeflater(): void {
    if (this.#deflater !== undefined) {
      returnDeflater(this.#deflater, this.#deflateBits, this.#level);
    }
    this.#deflater = undefined;
  }
}

function ignore(): void {}
