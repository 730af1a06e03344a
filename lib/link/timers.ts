/**
 * The timers of all connections on one clock. Thousands of connections wait for the same few spans
 * (20 s to the next ping, 10 s for a Close), and nearly all are cancelled: so there is one queue for
 * each span, in the order in which they are due, and one platform timer for the head of each.
 *
 * Time that passes while the event loop of this process stands still must not count against a peer.
 * When the loop is blocked for longer than a timeout, the timer is called first, and the peer's answer
 * still lies in the socket. Therefore a {@linkcode Wait}
 *
 * - is judged only after some turns of the event loop, in which what has arrived is read. If it is
 *   cancelled in one of them, nothing happens;
 * - gets the time back that was lost, as far as late timers show it: its ping may have left late, and a
 *   peer in the same process stood still as well. At most its own span is given back each time it is
 *   set, so a server that is always busy drops a dead peer after at most twice the span.
 *
 * @module
 */
import type { Clock } from "../protocol/clock.ts";

/**
 * A timer that is later than this, in milliseconds, shows that the event loop stood still. On a loaded
 * machine timers are often some milliseconds late.
 */
const STANDSTILL = 50;

/**
 * How many turns of the event loop a wait is given before it is judged. One is enough on Node and Bun
 * to read every socket. Deno needs one or two until it reads at all, and then reads 128 sockets in each.
 */
const TURNS = 3;

/** One thing to be done at a time: a class that extends this one says what that is. */
export abstract class Timer {
  /** @internal */ due = 0;
  /** @internal */ queue: TimerQueue | undefined;
  /** @internal */ before: Timer | undefined;
  /** @internal */ after: Timer | undefined;

  /** Called when it is due. */
  abstract fire(): void;

  /** Whether it is set and not yet due. */
  get pending(): boolean {
    return this.queue !== undefined;
  }

  /** Cancels it; it can be set again. */
  cancel(): void {
    this.queue?.remove(this);
  }
}

/** A callback at a time: for something to be done, not for something to wait for. */
export class CallbackTimer extends Timer {
  readonly #callback: () => void;

  /** Creates one that is not set. */
  constructor(callback: () => void) {
    super();
    this.#callback = callback;
  }

  /** Calls back. */
  override fire(): void {
    this.#callback();
  }
}

/**
 * The time by which something should have come from outside: a pong, a Close, the next bytes. It fires
 * after what has arrived by then has been read, and gets back the time in which the event loop stood
 * still.
 */
export abstract class Wait extends Timer {
  /** @internal The time lost by all before this was set. */ lostBefore = 0;
  /** @internal How much of the time lost may still be given back. */ credit = 0;
}

/** A wait with a callback. It is not set when it is created, and can be set again and again. */
export class ReadingTimer extends Wait {
  readonly #callback: () => void;

  /** Creates one that is not set. */
  constructor(callback: () => void) {
    super();
    this.#callback = callback;
  }

  /** Calls back. */
  override fire(): void {
    this.#callback();
  }
}

/** The timers of one span, a linked list in the order in which they are due. */
class TimerQueue {
  readonly #owner: Timers;
  readonly #span: number;
  #head: Timer | undefined;
  #tail: Timer | undefined;
  #timer: unknown = undefined;
  /** When the platform's timer should call back. */
  #expected = 0;
  #firing = false;

  constructor(owner: Timers, span: number) {
    this.#owner = owner;
    this.#span = span;
  }

