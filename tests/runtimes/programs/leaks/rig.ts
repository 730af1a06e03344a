/** What every way to end a connection is made of: ends that are looked at, and the peer. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type CloseInfo,
  connect,
  type ConnectOptions,
  SluiceError,
  type WebSocketConnection,
} from "../../../../mod.ts";
import type { Clock } from "../../../../lib/protocol/clock.ts";
import { clock, track } from "./figures.ts";
import type { PeerOrder, PeerWay } from "./peer.ts";

/** One way in which connections end. */
export interface Scenario {
  /** What is done. */
  readonly name: string;
  /** How many connections are under way at once. @default {100} */
  readonly batch?: number;
  /** How many in all. @default {2000} */
  readonly count?: number;
  /** Makes ready what serves every batch. */
  start(): Promise<Run>;
}

/** A way under way. */
export interface Run {
  /** Opens, uses and ends so many connections. */
  batch(size: number): Promise<void>;
  /** Ends what served them. */
  end(): Promise<void>;
}

/** What servers and clients have in common here: no time that is not waited for may run out. */
export const common: {
  clock: Clock;
  onError: () => void;
  handshakeTimeout: number;
  closeTimeout: number;
} = {
  clock,
  onError: (): void => {},
  handshakeTimeout: 60_000,
  closeTimeout: 60_000,
};

/** Where servers listen here. */
export const local: { hostname: string } = { hostname: "127.0.0.1" };

/** What has an end. */
export interface Ended {
  readonly closed: Promise<CloseInfo>;
}

/** Lives as long as the program: whatever has waited for it must let go of it. */
export const signal: AbortSignal = new AbortController().signal;

/** How a connection ended, in words. */
export function tell({ closeCode, wasClean, initiator, error }: CloseInfo): string {
  return `${closeCode} ${wasClean ? "clean" : "unclean"} ${initiator} ${causeOf(error)}`;
}

/** What an error names as its cause: an option, a code, or its class. */
export function causeOf(error: unknown): string {
  if (error === undefined) return "-";
  if (error instanceof SluiceError) return "option" in error ? `${error.option}` : error.code;
  return error instanceof Error ? error.name : String(error);
}

/** Refuses to measure what did not happen. */
export function check(told: string, wanted: RegExp): void {
  if (!wanted.test(told)) throw new Error(`Wanted ${wanted}, but it ended with: ${told}`);
}

/** Waits for a connection's end, and checks it. */
export async function ended(
  connection: Ended,
  wanted: RegExp,
): Promise<void> {
  check(tell(await connection.closed), wanted);
}

/** What it is that fails, if `promise` does. */
export function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => "nothing", causeOf);
}

/** Does something so many times, all at once. */
export async function times(count: number, each: (at: number) => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => each(at)));
}

/** The connections of a server, as they come. */
export class Ends {
  #connections: Ended[] = [];
  #more = Promise.withResolvers<void>();

  /** A connection is open. */
  add(connection: Ended): void {
    track(connection);
    this.#connections.push(connection);
    this.#more.resolve();
  }

  /** Waits until so many have come. */
  async opened(count: number): Promise<void> {
    while (this.#connections.length < count) {
      this.#more = Promise.withResolvers();
      await this.#more.promise;
    }
  }

  /** Waits for the ends of so many, and checks them. */
  async ended(count: number, wanted: RegExp): Promise<void> {
    await this.opened(count);
    for (const connection of this.#connections.splice(0, count)) await ended(connection, wanted);
  }
}

/** A client's connection. */
export async function open(
  url: string,
  options: ConnectOptions = {},
): Promise<WebSocketConnection> {
  const connection = await connect(url, { ...common, signal, ...options });
  track(connection);
  return connection;
}

/** The misbehaving peer. */
export class Peer {
  /** Where its servers listen. */
  port = 0;
  #held = 0;
  #over = false;
  #wake: (() => void) | undefined;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #path: string;
  readonly #exited: Promise<void>;

  private constructor(path: string) {
    const file = fileURLToPath(new URL("./peer.ts", import.meta.url));
    const flags = "Deno" in globalThis ? ["run", "--quiet", "--no-check", "-A"] : [];
    this.#path = path;
    this.#child = spawn(process.execPath, [...flags, file, path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once("close", () => {
        this.#over = true;
        this.#wake?.();
        resolve();
      });
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line === "held") this.#held++;
      else this.port = Number(line.slice("port ".length));
      this.#wake?.();
    });
  }

  /** Starts one whose other server is at `path`. */
  static async start(path: string): Promise<Peer> {
    const peer = new Peer(path);
    await peer.#until(() => peer.port > 0);
    return peer;
  }

  /** What a client connects to so that it is treated in that way. */
  url(way: PeerWay): string {
    return `ws://127.0.0.1:${this.port}/${way}`;
  }

  /** Where its Unix socket is. */
  get path(): string {
    return this.#path;
  }

  /** Makes it connect. */
  order(order: PeerOrder): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** Waits until so many connections are held. */
  held(count: number): Promise<void> {
    return this.#until(() => this.#held >= count);
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#over) throw new Error("The peer's process ended by itself");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
