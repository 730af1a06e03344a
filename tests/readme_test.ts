/** What README.md, the documentation and the examples tell readers to write. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

function filesIn(folder: string): string[] {
  return readdirSync(new URL(folder, import.meta.url), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(`${folder}${entry.name}/`) : [`${folder}${entry.name}`]
  );
}

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

describe("the documentation and the examples", () => {
  const files = ["../README.md", "../mod.ts", ...filesIn("../lib/"), ...filesIn("../examples/")];

  it("do not compare an Upgrade header with regard to case (RFC 6455 section 4.2.1)", () => {
    for (const file of files) {
      assert.doesNotMatch(read(file), /upgrade["']?[)\]]*\s*[!=]==?\s*["']websocket/i, file);
    }
  });

  it("write nothing into the checkout that git does not ignore", () => {
    const ignored = read("../.gitignore").split("\n");
    const written = files.flatMap((file) => [...read(file).matchAll(/ -o (examples\/\S+)/g)]);
    assert.ok(written.length > 0);
    for (const [, path] of written) assert.ok(ignored.includes(`/${path}`), path);
  });
});
