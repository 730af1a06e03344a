/**
 * The processes that the runner starts: servers, which tell their port, and workers, which answer a
 * line of JSON with a line of JSON.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** A process under way. */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;
  readonly #exited: Promise<void>;

  /** Starts `command` in the folder `cwd`, on `core` if there is one; stderr stays visible. */
  constructor(command: string[], options: { cwd: string; core: number | undefined }) {
    const pinned = options.core === undefined
      ? command
      : ["taskset", "-c", String(options.core), ...command];
    this.#name = command.at(-1) ?? "";
    this.#process = spawn(pinned[0], pinned.slice(1), {
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.once("error", () => resolve());
    });
  }

  /** Its process id: taskset replaces itself by what it starts, so it is the same with a core. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /**
   * The next line it prints.
   *
   * @throws {Error} If it ends, or if nothing comes for `timeout` milliseconds.
   */
  async line(timeout: number): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#name} is silent`)), timeout);
    });
    try {
      const { done, value } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(`${this.#name} ended`);
      return value;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request and gives the answer. */
  async ask(request: unknown, timeout: number): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    return JSON.parse(await this.line(timeout));
  }

  /** Ends it, and waits until it is gone. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }
}

/** A server, listening. */
export interface RunningServer {
  child: Child;
  port: number;
}

/** Starts a server and waits for its port. */
export async function startServer(
  command: string[],
  options: { cwd: string; core: number | undefined },
): Promise<RunningServer> {
  const child = new Child(command, options);
  try {
    const line = await child.line(30_000);
    if (!line.startsWith("listening ")) throw new Error(`Cannot start a server: it said ${line}`);
    return { child, port: Number(line.slice("listening ".length)) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
