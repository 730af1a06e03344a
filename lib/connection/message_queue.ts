/**
 * The messages that wait to be taken, and the promises that wait for one.
 *
 * @module
 */
/**
 * What a message that waits counts besides its size: a small one takes far more memory than its
 * bytes.
 */
const MESSAGE_COST = 256;

/** A promise that waits for a message. */
interface Waiter<Message> {
  /** It came; undefined when no more will. */
  take(message: Message | undefined): void;
}

let resolveMade: (value: unknown) => void, rejectMade: (reason: unknown) => void;
/**
 * What `new Promise` calls at once: one function for all, as a new one each time costs as much as
 * it.
 */
function keep(resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
  resolveMade = resolve;
  rejectMade = reject;
}

/** A promise of what `finish` makes of the message. */
class PendingTake<Message, Result> implements Waiter<Message> {
  readonly promise: Promise<Result> = new Promise<unknown>(keep) as Promise<Result>;
  readonly #resolve = resolveMade;
  readonly #reject = rejectMade;
  readonly #finish: (message: Message | undefined) => Result;

  constructor(finish: (message: Message | undefined) => Result) {
    this.#finish = finish;
  }

  take(message: Message | undefined): void {
    try {
      this.#resolve(this.#finish(message));
    } catch (error) {
      this.#reject(error);
    }
  }
}

/** Receives notifications of how full a queue is. */
export interface MessageQueueOwner {
  /** Called when more waits than the high-water mark allows, and for all that is added then. */
  onFull(): void;
  /** Called when no more than half of the mark waits again. */
  onRoom(): void;
}

/** A queue with a high-water mark. */
export class MessageQueue<Message> {
  readonly #highWaterMark: number;
  readonly #owner: MessageQueueOwner;
  #messages: (Message | undefined)[] = [];
  #first = 0;
  #size = 0;
  readonly #waiters: Waiter<Message>[] = [];
  #full = false;
  #ended = false;

  /**
   * Creates a queue that is full when more than `highWaterMark` waits: bytes, and 256 for each
   * message.
   */
  constructor(highWaterMark: number, owner: MessageQueueOwner) {
    this.#highWaterMark = highWaterMark;
    this.#owner = owner;
  }

  /** How many messages wait. */
  get length(): number {
    return this.#messages.length - this.#first;
  }

  /** What waits: the bytes of messages, and 256 for each of them. */
  get size(): number {
    return this.#size;
  }

  /** Whether more waits than the high-water mark allows. */
  get full(): boolean {
    return this.#full;
  }

  /** Adds a message, or passes it to the first promise that waits. */
  push(message: Message): void {
    if (this.#waiters.length > 0) return this.#waiters.shift()!.take(message);
    this.#messages.push(message);
    this.charge(sizeOf(message));
  }

  /** So many bytes more wait, in the queue or in a message that was taken from it. */
  charge(size: number): void {
    this.#size += size;
    if (this.#size <= this.#highWaterMark) return;
    this.#full = true;
    this.#owner.onFull();
  }

  /** So many bytes have been taken, or dropped. */
  discharge(size: number): void {
    this.#size -= size;
    // Reading goes on when half is taken, so that it does not stop and start for each message.
    if (!this.#full || this.#size > this.#highWaterMark / 2) return;
    this.#full = false;
    this.#owner.onRoom();
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
    this.discharge(sizeOf(message));
    return message;
  }

  /**
   * Waits for a message; undefined once no more will come.
   *
   * Rejects with the signal's reason when that is aborted first.
   */
  wait(signal: AbortSignal | undefined): Promise<Message | undefined> {
    if (signal === undefined) return this.waitFor((message) => message);
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Message | undefined>();
    const abort = (): void => {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      reject(signal.reason);
    };
    const waiter: Waiter<Message> = {
      take(message): void {
        signal.removeEventListener("abort", abort);
        resolve(message);
      },
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#add(waiter);
    return promise;
  }

  /**
   * Waits for a message and returns what `finish` makes of it: one promise, where `then` makes two.
   */
  waitFor<Result>(finish: (message: Message | undefined) => Result): Promise<Result> {
    const waiter = new PendingTake(finish);
    this.#add(waiter);
    return waiter.promise;
  }

  #add(waiter: Waiter<Message>): void {
    if (this.#ended) waiter.take(undefined);
    else this.#waiters.push(waiter);
  }

  /**
   * No more will come: promises that wait resolve with undefined; queued messages can still be
   * taken.
   */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters.splice(0)) waiter.take(undefined);
  }
}

/** What a message counts while it waits; the pieces of one in pieces are counted as they come. */
function sizeOf(message: unknown): number {
  return ((message as { readonly length?: number }).length ?? 0) + MESSAGE_COST;
}
