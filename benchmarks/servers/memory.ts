/**
 * What a server's heap holds, told by itself: no one else can force its garbage collector.
 *
 * @module
 */
import process from "node:process";

/** How garbage is collected: as usual, or so that free memory goes back to the system as well. */
export type Collection = "collect" | "shrink";

/** Bytes that live objects take. */
export interface HeapUse {
  heapUsed: number;
  /** Array buffers, and what else lies beside the heap; on Bun they are part of `heapUsed`. */
  external: number;
}

interface Collectors {
  /** Deno's and Node's, with `--expose-gc`. */
  gc?: (options?: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
  Bun?: { gc(synchronously: boolean): void; shrink(): void };
}

/** Runs the garbage collector at most so often. */
const MOST_RUNS = 30;
/** It has found all when so many runs in a row find nothing. */
const IDLE_RUNS = 3;

function collect(collection: Collection): void {
  const { gc, Bun } = globalThis as unknown as Collectors;
  if (Bun !== undefined) {
    Bun.gc(true);
    if (collection === "shrink") Bun.shrink();
  } else if (gc === undefined) {
    throw new Error("Cannot measure memory: start with --expose-gc");
  } else if (collection === "shrink") {
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
  } else {
    gc();
  }
}

/**
 * What is left when the garbage collector finds nothing more. The program goes on between its runs,
 * so that what a finished callback or a finalizer lets go is gone as well.
 */
export async function measureHeap(collection: Collection): Promise<HeapUse> {
  let least = Infinity;
  let idle = 0;
  for (let run = 0; run < MOST_RUNS && idle < IDLE_RUNS; run++) {
    collect(collection);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external < least * 0.999) idle = 0;
    else idle++;
    least = Math.min(least, heapUsed + external);
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsed, external };
}
