/**
 * Several extensions on one connection (RFC 6455 section 9.1): "foo, bar" sends `bar(foo(data))`.
 *
 * @module
 */
import type { ExtensionBytes, MessageExtension, PieceSink } from "./extension.ts";

const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** Returns what the extensions of a connection are together; undefined without any. */
export function chainExtensions(
  extensions: readonly MessageExtension[],
): MessageExtension | undefined {
  return extensions.length > 1 ? new ExtensionChain(extensions) : extensions[0];
}

/**
 * The extensions of a connection, in the order in which they apply to what is sent. Each message passes
 * through those whose reserved bits it has. With two or more, it does not stop within a piece.
 */
export class ExtensionChain implements MessageExtension {
  readonly header: string;
  readonly rsv: number;
  readonly #extensions: readonly MessageExtension[];
  /** Those that transform the message that is being sent, and received, in the order of their work. */
  #encoders: readonly MessageExtension[] = [];
  #decoders: readonly MessageExtension[] = [];

  /** Creates the chain; no two extensions have a reserved bit in common. */
  constructor(extensions: readonly MessageExtension[]) {
    this.#extensions = extensions;
    this.header = extensions.map(({ header }) => header).join(", ");
    this.rsv = extensions.reduce((bits, each) => bits | each.rsv, 0);
  }

  /** What the first that counts has counted. */
  get bytes(): ExtensionBytes | undefined {
    return this.#extensions.find(({ bytes }) => bytes !== undefined)?.bytes;
  }

  /** The bits of those that want the message. */
  get sentRsv(): number {
    return this.#encoders.reduce((bits, each) => bits | (each.sentRsv ?? each.rsv), 0);
  }

  /** A message with these bits begins to come. */
  begin(rsv: number): void {
    this.#decoders = this.#extensions.filter((each) => (each.rsv & rsv) !== 0).reverse();
    for (const each of this.#decoders) each.begin?.(each.rsv & rsv);
  }

  /** Decodes a piece, the last extension first. */
  decode(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): number | void {
    if (this.#decoders.length === 1) return this.#decoders[0].decode(piece, final, limit, emit);
    this.#decode(0, piece, final, { limit, emit: (each): void => void emit(each) });
  }

  #decode(at: number, piece: Uint8Array, final: boolean, to: Decoded): void {
    const decoder = this.#decoders[at];
    if (at === this.#decoders.length - 1) {
      decoder.decode(piece, final, to.limit, to.emit);
      return;
    }
    // What lies between two extensions is passed on as it comes: the limit is for what comes out.
    decoder.decode(piece, final, Infinity, (each) => this.#decode(at + 1, each, false, to));
    if (final) this.#decode(at + 1, EMPTY, true, to);
  }

  /** Asks each of them. */
  wants(size: number): boolean {
    this.#encoders = this.#extensions.filter((each) => each.wants(size));
    return this.#encoders.length > 0;
  }

  /** Encodes a piece, the first extension first. */
  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    this.#encode(0, piece, final, emit);
  }

  #encode(at: number, piece: Uint8Array, final: boolean, emit: PieceSink): void {
    const encoder = this.#encoders[at];
    if (at === this.#encoders.length - 1) return encoder.encode(piece, final, emit);
    encoder.encode(piece, final, (each) => this.#encode(at + 1, each, false, emit));
    if (final) this.#encode(at + 1, EMPTY, true, emit);
  }

  /** Releases what each of them holds. */
  release(): void {
    for (const each of this.#extensions) each.release?.();
  }
}

/** Where the last decoder's output goes. */
interface Decoded {
  readonly limit: number;
  readonly emit: PieceSink;
}
