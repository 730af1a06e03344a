/** A message larger than a process may grow, each way, over a real socket between two processes. */
import { it } from "node:test";
import assert from "node:assert/strict";
import { type Child, ownRuntime, startFile } from "../support/runtimes.ts";
import { exchangeLarge, LARGE_PROGRAM } from "./pressure/large.ts";
import { FREE_AT_ONCE, MIB, tellsMemory } from "./pressure/memory.ts";

const SIZE = 256 * MIB;
const LIMIT = 32 * MIB;
/** A guard against hanging, in milliseconds; it takes some seconds. */
const GUARD = 120_000;

it(
  `256 MiB pass each way as one message, and neither process grows by 32 MiB${
    tellsMemory ? "" : " (no /proc)"
  }`,
  { skip: !tellsMemory, timeout: 4 * GUARD },
  async () => {
    const start = (args: string[]): Child =>
      startFile(ownRuntime, LARGE_PROGRAM, { args, env: FREE_AT_ONCE });
    // What the collector has not got to yet counts as well: a busy machine may need another try, while a
    // message that is held is there each time.
    let growth = await exchangeLarge(SIZE, start, { timeout: GUARD });
    for (let again = 0; again < 2; again++) {
      if (growth.serverGrowth < LIMIT && growth.clientGrowth < LIMIT) break;
      growth = await exchangeLarge(SIZE, start, { timeout: GUARD });
    }
    const { serverGrowth, clientGrowth } = growth;
    assert.ok(serverGrowth < LIMIT, `the server's peak grew by ${serverGrowth} bytes`);
    assert.ok(clientGrowth < LIMIT, `the client's peak grew by ${clientGrowth} bytes`);
  },
);
