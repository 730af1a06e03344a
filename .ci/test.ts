/**
 * `deno task test [paths]`: the tests under Deno. Prints failures in full, the names of what was skipped
 * (Deno keeps no reason; the same tests under Node print theirs), and the summary.
 */
import process from "node:process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const given = process.argv.slice(2);
const child = spawn(
  process.execPath,
  ["test", "-A", "--quiet", ...(given.length > 0 ? given : ["tests"])],
  { env: { ...process.env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] },
);
const skipped = new Map<string, number>();
let printed = "";
child.stderr.on("data", (chunk) => printed = (printed + chunk).slice(-100_000));
let tail: string[] = [], failures: string[] | undefined, last = "";
for await (const line of createInterface({ input: child.stdout })) {
  if (line === " ERRORS ") failures = [];
  if (failures !== undefined) failures.push(line);
  else {
    tail.push(line);
    if (tail.length > 60) tail = tail.slice(-60);
  }
  const name = line.match(/^\s*(.*) \.\.\. ignored/)?.[1];
  if (name !== undefined) skipped.set(name, (skipped.get(name) ?? 0) + 1);
  if (/^(ok|FAILED) \|/.test(line)) last = line;
}
const status = await new Promise<number>((resolve) => {
  if (child.exitCode !== null) resolve(child.exitCode);
  else child.on("exit", (code) => resolve(code ?? 1));
});
if (status !== 0) console.log(printed);
if (failures !== undefined) console.log(failures.join("\n"));
else if (last === "") console.log(tail.join("\n")); // it ended before it came to a summary
const names = [...skipped].map(([name, count]) => `  ${count > 1 ? `${count} x ` : ""}${name}`);
if (names.length > 0) {
  console.log(
    `skipped, as another runtime or a program is needed:\n${names.slice(0, 60).join("\n")}`,
  );
  if (names.length > 60) console.log(`  and ${names.length - 60} more`);
}
console.log(last);
process.exit(status);
