/**
 * The content of a message in pieces, between the link that receives it and the code that reads it.
 *
 * @module
 */

/** Small pieces are joined up to this size: a piece costs far more memory than its bytes. */
const JOINED_SIZE = 64 * 1024;

/** Counts what waits, so that reading stops when it is too much. */
export interface BodyAccount {
  /** So many bytes more wait. */
  charge(size: number): void;
  /** So many no longer do. */
  discharge(size: number): void;
}

/** A read that waits for the next piece. */
type Reader = PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined>;

/** The pieces that wait to be read. */
export class MessageBody {
  readonly #account: BodyAccount;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  /** The last piece as far as it is filled, in memory with room for more. */
  #last: Uint8Array<ArrayBuffer> | undefined;
  #waiting = 0;
  #ended = false;
  #discarded = false;
  #error: Error | undefined;
  #reader: Reader | undefined;

  /** Creates an empty one. */
  constructor(account: BodyAccount) {
    this.#account = account;
  }

  /** Whether what comes will not be read. */
  get discarded(): boolean {
    return this.#discarded;
  }

  /** Adds a piece, or passes it to the read that waits. */
  push(piece: Uint8Array<ArrayBuffer>): void {
    if (this.#discarded) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      return reader.resolve(piece);
    }
    if (this.#last === undefined) this.#last = piece;
    else if (this.#last.length + piece.length <= JOINED_SIZE) this.#join(this.#last, piece);
    else {
      this.#pieces.push(this.#last);
      this.#last = piece;
    }
    this.#waiting += piece.length;
    this.#account.charge(piece.length);
  }

  /** It is complete. */
  end(): void {
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  /** The rest will never come: reads reject with `error`, after what waits. */
  fail(error: Error): void {
    if (this.#ended || this.#error !== undefined) return;
    this.#error = error;
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  /** Nobody reads it any more: what waits is dropped, and so is what comes. */
  discard(reason: Error = discarded()): void {
    if (this.#discarded) return;
    this.#discarded = true;
    const waiting = this.#waiting;
    if (this.#ended && waiting === 0) return; // it was read whole
    this.#pieces = [];
    this.#last = undefined;
    this.#waiting = 0;
    this.#ended = false;
    this.fail(reason);
    this.#account.discharge(waiting);
  }

  /** The next piece, or undefined at the end. One reader at a time. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const piece = this.#pieces.shift() ?? this.#last;
    if (piece !== undefined) {
      if (piece === this.#last) this.#last = undefined;
      this.#waiting -= piece.length;
      this.#account.discharge(piece.length);
      // Nobody else has a part in the memory that a reader is given.
      const whole = piece.length === piece.buffer.byteLength;
      return Promise.resolve(whole ? piece : piece.slice());
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(undefined);
    return (this.#reader = Promise.withResolvers()).promise;
  }

  #join(last: Uint8Array<ArrayBuffer>, piece: Uint8Array<ArrayBuffer>): void {
    const { length, buffer } = last, needed = length + piece.length;
    // A piece that came alone fills its memory; one that was joined begins where its memory does.
    const room = last.byteOffset === 0 && buffer.byteLength >= needed;
    const joined = room ? new Uint8Array(buffer, 0, needed) : new Uint8Array(
      new ArrayBuffer(Math.min(Math.max(needed, length * 2), JOINED_SIZE)),
      0,
      needed,
    );
    if (!room) joined.set(last);
    joined.set(piece, length);
    this.#last = joined;
  }
}

function discarded(): Error {
  return new DOMException(
    "The rest of the message was discarded: its stream was cancelled, or the next message asked for",
    "AbortError",
  );
}
