/**
 * What is shown of a message that passes in pieces.
 *
 * @module
 */
import { concat } from "../frame/memory.ts";
import type { MessageType } from "../message/message.ts";

/** How much of it is kept, in bytes. */
const MAX_KEPT = 65_536;

/** Keeps the first bytes of a message, and counts the rest. */
export class MessageBeginning {
  /** The type of the message. */
  readonly type: MessageType;
  /** How many bytes have passed. */
  size = 0;
  #kept: Uint8Array = new Uint8Array(0);

  /** Begins a message. */
  constructor(type: MessageType) {
    this.type = type;
  }

  /** Adds a piece. */
  add(piece: Uint8Array): void {
    const room = MAX_KEPT - this.#kept.length;
    if (room > 0) this.#kept = concat(this.#kept, piece.subarray(0, room));
    this.size += piece.length;
  }

  /** Whether all of it was kept. */
  get isComplete(): boolean {
    return this.size === this.#kept.length;
  }

  /** What was kept: of text, whole characters. */
  get data(): string | Uint8Array {
    if (this.type === "binary") return this.#kept;
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#kept, {
      stream: !this.isComplete,
    });
  }
}
