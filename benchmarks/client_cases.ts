/**
 * What clients do, and which take part.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeName } from "./runtimes.ts";

/** One kind of work. */
export interface ClientCase {
  name: string;
  /** Opening and closing, or messages on connections that are open. */
  work: "open" | "echo";
  /** How many connections there are at a time. */
  connections: number;
  /** Messages in flight on each connection. */
  depth: number;
  /** Whether a message is sent for each that comes, in place of the next batch once all are back. */
  rolling: boolean;
  /** Where a contest is meant to end, of this library's with each peer: `ws`, the runtime's own, `connect`. */
  atMost: Readonly<Record<string, number>>;
}

/** A client that takes part. */
export interface ClientContender {
  name: string;
  runtime: RuntimeName;
  /** The file below the root of the checkout. */
  script: string;
  /** The root of the checkout. */
  root: string;
  /** Whom it is compared with, and where it is meant to cost no more than so many times as much. */
  beside: { name: string; atMost?: number }[];
}

const ECHO = { work: "echo", connections: 50, depth: 32 } as const;
const MESSAGES = { ws: 0.25, deno: 0.25, node: 0.25, bun: 1.2, connect: 1.5 };

/** All kinds of work. */
export const CLIENT_CASES: readonly ClientCase[] = [
  {
    name: "open-close",
    work: "open",
    connections: 16,
    depth: 0,
    rolling: false,
    atMost: { ws: 1, deno: 1.3, node: 1.3, bun: 1.3 },
  },
  { ...ECHO, name: "64-binary-32", rolling: false, atMost: MESSAGES },
  { ...ECHO, name: "64-rolling-32", rolling: true, atMost: MESSAGES },
];

/** What each runtime's own WebSocket is called in the tables. */
const OWN: Readonly<Record<RuntimeName, string>> = {
  deno: "Deno's own",
  bun: "Bun's own",
  node: "Node's own (undici)",
};

/**
 * Who takes part on a runtime: first this library, then those it is compared with. With a `base`, the
 * checkout there in place of these, as far as it has the same clients.
 */
export function clientsFor(
  runtime: RuntimeName,
  { work, atMost }: Pick<ClientCase, "work" | "atMost">,
  { root, base }: { root: string; base: string | undefined },
): ClientContender[] {
  const client = (
    name: string,
    file: string,
    beside: ClientContender["beside"] = [],
  ): ClientContender => ({
    name,
    runtime,
    script: `benchmarks/clients/${file}.ts`,
    root,
    beside,
  });
  // Opening is compared with ws on every runtime, messages on that which it is made for.
  const withWs = work === "open" || runtime === "node";
  const peers = [{ name: OWN[runtime], atMost: atMost[runtime] }];
  if (withWs) peers.push({ name: "ws on Node", atMost: atMost.ws });
  const beside = atMost.connect === undefined ? [] : [{ name: "connect", atMost: atMost.connect }];
  const ours = [client("connect", "sluice", peers), client("WebSocket", "sluice_class", beside)];
  if (base !== undefined) {
    return ours.filter(({ script }) => existsSync(join(base, script))).flatMap((contender) => {
      const before = { ...contender, name: `${contender.name} before`, root: base, beside: [] };
      return [{ ...contender, beside: [before] }, before];
    });
  }
  const others = [client(OWN[runtime], "own")];
  if (withWs) others.push({ ...client("ws on Node", "ws"), runtime: "node" });
  return [...ours, ...others];
}
