/**
 * Starting a file on each runtime as a child process: for tests of what only a whole program shows.
 * Neither process nor pipe is left behind, even if the test fails.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Its name. */
export type RuntimeName = "deno" | "bun" | "node";

/** Every runtime that the library is tested on. */
export const runtimeNames: readonly RuntimeName[] = ["deno", "bun", "node"];

/** The runtime that runs this. */
export const ownRuntime: RuntimeName = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : "node";

/** A runtime to start files with. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Its real binary, not the wrapper that a package manager puts before it: a kill must reach it. */
  readonly path: string;
}

const found = new Map<RuntimeName, Runtime | undefined>();

/**
 * The runtime of that name: the binary that `SLUICE_DENO`, `SLUICE_BUN` or `SLUICE_NODE` names, or
 * else the one that runs this, or else the one on the PATH; undefined if there is none, and for a
 * Node before 24, which cannot run TypeScript.
 */
export function findRuntime(name: RuntimeName): Runtime | undefined {
  if (!found.has(name)) found.set(name, probe(name));
  return found.get(name);
}

function probe(name: RuntimeName): Runtime | undefined {
  const named = process.env[`SLUICE_${name.toUpperCase()}`];
  const path = named ?? (name === ownRuntime ? process.execPath : name);
  const script = "console.log(JSON.stringify([process.execPath, process.versions.node]))";
  try {
    const text = execFileSync(path, [name === "deno" ? "eval" : "-e", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [real, version] = JSON.parse(text) as [string, string];
    return name === "node" && parseInt(version) < 24 ? undefined : { name, path: real };
  } catch {
    return undefined;
  }
}

/** What `it` takes to skip a test and say why, if the runtime is missing. */
export function needs(name: RuntimeName): { skip?: string } {
  return findRuntime(name) === undefined ? { skip: `no ${name} found` } : {};
}

/** How to start a file. */
export interface StartOptions {
  /** What follows the file on the command line. */
  args?: string[];
  /** Variables besides those of this process. */
  env?: Record<string, string>;
  /** On Deno: what the program is allowed. @default {["-A"]} */
  permissions?: string[];
}

/**
 * Starts a TypeScript file on a runtime.
 *
 * @throws {Error} if there is no such runtime.
 */
export function startFile(name: RuntimeName, file: URL, options: StartOptions = {}): Child {
  const runtime = findRuntime(name);
  if (runtime === undefined) throw new Error(`Cannot start ${file.pathname}: no ${name} found`);
  const { args = [], env = {}, permissions = ["-A"] } = options;
  const before = name === "deno" ? ["run", "--quiet", ...permissions] : [];
  return new Child(runtime.path, [...before, fileURLToPath(file), ...args], { env });
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: string | null;
}

/** What must not outlive this process, however it ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A process under way. `await using` kills it. */
export class Child implements AsyncDisposable {
  /** How it ended. Rejects if it could not be started. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = "";
  #changed = Promise.withResolvers<void>();
  #over = false;

  /** Starts a program. */
  constructor(path: string, args: string[], options: { env?: Record<string, string> } = {}) {
    const child = spawn(path, args, {
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => this.#add(text));
    }
    this.exited = new Promise((resolve, reject) => {
      // "close" comes when the pipes are read to their end: by then the output is complete.
      child.once("close", (code, signal) => resolve({ code, signal }));
      child.once("error", reject);
    });
    this.exited.catch(() => {}).then(() => {
      running.delete(child);
      this.#over = true;
      this.#add("");
    });
  }

  /** What it printed so far, on stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** Resolves with the match once its output matches; rejects if it ends first, or is silent. */
  async printed(pattern: RegExp, options: { timeout?: number } = {}): Promise<RegExpMatchArray> {
    const { timeout = 30_000 } = options;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(this.#silent(pattern, "it did not in time")),
      timeout,
    );
    try {
      while (true) {
        const match = this.#output.match(pattern);
        if (match !== null) return match;
        if (this.#over) throw this.#silent(pattern, "it ended");
        await Promise.race([this.#changed.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal, while it runs. */
  signal(name: "SIGINT" | "SIGTERM"): void {
    // Not by `kill` of the child: Deno then reports the signal as its end, whatever it did.
    if (!this.#over && this.#child.pid !== undefined) process.kill(this.#child.pid, name);
  }

  /** Kills it and waits until it is gone. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited.catch(() => {});
  }

  /** Kills it and waits until it is gone. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #add(text: string): void {
    this.#output += text;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #silent(pattern: RegExp, why: string): Error {
    return new Error(`Waited for ${pattern} from a process, but ${why}; it said: ${this.#output}`);
  }
}
