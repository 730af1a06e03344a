/**
 * The CPU time of another process, read from outside, so that every server is measured alike:
 * JavaScript, garbage collector, worker threads and kernel together.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** What a thread has had of its core so far, in nanoseconds. */
export interface CpuTime {
  /** The time it ran. */
  used: number;
  /** The time it was ready to run while something else had the core; 0 where that is not told. */
  waited: number;
}

/** What each thread of a process has had so far. */
export type CpuTimes = Map<string, CpuTime>;

/**
 * Reads the CPU time that process `pid` has used so far. On Linux it is the scheduler's own count
 * of nanoseconds; elsewhere `ps` tells it, to a hundredth of a second at best.
 */
export function readCpuTimes(pid: number): CpuTimes {
  const times: CpuTimes = new Map();
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return times.set("all", { used: readFromPs(pid), waited: 0 });
  }
  for (const thread of threads) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1");
      const [used, waited] = text.split(" ");
      times.set(thread, { used: Number(used), waited: Number(waited) });
    } catch {
      // The thread ended between the listing and the reading.
    }
  }
  return times;
}

/**
 * What a process had between two readings. A thread that ended between them counts as zero, not as
 * the loss of all it had had before.
 */
export function cpuBetween(before: CpuTimes, after: CpuTimes): CpuTime {
  const sum: CpuTime = { used: 0, waited: 0 };
  for (const [thread, { used, waited }] of after) {
    const earlier = before.get(thread) ?? { used: 0, waited: 0 };
    sum.used += used - earlier.used;
    sum.waited += waited - earlier.waited;
  }
  return sum;
}

/** `ps` prints [[hours:]minutes:]seconds, the seconds with or without a fraction. */
function readFromPs(pid: number): number {
  const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" });
  const seconds = text.trim().split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return seconds * 1e9;
}
