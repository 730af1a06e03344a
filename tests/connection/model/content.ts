/** What a message says, however it passes: by its type and its bytes. */

import type { MessageType } from "../../../lib/message/message.ts";

const utf8 = new TextEncoder();

/** What a message that waits counts besides its size. */
const MESSAGE_COST = 256;

/** A message as it is sent, arrives or is read; it grows until it is complete. */
export class Content {
  readonly type: MessageType;
  /** All of it is here. */
  complete = false;
  /** What it counts for while it waits: a string its length, and something for the message itself. */
  weight: number = MESSAGE_COST;
  #pieces: Uint8Array[] = [];
  #size = 0;

  /** Makes an empty one. */
  constructor(type: MessageType) {
    this.type = type;
  }

  /** Of a whole message. */
  static of(data: string | Uint8Array): Content {
    const content = new Content(typeof data === "string" ? "text" : "binary");
    content.add(typeof data === "string" ? utf8.encode(data) : data);
    content.weight = MESSAGE_COST + data.length;
    content.complete = true;
    return content;
  }

  /** How many bytes there are. */
  get size(): number {
    return this.#size;
  }

  /** Copies a piece. */
  add(piece: Uint8Array): void {
    this.#pieces.push(piece.slice());
    this.#size += piece.length;
    this.weight += piece.length;
  }

  get #bytes(): Uint8Array {
    if (this.#pieces.length === 1) return this.#pieces[0];
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [bytes];
    return bytes;
  }

  /** Whether this is `other`, or as much of it as has come. */
  begins(other: Content): boolean {
    if (this.type !== other.type || this.size > other.size) return false;
    if (this.complete && this.size < other.size) return false;
    const all = other.#bytes;
    return this.#bytes.every((byte, at) => byte === all[at]);
  }

  /** For messages of failures. */
  toString(): string {
    const text = new TextDecoder().decode(this.#bytes.subarray(0, 24));
    return `${this.type} of ${this.size}${this.complete ? "" : " and more"}: ${text}`;
  }
}

/** Characters of one to four bytes, so that text is cut within each. */
const PATTERN = "a\u00e9b\u20ac\u{1f600}";

/** A string of `length` code units that no other message has; `offset` goes on within it. */
export function textOf(name: string, length: number, offset = 0): string {
  const unit = `${name}${PATTERN}`;
  return unit.repeat(Math.ceil((offset + length) / unit.length)).slice(offset, offset + length);
}

/** Bytes that no other message has. */
export function bytesOf(name: string, length: number, offset = 0): Uint8Array<ArrayBuffer> {
  const unit = utf8.encode(name);
  return Uint8Array.from({ length }, (_, at) => unit[(offset + at) % unit.length]);
}
