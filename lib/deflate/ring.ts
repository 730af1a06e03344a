/**
 * Where the inflater writes: the window (RFC 7692 section 7.1.2), and what is to be passed on of it.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import type { PieceSink } from "../message/extension.ts";

/** The memory of a first message. */
const FIRST_SIZE = 512;
/** A smaller ring would spend its time on its own end. */
const LEAST_FULL_SIZE = 2048;
/** zlib uses 9 bits of window when asked for 8, so there are always at least 9. */
const LEAST_WINDOW_BITS = 9;

const nothing = /* @__PURE__ */ new Uint8Array(0);
const noView = /* @__PURE__ */ (() => new DataView(nothing.buffer))();

/**
 * A ring of bytes. It holds nothing at first, then doubles with what is written, up to the window;
 * from there on it begins anew at its start. The fields are open: what is fast works on copies of
 * them and puts them back.
 */
export class Ring {
  /** How far back a distance may reach. */
  readonly window: number;
  /** The memory: its size is a power of two. */
  bytes: Uint8Array = nothing;
  /** The same, to be copied four bytes at a time. */
  view: DataView = noView;
  /** Where the next byte goes. */
  at = 0;
  /** Where writing has to stop until there is more room. */
  stop = 0;
  /** Whether the ring was full: then what lies behind `at` is history too. */
  wrapped = false;
  /** Whether the sink has asked to stop, since `begin` or since this was last cleared. */
  halted = false;

  readonly #fullSize: number;
  /** The first byte that was not passed on. */
  #from = 0;
  /** How many bytes from there on may be passed on. */
  #limit = 0;

  /** Creates a ring for a window of `1 << windowBits` bytes. */
  constructor(windowBits: number) {
    this.window = 1 << Math.max(windowBits, LEAST_WINDOW_BITS);
    this.#fullSize = Math.max(this.window, LEAST_FULL_SIZE);
  }

  /** Allows `limit` bytes to be written from here on. */
  begin(limit: number): void {
    this.#limit = limit;
    this.halted = false;
    this.#setStop();
  }

  /** Forgets what was written. */
  reset(): void {
    this.at = this.#from = 0;
    this.wrapped = false;
  }

  /**
   * Reserves room for at least one byte, once `at` has come to `stop`. What is full is passed on.
   *
   * @throws {LimitError} If no more may be written.
   */
  makeRoom(emit: PieceSink): void {
    if (this.at - this.#from >= this.#limit) throw tooLarge(this.#limit);
    if (!this.grow()) {
      this.flush(emit);
      this.at = this.#from = 0;
      this.wrapped = true;
    }
    this.#setStop();
  }

  /** Doubles the ring; false if it has its full size, or the limit does not ask for more. */
  grow(): boolean {
    const { bytes } = this;
    if (bytes.length === this.#fullSize || this.stop < bytes.length) return false;
    this.bytes = new Uint8Array(bytes.length === 0 ? FIRST_SIZE : bytes.length * 2);
    this.bytes.set(bytes);
    this.view = new DataView(this.bytes.buffer);
    this.#setStop();
    return true;
  }

  /** Hands on what was written since the last time. */
  flush(emit: PieceSink): void {
    const from = this.#from, to = this.at;
    if (from === to) return;
    this.#from = to;
    this.#limit -= to - from;
    if (emit(this.bytes.subarray(from, to)) === false) this.halted = true;
  }

  #setStop(): void {
    const { length } = this.bytes;
    this.stop = length - this.#from <= this.#limit ? length : this.#from + this.#limit;
  }
}

function tooLarge(limit: number): LimitError {
  return new LimitError(
    `Cannot inflate message: more than the ${limit} bytes that are left of maxMessageSize`,
    { option: "maxMessageSize", limit, actual: limit + 1, closeCode: 1009 },
  );
}
