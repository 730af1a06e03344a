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

/**
 * The environment of a process in which Deno frees the memory of arrays as soon as it finds that it
 * can, and not in a thread of its own: how far that lags behind, by 30 MiB at times, is a matter of
 * the machine. (Node's lags less, and takes no such flag from the environment.)
 */
export const FREE_AT_ONCE: Readonly<Record<string, string>> = {
  DENO_V8_FLAGS: "--no-concurrent-array-buffer-sweeping",
};

/** The sizes of reads and writes. */
const LITTER_SIZES = [64 * 1024, 256 * 1024];

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
 * Makes so many bytes of garbage, in arrays like those that come off a socket, of which the last few
 * are in use.
 *
 * A runtime lets some garbage lie before it frees it: V8 32 MiB of young arrays, as much again for
 * that thread, and what was in use when it looked. A bare TCP socket of node:net, read and written by
 * 64 KiB, shows it too: its process grows from 45 to 110 MiB with the first 32 MiB each way, and to
 * 140 with the next 256. So this allowance is used up before anything is measured, and what grows
 * then is held.
 */
export async function litter(size: number): Promise<void> {
  const used: Uint8Array[] = [];
  let made = 0;
  for (let count = 0; made < size; count++) {
    const array = new Uint8Array(LITTER_SIZES[count % LITTER_SIZES.length]).fill(1);
    made += array.length;
    used[count % 8] = array;
    if (count % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
