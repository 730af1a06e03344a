import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decodeWhole,
  encodePiece,
  releaseScratch,
  textBytes,
} from "../../lib/message/scratch_buffer.ts";
import type { MessageExtension, PieceSink } from "../../lib/message/extension.ts";
import { maskInto } from "../../lib/frame/mask.ts";
import { hex } from "../frame/notation.ts";
import { assertLinear } from "../handshake/support.ts";
import { sizesAskedFor } from "./memory.ts";
import { TenFold, Turning } from "./toy_extension.ts";

/** Gives each byte of a piece for itself, in memory that it uses again. */
class Single extends Turning implements MessageExtension {
  override encode(piece: Uint8Array, _final: boolean, emit: PieceSink): void {
    const one = new Uint8Array(1);
    for (const byte of piece) {
      one[0] = byte;
      emit(one);
    }
  }
}

describe("ScratchBuffer", () => {
  it("returns in one piece what an extension returns in many", () => {
    const gatherer = encodePiece(new Single(), hex("01 02 03"), true);
    assert.deepEqual(gatherer.payload, hex("01 02 03"));
    releaseScratch(gatherer);
    const next = encodePiece(new Single(), hex(""), true);
    assert.deepEqual(next.payload, hex(""));
    releaseScratch(next);
  });

  it("its memory is used again, if it is not too large", () => {
    encodePiece(new Single(), hex(""), true); // not given back: of what others have used nothing is left
    releaseScratch(encodePiece(new Single(), new Uint8Array(1000), true));
    const asked = (size: number): number[] => {
      const piece = new Uint8Array(size);
      return sizesAskedFor(() => releaseScratch(encodePiece(new Turning(), piece, true)))
        .filter((each) => each >= 1000 && each !== size);
    };
    assert.deepEqual(asked(1000), []);
    releaseScratch(encodePiece(new Single(), new Uint8Array(60_000), true));
    assert.deepEqual(asked(60_000), []);
    releaseScratch(encodePiece(new Single(), new Uint8Array(70_000), true));
    assert.ok(asked(1001).length > 0);
  });

  it("two at once do not share it", () => {
    const one = encodePiece(new Single(), hex("01 02"), true);
    const two = encodePiece(new Single(), hex("03 04 05"), true);
    assert.deepEqual([one.payload, two.payload], [hex("01 02"), hex("03 04 05")]);
    releaseScratch(one);
    releaseScratch(two);
  });

  it("a whole message is unmasked, decoded, and stopped at the limit", () => {
    for (const key of [0, 0x3d21fa37]) {
      const chunk = hex("00 b7 9a 93 93 90 00");
      maskInto(chunk, 1, chunk, 1, 6, key);
      const before = chunk.slice();
      const gatherer = decodeWhole(new Turning(), chunk, 1, 6, key, 5);
      assert.deepEqual(gatherer.payload, hex("'Hello'"));
      releaseScratch(gatherer);
      assert.deepEqual(chunk, before);
      for (const extension of [new Turning(), new TenFold()]) {
        assert.throws(() => decodeWhole(extension, chunk, 1, 6, key, 4), {
          option: "maxMessageSize",
          limit: 4,
          closeCode: 1009,
        });
      }
      const large = decodeWhole(new Turning(), new Uint8Array(70_000), 0, 70_000, key, Infinity);
      assert.equal(large.payload.length, 70_000);
      releaseScratch(large);
    }
  });

  it("text of any length and width becomes UTF-8", () => {
    for (const each of ["", "a", "\u20ac", "\u{1f600}", "\ud800"]) {
      for (const count of [1, 100, 21_845, 21_846, 70_000]) {
        const all = each.repeat(count);
        assert.deepEqual(textBytes(all).slice(), new TextEncoder().encode(all));
      }
    }
  });

  it("many pieces take linear time", () => {
    const extension = new Single();
    assertLinear(
      (size) => releaseScratch(encodePiece(extension, new Uint8Array(size), true)),
      10_000,
    );
  });
});
