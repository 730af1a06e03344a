/**
 * Starting peers: other implementations, as processes of their own.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findPrograms } from "../support/programs.ts";
import { findRuntime, ownRuntime, type RuntimeName, runtimeNames } from "../support/runtimes.ts";

/** How long anything may take before a test gives up, in milliseconds: a guard, never a measure. */
export const GUARD = 30_000;

/** Where the test certificate's authority is. */
const authority = fileURLToPath(new URL("../certificates/ca.pem", import.meta.url));

/** The runtime that this runs in. */
export const self: RuntimeName = ownRuntime;

/** What a command prints, or undefined if it cannot be run. */
function outputOf([program = "", ...args]: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

/** The commands of the runtimes that are installed. */
export const runtimes: ReadonlyMap<RuntimeName, string[]> = new Map(
  runtimeNames.flatMap((name) => {
    const path = findRuntime(name)?.path;
    if (path === undefined) return [];
    return [[name, name === "deno" ? [path, "run", "--quiet", "-A", "--no-check"] : [path]]];
  }),
);

/** Python with the package `websockets`, if it is installed: the system's own rather than another. */
export const python: string | undefined = ["/usr/bin/python3", ...findPrograms("python3")].find(
  (program) => outputOf([program, "-c", "import websockets"]) !== undefined,
);

/** What a peer tells. */
export interface PeerEvent {
  id?: string;
  event: "ready" | "open" | "closed" | "failed";
  /** At first: where its servers listen. */
  plain?: number;
  secure?: number;
  /** Once open. */
  protocol?: string;
  /** Once closed. */
  code?: number;
  reason?: string;
  wasClean?: boolean;
  /** Once refused, where the peer lets its user know. */
  status?: number;
}

/** One kind of peer: its program and what it can do. */
export interface PeerKind {
  name: string;
  /** The command to run, or undefined if it is not installed. */
  command: string[] | undefined;
  serves: boolean;
  connects: boolean;
  /** Whether its user can send pings. */
  pings: boolean;
  /** Whether its user can send a message in fragments. */
  fragments: boolean;
  /** Whether its user is told the status of a refusal. */
  tellsStatus: boolean;
}

function program(runtime: RuntimeName, file: string): string[] | undefined {
  const command = runtimes.get(runtime);
  return command && [...command, fileURLToPath(new URL(`./programs/${file}`, import.meta.url))];
}

const can = { serves: false, connects: false, pings: false, fragments: false, tellsStatus: false };

/** The peers. */
export const peers: readonly PeerKind[] = [
  { ...can, name: "Deno.serve", command: program("deno", "deno_server.ts"), serves: true },
  { ...can, name: "Deno's client", command: program("deno", "web_client.ts"), connects: true },
  {
    ...can,
    name: "Bun.serve",
    command: program("bun", "bun_server.ts"),
    serves: true,
    pings: true,
  },
  {
    ...can,
    name: "Bun's client",
    command: program("bun", "web_client.ts"),
    connects: true,
    pings: true,
  },
  { ...can, name: "Node's client", command: program("node", "web_client.ts"), connects: true },
  {
    name: "ws",
    command: program("node", "ws.ts"),
    serves: true,
    connects: true,
    pings: true,
    fragments: true,
    tellsStatus: true,
  },
  {
    name: "Python's websockets",
    command: python === undefined
      ? undefined
      : [python, fileURLToPath(new URL("./programs/websockets_peer.py", import.meta.url))],
    serves: true,
    connects: true,
    pings: true,
    fragments: true,
    tellsStatus: true,
  },
];

/** A peer under way. */
export class Peer implements AsyncDisposable {
  /** Where its servers listen; 0 if it has none. */
  plain = 0;
  secure = 0;
  readonly #name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<void>;
  readonly #events: PeerEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #stderr = "";
  #over = false;

  private constructor(kind: PeerKind) {
    const [program = "", ...args] = kind.command ?? [];
    this.#name = kind.name;
    this.#process = spawn(program, args, {
      stdio: "pipe",
      env: { ...process.env, DENO_CERT: authority, NODE_EXTRA_CA_CERTS: authority },
    });
    this.#process.stderr.on("data", (chunk) => this.#stderr += String(chunk));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.#events.push(JSON.parse(line) as PeerEvent);
      for (const wake of this.#waiting) wake();
    });
    this.#exited = new Promise((resolve) => {
      const over = (): void => {
        this.#over = true;
        for (const wake of this.#waiting) wake();
        resolve();
      };
      this.#process.once("exit", over);
      this.#process.once("error", over);
    });
  }

  /** Starts a peer and waits until it is ready. */
  static async start(kind: PeerKind): Promise<Peer> {
    const peer = new Peer(kind);
    try {
      const { plain = 0, secure = 0 } = await peer.event(undefined, "ready");
      peer.plain = plain;
      peer.secure = secure;
      return peer;
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its server's URL, with what its program reads from it. */
  url(scheme: "ws" | "wss", query: string): string {
    return `${scheme}://127.0.0.1:${scheme === "ws" ? this.plain : this.secure}/?${query}`;
  }

  /** Orders it to connect. */
  connect(order: { id: string; url: string; protocols: string[] }): void {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /**
   * What it tells of the connection with that id: that event, or another that ends the connection.
   *
   * @throws {Error} if the process ends first, or is silent.
   */
  async event(id: string | undefined, ...names: PeerEvent["event"][]): Promise<PeerEvent> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let late = false;
    try {
      for (;;) {
        const found = this.#events.find((told) => told.id === id && names.includes(told.event));
        if (found !== undefined) return found;
        if (this.#over || late) {
          throw new Error(`${this.#name} did not tell ${names} of ${id}\n${this.#stderr}`);
        }
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            this.#waiting.delete(wake);
            resolve();
          };
          this.#waiting.add(wake);
          timer ??= setTimeout(() => {
            late = true;
            for (const wake of this.#waiting) wake();
          }, GUARD);
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.on("error", () => {}); // it may have ended by itself
    this.#process.stdin.end();
    this.#process.kill("SIGKILL");
    await this.#exited;
  }
}
