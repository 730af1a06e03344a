/**
 * How a network behaves.
 *
 * @module
 */
import { readLimit } from "../limits.ts";
import type { OptionNames } from "../options.ts";
import type { Clock } from "../protocol/clock.ts";
import { VirtualClock } from "./clock.ts";
import { Random, type Range, readProbability, readRange } from "./random.ts";

/** How a network behaves. What is chosen at random is the same for the same seed. */
export interface NetworkOptions<Time extends Clock = VirtualClock> {
  /** The time of the network, and of all that uses it. @default {a VirtualClock} */
  clock?: Time;
  /** What random faults are made of. @default {1} */
  seed?: number;
  /** How long bytes take from one end to the other, in milliseconds. @default {0} */
  latency?: Range;
  /** The most bytes in one chunk: 1 splits everywhere. @default {Infinity} */
  chunkSize?: Range;
  /** How many bytes each way are taken before the other end reads them. @default {65536} */
  capacity?: number;
  /**
   * How often bytes are lost on the way, from 0 to 1. They are sent again, as TCP does: they, and all
   * behind them, come later by `resendTime`. @default {0}
   */
  loss?: number;
  /** How long it takes to send again what was lost, in milliseconds. @default {200} */
  resendTime?: Range;
  /** How often a bit of a chunk is another one when it arrives, from 0 to 1. @default {0} */
  corruption?: number;
  /** How often the connection is reset by what is sent, from 0 to 1. @default {0} */
  resets?: number;
  /** How often a connection is refused, from 0 to 1. @default {0} */
  refusals?: number;
}

/** The options, read. */
export interface Conditions {
  readonly clock: Clock;
  readonly random: Random;
  readonly latency: Range;
  readonly chunkSize: Range;
  readonly capacity: number;
  readonly loss: number;
  readonly resendTime: Range;
  readonly corruption: number;
  readonly resets: number;
  readonly refusals: number;
}

/** The names of the options of a network. */
export const NETWORK_OPTIONS: OptionNames<NetworkOptions> = {
  clock: true,
  seed: true,
  latency: true,
  chunkSize: true,
  capacity: true,
  loss: true,
  resendTime: true,
  corruption: true,
  resets: true,
  refusals: true,
};

/**
 * Reads the options.
 *
 * @throws {TypeError | RangeError} If one is invalid.
 */
export function readConditions(options: NetworkOptions<Clock>): Conditions {
  return {
    clock: options.clock ?? new VirtualClock(),
    random: new Random(readLimit("seed", options.seed, 1)),
    latency: readRange("latency", options.latency, 0),
    chunkSize: readRange("chunkSize", options.chunkSize, Infinity),
    capacity: readLimit("capacity", options.capacity, 65_536),
    loss: readProbability("loss", options.loss),
    resendTime: readRange("resendTime", options.resendTime, 200),
    corruption: readProbability("corruption", options.corruption),
    resets: readProbability("resets", options.resets),
    refusals: readProbability("refusals", options.refusals),
  };
}
