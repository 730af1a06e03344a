import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkNames,
  type NameContext,
  nameDistance,
  type OptionNames,
  typeName,
} from "../lib/options.ts";

interface Options {
  one?: number;
  two: string;
}

// TypeScript holds a list of names equal to the options: `deno check` fails where it would not.
const exact: OptionNames<Options> = { one: true, two: true };
// @ts-expect-error: a name is missing
const missing: OptionNames<Options> = { one: true };
// @ts-expect-error: one is too many
const tooMany: OptionNames<Options> = { ...exact, three: true };

const KNOWN = {
  maxMessageSize: true,
  maxFrameSize: true,
  sendTimeout: true,
  pingTimeout: true,
  threshold: true,
  hostname: true,
  hosts: true,
  onError: true,
  port: "is an option of listen",
} as const;

/** What the check of `given` says; undefined if it passes. */
function problemOf(given: unknown, context?: NameContext): string | undefined {
  try {
    checkNames(given, KNOWN, context);
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
    return error.message;
  }
  return undefined;
}

describe("the names of options", () => {
  it("pass when they are known, or their value is undefined", () => {
    assert.equal(problemOf({}), undefined);
    assert.equal(problemOf({ maxMessageSize: 1, threshold: "anything", onError: null }), undefined);
    assert.equal(problemOf({ maxMesageSize: undefined }), undefined);
    assert.equal(problemOf(Object.assign(Object.create(null), { hosts: [] })), undefined);
  });

  it("are an error that names an unknown one and the nearest known ones", () => {
    const suggestions: [string, string][] = [
      ["maxMesageSize", "maxMessageSize"],
      ["maxmessagesize", "maxMessageSize"],
      ["treshold", "threshold"],
      ["threshlod", "threshold"],
      ["error", "onError"],
      ["onThreshold", "threshold"],
      ["timeout", "sendTimeout or pingTimeout"],
      ["Frame", "maxFrameSize"],
      ["host", "hostname or hosts"],
    ];
    for (const [name, suggested] of suggestions) {
      assert.equal(
        problemOf({ maxFrameSize: 1, [name]: 1 }),
        `Cannot read options: ${name} is not an option; did you mean ${suggested}?`,
      );
    }
    assert.equal(
      problemOf({ compression: 1 }),
      "Cannot read options: compression is not an option",
    );
  });

  it("are listed where none is near and there are few", () => {
    assert.throws(() => checkNames({ x: 1 }, { compress: true, type: true, signal: true }), {
      message: "Cannot read options: x is not an option; known: compress, type and signal",
    });
    assert.throws(() => checkNames({ x: 1 }, { timeout: true }), {
      message: "Cannot read options: x is not an option; known: timeout",
    });
  });

  it("that belong elsewhere are an error that says where", () => {
    assert.equal(problemOf({ port: 1 }), "Cannot read options: port is an option of listen");
    assert.equal(problemOf({ port: undefined }), undefined);
  });

  it("of a nested object are named by their path", () => {
    const context = { verb: "send", prefix: "tls.", noun: "a part" };
    assert.equal(
      problemOf({ treshold: 1 }, context),
      "Cannot send: tls.treshold is not a part; did you mean tls.threshold?",
    );
    assert.equal(problemOf(false, context), "Cannot send: tls must be an object, got boolean");
  });

  it("that every object inherits are as unknown as any", () => {
    for (const name of ["constructor", "toString", "hasOwnProperty"]) {
      assert.match(problemOf({ [name]: 1 }) ?? "", new RegExp(`: ${name} is not an option`));
    }
    const parsed: unknown = JSON.parse('{ "__proto__": 1 }');
    assert.match(problemOf(parsed) ?? "", /: __proto__ is not an option/);
  });

  it("are own and enumerable: what an instance of a class inherits or hides does not count", () => {
    class Options {
      maxMessageSize = 1;
      get mistyped(): number {
        return 1;
      }
      method(): void {}
    }
    const options = Object.defineProperty(new Options(), "hidden", { value: 1 });
    assert.equal(problemOf(options), undefined);
    assert.match(problemOf(Object.assign(options, { mistyped2: 1 })) ?? "", /mistyped2/);
    assert.equal(problemOf(Object.assign({ [Symbol("mine")]: 1 })), undefined);
  });

  it("are those of an object: anything else is an error that says what was given", () => {
    const wrong: [unknown, string][] = [
      [null, "null"],
      [undefined, "undefined"],
      [5, "number"],
      ["chat", "string"],
      [true, "boolean"],
      [(): void => {}, "function"],
      [["chat"], "Array"],
      [new Uint8Array(1), "Uint8Array"],
    ];
    for (const [given, type] of wrong) {
      assert.equal(typeName(given), type);
      assert.equal(
        problemOf(given),
        `Cannot read options: the options must be an object, got ${type}`,
      );
    }
  });
});

describe("a list of names", () => {
  it("has the names that TypeScript has checked", () => {
    assert.deepEqual([exact, missing, tooMany].map((names) => Object.keys(names)), [
      ["one", "two"],
      ["one"],
      ["one", "two", "three"],
    ]);
  });
});

describe("the distance between two names", () => {
  it("counts letters that are added, left out, replaced, or exchanged with a neighbor", () => {
    const distances: [string, string, number][] = [
      ["message", "message", 0],
      ["message", "Message", 0],
      ["message", "onMessage", 0],
      ["onmessage", "message", 0],
      ["message", "massage", 1],
      ["message", "messages", 1],
      ["message", "mesage", 1],
      ["message", "mesasge", 1],
      ["ping", "pong", 1],
      ["close", "open", 4],
      ["on", "", 2],
      ["", "abc", 3],
      ["kitten", "sitting", 3],
    ];
    for (const [one, other, distance] of distances) {
      assert.equal(nameDistance(one, other), distance, `${one} ${other}`);
      assert.equal(nameDistance(other, one), distance, `${other} ${one}`);
    }
  });
});
