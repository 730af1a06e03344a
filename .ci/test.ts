/**
 * `deno task test [paths]`: the tests under Deno. Prints failures in full, the names of what was skipped
 * (Deno keeps no reason; the same tests under Node print theirs), and the summary.
 *
 * Deno 2.9.6 sometimes ends by SIGABRT in its HTTP/2 (an assertion of nghttp2, after a GOAWAY): no test has
 * failed then, and none has passed, so the run is made once more. Nothing else is tried twice.
 */
import process from "node:process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What came of a run: its status, and whether a signal has ended it. */
interface Run {
  status: number;
  signal: string | null;
}

async function run(paths: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, ["test", "-A", "--quiet", ...paths], {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<Run>((resolve) => {
    child.on("exit", (code, signal) => resolve({ status: code ?? 1, signal }));
  });
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
  const result = await ended;
  if (result.status !== 0) console.log(printed);
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
  return result;
}

const given = process.argv.slice(2), paths = given.length > 0 ? given : ["tests"];
let result = await run(paths);
if (result.signal === "SIGABRT") {
  console.log("Deno itself was ended by SIGABRT; the tests are run once more");
  result = await run(paths);
}
process.exit(result.status);
