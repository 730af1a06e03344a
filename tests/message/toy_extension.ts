/** Extensions that do little: one turns every bit, one halves, one makes ten bytes of one. */

import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { RSV1 } from "../../lib/frame/opcode.ts";
import type { MessageExtension, PieceSink } from "../../lib/message/extension.ts";

/** Turns every bit, either way. Writes down what it is called with. */
export class Turning implements MessageExtension {
  readonly header: string = "x-turning";
  readonly rsv: number = RSV1;
  readonly calls: string[] = [];

  decode(piece: Uint8Array, final: boolean, limit: number, emit: PieceSink): number | void {
    this.calls.push(`decode ${piece.length}${final ? " final" : ""}, room ${limit}`);
    if (piece.length > limit) throw overLimit(piece.length, limit);
    if (piece.length > 0) emit(piece.map((byte) => byte ^ 255));
  }

  wants(size: number): boolean {
    this.calls.push(`wants ${size}`);
    return size !== 0;
  }

  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    this.calls.push(`encode ${piece.length}${final ? " final" : ""}`);
    // In two pieces, as a real one might.
    const middle = piece.length >> 1;
    const turned = piece.map((byte) => byte ^ 255);
    emit(turned.subarray(0, middle));
    emit(turned.subarray(middle));
  }
}

/** Keeps every other byte of a whole message. */
export class Halving extends Turning {
  override decode(piece: Uint8Array, _final: boolean, _limit: number, emit: PieceSink): void {
    emit(piece.filter((_, i) => i % 2 === 0));
  }
}

/** Turns each byte into ten, a piece a byte; a byte of FF is no data of its. Obeys no limit, but stops. */
export class TenFold extends Turning {
  /** How many bytes it has handed over. */
  given = 0;

  override decode(piece: Uint8Array, _final: boolean, _limit: number, emit: PieceSink): number {
    for (const [i, byte] of piece.entries()) {
      if (byte === 255) {
        throw new ProtocolError("EXTENSION_DATA", "Cannot decode message: FF", 1007);
      }
      this.given += 10;
      if (emit(new Uint8Array(10).fill(byte)) === false) return i + 1;
    }
    return piece.length;
  }
}

function overLimit(actual: number, limit: number): LimitError {
  return new LimitError("Cannot decode message: too large", {
    option: "maxMessageSize",
    limit,
    actual,
    closeCode: 1009,
  });
}
