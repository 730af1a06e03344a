import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  acquireDeflater,
  acquireInflater,
  releaseDeflater,
  releaseInflater,
} from "../../lib/deflate/pool.ts";
import { hex } from "../frame/notation.ts";
import { inflate, inflateWith } from "./decode.ts";

const HELLO = hex("'Hello'");

describe("pool of contexts", () => {
  it("what is released is acquired again, for the same window and level only", () => {
    const inflater = acquireInflater(11);
    releaseInflater(inflater, 11);
    assert.notEqual(acquireInflater(12), inflater);
    assert.equal(acquireInflater(11), inflater);
    assert.notEqual(acquireInflater(11), inflater);

    const deflater = acquireDeflater(11, 3);
    releaseDeflater(deflater, 11, 3);
    assert.notEqual(acquireDeflater(11, 4), deflater);
    assert.notEqual(acquireDeflater(12, 3), deflater);
    assert.equal(acquireDeflater(11, 3), deflater);
    assert.notEqual(acquireDeflater(11, 3), deflater);
  });

  it("what is acquired is empty: nothing of the message before can be reached", () => {
    const inflater = acquireInflater(15);
    inflateWith(inflater, [hex("f2 48 cd c9 c9 07 00")]);
    inflater.inflate(hex("f2 48 cd"), false, Infinity, () => {}); // and half a message
    releaseInflater(inflater, 15);
    assert.equal(acquireInflater(15), inflater);
    // RFC 7692 section 7.2.3.2: "Hello" as a match in the window.
    assert.throws(() => inflateWith(inflater, [hex("f2 00 11 00 00")]), { closeCode: 1007 });

    const deflater = acquireDeflater(15, 6);
    const sizes = [0, 1].map(() => {
      const pieces: Uint8Array[] = [];
      deflater.deflate(HELLO, true, (piece) => void pieces.push(piece.slice()));
      deflater.deflate(HELLO, false, () => {}); // and half a message
      releaseDeflater(deflater, 15, 6);
      assert.equal(acquireDeflater(15, 6), deflater);
      assert.deepEqual(inflate(pieces), HELLO);
      return pieces.reduce((sum, { length }) => sum + length, 0);
    });
    assert.equal(sizes[0], sizes[1]);
  });

  it("it keeps four of a kind, whatever a burst of messages in fragments has needed", () => {
    const inflaters = Array.from({ length: 100 }, () => acquireInflater(13));
    assert.equal(new Set(inflaters).size, 100);
    for (const each of inflaters) releaseInflater(each, 13);
    const lent = Array.from({ length: 100 }, () => acquireInflater(13));
    assert.equal(lent.filter((each) => inflaters.includes(each)).length, 4);

    const deflaters = Array.from({ length: 20 }, () => acquireDeflater(9, 1));
    for (const each of deflaters) releaseDeflater(each, 9, 1);
    const again = Array.from({ length: 20 }, () => acquireDeflater(9, 1));
    assert.equal(again.filter((each) => deflaters.includes(each)).length, 4);
  });
});
