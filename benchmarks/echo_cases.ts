/**
 * What is echoed, and who echoes it.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LoadCase } from "./frames.ts";
import type { RuntimeName } from "./runtimes.ts";

/** One kind of load, with a name. */
export interface EchoCase extends Omit<LoadCase, "mode"> {
  name: string;
  /** A participant. */
  field: Field;
  /** Where a contest of this library's with the peer is meant to end, if it is told for each load. */
  atMost?: Readonly<Partial<Record<RuntimeName, number>>>;
  /** Where the payload of its replies is meant to be, in terms of the peer's. */
  sizeAtMost?: number;
  /** Milliseconds of a round before the counting begins, and from then on, unless as usual. */
  times?: { warmup: number; duration: number };
}

/**
 * Who takes part: this library and its peer; a bare TCP echo of as many bytes as well; the other ways
 * to read a connection of this library's, beside its handlers and the peer; those that compress,
 * with each message in the context of those before or, `alone`, without; the adapter to the runtime's
 * own server beside the same server written by hand; or the adapter to `node:http` beside this
 * library's own listener, and the bare sockets of both, or, idle, only that of `node:http`.
 */
export type Field =
  | "peer"
  | "bare"
  | "readings"
  | "compressed"
  | "compressed-alone"
  | "adapters"
  | "node-http"
  | "node-http-idle";

/** A server that takes part. */
export interface Contender {
  name: string;
  /** What it runs on. */
  runtime: RuntimeName;
  /** The file below the root of the checkout. */
  script: string;
  /** What the file is told. */
  args: string[];
  mode: LoadCase["mode"];
  /** The root of the checkout. */
  root: string;
  /** Whom it is compared with, and where it is meant to cost no more than so many times as much. */
  beside: { name: string; atMost?: number }[];
}

const KIB = 1024;
/** A server written by hand drops silent peers as the adapter does by default: after so many seconds. */
const IDLE_TIMEOUT = "40";

/** Contexts fill before the counting begins. */
const COMPRESSED = {
  opcode: 1,
  depth: 16,
  connections: 50,
  compressed: true,
  field: "compressed",
  times: { warmup: 500, duration: 1500 },
} as const;

/** All loads. The large messages have fewer connections, so that buffers do not swamp the caches. */
export const ECHO_CASES: readonly EchoCase[] = [
  { name: "64-binary-32", payload: 64, opcode: 2, depth: 32, connections: 50, field: "peer" },
  { name: "64-text-32", payload: 64, opcode: 1, depth: 32, connections: 50, field: "peer" },
  { name: "64-binary-1", payload: 64, opcode: 2, depth: 1, connections: 50, field: "bare" },
  { name: "64-text-1", payload: 64, opcode: 1, depth: 1, connections: 50, field: "peer" },
  { name: "64-readings-32", payload: 64, opcode: 2, depth: 32, connections: 50, field: "readings" },
  { name: "64-readings-1", payload: 64, opcode: 2, depth: 1, connections: 50, field: "readings" },
  { name: "64-adapters-32", payload: 64, opcode: 2, depth: 32, connections: 50, field: "adapters" },
  {
    name: "64-adapters-node-http-32",
    payload: 64,
    opcode: 2,
    depth: 32,
    connections: 50,
    field: "node-http",
  },
  { name: "16k-binary-1", payload: 16 * KIB, opcode: 2, depth: 1, connections: 50, field: "peer" },
  {
    name: "16k-binary-32",
    payload: 16 * KIB,
    opcode: 2,
    depth: 32,
    connections: 10,
    field: "peer",
  },
  { name: "1m-binary-1", payload: KIB * KIB, opcode: 2, depth: 1, connections: 10, field: "peer" },
  { name: "1m-binary-32", payload: KIB * KIB, opcode: 2, depth: 32, connections: 2, field: "peer" },
  {
    ...COMPRESSED,
    name: "110-compressed-16",
    payload: 110,
    atMost: { node: 0.083, bun: 0.9 },
    sizeAtMost: 1,
  },
  { ...COMPRESSED, name: "1k-compressed-16", payload: KIB, atMost: { node: 0.125, bun: 0.9 } },
  {
    ...COMPRESSED,
    name: "64k-compressed-16",
    payload: 64 * KIB,
    atMost: { node: 1 },
    sizeAtMost: 1.05,
    times: { warmup: 1000, duration: 4000 },
  },
];

