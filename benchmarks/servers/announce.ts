/**
 * How a measured server and the runner find each other: the port goes out on stdout; a line on stdin
 * asks what the heap holds; the end of stdin ends the server, so that none outlives its runner.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type Collection, measureHeap } from "./memory.ts";

/** Prints the port for the runner, answers its questions, and ends when it does. */
export function announce(port: number): void {
  console.log(`listening ${port}`);
  createInterface({ input: process.stdin })
    .on("line", async (line) => {
      console.log(JSON.stringify(await measureHeap(JSON.parse(line) as Collection)));
    })
    .on("close", () => process.exit());
}
