/**
 * What the tests of the upload example share: its server in a directory of its own, and what can be
 * seen of it from outside.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ConnectionHandlers, type WebSocketConnection } from "../../mod.ts";
import { type Child, ownRuntime, startFile } from "../support/runtimes.ts";

const example = new URL("../../examples/upload/", import.meta.url);
/** What a reader is told to allow, and no more. */
const permissions = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read", "--allow-write"];

/** A server with its files. `await using` ends it and removes them. */
export class UploadServer implements AsyncDisposable {
  readonly child: Child;
  /** Where it can be reached. */
  readonly address: string;
  /** Where its files are. */
  readonly files: string;
  /** Where a test may put its own. */
  readonly scratch: string;
  readonly #folder: string;

  private constructor(child: Child, address: string, folder: string) {
    this.child = child;
    this.address = address;
    this.#folder = folder;
    this.files = join(folder, "files");
    this.scratch = join(folder, "scratch");
  }

  /** Starts it on the runtime that runs this. */
  static async start(env: Record<string, string> = {}): Promise<UploadServer> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-upload-"));
    const child = startFile(ownRuntime, new URL("main.ts", example), {
      args: [join(folder, "files")],
      env: { PORT: "0", ...env },
      permissions,
    });
    try {
      const [, address] = await child.printed(/^Upload on (http:\/\/localhost:\d+\/)$/m);
      return new UploadServer(child, address, folder);
    } catch (error) {
      await child.stop();
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  /** Runs the command line client to its end. */
  async client(...args: string[]): Promise<{ code: number | null; output: string }> {
    await using client = startFile(ownRuntime, new URL("client.ts", example), {
      args: [this.address, ...args],
      permissions: permissions.filter((name) => name !== "--allow-env"),
    });
    const { code } = await client.exited;
    return { code, output: client.output };
  }

  /** Connects as a page does. */
  connect(websocket?: ConnectionHandlers): Promise<WebSocketConnection> {
    return connect(`${this.address}transfer`, websocket && { websocket });
  }

  /** What is in its directory, complete or not. */
  async names(): Promise<string[]> {
    return (await readdir(this.files)).sort();
  }

  /** How many bytes it ever had in memory at once, as the system counts them. */
  async peakMemory(): Promise<number> {
    const [, size] = /^VmHWM:\s+(\d+) kB$/m.exec(
      await readFile(`/proc/${await this.#pid()}/status`, "utf8"),
    )!;
    return Number(size) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The process that was told to use our directory. */
  async #pid(): Promise<string> {
    for (const pid of await readdir("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (line.split("\0").includes(this.files)) return pid;
    }
    throw new Error(`No process uses ${this.files}`);
  }
}

/** The digest of a file. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

/** A mebibyte that is no other's. upload_in_page.js makes the same. */
export function makeBlock(number: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(1 << 18);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul((number << 18) + i, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}

/** The digest of so many of them, one after the other. */
export function digestOfBlocks(count: number): string {
  const hash = createHash("sha256");
  for (let i = 0; i < count; i++) hash.update(makeBlock(i));
  return hash.digest("hex");
}
