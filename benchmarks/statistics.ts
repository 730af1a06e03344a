/**
 * Medians and how far to trust them.
 *
 * @module
 */

/** A list of figures in brief. */
export interface Summary {
  median: number;
  min: number;
  max: number;
  /** The bounds that hold the median in 95 of 100 resamplings (bootstrap, percentiles). */
  low: number;
  high: number;
}

/** The middle of `values`, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const RESAMPLINGS = 4000;

/** The median of `values` and its spread. */
export function summarize(values: readonly number[]): Summary {
  const medians = new Float64Array(RESAMPLINGS);
  // A fixed seed (mulberry32), so that the same figures always give the same interval.
  let state = 1;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  };
  for (let index = 0; index < RESAMPLINGS; index++) {
    medians[index] = median(values.map(() => values[below(values.length)]));
  }
  medians.sort();
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    low: medians[Math.floor(RESAMPLINGS * 0.025)],
    high: medians[Math.ceil(RESAMPLINGS * 0.975) - 1],
  };
}
