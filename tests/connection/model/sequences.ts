/** Every ordering of a few commands, one after the other. */

import type { MessageMode } from "../../../lib/protocol/options.ts";
import type { Action } from "./actions.ts";
import { type Move, Moves, type Pace, Pass, Step } from "./commands.ts";
import { Model } from "./model.ts";
import { BODIES, FINALES, MODES, READINGS } from "./setups.ts";
import { type Setup, World } from "./world.ts";

const ACTIONS: readonly Action[] = [
  { do: "send", type: "text", size: 12, by: "send" },
  {
    do: "stream",
    type: "binary",
    kind: "iterable",
    by: "send",
    abortable: false,
    chunks: [10],
    then: "wait",
  },
  { do: "close", closeCode: 3000, reason: "" },
  { do: "terminate" },
  { do: "shutdown", timeout: 5000 },
  { do: "fin" },
  { do: "reset" },
  { do: "ping" },
  { do: "pause" },
  { do: "take", count: 1 },
];
const MOVES: readonly Move[] = (["client", "server"] as const).flatMap((side) =>
  ACTIONS.map((action) => ({ side, action }))
);

/** How many commands there are to choose from. */
export const CHOICES: number = MOVES.length + 2;

/** How many sequences of that length there are. */
export function sequences(length: number): number {
  return CHOICES ** length;
}

/**
 * Runs one of them, by its number, at that pace. Who reads, and how, goes round with the number.
 *
 * @throws what failed, with the commands in its message (rejects).
 */
export async function runSequence(number: number, length: number, pace: Pace): Promise<void> {
  const commands = [];
  for (let rest = number; commands.length < length; rest = Math.floor(rest / CHOICES)) {
    const choice = rest % CHOICES;
    if (choice === MOVES.length) commands.push(new Step(3));
    else if (choice > MOVES.length) commands.push(new Pass(30_000, pace !== "quiet"));
    else commands.push(new Moves([MOVES[choice]], pace));
  }
  const setup = setupOf(number), finale = pick(FINALES, number, 5);
  try {
    const world = new World(setup), model = new Model();
    for (const command of commands) await command.run(model, world);
    await world.finish(finale);
  } catch (error) {
    const said = `${commands.join(", ")}; then ${finale}; with ${JSON.stringify(setup)}`;
    throw new Error(`Sequence ${number} of ${length}: ${said}`, { cause: error });
  }
}

function setupOf(number: number): Setup {
  const side = (at: number): Setup["client"] => ({
    reading: pick(READINGS, number, at),
    messages: pick<MessageMode>(MODES, number, at + 7),
    body: pick(BODIES, number, at + 11),
    eager: pick([true, false], number, at + 13),
    sendHighWaterMark: pick([10, 65_536], number, at + 17),
    maxBufferedAmount: 100_000,
    receiveHighWaterMark: pick([10, 65_536], number, at + 19),
    pingInterval: pick([20_000, Infinity], number, at + 23),
    largest: 1000,
  });
  return {
    capacity: pick([10, 65_536], number, 1),
    chunkSize: pick([7, Infinity], number, 2),
    copies: pick([true, false], number, 3),
    compressed: pick([true, false], number, 4),
    client: side(31),
    server: side(67),
  };
}

/** One of several, by a number that says nothing about the choice of anything else. */
function pick<Value>(values: readonly Value[], number: number, salt: number): Value {
  let hash = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 15, 0x2c1b3c6d);
  hash = Math.imul(hash ^ hash >>> 12, 0x297a2d39);
  return values[((hash ^ hash >>> 15) >>> 0) % values.length];
}
