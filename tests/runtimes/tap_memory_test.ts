/** What is not observed costs no memory: counted for each message, on the runtimes with V8. */
import { before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Child, findRuntime, ownRuntime } from "../support/runtimes.ts";
import type { TapMemory } from "./programs/tap_memory.ts";

/** Memory for all that is created, so that nothing is collected while it is counted. */
const V8 = ["--expose-gc", "--min-semi-space-size=128", "--max-semi-space-size=256"];
const FLAGS = {
  deno: ["run", "--quiet", "--no-check", "-A", `--v8-flags=${V8.join()}`],
  bun: [],
  node: V8,
};
const needsV8 = ownRuntime === "bun" ? { skip: "Bun's heap cannot be counted so" } : {};

describe("the memory of a message, with a tap and without", needsV8, () => {
  let memory: TapMemory;

  before(async () => {
    const file = fileURLToPath(new URL("./programs/tap_memory.ts", import.meta.url));
    await using program = new Child(findRuntime(ownRuntime)!.path, [...FLAGS[ownRuntime], file]);
    const [line] = await program.printed(/^\{.*\}$/m);
    memory = JSON.parse(line) as TapMemory;
  });

  it("sending creates nothing while there is no tap", () => {
    assert.ok(memory.sent.before < 4, `${memory.sent.before} bytes`);
    assert.ok(memory.sent.after < 4, `${memory.sent.after} bytes once it is gone`);
  });

  it("receiving creates nothing but the memory of the message", () => {
    const { received, copy } = memory;
    assert.ok(received.before - copy < 4, `${received.before - copy} bytes`);
    // V8 has by then seen two kinds of sink, and keeps a masking key as an object for the call.
    assert.ok(received.after - copy < 64, `${received.after - copy} bytes once it is gone`);
  });

  it("a tap does, so that what is counted is real", () => {
    assert.ok(memory.sent.tapped > 100, `${memory.sent.tapped} bytes`);
    assert.ok(memory.received.tapped - memory.copy > 100, `${memory.received.tapped} bytes`);
  });
});
