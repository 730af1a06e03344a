/**
 * What an extension gives for a piece of a message, in one piece: a frame tells its length first.
 *
 * @module
 */
import type { MessageExtension, PieceSink } from "./extension.ts";

/** The memory that is kept for the next message. */
const KEPT_SIZE = 64 * 1024;

/** Gathers in memory that grows by doubling, so that the work is linear in what is gathered. */
export class Gatherer {
  #bytes: Uint8Array = new Uint8Array(1024);
  #length = 0;

  /** Adds a piece, by copying it. */
  readonly add: PieceSink = (piece) => {
    const at = this.#length, end = at + piece.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, at);
    this.#length = end;
  };

  /** What was gathered, valid until `giveBack`. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was gathered; false if its memory is too large to be kept. */
  clear(): boolean {
    this.#length = 0;
    return this.#bytes.length <= KEPT_SIZE;
  }
}

/** All connections share one: nothing waits between `gather` and `giveBack`. */
let spare: Gatherer | undefined;

/** Lets `extension` encode a piece of a message, and gives what came of it. */
export function gather(
  extension: MessageExtension,
  piece: Uint8Array,
  final: boolean,
): Gatherer {
  // Writing a frame may run into another connection's handler, and that into this function.
  const gatherer = spare ?? new Gatherer();
  spare = undefined;
  extension.encode(piece, final, gatherer.add);
  return gatherer;
}

/** Takes the gatherer back for the next piece. After an error that left it behind, one is made. */
export function giveBack(gatherer: Gatherer): void {
  if (gatherer.clear()) spare = gatherer;
}
