/**
 * The way out: what is encoded leaves together, as the transport takes it.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import type { OutputFlusher } from "../frame/encoder.ts";
import type { OutputBuffer } from "../frame/output_buffer.ts";
import { ReadingTimer, Timers } from "./timers.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import type { Transport } from "./transport.ts";

/** Output of this size leaves at once, though more may follow in the same tick. */
const FLUSH_SIZE = 64 * 1024;
/** How many microtasks output must have stopped growing for, before it leaves. */
const QUIET_TURNS = 4;
/** How often to look, in milliseconds, whether the system has taken what no `drain` is due for. */
const DRAIN_POLL = 10;

/** A microtask by way of a promise takes a third of the time of Node's `queueMicrotask`. */
const settled = Promise.resolve();

/** What a write scheduler reports to its link. */
export interface WriteEvents {
  /** All that was written is with the system. */
  onFlushed(): void;
  /** The transport has begun to hold back what is written, or has taken it all. */
  onBlockedChange(blocked: boolean): void;
  /** The peer has taken nothing for too long. */
  onSendTimeout(error: LimitError): void;
  /** Called when the system may have taken all, though no `drain` says so. */
  onDrain(): void;
}

/** Empties an output into a transport. */
export class WriteScheduler implements OutputFlusher {
  readonly #output: OutputBuffer;
  readonly #transport: Transport;
  readonly #options: ResolvedLimits;
  readonly #events: WriteEvents;
  #blocked = false;
  #frameBegun = false;
  #closed = false;
  #scheduled = false;
  #quietTurns = 0;
  #lengthSeen = 0;
  /** What is written slice by slice (`maxWriteSize`), as far as it has not been. */
  #rest: Uint8Array | undefined;
  /** What was left when the time to take something began. */
  #unwritten = 0;
  /** Created when they are first needed, as is the microtask: an idle connection has none. */
  #sendDue: ReadingTimer | undefined;
  #pollDue: ReadingTimer | undefined;
  #microtask: (() => void) | undefined;

  /** Creates the scheduler from `output` to `transport`. */
  constructor(
    pipe: { output: OutputBuffer; transport: Transport; options: ResolvedLimits },
    events: WriteEvents,
  ) {
    this.#output = pipe.output;
    this.#transport = pipe.transport;
    this.#options = pipe.options;
    this.#events = events;
  }

