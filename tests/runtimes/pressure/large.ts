/**
 * A large message, each way between two processes: for a test and for the task `large`.
 *
 * @module
 */
import type { Child } from "../../support/runtimes.ts";
import { MIB } from "./memory.ts";

/** The program of both ends. */
export const LARGE_PROGRAM: URL = new URL("../programs/large_message.ts", import.meta.url);

/** A first message, by which each end gets warm. */
const WARM_UP = 32 * MIB;

/** What came of it, in bytes and seconds. */
export interface LargeResult {
  /** By how much the peak of resident memory grew in each process, with the large message. */
  serverGrowth: number;
  clientGrowth: number;
  seconds: number;
}

/** What an end prints for each message. */
interface Line {
  length: number;
  peak: number;
  seconds?: number;
}

/**
 * Has a message of `size` bytes pass each way, and each byte be checked; `start` starts
 * {@linkcode LARGE_PROGRAM} with these arguments.
 *
 * @throws {Error} with what the processes said, if one of them fails, or is not done within `timeout`.
 */
export async function exchangeLarge(
  size: number,
  start: (args: string[]) => Child,
  options: { timeout: number; started?: (server: Child, client: Child) => void },
): Promise<LargeResult> {
  const { timeout, started } = options;
  await using server = start(["server"]);
  const [, port] = await server.printed(/"port":(\d+)/);
  await using client = start(["client", port, String(WARM_UP), String(size)]);
  started?.(server, client);
  const done = new RegExp(`"length":${size},.*\n`);
  const last = await client.printed(done, { timeout });
  for (const child of [server, client]) {
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`A process ended with ${code}; it said: ${child.output}`);
  }
  const { seconds = NaN } = JSON.parse(`{${last[0]}`) as Line;
  return { serverGrowth: growthIn(server), clientGrowth: growthIn(client), seconds };
}

function growthIn({ output }: Child): number {
  const lines = output.split("\n").filter((line) => line.startsWith(`{"length"`));
  const peaks = lines.map((line) => (JSON.parse(line) as Line).peak);
  if (peaks.length !== 2) throw new Error(`A process passed on ${peaks.length} messages, not 2`);
  return peaks[1] - peaks[0];
}
