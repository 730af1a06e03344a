import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { acceptFor, createKey, isValidKey } from "../../lib/handshake/key.ts";
import { sha1 } from "../../lib/handshake/sha1.ts";
import { ACCEPT, bytesOf, KEY } from "./support.ts";

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

describe("sha1", () => {
  it("returns the digests of RFC 3174 section 7.3", () => {
    assert.equal(hex(sha1(bytesOf("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert.equal(
      hex(sha1(bytesOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
    );
    assert.equal(hex(sha1(bytesOf("a".repeat(1e5)))), hexOfNode("a".repeat(1e5)));
  });

  it("agrees with the platform at every length around one and two blocks", () => {
    for (let length = 0; length <= 130; length++) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 7 + length) & 0x7f));
      assert.equal(hex(sha1(bytesOf(text.join("")))), hexOfNode(text.join("")), `${length} bytes`);
    }
  });
});

function hexOfNode(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

describe("the key (RFC 6455 section 4.1, item 7)", () => {
  it("is 16 bytes in base64, a new one each time", () => {
    const keys = new Set(Array.from({ length: 200 }, createKey));
    assert.equal(keys.size, 200);
    for (const key of keys) {
      assert.ok(isValidKey(key), key);
      assert.equal(atob(key).length, 16);
    }
  });

  it("is valid as the RFC prints it: in 1.3, and in 4.1 with bits to spare set", () => {
    assert.equal(isValidKey(KEY), true);
    assert.equal(isValidKey("AQIDBAUGBwgJCgsMDQ4PEC=="), true);
    assert.equal(isValidKey("++++////++++////++++/w=="), true);
  });

  it("is refused if it is no base64, or of 15 or 17 bytes", () => {
    const bad = [
      "",
      "AQIDBAUGBwgJCgsMDQ4P", // 15 bytes
      "AQIDBAUGBwgJCgsMDQ4PEBE=", // 17 bytes
      "AQIDBAUGBwgJCgsMDQ4PEA", // no padding
      "AQIDBAUGBwgJCgsMDQ4PEA=",
      "AQIDBAUGBwgJCgsMDQ4P=A==",
      "AQIDBAUGBwgJCgsMDQ4_EA==", // base64url
      "AQIDBAUGBwgJCgsMDQ4 EA==",
      "AQIDBAUGBwgJCgsMDQ4PE!==",
      "!QIDBAUGBwgJCgsMDQ4PEA==",
      "AQIDBAUGBwgJCgsMDQ4\xe9EA==",
      ` ${KEY}`,
      `${KEY}${KEY}`,
    ];
    for (const key of bad) assert.equal(isValidKey(key), false, key);
  });
});

describe("the accept value (RFC 6455 section 4.2.2, item 5.4)", () => {
  it("is that of the RFC's example", () => {
    assert.equal(acceptFor(KEY), ACCEPT);
  });
});
