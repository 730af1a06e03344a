/** What Deno has to be allowed: the network alone for TCP; for Unix sockets the file as well. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { GUARD, runtimes } from "../peers/support.ts";

const deno = runtimes.get("deno")?.[0];
const skip = deno === undefined;

/**
 * Runs the exchange of permissions.ts under these permissions; gives what it prints. At least one is
 * needed: without any, Deno's node:child_process allows a Deno that it starts everything.
 */
function run(flags: string[], args: string[]): Promise<{ stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL("./programs/permissions.ts", import.meta.url));
  const command = ["run", "--quiet", "--no-prompt", "--no-check", ...flags, program, ...args];
  return new Promise((resolve) => {
    execFile(deno ?? "", command, { timeout: GUARD }, (_, stdout, stderr) => {
      resolve({ stdout, stderr });
    });
  });
}

describe(`Deno's permissions${skip ? " (Deno is not installed: skipped)" : ""}`, { skip }, () => {
  const options = { timeout: GUARD * 2 };

  it("--allow-net alone is enough to listen and connect over TCP", options, async () => {
    const { stdout, stderr } = await run(["--allow-net"], ["tcp"]);
    assert.equal(stdout, "Hello from tcp\n", stderr);
    assert.equal(stderr, "");
  });

  it("--allow-net for one address is enough for that address", options, async () => {
    const { stdout, stderr } = await run(["--allow-net=127.0.0.1"], ["tcp"]);
    assert.equal(stdout, "Hello from tcp\n", stderr);
  });

  it("without it, the error names the flag", options, async () => {
    const { stdout } = await run(["--deny-net"], ["tcp"]);
    assert.equal(
      stdout,
      "PERMISSION_DENIED Cannot listen on 127.0.0.1:0: permission denied; " +
        "run Deno with --allow-net=127.0.0.1:0\n",
    );
  });

  it(
    "a Unix socket needs net, read and write, and the error names the flags",
    options,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "sluice-"));
      const path = join(folder, "socket");
      try {
        const flags = [
          `--allow-net=unix:${path}`,
          `--allow-read=${path}`,
          `--allow-write=${path}`,
        ];
        const allowed = await run(flags, ["unix", path]);
        assert.equal(allowed.stdout, "Hello from unix\n", allowed.stderr);
        const denied = await run(["--deny-net"], ["unix", path]);
        assert.equal(
          denied.stdout,
          `PERMISSION_DENIED Cannot listen on ${path}: permission denied; ` +
            `run Deno with ${flags.join(" ")}\n`,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
