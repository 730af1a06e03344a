import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  catchRejection,
  isInstance,
  isThenable,
  printError,
  textOf,
  toError,
} from "../lib/thrown.ts";
import { oddValues } from "./support/odd.ts";

describe("what user code throws", () => {
  for (const [name, value] of oddValues()) {
    it(`${name} is looked at without a throw`, (t) => {
      const print = t.mock.method(console, "error", () => {
        throw new Error("the console fails as well");
      });
      assert.equal(typeof textOf(value), "string");
      const error = toError(value);
      assert.ok(error instanceof Error);
      assert.equal(error === value, isInstance(value, Error));
      assert.equal(isInstance(value, TypeError), false);
      printError("Heading:", value);
      assert.ok(print.mock.calls.length > 0);
    });
  }

  it("is an Error with its text: an error's message, anything else as a string", () => {
    const error = new RangeError("its own");
    assert.equal(toError(error), error);
    assert.equal(textOf(error), "its own");
    assert.equal(toError("a text").message, "a text");
    assert.equal(toError(7).message, "7");
    assert.equal(toError(Symbol("s")).message, "Symbol(s)");
    assert.equal(toError(Object.create(null)).message, "a value that has no text (object)");
  });

  it("is printed as text where the console fails on it", (t) => {
    const printed: unknown[][] = [];
    t.mock.method(console, "error", (...values: unknown[]) => {
      if (typeof values[1] !== "string") throw new Error("cannot be printed");
      printed.push(values);
    });
    printError("Error:", new TypeError("mine"));
    printError("Error:", Object.create(null));
    assert.match(String(printed[0]), /^Error:,TypeError: mine\n? *.*at /);
    assert.deepEqual(printed[1], ["Error:", "a value that has no text (object)"]);
  });
});

describe("a promise that may reject", () => {
  it("is anything with a method then", () => {
    assert.ok(isThenable(Promise.resolve()));
    assert.ok(isThenable({ then(): void {} }));
    for (const other of [undefined, null, 7, "then", {}, { then: 1 }]) {
      assert.equal(isThenable(other), false);
    }
  });

  it("is caught, whether it rejects or its then throws", async () => {
    const caught: unknown[] = [];
    const keep = (reason: unknown): void => void caught.push(reason);
    catchRejection(Promise.reject("a"), keep);
    catchRejection({ then: (_: unknown, reject: (reason: unknown) => void) => reject("b") }, keep);
    catchRejection({
      then(): void {
        throw "c";
      },
    }, keep);
    catchRejection(Promise.resolve("d"), keep);
    catchRejection("e", keep);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(caught.sort(), ["a", "b", "c"]);
  });
});
