/**
 * The way out: what is encoded leaves together, as the transport takes it.
 *
 * @module
 */
import type { OutputFlusher } from "../frame/encoder.ts";
import type { OutputBuffer } from "../frame/output_buffer.ts";
import type { ResolvedLimits } from "../protocol/options.ts";
import { Backlog, type BacklogEvents } from "./backlog.ts";
import { QuietFlush } from "./quiet_flush.ts";
import { Stopwatch } from "./stopwatch.ts";
import type { Transport } from "./transport.ts";

/** Output of this size leaves at once, though more may follow in the same tick. */
const FLUSH_SIZE = 65_536;
/** What a write scheduler reports to its link. */
export interface WriteEvents extends BacklogEvents {
  /** All that was written is with the system. */
  onFlushed(): void;
  /** The transport has begun to hold back what is written, or has taken it all. */
  onBlockedChange(blocked: boolean): void;
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
  /** Created when they are first needed: an idle connection has neither. */
  #quiet: QuietFlush | undefined;
  #backlog: Backlog | undefined;
  #blockedWatch: Stopwatch | undefined;
  #bytesSent = 0;

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

  /** Bytes that were given to the transport. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** How long the transport has held back what was written, in milliseconds. */
  get blockedTime(): number {
    return this.#blockedWatch?.read(this.#options.clock.now()) ?? 0;
  }

  /** Bytes on their way out that the system has not taken. */
  get bufferedAmount(): number {
    return this.#output.length + (this.#backlog?.rest?.length ?? 0) +
      this.#transport.bufferedAmount;
  }

  /**
   * Something was added to the output. It leaves with the pass it was made in (`corked`), or else at
   * the end of the tick.
   */
  schedule(corked: boolean): void {
    if (this.#blocked) return this.#output.detachFromSlab();
    if (this.#output.length >= FLUSH_SIZE) return this.flush();
    if (corked) return;
    this.#quiet ??= new QuietFlush(this.#output, () => this.flush());
    this.#quiet.schedule();
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
    if (transport.alwaysCopies !== true || transport.maxWriteSize !== undefined) return false;
    if (!this.tryFlush()) return false;
    this.#bytesSent += payload.length;
    if (!transport.write(payload).more) this.#block();
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
    const backlog = this.#waiting();
    if (this.#transport.bufferedAmount > 0) return backlog.poll();
    backlog.stop();
    if (backlog.rest !== undefined && !this.#writeSlices(backlog.rest)) return;
    this.#blocked = false;
    this.#blockedWatch?.stop(this.#options.clock.now());
    this.#events.onBlockedChange(false);
    this.flush();
  }

  /**
   * Looks now and then whether the system has taken what waits, and reports it by `onDrain`. A
   * transport whose `write` returned true may still hold some of it, and then need not report a
   * drain.
   */
  watch(): void {
    if (!this.#blocked && this.#transport.bufferedAmount > 0) this.#waiting().poll();
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#closed = true;
    this.#blockedWatch?.stop(this.#options.clock.now());
    this.#backlog?.stop();
    this.#backlog = undefined;
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
    this.#bytesSent += output.length;
    const { more, copied } = transport.write(output.view());
    // Memory that the transport still holds is not written to again.
    if (copied) output.release();
    else output.take();
    if (!more) this.#block();
    return more;
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
      all = transport.write(bytes.subarray(at, at += size)).more;
    }
    this.#bytesSent += Math.min(at, bytes.length);
    const rest = at < bytes.length ? bytes.subarray(at) : undefined;
    if (rest !== undefined || this.#backlog !== undefined) this.#waiting().rest = rest;
    if (!all) this.#block();
    return all;
  }

  #block(): void {
    this.#waiting().limitTime();
    if (this.#blocked) return;
    this.#blocked = true;
    (this.#blockedWatch ??= new Stopwatch()).start(this.#options.clock.now());
    this.#events.onBlockedChange(true);
  }

  #waiting(): Backlog {
    return this.#backlog ??= new Backlog(this.#transport, this.#options, this.#events);
  }
}
