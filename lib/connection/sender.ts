/**
 * The way out: whole messages go to the link at once, or wait behind one that is still being read
 * from its source.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { CloseStatus } from "../errors.ts";
import { copyOf } from "../frame/memory.ts";
import { Deadlines } from "./deadlines.ts";
import { CLOSING, type Link, OPEN, type ReadyState } from "./link.ts";
import type { ResolvedLimits } from "./options.ts";
import { Outgoing } from "./outgoing.ts";
import { readerOf, type SendSource, type SendSourceOptions, typeOf } from "./send_data.ts";

/** What a sender needs to know of its connection. */
export interface SenderOwner {
  /** What waits is at the high-water mark or below again. */
  room(): void;
  /** How the connection ended. */
  closedError(): Error;
}

/** A whole message that waits. */
interface Waiting {
  readonly data: string | Uint8Array;
  readonly compress: boolean | undefined;
}

/** Sends in the order in which it is asked to. */
export class Sender {
  /** Messages sent. */
  count = 0;
  readonly #link: Link;
  readonly #options: ResolvedLimits;
  readonly #owner: SenderOwner;
  /** What waits behind a message under way; there is no queue when there is none. */
  #queue: (Waiting | Outgoing)[] | undefined;
  #queuedSize = 0;
  #underWay: Outgoing | undefined;
  /** The Close that waits behind the queue. */
  #closing: CloseStatus | undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  /** `send` gave false, so `drain` is due. */
  #owesDrain = false;
  #ended = false;
  #room: PromiseWithResolvers<void> | undefined;

  /** Makes it for `link`. */
  constructor(link: Link, options: ResolvedLimits, owner: SenderOwner) {
    this.#link = link;
    this.#options = options;
    this.#owner = owner;
  }

  /** As the link's, but closing from the moment in which it was asked to. */
  get readyState(): ReadyState {
    const state = this.#link.readyState;
    return state === OPEN && this.#closing !== undefined ? CLOSING : state;
  }

  /** Bytes on their way out that the system has not taken, those in the queue among them. */
  get bufferedAmount(): number {
    return this.#link.bufferedAmount + this.#queuedSize;
  }

  /** Resolves at the high-water mark or below, and at the end. */
  get ready(): Promise<void> {
    if (this.#ready === undefined && !this.#ended && !this.#hasRoom()) this.#await();
    return this.#ready?.promise ?? Promise.resolve();
  }

  /** Sends a whole message. */
  send(message: string | Uint8Array, compress?: boolean): boolean {
    if (this.#queue !== undefined) return this.#enqueue(message, compress);
    if (this.#link.send(message, compress)) {
      this.count++;
      return true;
    }
    if (this.#link.readyState === OPEN) {
      this.count++;
      this.#owesDrain = true;
    }
    return false;
  }

  /** Sends what it reads; resolves when all of it is encoded. */
  stream(source: SendSource, options: SendSourceOptions): Promise<void> {
    const type = options.type ?? typeOf(source);
    const outgoing = new Outgoing(readerOf(source), { ...options, type }, {
      link: this.#link,
      deadlines: Deadlines.of(this.#options.clock),
      caller: new CallSite(Sender.prototype.stream),
      room: () => this.#roomBelow(),
      closedError: () => this.#owner.closedError(),
    });
    if (!this.#link.capabilities.streaming) outgoing.stop(notSupported());
    else if (this.readyState !== OPEN) outgoing.stop(this.#owner.closedError());
    else if (this.#queue !== undefined) this.#queue.push(outgoing);
    else {
      this.#queue = [outgoing];
      void this.#work(this.#queue);
    }
    return outgoing.settled;
  }

  /** Closes, once what was sent before has been. */
  close(status: CloseStatus): void {
    if (this.readyState !== OPEN) return;
    if (this.#queue === undefined) return this.#link.close(status);
    this.#closing = status;
    this.#underWay?.hurry(this.#options.closeTimeout);
  }

  /** From the link: there is room below its high-water mark. */
  drained(): void {
    this.#room?.resolve();
    this.#room = undefined;
    this.#check();
  }

  /** The connection is closed, or as good as that: nothing that waits will be sent. */
  end(): void {
    this.#ended = true;
    const queue = this.#queue;
    this.#queue = undefined;
    this.#queuedSize = 0;
    this.#room?.resolve();
    this.#ready?.resolve();
    this.#ready = undefined;
    this.#underWay?.stop(this.#owner.closedError());
    for (const each of queue ?? []) {
      if (each instanceof Outgoing) each.stop(this.#owner.closedError());
    }
  }

  #enqueue(message: string | Uint8Array, compress: boolean | undefined): boolean {
    if (this.readyState !== OPEN) return false;
    const { maxBufferedAmount, sendHighWaterMark } = this.#options;
    const before = this.bufferedAmount;
    if (before > maxBufferedAmount) {
      this.#link.overflow(before);
      this.end();
      return false;
    }
    this.count++;
    this.#queue!.push({ data: typeof message === "string" ? message : copyOf(message), compress });
    this.#queuedSize += message.length;
    if (before <= sendHighWaterMark) return true;
    this.#owesDrain = true;
    this.#check();
    return false;
  }

  /** One after the other, until nothing waits. */
  async #work(queue: (Waiting | Outgoing)[]): Promise<void> {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      if (each instanceof Outgoing) await this.#send(each);
      else {
        const { data, compress } = each;
        this.#queuedSize -= data.length;
        this.#link.send(data, compress);
        if (this.#link.bufferedAmount > this.#options.sendHighWaterMark) {
          this.#link.wantDrain();
          if (this.#link.readyState === OPEN) await this.#roomBelow();
        }
      }
      if (this.#queue !== queue) return; // closed in between
      this.#check();
    }
    this.#queue = undefined;
    if (this.#closing !== undefined) this.#link.close(this.#closing);
    this.#check();
  }

  async #send(outgoing: Outgoing): Promise<void> {
    this.#underWay = outgoing;
    if (this.#closing !== undefined) outgoing.hurry(this.#options.closeTimeout);
    void outgoing.run();
    try {
      await outgoing.settled;
      this.count++;
    } catch {
      // Who sent it has been told.
    }
    this.#underWay = undefined;
  }

  #roomBelow(): Promise<void> {
    return (this.#room ??= Promise.withResolvers()).promise;
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
    this.#owner.room();
  }
}

function notSupported(): Error {
  return new DOMException(
    "This platform's WebSocket cannot send a message in pieces: send it whole",
    "NotSupportedError",
  );
}
