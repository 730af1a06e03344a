/**
 * The messages that wait to be taken, and those who wait for one.
 *
 * @module
 */
import { MAX_WAITING_MESSAGES } from "./options.ts";

/** A message: text as a string, binary as bytes that the receiver owns. */
export type MessageData = string | Uint8Array<ArrayBuffer>;

/** Someone who waits for a message. */
interface Taker<Message> {
  resolve(message: Message | undefined): void;
  reject(reason: unknown): void;
}

/** Who is told of how full an inbox is. */
export interface InboxOwner {
  /** More waits than the high-water mark allows. */
  full(): void;
  /** That is over. */
  room(): void;
}

/** A queue with a high-water mark. */
export class Inbox<Message> {
  readonly #highWaterMark: number;
  readonly #owner: InboxOwner;
  #messages: (Message | undefined)[] = [];
  #first = 0;
  #size = 0;
  #takers: Set<Taker<Message>> | undefined;
  #full = false;
  #ended = false;

  /** Makes a queue that is full when more than `highWaterMark` bytes, or 16 messages, wait. */
  constructor(highWaterMark: number, owner: InboxOwner) {
    this.#highWaterMark = highWaterMark;
    this.#owner = owner;
  }

  /** How many messages wait. */
  get length(): number {
    return this.#messages.length - this.#first;
  }

  /** Whether more wait than the high-water mark allows. */
  get full(): boolean {
    return this.#full;
  }

  /** Adds a message, or hands it to the first who waits. */
  push(message: Message): void {
    const takers = this.#takers;
    if (takers !== undefined && takers.size > 0) {
      const [taker] = takers;
      takers.delete(taker);
      return taker.resolve(message);
    }
    this.#messages.push(message);
    this.charge(weigh(message));
  }

  /** So many bytes more wait, in the queue or in a message that was taken from it. */
  charge(size: number): void {
    this.#size += size;
    if (!this.#full && (this.#size > this.#highWaterMark || this.length >= MAX_WAITING_MESSAGES)) {
      this.#full = true;
      this.#owner.full();
    }
  }

  /** So many bytes have been taken, or dropped. */
  discharge(size: number): void {
    this.#size -= size;
    // Reading goes on when half is taken, so that it does not stop and start for each message.
    if (
      this.#full && this.length <= MAX_WAITING_MESSAGES / 2 && this.#size <= this.#highWaterMark / 2
    ) {
      this.#full = false;
      this.#owner.room();
    }
  }

  /** The next message, if one waits. */
  take(): Message | undefined {
    const messages = this.#messages;
    if (this.#first === messages.length) return undefined;
    const message = messages[this.#first]!;
    messages[this.#first++] = undefined;
    if (this.#first === messages.length) {
      messages.length = this.#first = 0;
    } else if (this.#first === 1024) {
      messages.splice(0, this.#first);
      this.#first = 0;
    }
    this.discharge(weigh(message));
    return message;
  }

  /**
   * Waits for a message; undefined once no more will come.
   *
   * Rejects with the signal's reason when that is aborted first.
   */
  wait(signal: AbortSignal | undefined): Promise<Message | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const takers = this.#takers ??= new Set();
    return new Promise((resolve, reject) => {
      if (signal === undefined) {
        takers.add({ resolve, reject });
        return;
      }
      const abort = (): void => {
        takers.delete(taker);
        reject(signal.reason);
      };
      const taker: Taker<Message> = {
        resolve(message): void {
          signal.removeEventListener("abort", abort);
          resolve(message);
        },
        reject,
      };
      takers.add(taker);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** No more will come: those who wait are told, what waits can still be taken. */
  end(): void {
    this.#ended = true;
    this.#takers?.forEach((taker) => taker.resolve(undefined));
    this.#takers = undefined;
  }
}

/** What a message weighs: a whole one its length, one in pieces nothing by itself. */
function weigh(message: unknown): number {
  return (message as { readonly length?: number }).length ?? 0;
}
