import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { checkControlPayload, MessageEncoder } from "../../lib/message/encoder.ts";
import { framesBytes, hex, KEY } from "../frame/notation.ts";

/** What an encoder writes for `use`, as a server and as a client. */
function writes(use: (encoder: MessageEncoder) => void, frames: readonly string[]): void {
  for (const role of ["client", "server"] as const) {
    const encoder = new FrameEncoder({ role, mask: () => KEY });
    use(new MessageEncoder(encoder));
    assert.deepEqual(encoder.output.take(), framesBytes(frames, role));
  }
}

describe("message encoder", () => {
  it("5.6: a string is a text frame, bytes are a binary frame", () => {
    writes((encoder) => {
      encoder.message("Hi\u20ac");
      encoder.message(hex("01 02"));
      encoder.message("");
      encoder.message(hex(""));
    }, ["81 05 | 48 69 e2 82 ac", "82 02 | 01 02", "81 00", "82 00"]);
  });

  it("5.4: a message in fragments begins with its type, goes on with 0, and ends with FIN", () => {
    writes((encoder) => {
      assert.equal(encoder.inMessage, false);
      encoder.begin("text");
      assert.equal(encoder.inMessage, true);
      encoder.fragment(hex("'Hel'"), false);
      encoder.fragment(hex(""), false);
      encoder.ping(hex("07"));
      assert.equal(encoder.inMessage, true);
      encoder.fragment(hex("'lo'"), true);
      assert.equal(encoder.inMessage, false);
      encoder.begin("binary");
      encoder.fragment(hex("01"), true);
      encoder.begin("binary");
      encoder.fragment(hex("02"), false);
      encoder.fragment(hex(""), true);
    }, [
      "01 03 | 'Hel'",
      "00 00",
      "89 01 | 07",
      "80 02 | 'lo'",
      "82 01 | 01",
      "02 01 | 02",
      "80 00",
    ]);
  });

  it("5.5: ping, pong and Close are frames of their own", () => {
    writes((encoder) => {
      encoder.ping(hex(""));
      encoder.pong(hex("01x125"));
      encoder.close({ closeCode: 1000, reason: "Bye" });
      encoder.close({ closeCode: 1005, reason: "" });
    }, ["89 00", "8a 7d | 01x125", "88 05 | 03 e8 'Bye'", "88 00"]);
  });

  it("5.5: a ping or pong of 126 bytes is a RangeError, of no bytes at all a TypeError", () => {
    writes((encoder) => {
      for (const send of ["ping", "pong"] as const) {
        assert.throws(() => encoder[send](new Uint8Array(126)), RangeError);
        for (const payload of [undefined, 100, "text", new ArrayBuffer(4), new Float32Array(2)]) {
          assert.throws(() => encoder[send](payload as unknown as Uint8Array), TypeError);
        }
      }
      assert.throws(() => encoder.close({ closeCode: 1006, reason: "" }), RangeError);
    }, []);
    const payload = hex("01");
    assert.equal(checkControlPayload(payload), payload);
  });

  it("the caller's bytes stay as they are", () => {
    const payload = hex("01 02 03 04 05");
    writes((encoder) => {
      encoder.message(payload);
      encoder.ping(payload);
      encoder.begin("binary");
      encoder.fragment(payload, true);
    }, ["82 05 | 01 02 03 04 05", "89 05 | 01 02 03 04 05", "82 05 | 01 02 03 04 05"]);
    assert.deepEqual(payload, hex("01 02 03 04 05"));
  });
});
