import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gather, giveBack } from "../../lib/message/gatherer.ts";
import type { MessageExtension, PieceSink } from "../../lib/message/extension.ts";
import { hex } from "../frame/notation.ts";
import { assertLinear } from "../handshake/support.ts";
import { sizesAskedFor } from "./memory.ts";
import { Turning } from "./toy_extension.ts";

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

describe("gatherer", () => {
  it("gives in one piece what an extension gives in many", () => {
    const gatherer = gather(new Single(), hex("01 02 03"), true);
    assert.deepEqual(gatherer.payload, hex("01 02 03"));
    giveBack(gatherer);
    const next = gather(new Single(), hex(""), true);
    assert.deepEqual(next.payload, hex(""));
    giveBack(next);
  });

  it("its memory is used again, if it is not too large", () => {
    giveBack(gather(new Single(), new Uint8Array(1000), true));
    const asked = (size: number): number[] => {
      const piece = new Uint8Array(size);
      return sizesAskedFor(() => giveBack(gather(new Turning(), piece, true)))
        .filter((each) => each >= 1000 && each !== size);
    };
    assert.deepEqual(asked(1000), []);
    giveBack(gather(new Single(), new Uint8Array(60_000), true));
    assert.deepEqual(asked(60_000), []);
    giveBack(gather(new Single(), new Uint8Array(70_000), true));
    assert.ok(asked(1001).length > 0);
  });

  it("two at once do not share it", () => {
    const one = gather(new Single(), hex("01 02"), true);
    const two = gather(new Single(), hex("03 04 05"), true);
    assert.deepEqual([one.payload, two.payload], [hex("01 02"), hex("03 04 05")]);
    giveBack(one);
    giveBack(two);
  });

  it("many pieces take linear time", () => {
    const extension = new Single();
    assertLinear((size) => giveBack(gather(extension, new Uint8Array(size), true)), 50_000);
  });
});
