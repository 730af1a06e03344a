import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { OutputBuffer } from "../../lib/frame/output_buffer.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { frameBytes, hex, join, KEY } from "./notation.ts";
import { byte } from "./table.ts";

const utf8 = new TextEncoder();

/** The frame as section 5.2 draws it. */
function expectedFrame(first: number, payload: Uint8Array, sender: Role): Uint8Array {
  const size = payload.length;
  const length = size < 126
    ? byte(size)
    : size < 65536
    ? `7e ${byte(size >> 8)} ${byte(size & 255)}`
    : `7f 00x4 00 ${byte(size >> 16)} ${byte(size >> 8 & 255)} ${byte(size & 255)}`;
  const frame = frameBytes(`${byte(first)} ${length}`, sender);
  const key = sender === "client" ? frame.subarray(-4) : new Uint8Array(4);
  return join([frame, payload.map((value, i) => value ^ key[i & 3])]);
}

function sameBytes(actual: Uint8Array, expected: Uint8Array, name: string): void {
  assert.equal(actual.length, expected.length, name);
  assert.equal(actual.findIndex((value, i) => value !== expected[i]), -1, name);
}

const roles: readonly Role[] = ["client", "server"];
const mask = (): number => KEY;

describe("frame encoder", () => {
  it("5.7: writes the RFC's examples", () => {
    const server = new FrameEncoder({ role: "server" });
    server.encodeText(0x81, "Hello");
    assert.deepEqual(server.output.take(), hex("81 05 48 65 6c 6c 6f"));
    const client = new FrameEncoder({ role: "client", mask });
    client.encodeText(0x81, "Hello");
    client.encode(0x8a, hex("'Hello'"));
    const masked = "85 37 fa 21 3d 7f 9f 4d 51 58";
    assert.deepEqual(client.output.take(), hex(`81 ${masked} 8a ${masked}`));
  });

  it("5.2: lengths take as few bytes as can hold them, at each boundary, for either role", () => {
    for (const role of roles) {
      for (const size of [0, 1, 63, 64, 65, 125, 126, 127, 65535, 65536, 65537]) {
        const payload = new Uint8Array(size).map((_, i) => i * 3);
        const before = payload.slice();
        const encoder = new FrameEncoder({ role, mask });
        encoder.encode(0x82, payload);
        sameBytes(encoder.output.take(), expectedFrame(0x82, payload, role), `${role}, ${size}`);
        sameBytes(payload, before, "the caller's payload is unchanged");
      }
    }
  });

  it("5.6: text of any width is UTF-8, behind a header that fits its bytes", () => {
    const lengths = [0, 1, 31, 32, 33, 41, 42, 43, 62, 63, 64, 100, 124, 125, 126, 127, 255, 256];
    const long = [16383, 16384, 21845, 21846, 32767, 32768, 65535, 65536];
    for (const role of roles) {
      for (const character of ["a", "\x7f", "\x80", "\u07ff", "\u20ac", "\u{1f600}"]) {
        for (const length of [...lengths, ...long]) {
          // Behind nothing, and behind what brings the buffer to its end.
          for (const before of [0, 690, 130_900]) {
            if (before > 0 && length > 256) continue;
            const name = `${role}, ${length} of ${character} behind ${before}`;
            const text = character.repeat(length);
            const encoder = new FrameEncoder({ role, mask });
            encoder.encode(0x82, new Uint8Array(before));
            const head = encoder.output.length;
            encoder.encodeText(0x81, text);
            const bytes = encoder.output.take();
            sameBytes(bytes.subarray(head), expectedFrame(0x81, utf8.encode(text), role), name);
            sameBytes(
              bytes.subarray(0, head),
              expectedFrame(0x82, new Uint8Array(before), role),
              name,
            );
          }
        }
      }
    }
  });

  it("5.6: text that stops being ASCII anywhere is UTF-8", () => {
    for (const length of [1, 8, 31, 32, 33, 100]) {
      for (let at = 0; at < length; at++) {
        const text = "a".repeat(at) + "\u20ac" + "b".repeat(length - at - 1);
        const encoder = new FrameEncoder({ role: "client", mask });
        encoder.encodeText(0x01, text);
        sameBytes(encoder.output.take(), expectedFrame(0x01, utf8.encode(text), "client"), text);
      }
    }
  });

  it("a lone surrogate becomes U+FFFD, short text or long, also where the buffer ends", () => {
    for (const lone of ["\ud800", "\udc00", "\udc00\ud800", "a\ud83d", "\ud83da"]) {
      for (
        const text of [lone, lone.repeat(50), "\u20ac".repeat(700) + lone, lone.repeat(30_000)]
      ) {
        const encoder = new FrameEncoder({ role: "server" });
        encoder.encodeText(0x81, text);
        sameBytes(encoder.output.take(), expectedFrame(0x81, utf8.encode(text), "server"), lone);
      }
    }
  });

  it("5.2: the first byte is written as it is given", () => {
    for (const first of [0x00, 0x02, 0x81, 0xc1, 0x70, 0x88, 0x8a]) {
      const encoder = new FrameEncoder({ role: "server" });
      encoder.encode(first, hex("01"));
      encoder.encodeText(first, "a");
      assert.deepEqual([...encoder.output.take()], [first, 1, 1, first, 1, 97]);
    }
  });

  it("5.3: a client takes a key for each frame, empty ones too; a server takes none", () => {
    let drawn = 0;
    const counting = (): number => (drawn++, drawn * 0x01010101);
    for (const role of roles) {
      drawn = 0;
      const encoder = new FrameEncoder({ role, mask: counting });
      encoder.encode(0x82, new Uint8Array(0));
      encoder.encodeText(0x81, "");
      encoder.encodeText(0x81, "\u20ac".repeat(60));
      encoder.encode(0x89, new Uint8Array(1));
      assert.equal(drawn, role === "client" ? 4 : 0);
      const bytes = encoder.output.take();
      if (role === "client") assert.deepEqual(bytes.subarray(0, 12), hex("82 80 01x4 81 80 02x4"));
      else assert.deepEqual(bytes.subarray(0, 4), hex("82 00 81 00"));
    }
  });

  it("5.3: any 32-bit key is written, whatever its sign", () => {
    for (
      const [key, bytes] of [[-1, "ffx4"], [1 << 31, "00x3 80"], [
        0xfedcba98,
        "98 ba dc fe",
      ]] as const
    ) {
      const encoder = new FrameEncoder({ role: "client", mask: () => key });
      encoder.encode(0x82, new Uint8Array(4));
      assert.deepEqual(encoder.output.take(), hex(`82 84 ${bytes} ${bytes}`));
    }
  });

  it("several encoders may share an output, and frames follow one another in it", () => {
    const output = new OutputBuffer();
    new FrameEncoder({ role: "server" }, output).encode(0x82, hex("01"));
    new FrameEncoder({ role: "server" }, output).encodeText(0x81, "b");
    assert.deepEqual(output.take(), hex("82 01 01 81 01 62"));
  });

  it("a large frame may leave in pieces, while they are taken: the bytes are the same", () => {
    for (const role of roles) {
      for (const size of [64 * 1024, 64 * 1024 + 1, 200_000, 4 * 64 * 1024]) {
        const payload = new Uint8Array(size).map((_, i) => i * 7);
        for (const taken of [0, 1, 2, 3, Infinity]) {
          const left: Uint8Array[] = [];
          let keys = 0;
          const encoder = new FrameEncoder({
            role,
            mask: () => (keys++, KEY),
            flusher: {
              tryFlush(): boolean {
                if (left.length >= taken) return false;
                left.push(encoder.output.view().slice());
                encoder.output.release();
                return true;
              },
              writeThrough: () => false,
            },
          });
          encoder.encodeText(0x81, "Hi");
          encoder.encode(0x82, payload);
          const bytes = join([...left, encoder.output.take()]);
          const hi = expectedFrame(0x81, utf8.encode("Hi"), role);
          const expected = join([hi, expectedFrame(0x82, payload, role)]);
          sameBytes(bytes, expected, `${role}, ${size} bytes, ${taken} taken`);
          assert.equal(keys, role === "client" ? 2 : 0);
          if (size > 64 * 1024) assert.ok(left.length >= Math.min(taken, 2));
        }
      }
    }
  });

  it("a payload may lie anywhere in its buffer, which stays the caller's", () => {
    const buffer = hex("aa bb 01 02 03 cc");
    const encoder = new FrameEncoder({ role: "client", mask });
    encoder.encode(0x82, buffer.subarray(2, 5));
    assert.deepEqual(encoder.output.take(), frameBytes("82 03 | 01 02 03", "client"));
    assert.deepEqual(buffer, hex("aa bb 01 02 03 cc"));
  });

  it("an invalid role is a TypeError", () => {
    const options = { role: "both" } as unknown as { role: Role };
    assert.throws(() => new FrameEncoder(options), TypeError);
  });
});
