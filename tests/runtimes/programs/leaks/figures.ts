/** What a program holds: memory, connections, timers, open files. */
import { readdirSync } from "node:fs";
import process from "node:process";
import type { Clock } from "../../../../lib/protocol/clock.ts";
import { systemClock } from "../../../../lib/protocol/clock.ts";

/** What is held at one moment, after the garbage has been collected. */
export interface Figures {
  /** Bytes on the heap and in buffers outside of it. */
  memory: number;
  /** Connections that can still be reached. */
  connections: number;
  /** Timers that the connections have set on their clock. */
  clockTimers: number;
  /** Timers that anything has set by `setTimeout`: the transports have some of their own. */
  timers: number;
  /** Open files. */
  files: number;
  /** What the runtime says keeps it alive, where it says so. */
  resources: string;
}

// Every timer of the program is counted; this module is the first to be imported.
const { setTimeout: setPlatformTimer, clearTimeout: clearPlatformTimer } = globalThis;
const timers = new Set<unknown>();
Object.assign(globalThis, {
  setTimeout(callback: () => void, delay?: number): unknown {
    const timer = setPlatformTimer(() => {
      timers.delete(timer);
      callback();
    }, delay);
    timers.add(timer);
    return timer;
  },
  clearTimeout(timer: ReturnType<typeof setPlatformTimer> | undefined): void {
    timers.delete(timer);
    clearPlatformTimer(timer);
  },
});

const clockTimers = new Set<unknown>();

/** The platform's clock, counted. */
export const clock: Clock = {
  now: systemClock.now,
  setTimer(delay, callback): unknown {
    const timer = systemClock.setTimer(delay, () => {
      clockTimers.delete(timer);
      callback();
    });
    clockTimers.add(timer);
    return timer;
  },
  clearTimer(timer): void {
    clockTimers.delete(timer);
    systemClock.clearTimer(timer);
  },
};

let tracked: WeakRef<object>[] = [];

/** Counts `object` among the connections for as long as it can be reached. */
export function track(object: object): void {
  tracked.push(new WeakRef(object));
}

/** Waits without being counted. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setPlatformTimer(resolve, ms));
}

interface WithCollector {
  Bun?: { gc(sync: boolean): void };
  gc?(): void;
}

async function collect(): Promise<void> {
  const { Bun, gc } = globalThis as unknown as WithCollector;
  // What was weakly held in one turn is free in the next.
  for (let round = 0; round < 3; round++) {
    await pause(2);
    if (Bun !== undefined) Bun.gc(true);
    else if (gc !== undefined) gc();
    else throw new Error("Cannot collect garbage: start with --expose-gc");
  }
}

/** How many files are open, and timers set: what needs no garbage to be collected. */
export function open(): Pick<Figures, "files" | "timers"> {
  return { files: readdirSync("/proc/self/fd").length, timers: timers.size };
}

/** What is held now. */
export async function figures(): Promise<Figures> {
  for (let round = 0; round < 5; round++) {
    await collect();
    tracked = tracked.filter((each) => each.deref() !== undefined);
    // Bun looks for references on the stack, where old ones may lie about for a while.
    if (tracked.length === 0) break;
  }
  await collect(); // the references themselves
  const resources = process.getActiveResourcesInfo?.() ?? [];
  const { heapUsed, external } = process.memoryUsage();
  return {
    memory: heapUsed + external,
    connections: tracked.length,
    clockTimers: clockTimers.size,
    ...open(),
    resources: resources.filter((name) => name !== "Timeout").sort().join(" "),
  };
}
