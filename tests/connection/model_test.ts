/**
 * Two connected ends and all that their users, their peers, the network and time can do to them, in
 * any order, against what the documents promise. FUZZ_RUNS makes it try more, as with the fuzz tests.
 */

import { describe, it } from "node:test";
import fc from "fast-check";
import { fuzzRuns } from "../handshake/support.ts";
import { commands, type Pace } from "./model/commands.ts";
import { runSequence, sequences } from "./model/sequences.ts";
import { FOUND } from "./model/regressions.ts";
import { Model } from "./model/model.ts";
import { endSetup, FINALES, MODES, READINGS, setup } from "./model/setups.ts";
import { World } from "./model/world.ts";

/** A run has up to 40 commands, so each way of reading has 50 of them where a codec has 2,000. */
const runs = Math.ceil(fuzzRuns() / 40);
const thorough = fuzzRuns() >= 100_000;
const paces: readonly Pace[] = ["none", "turn", "quiet"];

for (const messages of MODES) {
  describe(`any commands in any order, messages: "${messages}"`, () => {
    for (const reading of READINGS) {
      it(`read by ${reading}: all settles, in order, nothing lost but as documented`, async () => {
        await fc.assert(
          fc.asyncProperty(
            setup(endSetup(reading, messages)),
            fc.constantFrom(...FINALES),
            commands(40),
            async (setup, finale, commands) => {
              const world = new World(setup);
              await fc.asyncModelRun(() => ({ model: new Model(), real: world }), commands);
              await world.finish(finale);
            },
          ),
          { numRuns: runs },
        );
      });
    }
  });
}

describe("every order of a few commands", () => {
  /** Runs all sequences of that length, at each pace or at one that goes round. */
  async function every(length: number, eachPace: boolean): Promise<void> {
    const count = sequences(length);
    for (let number = 0; number < count; number++) {
      const chosen = eachPace ? paces : [paces[number % paces.length]];
      for (const pace of chosen) await runSequence(number, length, pace);
    }
  }

  it("one or two, at once, with promises settling between, or with all that follows", async () => {
    await every(1, true);
    await every(2, true);
  });
  it("three", () => every(3, thorough));
  it("four, where FUZZ_RUNS asks for much", { skip: !thorough }, () => every(4, false));
});

describe("orders in which something was wrong once", () => {
  for (const { name, run } of FOUND) {
    it(name, async () => {
      for (const finale of FINALES) {
        for (let turns = 0; turns < (run.length === 0 ? 1 : 12); turns++) {
          const world = await run(turns);
          await world.finish(finale);
        }
      }
    });
  }
});
