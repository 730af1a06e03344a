/**
 * Messages that wait behind one that is being read from its source: they leave in order.
 *
 * @module
 */
import type { CloseStatus } from "../errors.ts";
import { copyOf } from "../frame/memory.ts";
import type { Link } from "../link/link.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import type { StreamedSend } from "./streamed_send.ts";

/** A whole message that waits. */
interface WholeMessage {
  readonly data: string | Uint8Array;
  readonly compress: boolean | undefined;
}

/** What a queue reports to its sender. */
export interface SendQueueEvents {
  /** Called when a message that was read from its source has been encoded. */
  onStreamSent(): void;
  /** Called when less waits than before. */
  onProgress(): void;
  /** Called when nothing waits any more, with the Close that was to follow. */
  onEmpty(closing: CloseStatus | undefined): void;
}

/** One message after the other, until nothing waits. */
export class SendQueue {
  readonly #link: Link;
  readonly #options: ResolvedLimits;
  readonly #events: SendQueueEvents;
  readonly #waiting: (WholeMessage | StreamedSend)[] = [];
  #size = 0;
  #current: StreamedSend | undefined;
  #closing: CloseStatus | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #ended = false;

  /** Creates an empty queue; `start` begins to send. */
  constructor(link: Link, options: ResolvedLimits, events: SendQueueEvents) {
    this.#link = link;
    this.#options = options;
    this.#events = events;
  }

  /** The size of the whole messages that wait: bytes, and UTF-16 code units of text. */
  get size(): number {
    return this.#size;
  }

  /** Whether a Close waits behind the messages, so that no other may follow. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Adds a whole message, a copy of its bytes. */
  push(message: string | Uint8Array, compress: boolean | undefined): void {
    const data = typeof message === "string" ? message : copyOf(message);
    this.#waiting.push({ data, compress });
    this.#size += message.length;
  }

  /** Adds a message that is read from its source. */
  pushStream(message: StreamedSend): void {
    this.#waiting.push(message);
  }

  /** Adds the Close: from now on a source has `closeTimeout` for each of its chunks. */
  close(status: CloseStatus): void {
    this.#closing = status;
    this.#current?.setReadTimeout(this.#options.closeTimeout);
  }

  /** Sends, until nothing waits. */
  async start(): Promise<void> {
    for (let each = this.#waiting.shift(); each !== undefined; each = this.#waiting.shift()) {
      if (!("data" in each)) await this.#sendStream(each);
      else if (!this.#sendWhole(each)) await this.untilDrain();
      if (this.#ended) return;
      this.#events.onProgress();
    }
    this.#ended = true;
    this.#events.onEmpty(this.#closing);
  }

  /** Resolves when the link has room, or the queue has ended. */
  untilDrain(): Promise<void> {
    return (this.#drained ??= Promise.withResolvers()).promise;
  }

  /** From the link: there is room below its high-water mark. */
  onDrain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Drops what waits: sources are cancelled with `error`. */
  end(error: Error): void {
    this.#ended = true;
    this.#size = 0;
    this.onDrain();
    this.#current?.stop(error);
    for (const each of this.#waiting.splice(0)) if (!("data" in each)) each.stop(error);
  }

  /** Returns false if the next message has to wait for room. */
  #sendWhole({ data, compress }: WholeMessage): boolean {
    const link = this.#link;
    this.#size -= data.length;
    link.send(data, compress);
    if (link.bufferedAmount <= this.#options.sendHighWaterMark) return true;
    link.wantDrain();
    return !link.canSend;
  }

  async #sendStream(message: StreamedSend): Promise<void> {
    this.#current = message;
    if (this.isClosing) message.setReadTimeout(this.#options.closeTimeout);
    void message.run();
    try {
      await message.settled;
      this.#events.onStreamSent();
    } catch {
      // The caller has the rejection.
    }
    this.#current = undefined;
  }
}
