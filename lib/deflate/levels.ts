/**
 * How hard each level tries.
 *
 * @module
 */

/** What one level spends on matches. */
export interface Level {
  /** From this length on a match is long enough: no more positions are compared. */
  readonly nice: number;
  /** From this length on a match is good: for a better one a byte later, a quarter of the chain. */
  readonly good: number;
  /** What it spends on a message, by its size. */
  readonly efforts: readonly Effort[];
}

/** What is spent on messages of some size. */
export interface Effort {
  /** The length from which on it applies to a message, in bytes. */
  readonly from: number;
  /** How many earlier positions are compared for one match. */
  readonly chain: number;
  /** Below this length a better match is looked for a byte later; 0: never. */
  readonly lazy: number;
  /**
   * Whether a match of four or five bytes that is far away is left: in codes of the block's own, as
   * long messages have them, it takes more bits than its literals.
   */
  readonly skipFarShort: boolean;
  /**
   * Whether chains are sparse: where a search began, and a few positions of each match. That takes half
   * the time, and finds most of what there is to be found.
   */
  readonly sparse: boolean;
}

/** The sizes from which on a message is long, and very long. */
const LONG = 512;
const VERY_LONG = 8192;

/** A level that spends as much on each byte of any message. */
function exhaustive(nice: number, good: number, chain: number, lazy: number): Level {
  return { nice, good, efforts: [{ from: 0, chain, lazy, skipFarShort: false, sparse: false }] };
}

/** A level that spends less on long messages, which compress well by themselves. */
function fast(nice: number, good: number, chain: number, lazy: number): Level {
  const some = Math.max(1, chain * 3 >>> 3), half = Math.max(1, chain >>> 1);
  return {
    nice,
    good,
    efforts: [
      { from: VERY_LONG, chain: half, lazy: lazy >>> 1, skipFarShort: true, sparse: true },
      { from: LONG, chain: some, lazy, skipFarShort: true, sparse: false },
      ...exhaustive(nice, good, chain, lazy).efforts,
    ],
  };
}

/** The levels from 1, the fastest, to 9, the smallest. */
export const LEVELS: readonly Level[] = [
  /* @__PURE__ */ fast(16, 4, 2, 0),
  /* @__PURE__ */ fast(32, 4, 4, 0),
  /* @__PURE__ */ fast(32, 8, 8, 0),
  /* @__PURE__ */ fast(48, 8, 8, 16),
  /* @__PURE__ */ fast(64, 8, 16, 32),
  /* @__PURE__ */ fast(128, 8, 32, 32),
  /* @__PURE__ */ exhaustive(258, 32, 64, 64),
  /* @__PURE__ */ exhaustive(258, 64, 256, 128),
  /* @__PURE__ */ exhaustive(258, 258, 1024, 258),
];

/** What a level spends on a message of which `size` bytes have come. */
export function effortFor({ efforts }: Level, size: number): Effort {
  let at = 0;
  while (size < efforts[at].from) at++;
  return efforts[at];
}
