/** The worlds in which commands are tried. */

import fc from "fast-check";
import type { MessageMode } from "../../../lib/protocol/options.ts";
import type { EndSetup } from "./end.ts";
import type { BodyUse, Reading } from "./reader.ts";
import type { Finale, Setup } from "./world.ts";

/** The ways to read. */
export const READINGS: readonly Reading[] = [
  "handlers",
  "promises",
  "iteration",
  "receive",
  "streams",
  "deaf",
];
/** Messages whole, or in pieces. */
export const MODES: readonly MessageMode[] = ["whole", "stream"];
/** What can be done with a message in pieces. */
export const BODIES: readonly BodyUse[] = ["bytes", "pieces", "skip", "cancel", "leave"];

/** One side that reads in this way. */
export function endSetup(reading: Reading, messages: MessageMode): fc.Arbitrary<EndSetup> {
  return fc.record({
    reading: fc.constant(reading),
    messages: fc.constant(messages),
    body: fc.constantFrom(...BODIES),
    eager: fc.boolean(),
    sendHighWaterMark: fc.constantFrom(0, 100, 2000, 65_536),
    maxBufferedAmount: fc.constantFrom(1000, 100_000, 16_777_216),
    receiveHighWaterMark: fc.constantFrom(0, 100, 2000, 1_048_576),
    pingInterval: fc.constantFrom(20_000, Infinity),
    largest: fc.constant(Infinity),
  });
}

/** Any side. */
const anySetup: fc.Arbitrary<EndSetup> = fc.tuple(
  fc.constantFrom(...READINGS),
  fc.constantFrom(...MODES),
).chain(([reading, messages]) => endSetup(reading, messages));

/** A world in which one side reads in this way, and the other in any. */
export function setup(one: fc.Arbitrary<EndSetup>): fc.Arbitrary<Setup> {
  return fc.record({
    capacity: fc.constantFrom(1, 30, 1000, 65_536),
    chunkSize: fc.constantFrom(1, 7, 100, Infinity, Infinity),
    copies: fc.boolean(),
    compressed: fc.boolean(),
    one,
    other: anySetup,
    swap: fc.boolean(),
  }).map(({ one, other, swap, ...rest }) => {
    // Much data byte by byte would only take long.
    const unit = Math.min(rest.capacity, rest.chunkSize);
    const largest = unit === 1 ? 200 : unit < 1000 ? 1000 : 140_000;
    const [client, server] = (swap ? [one, other] : [other, one]).map((end) => ({
      ...end,
      largest,
    }));
    return { ...rest, client, server };
  });
}

/** The ways to end. */
export const FINALES: readonly Finale[] = [
  "close",
  "closeOne",
  "closeOneAbandon",
  "abandon",
  "terminate",
  "terminateOne",
];