  add(timed: Timer): void {
    const now = this.#owner.clock.now();
    timed.due = now + this.#span;
    timed.queue = this;
    timed.before = this.#tail;
    if (this.#tail === undefined) this.#head = timed;
    else this.#tail.after = timed;
    this.#tail = timed;
    if (this.#timer === undefined && !this.#firing) this.#arm(now);
  }

  remove(timed: Timer): void {
    const { before, after } = timed;
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    timed.before = timed.after = timed.queue = undefined;
    if (this.#head === undefined && !this.#firing) this.#end();
  }

  /** Nothing waits any more: an armed timer would keep the process alive, a queue memory. */
  #end(): void {
    if (this.#timer !== undefined) this.#owner.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#owner.free(this.#span);
  }

  #arm(now: number): void {
    this.#expected = this.#head!.due;
    this.#timer = this.#owner.clock.setTimer(Math.max(this.#expected - now, 0), () => this.#due());
  }

  #due(): void {
    const now = this.#owner.clock.now();
    this.#owner.noteLag(this.#expected, now);
    this.#fire(now, false);
  }

  /** Lets some turns of the event loop pass, in which what has arrived until `now` is read. */
  #read(now: number, turns: number): void {
    this.#timer = this.#owner.clock.setTimer(0, () => {
      if (turns > 1) return this.#read(now, turns - 1);
      this.#owner.noteLag(now, this.#owner.clock.now());
      this.#fire(now, true);
    });
  }

  /** Fires what was due at `now`; a wait only once what had arrived by then `wasRead`. */
  #fire(now: number, wasRead: boolean): void {
    this.#timer = undefined;
    // What is set anew meanwhile is due later than what waits: the timer is for the head.
    this.#firing = true;
    let reads = false;
    try {
      // A timer may fire a fraction of a millisecond early; half of one is near enough.
      while (!reads && this.#head !== undefined && this.#head.due <= now + 0.5) {
        const timed = this.#head;
        reads = !wasRead && timed instanceof Wait;
        if (reads) continue;
        this.remove(timed);
        if (!(timed instanceof Wait) || !this.#owner.returnLostTime(timed)) timed.fire();
      }
    } finally {
      this.#firing = false;
      if (this.#head === undefined) this.#end();
      else if (reads) this.#read(now, TURNS);
      else this.#arm(this.#owner.clock.now());
    }
  }
}

/** The queues of one clock. */
export class Timers {
  static readonly #all = new WeakMap<Clock, Timers>();
  /** @internal */
  readonly clock: Clock;
  readonly #queues = new Map<number, TimerQueue>();
  /** For how many milliseconds the event loop has stood still, and until when that was looked at. */
  #lost = 0;
  #lostUntil = 0;

  private constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The one set of queues that belongs to `clock`. */
  static of(clock: Clock): Timers {
    let timers = Timers.#all.get(clock);
    if (timers === undefined) Timers.#all.set(clock, timers = new Timers(clock));
    return timers;
  }

  /** @internal How many spans there is a queue for. */
  get spans(): number {
    return this.#queues.size;
  }

  /** Sets `timed` anew, `span` milliseconds from now; for `Infinity` it is only cancelled. */
  set(timed: Timer, span: number): void {
    timed.cancel();
    if (span === Infinity) return;
    if (timed instanceof Wait) {
      timed.lostBefore = this.#lost;
      timed.credit = span;
    }
    this.#add(timed, span);
  }

  /** @internal A timer that was expected at one time has called back at another. */
  noteLag(expected: number, now: number): void {
    // Timers that are late together show one and the same standstill.
    const lag = now - Math.max(expected, this.#lostUntil);
    if (lag < STANDSTILL) return;
    this.#lost += lag;
    this.#lostUntil = now;
  }

  /** @internal Sets a wait again for the time that it lost; false if it lost none. */
  returnLostTime(wait: Wait): boolean {
    const lost = Math.min(this.#lost - wait.lostBefore, wait.credit);
    if (lost === 0) return false;
    wait.lostBefore = this.#lost;
    wait.credit -= lost;
    this.#add(wait, lost);
    return true;
  }

  /** @internal No timer of this span waits. */
  free(span: number): void {
    this.#queues.delete(span);
  }

  #add(timed: Timer, span: number): void {
    let queue = this.#queues.get(span);
    if (queue === undefined) this.#queues.set(span, queue = new TimerQueue(this, span));
    queue.add(timed);
  }
}