const PEERS: Readonly<Record<RuntimeName, { name: string; file: string }>> = {
  deno: { name: "Deno.upgradeWebSocket", file: "deno_native" },
  bun: { name: "Bun.serve", file: "bun_native" },
  node: { name: "ws", file: "ws_node" },
};

/**
 * Who takes part on a runtime: first this library, then those it is compared with. With a `base`, the
 * checkout there in place of these, as far as it has the same servers.
 */
export function contendersFor(
  runtime: RuntimeName,
  { field, atMost }: Pick<EchoCase, "field" | "atMost">,
  { root, base }: { root: string; base: string | undefined },
): Contender[] {
  const server = (name: string, file: string, beside: Contender["beside"] = []): Contender => {
    const script = `benchmarks/servers/${file}.ts`;
    return { name, runtime, script, args: [], mode: "websocket", root, beside };
  };
  const peer = server(PEERS[runtime].name, PEERS[runtime].file);
  const bare: Contender = { ...server("bare TCP", `bare_${runtime}`), mode: "bare" };
  const bareHttp: Contender = { ...server("bare node:http", "bare_node_http"), mode: "upgraded" };
  let ours: Contender[];
  let others: Contender[];
  if (field === "readings") {
    // Bun's own costs less than any stream: there is nothing to be gained on it.
    const peers = runtime === "bun" ? [] : [peer];
    const pipeBeside = peers.map(({ name }) => ({ name, atMost: 1 }));
    ours = [
      server("for await", "sluice_iteration", [{ name: "sluice", atMost: 2 }]),
      server("pipeTo", "sluice_pipe", [{ name: "sluice", atMost: 6 }, ...pipeBeside]),
    ];
    others = [server("sluice", "sluice"), ...peers];
  } else if (field === "adapters") {
    if (runtime === "node") return []; // it has no server of its own with WebSockets
    const file = `adapter_${runtime}`, read = { name: peer.name, atMost: 2 };
    ours = [
      server("adapter", file, [{ name: peer.name, atMost: 1.15 }]),
      { ...server("adapter, for await", file, [read]), args: ["iteration"] },
    ];
    others = [{ ...peer, args: [IDLE_TIMEOUT] }];
  } else if (field === "node-http-idle") {
    if (runtime !== "node") return []; // the sockets of the others' node:http are not comparable
    ours = [server("adapter", "adapter_node")];
    others = [bareHttp];
  } else if (field === "node-http") {
    ours = [server("adapter", "adapter_node", [{ name: "sluice", atMost: 1.3 }])];
    // A buffer for all that is in flight, as this library's own listener has it by then.
    const bareWide = { ...bare, args: ["16384"] };
    others = [
      server("sluice", "sluice"),
      { ...bareHttp, beside: [{ name: bare.name }] },
      bareWide,
    ];
  } else if (field === "compressed" || field === "compressed-alone") {
    const args = field === "compressed" ? [] : ["alone"];
    // Deno has no peer, but this library on Node.
    const other = runtime === "deno"
      ? { ...server("sluice on Node", "sluice_deflate"), runtime: "node" as const, args }
      : { ...server(PEERS[runtime].name, `${PEERS[runtime].file}_deflate`), args };
    const wanted = atMost?.[runtime];
    const beside = { name: other.name, ...(wanted === undefined ? {} : { atMost: wanted }) };
    ours = [{ ...server("sluice", "sluice_deflate", [beside]), args }];
    others = [other];
  } else {
    others = field === "bare" ? [peer, bare] : [peer];
    ours = [server("sluice", "sluice", others)];
  }
  if (base === undefined) return [...ours, ...others];
  return ours.filter(({ script }) => existsSync(join(base, script))).flatMap((contender) => {
    const before = { ...contender, name: `${contender.name} before`, root: base, beside: [] };
    return [{ ...contender, beside: [before] }, before];
  });
}
