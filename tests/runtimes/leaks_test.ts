/**
 * Connections that are over leave nothing behind, however they ended: no memory, timer or open file,
 * and nothing that keeps the process alive. What is measured, and how, is in programs/leaks.ts.
 */
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, findRuntime, ownRuntime } from "../support/runtimes.ts";
import { shareOf } from "../support/tier.ts";
import type { Report } from "./programs/leaks.ts";

/** The ways in which a connection ends. */
const WAYS = [
  "our Close, the peer's Close",
  "both Closes at once",
  "reconnecting: lost, back, and closed",
  "a Close with data in flight both ways",
  "terminate by us, by the peer",
  "a handler that fails: 1011",
  "Close, terminate and failure over TLS",
  "a streamed message cut off in the middle, either way",
  "connecting given up by a signal",
  "connecting refused",
  "server.shutdown, answered and not",
  "the peer's reset",
  "the peer's process killed",
  "half-closed by the peer, without a Close",
  "half-closed by the peer, within a message",
  "a violation by the peer: 1002",
  "handshakeTimeout",
  "pingTimeout",
  "closeTimeout",
  "sendTimeout",
  "terminate with much waiting to leave",
];

/** Those that are tried here: a third of them on each runtime, or all with `deno task test:all`. */
const tried = shareOf(WAYS);

/** A guard against hanging, in milliseconds. */
const GUARD = 300_000;

const skip = !existsSync("/proc/self/fd");

/** Memory of buffers is else freed in a thread, however late: what was measured would hang on that. */
const V8 = "--v8-flags=--expose-gc,--no-concurrent-array-buffer-sweeping";

function start(names: readonly string[] = tried, count = 2000): Child {
  const file = fileURLToPath(new URL("./programs/leaks.ts", import.meta.url));
  const flags = {
    deno: ["run", "--quiet", "--no-check", "-A", V8],
    bun: [],
    node: ["--expose-gc"],
  }[ownRuntime];
  return new Child(findRuntime(ownRuntime)!.path, [...flags, file, `${count}`, ...names]);
}

describe(`2,000 connections in each way${skip ? " (no /proc: skipped)" : ""}`, { skip }, () => {
  let program: Child | undefined;

  for (const name of tried) {
    it(
      `${name}: memory, timers and open files are where they were`,
      { timeout: GUARD },
      async () => {
        program ??= start();
        const line = new RegExp(`^\\{"name":"${name}".*\\}$`, "m");
        const [told] = await program.printed(line, { timeout: GUARD });
        const { count, before, after, growth, bound } = JSON.parse(told) as Report;
        assert.ok(growth < bound, `${growth} bytes of memory are kept of each connection: ${told}`);
        // Bun's collector takes old values on the stack for references: some may seem to be held.
        assert.ok(after.connections < count / 10, `connections are kept: ${told}`);
        const rest = { memory: 0, connections: 0 };
        assert.deepEqual({ ...after, ...rest }, { ...before, ...rest });
      },
    );
  }

  it(
    "the process ends by itself within a second of its last line",
    { timeout: GUARD },
    async () => {
      // The machine may be busy with something else just then: again, with fewer.
      for (let attempt = 0; attempt < 5; attempt++) {
        await using child = attempt === 0
          ? program ??= start()
          : start(["both Closes at once"], 100);
        await child.printed(/^over$/m, { timeout: GUARD });
        const over = performance.now();
        const { code } = await child.exited;
        const took = performance.now() - over;
        assert.equal(code, 0, child.output);
        if (took < 1000) return;
      }
      assert.fail("it went on for more than a second");
    },
  );
});
