/** The library as one file for browsers. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { findRuntime } from "../support/runtimes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The modules that a page can load. */
export type Entry = "mod.ts" | "lib/adapters/browser.ts";

const commands = {
  deno: ["bundle", "--quiet", "--platform=browser", "--minify", "-o"],
  bun: ["build", "--target=browser", "--minify", "--outfile"],
};

/** The library as one file for browsers, or why there is none. */
export type Bundle = { text: string } | { skip: string };

/** The page's global scope, where a test has put what a bundle exports. */
export interface Page {
  sluice: typeof import("../../mod.ts");
}

/** Bundles an entry with esbuild. */
export function bundleByEsbuild(entry: Entry): Bundle {
  const { outputFiles } = buildSync({
    entryPoints: [root + entry],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  return { text: outputFiles[0].text };
}

/** Bundles an entry with vite, which runs on Node. */
export function bundleByVite(entry: Entry): Bundle {
  const runtime = findRuntime("node");
  if (runtime === undefined) return { skip: "no node found" };
  const program = fileURLToPath(new URL("programs/vite.ts", import.meta.url));
  const limits = { encoding: "utf8", maxBuffer: 10_000_000 } as const;
  return { text: execFileSync(runtime.path, [program, root + entry], limits) };
}

/** Bundles an entry with a runtime's own bundler. */
export function bundle(name: "deno" | "bun", entry: Entry): Bundle {
  const runtime = findRuntime(name);
  if (runtime === undefined) return { skip: `no ${name} found` };
  const folder = mkdtempSync(join(tmpdir(), "sluice-bundle-"));
  try {
    const file = join(folder, "bundle.js");
    execFileSync(runtime.path, [...commands[name], file, root + entry], { stdio: "pipe" });
    return { text: readFileSync(file, "utf8") };
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr);
    // `deno bundle` fetches its bundler when it is first used; that it cannot is not our failure.
    if (!said.includes("registry.npmjs.org")) throw error;
    return { skip: `${name} could not fetch its bundler` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
