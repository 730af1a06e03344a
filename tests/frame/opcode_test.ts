import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BINARY,
  checkRole,
  CLOSE,
  CONTINUATION,
  CONTROL_BIT,
  FIN,
  MAX_CONTROL_PAYLOAD,
  OPCODE_BITS,
  PING,
  PONG,
  RSV,
  RSV1,
  RSV2,
  RSV3,
  TEXT,
} from "../../lib/frame/opcode.ts";

describe("opcode", () => {
  it("11.8: opcodes have the values of the registry", () => {
    assert.deepEqual([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG], [0, 1, 2, 8, 9, 10]);
  });

  it("5.2: the bits of the first byte are FIN, RSV1, RSV2, RSV3 and four of opcode", () => {
    assert.deepEqual([FIN, RSV1, RSV2, RSV3, OPCODE_BITS], [128, 64, 32, 16, 15]);
    assert.equal(RSV, RSV1 | RSV2 | RSV3);
  });

  it("5.5: control frames have the opcode's top bit and at most 125 bytes", () => {
    assert.deepEqual([CLOSE, PING, PONG].map((opcode) => opcode & CONTROL_BIT), [8, 8, 8]);
    assert.deepEqual([CONTINUATION, TEXT, BINARY].map((opcode) => opcode & CONTROL_BIT), [0, 0, 0]);
    assert.equal(MAX_CONTROL_PAYLOAD, 125);
  });

  it("a role is client or server, and nothing else", () => {
    checkRole("client");
    checkRole("server");
    for (const role of [undefined, null, "", "Client", "both", 0, {}]) {
      assert.throws(() => checkRole(role), { name: "TypeError", message: /role must be/ });
    }
  });
});
