/**
 * Extensions (RFC 6455 section 9). An extension claims reserved bits on the first frame of a data
 * message, and transforms payloads in both directions. Control frames never pass through it.
 *
 * @module
 */

/** One extension as offered or agreed in `Sec-WebSocket-Extensions`. */
export interface ExtensionOffer {
  /** The extension's name, a token. */
  name: string;
  /** Its parameters; `true` for one without a value. */
  params: Map<string, string | true>;
  /** The first parameter that came more than once, if one did; `params` has what it was at first. */
  repeated?: string;
}

/**
 * Takes pieces of a transformed payload; a piece is valid only for the length of the call. Returns
 * `false` to ask a decoder to stop; an encoder does not stop.
 */
export type PieceSink = (piece: Uint8Array) => boolean | void;

/** The payload of the messages that an extension has transformed, in bytes. */
export interface ExtensionBytes {
  /** The size of what was received, encoded. */
  receivedEncoded: number;
  /** Its size once it was decoded. */
  receivedDecoded: number;
  /** The size of what was sent, before it was encoded. */
  sentDecoded: number;
  /** Its size once it was encoded. */
  sentEncoded: number;
}

/** An agreed extension, one for each connection. */
export interface MessageExtension {
  /** The extension and its agreed parameters, as they stand in the response's header. */
  readonly header: string;
  /** The reserved bits it claims on the first frame of a message. */
  readonly rsv: number;
  /** Of these, the bits for the message that `wants` was last asked about. @default {all of `rsv`} */
  readonly sentRsv?: number;
  /** Called when a message begins to come that has some of its bits set: `rsv` are those. */
  begin?(rsv: number): void;
  /**
   * Transforms a piece of an incoming message that came with this extension's bits set; `final` once
   * a message, with its last piece. No more than `limit` bytes are handed to `emit` for this call.
   *
   * When `emit` returns `false`, it may stop with bytes of `piece` left, and then returns how many it
   * has read. The next call begins with those that are left. An extension that does not stop returns
   * nothing.
   *
   * @throws {ProtocolError} For data that it cannot decode.
   * @throws {LimitError} when there would be more than `limit`.
   */
  decode(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): number | void;
  /** Asks, before a message of `size` bytes is sent, whether to transform it; -1: not known yet. */
  wants(size: number): boolean;
  /** Transforms a piece of an outgoing message; `final` once a message, with its last piece. */
  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void;
  /** What it has counted; undefined if it does not. */
  readonly bytes?: ExtensionBytes;
  /** Releases what it holds, as the connection has ended: it is not used any more. */
  release?(): void;
}
