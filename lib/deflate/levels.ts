/**
 * How hard each level tries.
 *
 * @module
 */

/** What one level spends on matches. */
export interface Level {
  /** How many earlier positions are compared for one match. */
  readonly chain: number;
  /** A match of so many bytes is long enough: no more positions are compared. */
  readonly nice: number;
  /** A match of so many bytes is good: for a better one a byte later, a quarter of the chain. */
  readonly good: number;
  /** Whether less is spent on long messages, which compress well by themselves. */
  readonly thrifty: boolean;
  /** Below so many bytes, a better match is looked for a byte later; 0: never. */
  readonly lazy: number;
}

/** The levels from 1, the fastest, to 9, the smallest. */
export const LEVELS: readonly Level[] = [
  { chain: 2, nice: 16, good: 4, thrifty: true, lazy: 0 },
  { chain: 4, nice: 32, good: 4, thrifty: true, lazy: 0 },
  { chain: 8, nice: 32, good: 8, thrifty: true, lazy: 0 },
  { chain: 8, nice: 48, good: 8, thrifty: true, lazy: 16 },
  { chain: 16, nice: 64, good: 8, thrifty: true, lazy: 32 },
  { chain: 32, nice: 128, good: 8, thrifty: true, lazy: 32 },
  { chain: 64, nice: 258, good: 32, thrifty: false, lazy: 64 },
  { chain: 256, nice: 258, good: 64, thrifty: false, lazy: 128 },
  { chain: 1024, nice: 258, good: 258, thrifty: false, lazy: 258 },
];
