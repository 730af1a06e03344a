/**
 * Random numbers that are the same again for the same seed.
 *
 * @module
 */
import { readLimit } from "../limits.ts";

/** A number, or the least and the most of what is chosen at random. */
export type Range = number | readonly [least: number, most: number];

/**
 * Returns a range of whole numbers, or `standard` where none is given.
 *
 * @throws {TypeError | RangeError} If it is something else, or its ends are in the wrong order.
 */
export function readRange(name: string, given: Range | undefined, standard: number): Range {
  if (!Array.isArray(given)) return readLimit(name, given, standard);
  const ends = given.map((end) => readLimit(name, end, NaN));
  if (ends.length === 2 && ends[0] <= ends[1] && ends[1] < Infinity) return [ends[0], ends[1]];
  throw new RangeError(
    `Cannot read options: ${name} must be a number, or the least and the most, got [${given}]`,
  );
}

/**
 * Checks how often something happens, from 0 to 1.
 *
 * @throws {RangeError} If it is something else.
 */
export function readProbability(name: string, given: number | undefined): number {
  const value = given ?? 0;
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw new RangeError(
    `Cannot read options: ${name} must be a number from 0 (never) to 1 (always), got ${value}`,
  );
}

/** A source of random numbers: Mulberry32, which is short and good enough to choose faults. */
export class Random {
  #state: number;

  /** Creates a source; the same seed has the same numbers. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Returns a number from 0 to 1, 1 excluded. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296;
  }

  /** Returns whether something happens that has this probability. No number is used for 0. */
  happens(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** Returns a whole number of a range. */
  within(range: Range): number {
    if (typeof range === "number") return range;
    const [least, most] = range;
    return least === most ? least : least + Math.floor(this.next() * (most - least + 1));
  }
}
