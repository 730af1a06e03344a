/**
 * The messages that have not arrived for certain: those that wait to be sent, and those that were handed to
 * a socket and are not confirmed.
 *
 * @module
 */
import type { MessageData } from "../../message/message.ts";

/** What a message counts besides its size. */
const MESSAGE_COST = 256;

/** A queue of messages in two parts: first those handed over, then those that wait. */
export class Outbox {
  readonly #limit: number;
  #messages: MessageData[] = [];
  /** Where those begin that are not confirmed, and those that wait. */
  #first = 0;
  #next = 0;
  /** How many were confirmed and taken out before the first of the list. */
  #dropped = 0;
  #handedSize = 0;
  #waitingSize = 0;
  /** Whether the present connection can confirm; if not, the oldest over the limit are forgotten. */
  confirms = true;

  /**
   * Creates one in which `limit` bytes wait, and as much is not confirmed; each message counts 256 besides
   * its size.
   */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The size of what waits to be sent. */
  get waitingSize(): number {
    return this.#waitingSize;
  }

  /** How many messages wait to be sent. */
  get waiting(): number {
    return this.#messages.length - this.#next;
  }

  /** How many were handed over and are not confirmed. */
  get unconfirmed(): number {
    return this.#next - this.#first;
  }

  /** Whether what is not confirmed takes more than half of the place. */
  get isCrowded(): boolean {
    return this.#handedSize > this.#limit / 2;
  }

  /** Stands for all that was handed over until now: for `confirm`. */
  get mark(): number {
    return this.#dropped + this.#next;
  }

  /** Whether no more is handed over until some of it is confirmed. */
  get isFull(): boolean {
    return this.confirms && this.#handedSize > this.#limit;
  }

  /** Returns how much would wait with this message, where that is too much. One alone is never too much. */
  overflow(message: MessageData): number | undefined {
    const size = this.#waitingSize + sizeOf(message);
    return this.waiting > 0 && size > this.#limit ? size : undefined;
  }

  /** Adds a message at the end. */
  push(message: MessageData): void {
    this.#messages.push(message);
    this.#waitingSize += sizeOf(message);
  }

  /** Hands over the next message that waits. */
  take(): MessageData {
    const message = this.#messages[this.#next++], size = sizeOf(message);
    this.#waitingSize -= size;
    this.#handedSize += size;
    if (!this.confirms) { while (this.#handedSize > this.#limit) this.#forget(); }
    return message;
  }

  /** What was handed over before the mark has arrived. */
  confirm(mark: number): void {
    while (this.#dropped + this.#first < mark) this.#forget();
  }

  /** Takes out what was handed over and is not confirmed. */
  takeUnconfirmed(): MessageData[] {
    const messages = this.#messages.slice(this.#first, this.#next);
    this.confirm(this.mark);
    return messages;
  }

  /** Takes out all that waits. */
  takeWaiting(): MessageData[] {
    this.#waitingSize = 0;
    return this.#messages.splice(this.#next);
  }

  /** Takes out the oldest of what waits, until `message` has room. */
  makeRoom(message: MessageData): MessageData[] {
    const taken: MessageData[] = [];
    while (this.overflow(message) !== undefined) {
      const [oldest] = this.#messages.splice(this.#next, 1);
      this.#waitingSize -= sizeOf(oldest);
      taken.push(oldest);
    }
    return taken;
  }

  #forget(): void {
    this.#handedSize -= sizeOf(this.#messages[this.#first]);
    this.#messages[this.#first++] = "";
    if (this.#first < 1024 && this.#first < this.#messages.length) return;
    this.#messages.splice(0, this.#first);
    this.#next -= this.#first;
    this.#dropped += this.#first;
    this.#first = 0;
  }
}

function sizeOf({ length }: MessageData): number {
  return length + MESSAGE_COST;
}
