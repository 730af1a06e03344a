/**
 * The timers of all connections on one clock. Thousands of connections wait for the same few spans
 * (20 s to the next ping, 10 s for a Close), and nearly all are cancelled: so there is one queue for
 * each span, in the order in which they are due, and one platform timer for the head of each.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** One thing to be done at a time: what that is, a class that extends this one says. */
export abstract class Timed {
  /** @internal */ due = 0;
  /** @internal */ queue: Queue | undefined;
  /** @internal */ before: Timed | undefined;
  /** @internal */ after: Timed | undefined;

  /** It is due. */
  abstract fire(): void;

  /** Whether it is set and not yet due. */
  get pending(): boolean {
    return this.queue !== undefined;
  }

  /** Takes it back. */
  cancel(): void {
    this.queue?.remove(this);
  }
}

/** A callback at a time; not set when it is made, it can be set again and again. */
export class Deadline extends Timed {
  readonly #callback: () => void;

  /** Makes one that calls back. */
  constructor(callback: () => void) {
    super();
    this.#callback = callback;
  }

  /** Calls back. */
  override fire(): void {
    this.#callback();
  }
}

/** The deadlines of one span, a linked list in the order in which they are due. */
class Queue {
  readonly #clock: Clock;
  readonly #span: number;
  #head: Timed | undefined;
  #tail: Timed | undefined;
  #timer: unknown = undefined;
  #firing = false;

  constructor(clock: Clock, span: number) {
    this.#clock = clock;
    this.#span = span;
  }

  add(deadline: Timed): void {
    deadline.due = this.#clock.now() + this.#span;
    deadline.queue = this;
    deadline.before = this.#tail;
    if (this.#tail === undefined) this.#head = deadline;
    else this.#tail.after = deadline;
    this.#tail = deadline;
    if (this.#timer === undefined && !this.#firing) this.#arm(this.#span);
  }

  remove(deadline: Timed): void {
    const { before, after } = deadline;
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    deadline.before = deadline.after = deadline.queue = undefined;
    // An armed timer would keep the process alive for nothing.
    if (this.#head === undefined && this.#timer !== undefined) {
      this.#clock.clearTimer(this.#timer);
      this.#timer = undefined;
    }
  }

  #arm(delay: number): void {
    this.#timer = this.#clock.setTimer(delay, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    // What is set anew meanwhile is due later than what waits: the timer is for the head.
    this.#firing = true;
    const now = this.#clock.now();
    try {
      // A timer may fire a fraction of a millisecond early; half of one is near enough.
      while (this.#head !== undefined && this.#head.due <= now + 0.5) {
        const deadline = this.#head;
        this.remove(deadline);
        deadline.fire();
      }
    } finally {
      this.#firing = false;
      if (this.#head !== undefined) this.#arm(Math.max(this.#head.due - now, 0));
    }
  }
}

/** The queues of one clock. */
export class Deadlines {
  static readonly #all = new WeakMap<Clock, Deadlines>();
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The one set of queues that belongs to `clock`. */
  static of(clock: Clock): Deadlines {
    let deadlines = Deadlines.#all.get(clock);
    if (deadlines === undefined) Deadlines.#all.set(clock, deadlines = new Deadlines(clock));
    return deadlines;
  }

  /** Sets `deadline` anew, `span` milliseconds from now; for `Infinity` it is only taken back. */
  set(deadline: Timed, span: number): void {
    deadline.cancel();
    if (span === Infinity) return;
    let queue = this.#queues.get(span);
    if (queue === undefined) this.#queues.set(span, queue = new Queue(this.#clock, span));
    queue.add(deadline);
  }
}
