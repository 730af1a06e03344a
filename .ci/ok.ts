/** Every check that is no test: `deno task ok`. Fails at the first that is not clean. */
import process from "node:process";
import { spawnSync } from "node:child_process";

const entries = [
  "mod.ts",
  "lib/server/mod.ts",
  "lib/adapters/browser.ts",
  "lib/codec.ts",
  "lib/protocol/mod.ts",
  "lib/testing/mod.ts",
  "lib/inspect/mod.ts",
  "lib/adapters/deno.ts",
  "lib/adapters/bun/mod.ts",
  "lib/adapters/node/mod.ts",
];

interface Check {
  name: string;
  args: string[];
  /** Output that means trouble although the command is content. */
  forbidden?: RegExp;
}

const checks: Check[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", "."] },
  { name: "neutral types", args: ["check", "--config", "tests/neutral.json", ...entries] },
  { name: "documentation", args: ["doc", "--lint", ...entries] },
  {
    name: "examples in documentation",
    args: ["test", "-A", "--doc", "mod.ts", "lib", "README.md"],
  },
  { name: "what works where", args: ["run", "-A", ".ci/capabilities.ts"] },
  { name: "shape", args: ["test", "-A", "tests/structure_test.ts", "tests/rules_test.ts"] },
  { name: "size", args: ["run", "-A", ".ci/size.ts"] },
  { name: "publish", args: ["publish", "--dry-run", "--allow-dirty"], forbidden: /warning/i },
];

for (const { name, args, forbidden } of checks) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const output = `${stdout}${stderr}`;
  if (status !== 0 || forbidden?.test(output)) {
    console.error(`${output}\nnot ok: ${name} (deno ${args.join(" ")})`);
    process.exit(1);
  }
  console.log(`ok: ${name}`);
}
