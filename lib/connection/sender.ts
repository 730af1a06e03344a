/**
 * The way out: whole messages go to the link at once, or wait behind one that is still being read
 * from its source.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { CloseStatus } from "../errors.ts";
import { CLOSING, type Link, OPEN, type ReadyState } from "../link/link.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import type { ConnectionParts } from "./parts.ts";
import type { SendQueue, SendQueueEvents } from "./send_queue.ts";
import { readerOf, type SendSource, type SendSourceOptions } from "./send_data.ts";

/** What a sender asks of its connection, and reports to it. */
export interface SenderEvents {
  /** Called when no more than the high-water mark waits, after a `send` that returned false. */
  onReady(): void;
  /** Returns the error for sources that will not be sent. */
  closedError(): Error;
}

/** Sends in the order in which it is asked to. */
export class Sender implements SendQueueEvents {
  /** Messages sent. */
  count = 0;
  readonly #link: Link;
  readonly #options: ResolvedLimits;
  readonly #events: SenderEvents;
  /** Undefined where the platform sends whole messages only. */
  readonly #parts: ConnectionParts | undefined;
  /** There is one only while a message is being sent from its source. */
  #queue: SendQueue | undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  /** `send` returned false, so `drain` is due. */
  #owesDrain = false;
  #ended = false;

  /** Creates one for `link`. */
  constructor(
    { link, options, parts }: {
      link: Link;
      options: ResolvedLimits;
      parts: ConnectionParts | undefined;
    },
    events: SenderEvents,
  ) {
    this.#link = link;
    this.#options = options;
    this.#parts = parts;
    this.#events = events;
  }

  /** Whether a message is being sent from its source, with whole ones perhaps behind it. */
  get isBusy(): boolean {
    return this.#queue !== undefined;
  }

  /** Whether a message can be sent, now or behind those that wait. */
  get canSend(): boolean {
    return !this.#isClosing && this.#link.canSend;
  }

  /** As the link's, but closing from the moment in which it was asked to. */
  get readyState(): ReadyState {
    const state = this.#link.readyState;
    return state === OPEN && this.#isClosing ? CLOSING : state;
  }

  /** Bytes on their way out that the system has not taken, those in the queue among them. */
  get bufferedAmount(): number {
    return this.#link.bufferedAmount + (this.#queue?.size ?? 0);
  }

  /** Resolves at the high-water mark or below, and at the end. */
  get ready(): Promise<void> {
    if (this.#ready === undefined && !this.#ended && !this.#hasRoom()) this.#await();
    return this.#ready?.promise ?? Promise.resolve();
  }

  /** Sends a whole message. */
  send(message: string | Uint8Array, compress?: boolean): boolean {
    if (this.#queue !== undefined) return this.#enqueue(this.#queue, message, compress);
    if (this.#link.send(message, compress)) {
      this.count++;
      return true;
    }
    if (this.#link.canSend) {
      this.count++;
      this.#owesDrain = true;
    }
    return false;
  }

  /** Sends what it reads; resolves when all of it is encoded. */
  stream(source: SendSource, options: SendSourceOptions): Promise<void> {
    const parts = this.#parts, link = this.#link, caller = new CallSite(Sender.prototype.stream);
    if (parts === undefined || !link.capabilities.streaming) return refuse(source, caller);
    const queue = this.#queue ?? parts.createQueue(link, this.#options, this);
    const streamed = parts.createStream(source, options, {
      link,
      queue,
      options: this.#options,
      caller,
      closedError: () => this.#events.closedError(),
    });
    if (!this.canSend) streamed.stop(this.#events.closedError());
    else {
      queue.pushStream(streamed);
      if (this.#queue === undefined) void (this.#queue = queue).start();
    }
    return streamed.settled;
  }

  /** Closes, once what was sent before has been. */
  close(status: CloseStatus): void {
    if (!this.canSend) return;
    if (this.#queue === undefined) return this.#link.close(status);
    this.#queue.close(status);
  }

  /** From the link: there is room below its high-water mark. */
  onDrain(): void {
    this.#queue?.onDrain();
    this.#check();
  }

  /** @internal From the queue: a message that was read from its source has been encoded. */
  onStreamSent(): void {
    this.count++;
  }

  /** @internal From the queue: less waits than before. */
  onProgress(): void {
    this.#check();
  }

  /** @internal From the queue: nothing waits any more. */
  onEmpty(closing: CloseStatus | undefined): void {
    this.#queue = undefined;
    if (closing !== undefined) this.#link.close(closing);
    else this.#link.onRepliesDone();
    this.#check();
  }

  /** The connection is closed, or as good as that: nothing that waits will be sent. */
  end(): void {
    this.#ended = true;
    const queue = this.#queue;
    this.#queue = undefined;
    this.#ready?.resolve();
    this.#ready = undefined;
    queue?.end(this.#events.closedError());
  }

  get #isClosing(): boolean {
    return this.#queue?.isClosing === true;
  }

  #enqueue(
    queue: SendQueue,
    message: string | Uint8Array,
    compress: boolean | undefined,
  ): boolean {
    if (!this.canSend) return false;
    const { maxBufferedAmount, sendHighWaterMark } = this.#options;
    const before = this.bufferedAmount;
    if (before > maxBufferedAmount) {
      this.#link.overflow(before);
      this.end();
      return false;
    }
    this.count++;
    queue.push(message, compress);
    if (before <= sendHighWaterMark) return true;
    this.#owesDrain = true;
    this.#check();
    return false;
  }

  #hasRoom(): boolean {
    return this.bufferedAmount <= this.#options.sendHighWaterMark;
  }

  #await(): void {
    this.#ready = Promise.withResolvers();
    if (this.#link.bufferedAmount > 0) this.#link.wantDrain();
  }

  #check(): void {
    if (this.#ready === undefined && !this.#owesDrain) return;
    if (!this.#hasRoom()) {
      if (this.#link.bufferedAmount > 0) this.#link.wantDrain();
      return;
    }
    this.#ready?.resolve();
    this.#ready = undefined;
    if (!this.#owesDrain) return;
    this.#owesDrain = false;
    this.#events.onReady();
  }
}

/** A rejection that is not handled is not reported, as with a source that is sent. */
function refuse(source: SendSource, caller: CallSite): Promise<never> {
  const error = new DOMException(
    "This platform's WebSocket cannot send a message in pieces: send it whole",
    "NotSupportedError",
  );
  readerOf(source).cancel(error);
  const refused = Promise.reject(caller.addTo(error));
  refused.catch(() => {});
  return refused;
}
