/** What several tests of attacks share. */
import process from "node:process";

/** Returns the memory of this process that is in use, in bytes. */
export function heap(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Returns many copies of a frame, in one piece. */
export function many(count: number, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(count * frame.length);
  for (let at = 0; at < bytes.length; at += frame.length) bytes.set(frame, at);
  return bytes;
}
