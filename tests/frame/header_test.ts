import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProtocolError } from "../../lib/errors.ts";
import {
  headerLength,
  MAX_HEADER_LENGTH,
  readLength16,
  readLength64,
  validateHeader,
  writeHeader,
} from "../../lib/frame/header.ts";
import { hex } from "./notation.ts";

/** The code of the error that `work` throws, or undefined. */
function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ProtocolError);
    assert.equal(error.closeCode, 1002);
    assert.match(error.message, /^Cannot decode frame: .*[^.]$/);
    return error.code;
  }
  return undefined;
}

describe("header", () => {
  it("5.2: a header has 2, 4 or 10 bytes, and 4 more for a masking key", () => {
    for (let length = 0; length < 128; length++) {
      const size = length < 126 ? 2 : length === 126 ? 4 : 10;
      assert.equal(headerLength(length), size);
      assert.equal(headerLength(length | 128), size + 4);
    }
    assert.equal(MAX_HEADER_LENGTH, headerLength(255));
  });

  it("rules are checked in order: opcode, reserved bits, FIN, length of a control frame, mask", () => {
    const code = (first: number, second: number): string | undefined =>
      codeOf(() => validateHeader(first, second, "server", 0));
    assert.equal(code(0x7b, 126), "RESERVED_OPCODE");
    assert.equal(code(0x79, 126), "RESERVED_BITS");
    assert.equal(code(0x09, 126), "CONTROL_FRAGMENTED");
    assert.equal(code(0x89, 126), "CONTROL_TOO_LONG");
    assert.equal(code(0x89, 125), "MASK_REQUIRED");
    assert.equal(code(0x89, 125 | 128), undefined);
    assert.equal(codeOf(() => validateHeader(0x89, 128, "client", 0)), "MASK_FORBIDDEN");
  });

  it("5.2: a length of 16 bits is big-endian and at least 126", () => {
    assert.equal(readLength16(hex("ff 00 7e"), 1), 126);
    assert.equal(readLength16(hex("12 34"), 0), 0x1234);
    assert.equal(readLength16(hex("ff ff"), 0), 65535);
    for (const bytes of ["00 00", "00 7d"]) {
      assert.equal(codeOf(() => readLength16(hex(bytes), 0)), "LENGTH_NOT_MINIMAL");
    }
  });

  it("5.2: a length of 64 bits is big-endian, at least 65536, its top bit 0", () => {
    assert.equal(readLength64(hex("ff 00x5 01 00 00"), 1), 65536);
    assert.equal(readLength64(hex("00 00 00 01 00x4"), 0), 2 ** 32);
    assert.equal(readLength64(hex("00x4 ffx4"), 0), 2 ** 32 - 1);
    assert.equal(readLength64(hex("00 1f ffx6"), 0), Number.MAX_SAFE_INTEGER);
    assert.equal(readLength64(hex("7f ffx7"), 0), 2 ** 63);
    for (const bytes of ["00x8", "00x6 ff ff"]) {
      assert.equal(codeOf(() => readLength64(hex(bytes), 0)), "LENGTH_NOT_MINIMAL");
    }
    for (const bytes of ["80 00x7", "ffx8"]) {
      assert.equal(codeOf(() => readLength64(hex(bytes), 0)), "LENGTH_TOP_BIT");
    }
  });

  it("5.2: a length is written in as few bytes as can hold it", () => {
    const rows: [number, string][] = [
      [0, "82 00"],
      [125, "82 7d"],
      [126, "82 7e 00 7e"],
      [127, "82 7e 00 7f"],
      [65535, "82 7e ff ff"],
      [65536, "82 7f 00x5 01 00 00"],
      [2 ** 32 + 0x12345678, "82 7f 00 00 00 01 12 34 56 78"],
      [Number.MAX_SAFE_INTEGER, "82 7f 00 1f ffx6"],
    ];
    for (const [length, bytes] of rows) {
      const target = new Uint8Array(16), expected = hex(bytes);
      const end = writeHeader(target, 3, 0x82, length, 0);
      assert.deepEqual(target.subarray(3, end), expected);
      expected[1] |= 0x80;
      assert.equal(writeHeader(target, 3, 0x82, length, 0x80), end);
      assert.deepEqual(target.subarray(3, end), expected);
    }
  });
});
