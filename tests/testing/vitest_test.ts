/** The same cases under vitest, which runs them on Node; with its fake timers as well. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findRuntime, needs, ownRuntime } from "../support/runtimes.ts";
import { cases } from "./cases.ts";

const program = fileURLToPath(new URL("vitest/run.ts", import.meta.url));
// It runs on Node, whichever runtime starts it.
const skip = ownRuntime === "node" ? needs("node") : { skip: "vitest runs on Node" };

describe("tests without sockets, under vitest", skip, () => {
  it("pass, with fake timers too", { timeout: 120_000 }, async () => {
    const { stdout } = await promisify(execFile)(findRuntime("node")!.path, [program]);
    const lines = stdout.split("\n").filter((line) => /^(not )?ok /.test(line));
    assert.deepEqual(lines.filter((line) => line.startsWith("not ok")), [], stdout);
    for (const [name] of cases) {
      assert.equal(lines.filter((line) => line.includes(name)).length, 2, `${name}\n${stdout}`);
    }
  });
});
