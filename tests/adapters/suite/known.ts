/**
 * What each adapter can do on each runtime, as the suite found it the last time it was asked to write
 * it down: `capabilities.json`, of which README.md's table is made.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { RuntimeName } from "../../support/runtimes.ts";
import type { Findings } from "./case.ts";

/** Where a connection lives. */
export type Place = RuntimeName | "workerd";

/** The findings by adapter and place. */
export type Known = Record<string, Partial<Record<Place, Findings>>>;

const file = new URL("../capabilities.json", import.meta.url);

/** Set to write down what is found in place of comparing with it. */
const WRITES = "SLUICE_WRITE_CAPABILITIES";

/** What is known. */
export function readKnown(): Known {
  return JSON.parse(readFileSync(file, "utf8")) as Known;
}

/** Gives what is known of an adapter, or writes down what was found of it. */
export function knownOf(adapter: string, place: Place, found: Findings): Findings | undefined {
  const known = readKnown();
  if (process.env[WRITES] !== undefined) {
    known[adapter] = sorted({ ...known[adapter], [place]: sorted(found) });
    writeFileSync(file, `${JSON.stringify(sorted(known), null, 2)}\n`);
  }
  return known[adapter]?.[place];
}

/** In an order that does not hang on which test was first. */
function sorted<Value extends object>(values: Value): Value {
  const entries = Object.entries(values).sort(([one], [other]) => one < other ? -1 : 1);
  return Object.fromEntries(entries) as Value;
}
