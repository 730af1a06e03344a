/**
 * The runtime of Cloudflare Workers, as a process: the `workerd` of the npm package of that name.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Child, findRuntime } from "./runtimes.ts";

/** Its binary: `SLUICE_WORKERD`, or that of the npm package; undefined if there is none. */
export function findWorkerd(): string | undefined {
  if (process.env.SLUICE_WORKERD !== undefined) return process.env.SLUICE_WORKERD;
  const system = `${process.platform === "win32" ? "windows" : process.platform}`;
  const machine = process.arch === "x64" ? "64" : process.arch;
  try {
    const own = createRequire(import.meta.url).resolve("workerd/package.json");
    // The package is a shim; which binary is the right one its installation would find out.
    const path = createRequire(own).resolve(`@cloudflare/workerd-${system}-${machine}/bin/workerd`);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** What `it` takes to skip a test and say why, if it cannot be run. */
export function needsWorkerd(): { skip?: string } {
  if (findWorkerd() === undefined) return { skip: "no workerd found" };
  return findRuntime("bun") === undefined ? { skip: "no bun found, to bundle with" } : {};
}

/** How to start a Worker. */
export interface WorkerOptions {
  /** @default {["nodejs_compat"]} */
  compatibilityFlags?: readonly string[];
}

/** A Worker under way. `await using` ends it. */
export class Worker implements AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  readonly #child: Child;
  readonly #folder: string;

  private constructor(child: Child, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
  }

  /** Bundles a module whose default export is a Worker, and starts it. */
  static async start(module: URL, options: WorkerOptions = {}): Promise<Worker> {
    const { compatibilityFlags = ["nodejs_compat"] } = options;
    const folder = await mkdtemp(join(tmpdir(), "sluice-worker-"));
    let child: Child | undefined;
    try {
      const bundle = ["build", "--target=node", `--outfile=${join(folder, "worker.js")}`];
      execFileSync(findRuntime("bun")!.path, [...bundle, fileURLToPath(module)], { stdio: "pipe" });
      await writeFile(join(folder, "worker.capnp"), configOf(compatibilityFlags));
      const args = ["serve", "--verbose", "--control-fd=1", join(folder, "worker.capnp")];
      child = new Child(findWorkerd()!, args);
      const [, port] = await child.printed(/"event":"listen","socket":"http","port":(\d+)/);
      return new Worker(child, folder, Number(port));
    } catch (error) {
      await child?.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** What it printed so far. */
  get output(): string {
    return this.#child.output;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function configOf(flags: readonly string[]): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = [${flags.map((flag) => `"${flag}"`).join(", ")}],
);
`;
}
