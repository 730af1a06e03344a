/** Messages through the inflater, in pieces. */

import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { Inflater } from "../../lib/deflate/inflater.ts";
import type { PieceSink } from "../../lib/message/extension.ts";
import { join } from "../frame/notation.ts";

/** Inflates one message that comes in `pieces`. */
export function inflateWith(
  inflater: Inflater,
  pieces: readonly Uint8Array[],
  limit: number = Infinity,
): Uint8Array<ArrayBuffer> {
  const gathered: Uint8Array[] = [];
  let room = limit;
  const emit: PieceSink = (output) => {
    room -= output.length;
    if (room < 0) throw new Error(`gave more than the ${limit} bytes that were allowed`);
    if (output.length === 0) throw new Error("gave nothing");
    gathered.push(output.slice());
  };
  pieces.forEach((piece, i) => inflater.inflate(piece, i === pieces.length - 1, room, emit));
  return join(gathered);
}

/**
 * Inflates one message that comes in `pieces`, and stops whenever `stops` says so. It is called with
 * the number of the piece that was handed on.
 */
export function inflateStopping(
  inflater: Inflater,
  pieces: readonly Uint8Array[],
  stops: (count: number) => boolean,
  limit: number = Infinity,
): { output: Uint8Array<ArrayBuffer>; stopped: number } {
  const gathered: Uint8Array[] = [];
  let room = limit, stopped = 0, count = 0;
  for (const [i, piece] of pieces.entries()) {
    const final = i === pieces.length - 1;
    let left = piece;
    for (;;) {
      let asked = false, more = 0;
      const read = inflater.inflate(left, final, room, (output) => {
        if (asked) more += output.length;
        room -= output.length;
        if (room < 0) throw new Error(`gave more than the ${limit} bytes that were allowed`);
        if (output.length === 0) throw new Error("gave nothing");
        gathered.push(output.slice());
        asked ||= stops(count++);
        return !asked;
      });
      if (read === left.length) {
        // What the last bits of a piece, and of a message, still make.
        if (more > 8192) throw new Error(`gave ${more} bytes when it was to stop`);
        break;
      }
      if (!asked) throw new Error("stopped, and was not asked to");
      if (more > 0) throw new Error(`gave ${more} bytes when it had stopped`);
      stopped++;
      left = left.subarray(read);
    }
  }
  return { output: join(gathered), stopped };
}

/** Inflates one message with an empty context. */
export function inflate(
  pieces: readonly Uint8Array[],
  { windowBits = 15, limit = Infinity }: { windowBits?: number; limit?: number } = {},
): Uint8Array<ArrayBuffer> {
  return inflateWith(new Inflater({ windowBits }), pieces, limit);
}

/** The close code of a documented error; any other is thrown on. */
export function closeCodeOf(work: () => unknown): number | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof LimitError) return error.closeCode;
    throw error;
  }
  return undefined;
}
