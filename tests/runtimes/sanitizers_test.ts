/**
 * Every ending under Deno's sanitizers: when a test is over, no operation of the runtime may be under
 * way that it began, no timer be set, and no resource be open. `node:test` goes past them, so these
 * tests are Deno's own, and other runtimes have none here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import type { Peer, Scenario } from "./programs/leaks/rig.ts";

/** Connections in each way. */
const COUNT = 8;

async function run(way: Scenario): Promise<void> {
  const course = await way.start();
  await course.batch(COUNT);
  await course.end();
}

if ("Deno" in globalThis) {
  const { closes } = await import("./programs/leaks/closes.ts");
  const { troubles } = await import("./programs/leaks/troubles.ts");
  const { dropped } = await import("./programs/leaks/dropped.ts");
  const { Peer } = await import("./programs/leaks/rig.ts");
  const sanitizers = { sanitizeOps: true, sanitizeResources: true };

  for (const way of closes) {
    Deno.test({ name: `sanitized: ${way.name}`, ...sanitizers, fn: () => run(way) });
  }

  /** Ways that need the peer, whose process is a resource too. */
  const list = (
    peer: Peer,
    folder: string,
  ): Scenario[] => [...troubles(peer), ...dropped(peer, folder)];
  for (const [at, { name }] of list({} as Peer, "").entries()) {
    Deno.test({
      name: `sanitized: ${name}`,
      ...sanitizers,
      async fn(): Promise<void> {
        const folder = mkdtempSync(join(tmpdir(), "sluice-sanitizers-"));
        try {
          const peer = await Peer.start(join(folder, "peer"));
          try {
            await run(list(peer, folder)[at]);
          } finally {
            await peer.kill();
          }
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    });
  }
} else {
  it("Deno's sanitizers find nothing (Deno only: skipped)", { skip: true }, () => {});
}
