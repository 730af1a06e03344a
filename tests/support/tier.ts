/**
 * Two tiers of tests: what runs before each change lands, and what runs before a release as well.
 *
 * @module
 */
import process from "node:process";
import { ownRuntime, runtimeNames } from "./runtimes.ts";

/** Whether everything is to run, however long it takes: `deno task test:all`. */
export const runsEverything: boolean = process.env.SLUICE_TESTS === "all";

/** The day: on the next one each case has another runtime's turn. */
const day = Math.floor(Date.now() / 86_400_000);

/**
 * Returns the cases that this run is to try. Where each case is expensive and tries much the same on
 * every runtime, each is tried on one of the three, by turns from day to day; `deno task test:all` tries
 * all of them on each.
 */
export function shareOf<Case>(cases: readonly Case[]): readonly Case[] {
  if (runsEverything) return cases;
  const own = runtimeNames.indexOf(ownRuntime);
  return cases.filter((_, at) => (at + day) % runtimeNames.length === own);
}
