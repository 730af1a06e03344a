/**
 * What every adapter must do, whatever is below it: one suite, run by a test file for each. It tries
 * what `capabilities` tells, and compares it with what is known of the adapter (capabilities.json).
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Capabilities } from "../../mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import type { Case, Findings, Rig } from "./suite/case.ts";
import { connectionCases } from "./suite/cases.ts";
import { compressionCase } from "./suite/compression.ts";
import { type Endpoint, Refused } from "./suite/endpoint.ts";
import { handshakeCases } from "./suite/handshakes.ts";
import { hookCases } from "./suite/hooks.ts";
import { knownOf, type Place } from "./suite/known.ts";
import { PATIENCE, within } from "./suite/wire.ts";
import { until } from "../support/until.ts";

/** Where and how the suite is run. */
export interface AdapterOptions {
  /** Why it cannot be run here. */
  skip?: string | undefined;
  /** Where the connections live. @default {the runtime that runs this} */
  place?: Place;
}

/** Runs the suite on an adapter of that name. */
export function describeAdapter(
  name: string,
  endpoint: Endpoint,
  { skip, place = ownRuntime }: AdapterOptions = {},
): void {
  const options = { timeout: 4 * PATIENCE, ...(skip === undefined ? {} : { skip }) };
  const where = place === ownRuntime ? "" : ` in ${place}`;
  describe(`${name}${where}: what every adapter does`, () => {
    const found: Findings = {};
    let told: Capabilities | undefined;
    for (const each of connectionCases) {
      if (each === compressionCase) continue;
      it(each.name, options, async () => {
        const { findings, opened } = await run(endpoint, each);
        told ??= opened.capabilities;
        assert.deepEqual(opened.capabilities, told);
        Object.assign(found, combine(found, findings));
      });
    }
    it(compressionCase.name, options, async () => {
      Object.assign(found, await tryCompression(endpoint));
    });
    const { serve } = endpoint;
    if (serve !== undefined) {
      for (const each of [...handshakeCases, ...hookCases]) {
        it(each.name, options, () => each.test(serve, endpoint));
      }
    }
    it("does what its capabilities tell, and what is known of it", options, () => {
      const { compression, ...flags } = told!;
      for (const [flag, value] of Object.entries(flags)) {
        assert.equal(found[flag as keyof Findings], value, flag);
      }
      // Where it was not asked for it may still be had.
      assert.ok(found.compression || !compression, "compression");
      assert.deepEqual(found, knownOf(name, place, found));
    });
  });
}

/** Runs a case, and sees to it that it ends once, and leaves nothing behind. */
async function run(endpoint: Endpoint, each: Case): Promise<Rig> {
  const rig = await endpoint.open(each);
  try {
    await each.test(rig);
    await until("the end of the connection", () => rig.told.all("closed").length > 0);
  } finally {
    rig.peer.wire.transport.close();
    await within(rig.close(), "what is below the connection to close");
  }
  assert.equal(rig.told.all("closed").length, 1);
  return rig;
}

/** Whether messages are compressed; where an option to do so is refused, that is by its name. */
async function tryCompression(endpoint: Endpoint): Promise<Findings> {
  try {
    const { opened, findings } = await run(endpoint, compressionCase);
    const { hidesCompression = false } = endpoint, { capabilities, extensions } = opened;
    const tells = findings.compression && !hidesCompression;
    assert.equal(capabilities.compression, tells);
    assert.equal(extensions.startsWith("permessage-deflate"), tells);
    return findings;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    assert.equal(error.status, 500);
    assert.match(error.message, /perMessageDeflate/);
    return { compression: false, deflates: false };
  }
}

/** Every code must do for the flag to hold. */
function combine(before: Findings, { anyCloseCode, ...rest }: Findings): Findings {
  if (anyCloseCode === undefined) return rest;
  return { ...rest, anyCloseCode: (before.anyCloseCode ?? true) && anyCloseCode };
}