  /** Whether the transport holds back what was written. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#output.length + (this.#rest?.length ?? 0) + this.#transport.bufferedAmount;
  }

  /**
   * Something was added to the output. It leaves with the pass it was made in (`corked`), or else at
   * the end of the tick.
   */
  schedule(corked: boolean): void {
    if (this.#blocked) return this.#output.detachFromSlab();
    if (this.#output.length >= FLUSH_SIZE) return this.flush();
    if (corked || this.#scheduled) return;
    this.#scheduled = true;
    this.#quietTurns = 0;
    this.#lengthSeen = 0;
    void settled.then(this.#microtask ??= (): void => this.#onMicrotask(this.#microtask!));
  }

  /**
   * Code that awaits between two sends goes on some microtasks later: so the output leaves when it
   * has not grown for a few turns. A `for await` that answers each message thus makes one write.
   */
  #onMicrotask(turn: () => void): void {
    const { length } = this.#output;
    if (length !== this.#lengthSeen) {
      this.#lengthSeen = length;
      this.#quietTurns = 0;
    }
    if (length > 0 && ++this.#quietTurns <= QUIET_TURNS) {
      void settled.then(turn);
      return;
    }
    this.#scheduled = false;
    this.flush();
  }

  /** Writes what there is, if the transport takes it. */
  flush(): void {
    if (!this.#blocked && this.#write()) this.#events.onFlushed();
  }

  /** The same from the middle of a frame, without notifications: returns whether all has left. */
  tryFlush(): boolean {
    if (this.#blocked) return false;
    const all = this.#write();
    if (!all) this.#frameBegun = true;
    return all;
  }

  /**
   * Writes what there is and `payload` behind it, from where it lies: false if the transport would
   * have to keep the caller's memory.
   */
  writeThrough(payload: Uint8Array): boolean {
    const transport = this.#transport;
    if (transport.copiesRest !== true || transport.maxWriteSize !== undefined) return false;
    if (!this.tryFlush()) return false;
    if (!transport.write(payload)) this.#block();
    return true;
  }

  /** Drops what has not begun to leave: whole frames only. */
  drop(): void {
    if (!this.#frameBegun) this.#output.release();
  }

  /**
   * Called when the transport seems to have taken all. That is a hint: Bun's node:http emits `drain`
   * while bytes wait.
   */
  drained(): void {
    if (this.#closed || !this.#blocked) return;
    if (this.#transport.bufferedAmount > 0) return this.#poll();
    this.#pollDue?.cancel();
    this.#sendDue?.cancel();
    if (this.#rest !== undefined && !this.#writeSlices(this.#rest)) return;
    this.#blocked = false;
    this.#events.onBlockedChange(false);
    this.flush();
  }

  /**
   * Looks now and then whether the system has taken what waits, and reports it as `taken`. A transport
   * whose `write` gave true may hold some of it all the same, and need not call `drain` then.
   */
  watch(): void {
    if (!this.#blocked && this.#transport.bufferedAmount > 0) this.#poll();
  }

  #poll(): void {
    if (this.#pollDue?.pending) return;
    this.#pollDue ??= new ReadingTimer(() => this.#events.onDrain());
    Timers.of(this.#options.clock).set(this.#pollDue, DRAIN_POLL);
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#closed = true;
    this.#sendDue?.cancel();
    this.#pollDue?.cancel();
    this.#rest = undefined;
    this.#output.release();
  }

  #write(): boolean {
    const output = this.#output;
    if (this.#closed) return false;
    if (output.length === 0) return true;
    this.#frameBegun = false;
    const transport = this.#transport;
    if (output.length > (transport.maxWriteSize ?? Infinity)) {
      return this.#writeSlices(output.take());
    }
    const all = transport.write(output.view());
    // Memory that the transport still holds is not written to again.
    if (transport.copiesOnWrite) output.release();
    else output.take();
    if (!all) this.#block();
    return all;
  }

  /**
   * Writes slices as long as the transport takes them; false if something is left. Each is twice as
   * large as the one before: where the system has just taken so much at once, it shows no progress in
   * smaller steps.
   */
  #writeSlices(bytes: Uint8Array): boolean {
    const transport = this.#transport;
    let at = 0, all = true;
    for (let size = transport.maxWriteSize!; all && at < bytes.length; size *= 2) {
      all = transport.write(bytes.subarray(at, at += size));
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : undefined;
    if (!all) this.#block();
    return all;
  }

  #block(): void {
    this.#unwritten = this.#transport.bufferedAmount;
    this.#sendDue ??= new ReadingTimer(() => this.#stalled());
    this.#wait(this.#sendDue);
    if (this.#blocked) return;
    this.#blocked = true;
    this.#events.onBlockedChange(true);
  }

  #wait(due: ReadingTimer): void {
    const { clock, sendTimeout } = this.#options;
    Timers.of(clock).set(due, sendTimeout);
  }

  #stalled(): void {
    const left = this.#transport.bufferedAmount;
    if (left < this.#unwritten) {
      this.#unwritten = left;
      return this.#wait(this.#sendDue!);
    }
    const limit = this.#options.sendTimeout;
    this.#events.onSendTimeout(
      new LimitError(`Cannot send: the peer took nothing for ${limit} ms (sendTimeout)`, {
        option: "sendTimeout",
        limit,
        actual: limit,
        closeCode: 1008,
      }),
    );
  }
}
