/**
 * Memory for a write that is under way: small writes are copied into it, so that who writes can use
 * its own memory again, and nothing is allocated for a write.
 *
 * @module
 */

/**
 * The sizes of the pooled memory, in bytes; a larger write is held as it is. A fragment of 64 KiB
 * fits with its header: a message of any size leaves through the same memory.
 */
const SIZES = [4_096, 66_560];
/** How many free ones of each size are kept; more are left to the garbage collector. */
const POOL_LIMIT = 64;

const pools: Uint8Array[][] = [[], []];

/** Returns a copy of `bytes` in pooled memory; undefined if they are too many. */
export function acquireCopy(bytes: Uint8Array): Uint8Array | undefined {
  const level = SIZES.findIndex((size) => bytes.length <= size);
  if (level === -1) return undefined;
  const memory = pools[level].pop() ?? new Uint8Array(SIZES[level]);
  memory.set(bytes);
  return memory.subarray(0, bytes.length);
}

/** Releases what `acquireCopy` returned. Nothing may read it any more. */
export function releaseCopy(copy: Uint8Array): void {
  const pool = pools[SIZES.indexOf(copy.buffer.byteLength)];
  if (pool.length < POOL_LIMIT) pool.push(new Uint8Array(copy.buffer));
}
