/**
 * Opens, uses and ends thousands of connections in each way in which one can end, and prints a line
 * for each way: what is held before and after. Then it has nothing left to do, and should end.
 *
 * Arguments: how many connections to open in each way (2000), and the names of the ways to try (all).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Figures, figures, open, pause } from "./leaks/figures.ts";
import { closes } from "./leaks/closes.ts";
import { dropped } from "./leaks/dropped.ts";
import { Peer, type Scenario } from "./leaks/rig.ts";
import { troubles } from "./leaks/troubles.ts";

/** What the program prints for one way. */
export interface Report {
  name: string;
  /** How many connections were opened and ended between the two moments. */
  count: number;
  /** Memory when some had come and gone; all else before the first connection. */
  before: Figures;
  after: Figures;
  /** How much more memory is held after, in bytes for each connection. */
  growth: number;
  /** What is less than this is noise. */
  bound: number;
  /** The processor's time, in milliseconds. */
  time: number;
}

/**
 * Growth of memory by so many bytes for each connection is noise, and so is so much for all: code that
 * is compiled, what a collector that looks for references on the stack does not find at once. One
 * connection that is kept is some thousands.
 */
const NOISE = { each: 100, all: 65_536 };
/** Code that is compiled meanwhile stays, but only once: a leak grows in each of so many rounds. */
const ROUNDS = 5;

async function run(way: Scenario, count: number): Promise<void> {
  const { batch = 100 } = way;
  const course = await way.start();
  for (let left = count; left > 0; left -= batch) await course.batch(Math.min(batch, left));
  await course.end();
}

/**
 * What is held once the system has let go of the files that are closed, which Deno does some turns
 * later for TLS. A timer that goes by itself counts: until then it keeps the process alive.
 */
async function settled(): Promise<Figures> {
  const { timers } = open();
  for (let turn = 0; turn < 500 && open().files > idle.files; turn++) await pause(10);
  return { ...await figures(), timers };
}

async function measure(way: Scenario, standard: number): Promise<Report> {
  const { name, batch = 100, count = standard } = way;
  const bound = Math.max(NOISE.each, Math.round(NOISE.all / count));
  const began = process.cpuUsage();
  // Pools are filled, code is compiled: that stays.
  await run(way, 2 * batch);
  let { memory } = await settled();
  for (let round = 1;; round++) {
    await run(way, count);
    const after = await settled();
    const growth = Math.floor((after.memory - memory) / count);
    if (growth < bound || round === ROUNDS) {
      const { user, system } = process.cpuUsage(began);
      const time = Math.round((user + system) / 1000);
      return { name, count, before: { ...idle, memory }, after, growth, bound, time };
    }
    memory = after.memory;
  }
}

const [standard = "2000", ...names] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "sluice-leaks-"));
const peer = await Peer.start(join(folder, "peer"));
let idle = await figures();
try {
  // What a runtime opens once and keeps, an event queue say, is open after a first round.
  for (const way of closes) await run(way, 4);
  await pause(500);
  idle = { ...await figures(), connections: 0, clockTimers: 0, timers: 0 };
  for (const way of [...closes, ...troubles(peer), ...dropped(peer, folder)]) {
    if (names.length > 0 && !names.includes(way.name)) continue;
    console.log(JSON.stringify(await measure(way, Number(standard))));
  }
} finally {
  await peer.kill();
  rmSync(folder, { recursive: true });
}
console.log("over");
