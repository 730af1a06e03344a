/**
 * The runtime of Cloudflare Workers, as a process: the `workerd` of the npm package of that name.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { Child } from "./runtimes.ts";

/** Not in deno.json: Deno would want its binaries for every system, and registries may lack some. */
const PACKAGE = "workerd@1.20261117.1";

let found: { path: string } | { skip: string } | undefined;

/**
 * Its binary: `SLUICE_WORKERD`, or that of the npm package, if npm has fetched it before; or why there
 * is none.
 */
export function findWorkerd(): { path: string } | { skip: string } {
  return found ??= probe();
}

function probe(): { path: string } | { skip: string } {
  const named = process.env.SLUICE_WORKERD;
  if (named !== undefined && named !== "") return { path: named };
  const system = process.platform === "win32" ? "windows" : process.platform;
  const machine = process.arch === "x64" ? "64" : process.arch;
  try {
    const command = ["--offline", "-y", "-p", PACKAGE, "-c", "command -v workerd"];
    const shim = execFileSync("npx", command, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 120_000,
    });
    // The package is a shim; which binary is the right one its installation would find out.
    const { resolve } = createRequire(realpathSync(shim.trim()));
    const path = resolve(`@cloudflare/workerd-${system}-${machine}/bin/workerd`);
    if (existsSync(path)) return { path };
  } catch {
    // Said below.
  }
  return { skip: `no workerd found; "npx -y -p ${PACKAGE} true" fetches it` };
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
  const workerd = findWorkerd();
  if ("skip" in workerd) throw new Error(`Cannot start workerd: ${workerd.skip}`);
  const where = ["--control-fd=1", "--socket-addr=http=127.0.0.1:0"];
  const child = new Child(workerd.path, ["serve", "--verbose", ...where, config]);
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
