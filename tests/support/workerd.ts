/**
 * The runtime of Cloudflare Workers, as a process: the `workerd` of the npm package of that name.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { Child } from "./runtimes.ts";

/** Its binary: `SLUICE_WORKERD`, or that of the npm package; or why there is none. */
export function findWorkerd(): { path: string } | { skip: string } {
  const named = process.env.SLUICE_WORKERD;
  if (named !== undefined) return { path: named };
  const system = process.platform === "win32" ? "windows" : process.platform;
  const machine = process.arch === "x64" ? "64" : process.arch;
  try {
    const own = createRequire(import.meta.url).resolve("workerd/package.json");
    // The package is a shim; which binary is the right one its installation would find out.
    const path = createRequire(own).resolve(`@cloudflare/workerd-${system}-${machine}/bin/workerd`);
    if (existsSync(path)) return { path };
  } catch {
    // Said below.
  }
  return { skip: "no workerd found" };
}

/** A workerd under way. `await using` ends it. */
export interface Workerd extends AsyncDisposable {
  /** Where its socket `http` listens, on 127.0.0.1. */
  readonly port: number;
  /** What it printed so far. */
  readonly output: string;
}

/**
 * Starts workerd with a configuration that has a socket `http`, on a port of the system's choice.
 *
 * @throws {Error} if it is not found, or does not listen (rejects).
 */
export async function startWorkerd(config: string): Promise<Workerd> {
  const found = findWorkerd();
  if ("skip" in found) throw new Error(`Cannot start workerd: ${found.skip}`);
  const where = ["--control-fd=1", "--socket-addr=http=127.0.0.1:0"];
  const child = new Child(found.path, ["serve", "--verbose", ...where, config]);
  try {
    const [, port] = await child.printed(/"event":"listen","socket":"http","port":(\d+)/);
    return {
      port: Number(port),
      get output(): string {
        return child.output;
      },
      [Symbol.asyncDispose]: () => child.stop(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
