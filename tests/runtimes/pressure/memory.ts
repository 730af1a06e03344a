/**
 * The memory of this process as the system counts it.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";

/** Whether this system tells it: Linux does. */
export const tellsMemory: boolean = existsSync("/proc/self/status");

/** One mebibyte. */
export const MIB: number = 1024 * 1024;

const LITTER_SIZE = 64 * 1024;

/** What is resident, in bytes: now, and the most there ever was. */
export interface Memory {
  rss: number;
  peak: number;
}

/** Reads it. */
export function readMemory(): Memory {
  const status = readFileSync("/proc/self/status", "utf8");
  const figure = (name: string): number =>
    Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m"))?.[1]) * 1024;
  return { rss: figure("VmRSS"), peak: figure("VmHWM") };
}

/**
 * Makes so many bytes of garbage, in arrays like those that come off a socket.
 *
 * A runtime lets some garbage lie before it frees it: V8 32 MiB of young arrays, and as much again
 * for a thread of its own to free. A bare TCP socket of node:net, read and written by 64 KiB, shows
 * it too: its process grows from 45 to 110 MiB with the first 32 MiB each way, and to 140 with the
 * next 256. So this allowance is used up before anything is measured, and what grows then is held.
 */
export async function litter(size: number): Promise<void> {
  for (let left = size; left > 0; left -= LITTER_SIZE) {
    new Uint8Array(LITTER_SIZE).fill(1);
    if (left % MIB === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
