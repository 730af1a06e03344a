/**
 * What the benchmarks print: lines that stay, and between them what is under way.
 *
 * @module
 */
import process from "node:process";

/** Standard output. */
export class Output {
  #pending = false;

  /** Shows what is being done; on a terminal in a line that is written over, else as a dot. */
  progress(text: string): void {
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${text}` : ".");
    this.#pending = true;
  }

  /** Prints a line that stays. */
  line(text = ""): void {
    if (this.#pending) process.stdout.write(process.stdout.isTTY ? "\r\x1b[K" : "\n");
    this.#pending = false;
    process.stdout.write(`${text}\n`);
  }
}
