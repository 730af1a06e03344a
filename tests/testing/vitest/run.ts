/** Runs the cases by vitest, without a configuration file: prints a line for each. */
import process from "node:process";
import { startVitest } from "vitest/node";

async function main(): Promise<void> {
  const vitest = await startVitest("test", [], {
    root: import.meta.dirname!,
    config: false,
    include: ["cases.ts"],
    watch: false,
    cache: false,
    fsModuleCache: false,
    reporters: ["tap-flat"],
  });
  await vitest.close();
  process.exit();
}

void main();
