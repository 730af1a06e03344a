import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PerMessageDeflateOptions, readPerMessageDeflate } from "../../lib/deflate/options.ts";

const defaults = {
  level: 6,
  threshold: undefined,
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** As a program in JavaScript would give it. */
const read = (option: unknown): unknown =>
  readPerMessageDeflate(option as PerMessageDeflateOptions);

describe("the option perMessageDeflate", () => {
  it("false and undefined compress nothing, true and {} everything by default", () => {
    assert.deepEqual([read(undefined), read(false)], [undefined, undefined]);
    assert.deepEqual([read(true), read({})], [defaults, defaults]);
    assert.deepEqual(read({ level: undefined, serverMaxWindowBits: undefined }), defaults);
  });

  it("every property is taken, up to both ends of its range", () => {
    const low = {
      level: 1,
      threshold: 0,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 8,
    };
    const high = { ...defaults, level: 9, threshold: Infinity };
    assert.deepEqual([read(low), read(high)], [low, high]);
  });

  it("anything but a boolean and an object is a TypeError that names the option", () => {
    for (const option of [null, 1, "true", Symbol("x"), () => {}]) {
      assert.throws(() => read(option), {
        name: "TypeError",
        message: /^Cannot read options: perMessageDeflate must be a boolean or an object, got /,
      });
    }
  });

  it("a number out of its range is a RangeError that names the property", () => {
    const bad: Record<string, number[]> = {
      level: [0, 10, 1.5, NaN, -1, Infinity],
      threshold: [-1, 0.5, NaN],
      serverMaxWindowBits: [7, 16, 9.5, NaN],
      clientMaxWindowBits: [7, 16, 9.5, NaN],
    };
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values) {
        assert.throws(() => read({ [name]: value }), {
          name: "RangeError",
          message: new RegExp(`^Cannot read options: perMessageDeflate\\.${name} must be `),
        });
      }
    }
  });

  it("a property of another type is a TypeError that names it", () => {
    for (const name of ["level", "threshold", "serverMaxWindowBits", "clientMaxWindowBits"]) {
      for (const value of ["9", null, true]) {
        assert.throws(() => read({ [name]: value }), {
          name: "TypeError",
          message: new RegExp(`perMessageDeflate\\.${name} must be a number`),
        });
      }
    }
    for (const name of ["serverNoContextTakeover", "clientNoContextTakeover"]) {
      for (const value of ["true", null, 1]) {
        assert.throws(() => read({ [name]: value }), {
          name: "TypeError",
          message: new RegExp(`perMessageDeflate\\.${name} must be a boolean`),
        });
      }
    }
  });
});
