/**
 * How a measured server and the runner find each other: the port goes out on stdout, and the end of
 * stdin ends the server, so that none outlives its runner.
 *
 * @module
 */
import process from "node:process";

/** Tells the runner the port, and leaves when the runner does. */
export function announce(port: number): void {
  console.log(`listening ${port}`);
  process.stdin.on("end", () => process.exit()).resume();
}
