import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstByte, type Frame } from "../../lib/frame/frame.ts";
import type { Opcode } from "../../lib/frame/opcode.ts";

const payload = new Uint8Array(0);

function refuses(frame: unknown, message: RegExp): void {
  assert.throws(() => firstByte(frame as Frame), { name: "TypeError", message });
}

describe("frame", () => {
  it("FIN is set and reserved bits are not, unless the frame says so", () => {
    assert.equal(firstByte({ opcode: 1, payload }), 0x81);
    assert.equal(firstByte({ fin: false, opcode: 1, payload }), 0x01);
    assert.equal(firstByte({ fin: true, rsv: 0x40, opcode: 2, payload }), 0xc2);
    assert.equal(firstByte({ fin: false, rsv: 0x70, opcode: 0, payload }), 0x70);
    for (const opcode of [8, 9, 10] as const) {
      assert.equal(firstByte({ opcode, payload: new Uint8Array(125) }), 0x80 | opcode);
    }
  });

  it("5.2: a frame with a reserved opcode is not encoded", () => {
    for (
      const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, -1, -8, 1.5, NaN, undefined, "1"]
    ) {
      refuses({ opcode: opcode as Opcode, payload }, /opcode .* is reserved/);
    }
  });

  it("5.2: reserved bits are those of the first byte", () => {
    for (const rsv of [0x80, 1, 0x48, -1, 0x100]) {
      refuses({ rsv, opcode: 1, payload }, /no set of reserved bits/);
    }
  });

  it("5.5: a control frame in fragments or of 126 bytes is not encoded", () => {
    for (const opcode of [8, 9, 10]) {
      refuses({ fin: false, opcode, payload }, /control frame/);
      refuses({ opcode, payload: new Uint8Array(126) }, /control frame/);
    }
  });

  it("a payload is a Uint8Array", () => {
    for (
      const other of [undefined, null, "text", 100, new ArrayBuffer(1), new Float32Array(2), [1]]
    ) {
      refuses({ opcode: 2, payload: other }, /must be a Uint8Array/);
    }
  });
});
