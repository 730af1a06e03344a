/** What the adapter for Deno.serve loads, and what Deno has to allow it. */
import { execFile } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findRuntime, needs } from "../support/runtimes.ts";

const guard = { timeout: 60_000 };
const entry = fileURLToPath(new URL("../../lib/adapters/deno.ts", import.meta.url));
const program = fileURLToPath(new URL("./programs/deno_serve.ts", import.meta.url));

function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(
      findRuntime("deno")!.path,
      args,
      { env, maxBuffer: 1 << 26, timeout: 30_000 },
      (_error, stdout, stderr) => resolve({ stdout, stderr }),
    );
  });
}

interface Graph {
  roots: string[];
  modules: { specifier: string; dependencies?: { code?: { specifier?: string } }[] }[];
}

/** The modules that are loaded: an import of types alone loads nothing. */
function loadedBy({ roots, modules }: Graph): string[] {
  const found = new Set(roots);
  for (const specifier of found) {
    const { dependencies = [] } = modules.find((each) => each.specifier === specifier) ?? {};
    for (const { code } of dependencies) if (code?.specifier) found.add(code.specifier);
  }
  return [...found].map((specifier) => specifier.replace(/^file:.*\/lib\//, "lib/"));
}

describe("the adapter for Deno.serve", needs("deno"), () => {
  it("loads no compression, no transport, and nothing of Node's", guard, async () => {
    const { stdout, stderr } = await run("info", "--json", entry);
    assert.ok(stdout !== "", stderr);
    const loaded = loadedBy(JSON.parse(stdout));
    assert.ok(loaded.includes("lib/connection/connection.ts"), loaded.join("\n"));
    assert.deepEqual(loaded.filter((each) => !/^lib\/[\w/]+\.ts$/.test(each)), []);
    assert.deepEqual(loaded.filter((each) => /^lib\/(deflate|transport|client)\//.test(each)), []);
  });

  it("runs with --allow-net and nothing else", guard, async () => {
    const { stdout, stderr } = await run(
      ...["run", "--quiet", "--no-prompt", "--no-check", "--allow-net", program],
    );
    assert.deepEqual({ stdout, stderr }, { stdout: "Hello Ann\n", stderr: "" });
  });
});
