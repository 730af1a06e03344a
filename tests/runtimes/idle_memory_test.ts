/** What an idle connection holds: nothing that is needed only later, or by those that are not idle. */
import { before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, findRuntime, ownRuntime } from "../support/runtimes.ts";
import type { IdleMemory } from "./programs/idle_memory.ts";

const FLAGS = {
  deno: ["run", "--quiet", "--no-check", "-A", "--v8-flags=--expose-gc"],
  bun: [],
  node: ["--expose-gc"],
};

describe("an idle connection", () => {
  let memory: IdleMemory;

  before(async () => {
    const file = fileURLToPath(new URL("./programs/idle_memory.ts", import.meta.url));
    await using program = new Child(findRuntime(ownRuntime)!.path, [...FLAGS[ownRuntime], file]);
    const [line] = await program.printed(/^\{.*\}$/m);
    memory = JSON.parse(line) as IdleMemory;
  });

  it("on a platform's WebSocket holds no timer that it does not need yet", () => {
    // 225 to 290 bytes; with the timers for a drain and for closing 510 to 530.
    assert.ok(memory.native < 400, `${memory.native} bytes`);
  });

  it("holds no decoder, though each connection has read its options by itself", () => {
    // A decoder is some 800 bytes.
    assert.ok(memory.afterFrame < 200, `${memory.afterFrame} bytes`);
  });
});
