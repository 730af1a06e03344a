import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProtocolError } from "../../lib/errors.ts";
import {
  ABNORMAL,
  fitReason,
  isWireCode,
  MAX_REASON,
  NO_STATUS,
  readClosePayload,
  writeClosePayload,
} from "../../lib/message/close.ts";
import { hex } from "../frame/notation.ts";

/** Section 7.4.1, the registry behind it, and section 7.4.2. */
function mayBeSent(code: number): boolean {
  const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  return registered.includes(code) || (code >= 3000 && code <= 4999);
}

const write = (closeCode: unknown, reason: unknown = ""): Uint8Array =>
  writeClosePayload({ closeCode: closeCode as number, reason: reason as string });

describe("close", () => {
  it("7.4: of all 65,536 codes, those may be sent that are registered for it or 3000 to 4999", () => {
    for (let code = 0; code < 65536; code++) {
      if (isWireCode(code) !== mayBeSent(code)) assert.fail(`${code}`);
      if (code > 1020 && code % 500 > 1 && code % 500 < 499 && code !== 65535) continue;
      const payload = new Uint8Array([code >> 8, code & 255]);
      if (mayBeSent(code)) {
        assert.deepEqual(readClosePayload(payload), { closeCode: code, reason: "" });
        assert.deepEqual(write(code), payload);
        continue;
      }
      assert.throws(() => readClosePayload(payload), {
        code: "CLOSE_CODE_INVALID",
        closeCode: 1002,
      });
      if (code !== NO_STATUS) assert.throws(() => write(code), RangeError);
    }
    assert.deepEqual([NO_STATUS, ABNORMAL, MAX_REASON], [1005, 1006, 123]);
  });

  it("7.1.5: an empty payload is the status 1005, either way", () => {
    assert.deepEqual(readClosePayload(new Uint8Array(0)), { closeCode: 1005, reason: "" });
    assert.deepEqual(write(1005), new Uint8Array(0));
    assert.throws(() => write(1005, "why"), { name: "TypeError", message: /needs a closeCode/ });
  });

  it("5.5.1: a payload of one byte is an error", () => {
    assert.throws(() => readClosePayload(hex("03")), (error) => {
      assert.ok(error instanceof ProtocolError);
      assert.deepEqual([error.code, error.closeCode], ["CLOSE_PAYLOAD_LENGTH", 1002]);
      return true;
    });
  });

  it("5.5.1: a reason is UTF-8, and an error of 1007 if it is not", () => {
    assert.equal(readClosePayload(hex("03 e8 e2 82 ac")).reason, "\u20ac");
    assert.throws(() => readClosePayload(hex("03 e8 e2 82")), {
      code: "CLOSE_REASON_UTF8",
      closeCode: 1007,
    });
    assert.deepEqual(write(1000, "\u20ac"), hex("03 e8 e2 82 ac"));
  });

  it("5.5.1: a byte-order mark belongs to the reason", () => {
    assert.equal(readClosePayload(hex("03 e8 ef bb bf")).reason, "\ufeff");
  });

  it("5.5: a reason of 123 bytes fits, one of 124 is a RangeError and never cut", () => {
    assert.equal(write(1000, "a".repeat(123)).length, 125);
    assert.equal(write(1000, "\u20ac".repeat(41)).length, 125);
    for (const reason of ["a".repeat(124), "\u20ac".repeat(42), "a".repeat(122) + "\u00e9"]) {
      assert.throws(() => write(1000, reason), { name: "RangeError", message: /at most 123 fit/ });
    }
  });

  it("a code that is no number or a reason that is no string is a TypeError", () => {
    for (const code of [undefined, null, "1000", {}, 1000n]) {
      assert.throws(() => write(code), TypeError);
    }
    for (const reason of [null, 1, {}, new Float32Array(20), new Uint8Array(3)]) {
      assert.throws(() => write(1000, reason), TypeError);
    }
    for (const code of [1000.5, NaN, -1, 65536 + 1000, Infinity, 3000.5]) {
      assert.throws(() => write(code), RangeError);
    }
  });

  it("fitReason keeps whole characters, as many as fit", () => {
    assert.equal(fitReason("short"), "short");
    assert.equal(fitReason("a".repeat(200)), "a".repeat(123));
    assert.equal(fitReason("a".repeat(122) + "\u00e9"), "a".repeat(122));
    assert.equal(fitReason("\u{1f600}".repeat(40)), "\u{1f600}".repeat(30));
    assert.equal(write(1000, fitReason("\u20ac".repeat(100))).length, 125);
  });
});
