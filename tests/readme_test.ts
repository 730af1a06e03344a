/** The README's first example is the one that the tests run. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

describe("README", () => {
  const [, block] = read("../README.md").match(/```ts[^\n]*\n([\s\S]*?)```/)!;

  it("begins with a server of at most twelve lines", () => {
    assert.ok(block.trimEnd().split("\n").length <= 12);
  });

  it("shows examples/echo.ts, but for where the library comes from", () => {
    const example = read("../examples/echo.ts").replace(
      '"../lib/server/mod.ts"',
      '"@sluice/websocket/server"',
    );
    assert.equal(block.trim(), example.trim());
  });
});
