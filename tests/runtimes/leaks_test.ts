/** Connections that are over leave nothing open, and nothing that keeps the process alive. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { it } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { GUARD, runtimes, self } from "../peers/support.ts";

const skip = !existsSync("/proc/self/fd");

it(
  `200 connections leave no open files, and the process ends by itself${skip ? " (no /proc)" : ""}`,
  { skip, timeout: GUARD * 2 },
  async () => {
    const [program = "", ...args] = runtimes.get(self) ?? [];
    const file = fileURLToPath(new URL("./programs/leaks.ts", import.meta.url));
    const output = await new Promise<string>((resolve, reject) => {
      execFile(program, [...args, file], { timeout: GUARD }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${error.message}; stdout: ${stdout}; stderr: ${stderr}`));
      });
    });
    const { before, after } = JSON.parse(output) as { before: number; after: number };
    assert.ok(after <= before, `${before} open files before, ${after} after`);
  },
);
