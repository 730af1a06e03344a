import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RefusalBody } from "../../lib/client/refusal_body.ts";
import { HeaderLines } from "../../lib/handshake/head.ts";
import { sizesAskedFor } from "../message/memory.ts";

function body(status: number, headers: [string, string][]): RefusalBody {
  const lines = new HeaderLines();
  for (const [name, value] of headers) lines.append(name, value);
  return new RefusalBody({ status, headers: lines });
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: RefusalBody): string => new TextDecoder().decode(body.bytes);

describe("the body of a refusal", () => {
  it("is complete at its Content-Length", () => {
    const refusal = body(404, [["content-length", "5"]]);
    assert.equal(refusal.push(bytes("no s")), false);
    assert.equal(refusal.push(bytes("o")), true);
    assert.equal(text(refusal), "no so");
  });

  it("in chunked coding is complete at its last chunk, wherever it is split", () => {
    const raw = bytes("5\r\nno su\r\n3;x=y\r\nch \r\n4\r\npage\r\n0\r\n\r\n");
    const last = raw.length - 5;
    for (let split = 0; split <= raw.length; split++) {
      const refusal = body(404, [["transfer-encoding", "chunked"]]);
      const first = refusal.push(raw.subarray(0, split));
      assert.equal(first, split >= last + 3, `${split}`);
      if (!first) assert.equal(refusal.push(raw.subarray(split)), true);
      assert.equal(text(refusal), "no such page");
    }
  });

  it("that is no chunked coding after all ends the wait", () => {
    assert.equal(body(404, [["transfer-encoding", "chunked"]]).push(bytes("nonsense\r\n")), true);
  });

  it("of 204 and 304 is empty, whatever the headers say", () => {
    for (const status of [204, 304]) {
      assert.equal(body(status, [["content-length", "5"]]).push(bytes("")), true);
    }
  });

  it("costs 8 KiB of what comes at most, however much comes and however little of it is content", () => {
    for (const headers of [[], [["transfer-encoding", "chunked"]]] as [string, string][][]) {
      const refusal = body(500, headers);
      const large = bytes("1\r\na\r\n".repeat(200_000));
      const sizes = sizesAskedFor(() => assert.equal(refusal.push(large), true));
      assert.ok(Math.max(...sizes) <= 8192, `${Math.max(...sizes)}`);
      assert.equal(refusal.push(large), true);
      assert.ok(refusal.bytes.length <= 4096);
    }
    for (const piece of ["1\r\na\r\n", "1;what=ever\r\na\r\n", "f"]) {
      const refusal = body(500, [["transfer-encoding", "chunked"]]);
      let came = 0;
      do came += piece.length; while (!refusal.push(bytes(piece)) && came < 20_000);
      assert.ok(came >= 8192 && came < 8192 + piece.length, `${came}`);
    }
  });

  it("is told to 4 KiB, and no more is waited for", () => {
    for (const headers of [[], [["transfer-encoding", "chunked"]]] as [string, string][][]) {
      const refusal = body(500, headers);
      if (headers.length > 0) assert.equal(refusal.push(bytes("ffff\r\n")), false);
      assert.equal(refusal.push(new Uint8Array(4095)), false);
      assert.equal(refusal.push(new Uint8Array(2)), true);
      assert.equal(refusal.bytes.length, 4096);
    }
  });
});
