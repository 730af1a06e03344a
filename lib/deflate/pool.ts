/**
 * Contexts for connections that keep none (RFC 7692 section 7.1.1): each is acquired for the length of
 * one message, and empty whenever it is acquired.
 *
 * @module
 */
import { Deflater } from "./deflater.ts";
import { Inflater } from "./inflater.ts";

/**
 * How many of a kind wait here. A message that comes or leaves whole needs one at a time; only those
 * in fragments hold theirs longer, and what they no longer need beyond this is left to the collector.
 */
const MAX_SPARE = 4;

const inflaters = /* @__PURE__ */ new Map<number, Inflater[]>();
const deflaters = /* @__PURE__ */ new Map<number, Deflater[]>();

/** Acquires an empty inflater for a window. */
export function acquireInflater(windowBits: number): Inflater {
  return inflaters.get(windowBits)?.pop() ?? new Inflater({ windowBits });
}

/** Releases one that was acquired for this window. */
export function releaseInflater(inflater: Inflater, windowBits: number): void {
  inflater.reset();
  keep(inflaters, windowBits, inflater);
}

/** Acquires an empty deflater for a window and a level. */
export function acquireDeflater(windowBits: number, level: number): Deflater {
  return deflaters.get(windowBits << 4 | level)?.pop() ?? new Deflater({ windowBits, level });
}

/** Releases one that was acquired for this window and level. */
export function releaseDeflater(deflater: Deflater, windowBits: number, level: number): void {
  deflater.reset();
  keep(deflaters, windowBits << 4 | level, deflater);
}

function keep<T>(kept: Map<number, T[]>, key: number, context: T): void {
  const spare = kept.get(key);
  if (spare === undefined) kept.set(key, [context]);
  else if (spare.length < MAX_SPARE) spare.push(context);
}
