/**
 * The runtimes that are measured, each as the path of its real binary: `npx` is asked once where it
 * is, so that no wrapper stands between the runner and what it measures.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";

/** Its name. */
export type RuntimeName = "deno" | "bun" | "node";

/** A runtime to start programs with. */
export interface Runtime {
  name: RuntimeName;
  version: string;
  /** What stands before the script on the command line. */
  command: string[];
}

/** What lets a script collect garbage; Bun always lets it. */
export const EXPOSE_GC: Readonly<Record<RuntimeName, string[]>> = {
  deno: ["--v8-flags=--expose-gc"],
  bun: [],
  node: ["--expose-gc"],
};

const PROBE = "console.log(JSON.stringify([process.execPath, process.versions]))";

/** Asks a command for the binary behind it and its version. */
function probe(name: RuntimeName, command: string[]): Runtime | undefined {
  try {
    const [program, ...args] = command;
    const text = execFileSync(program, [...args, PROBE], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [path, versions] = JSON.parse(text) as [string, Record<RuntimeName, string>];
    if (name === "node" && parseInt(versions.node) < 24) return undefined;
    return { name, version: versions[name], command: [path] };
  } catch {
    return undefined;
  }
}

/**
 * Finds the three runtimes: Deno is the one that runs this, Bun and Node 24 are those on the PATH
 * or else what npx brings.
 *
 * @throws {Error} If one cannot be had.
 */
export function findRuntimes(): Map<RuntimeName, Runtime> {
  const deno = probe("deno", [process.execPath, "eval"]);
  const bun = probe("bun", ["bun", "-e"]) ?? probe("bun", ["npx", "-y", "bun", "-e"]);
  const node = probe("node", ["node", "-e"]) ?? probe("node", ["npx", "-y", "node@24", "-e"]);
  if (deno === undefined) throw new Error("Cannot measure: start this with deno");
  if (bun === undefined) throw new Error("Cannot measure: npx -y bun does not run");
  if (node === undefined) throw new Error("Cannot measure: npx -y node@24 does not run");
  deno.command.push("run", "-A", "--quiet");
  return new Map([["deno", deno], ["bun", bun], ["node", node]]);
}

/** Which core the measured process runs on, and which the load. */
export interface Cores {
  measured: number | undefined;
  load: number | undefined;
}

/** Two cores, where the system has them and `taskset` to pin a process to one. */
export function findCores(): Cores {
  try {
    if (availableParallelism() < 2) throw new Error("one core");
    execFileSync("taskset", ["-c", "0", "true"]);
    execFileSync("taskset", ["-c", "1", "true"]);
    return { measured: 0, load: 1 };
  } catch {
    return { measured: undefined, load: undefined };
  }
}
