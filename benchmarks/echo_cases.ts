/**
 * What is echoed, and who echoes it.
 *
 * @module
 */
import type { LoadCase } from "./frames.ts";
import type { RuntimeName } from "./runtimes.ts";

/** One kind of load, with a name. */
export interface EchoCase extends Omit<LoadCase, "mode"> {
  name: string;
  /** Whether a bare TCP echo of as many bytes takes part. */
  bare: boolean;
}

/** A server that takes part. */
export interface Contender {
  name: string;
  /** The file below the root of the checkout. */
  script: string;
  mode: LoadCase["mode"];
  /** The root of the checkout. */
  root: string;
}

const KIB = 1024;

/** All loads. The large messages have fewer connections, so that buffers do not swamp the caches. */
export const ECHO_CASES: readonly EchoCase[] = [
  { name: "64-binary-32", payload: 64, opcode: 2, depth: 32, connections: 50, bare: false },
  { name: "64-text-32", payload: 64, opcode: 1, depth: 32, connections: 50, bare: false },
  { name: "64-binary-1", payload: 64, opcode: 2, depth: 1, connections: 50, bare: true },
  { name: "64-text-1", payload: 64, opcode: 1, depth: 1, connections: 50, bare: false },
  { name: "16k-binary-1", payload: 16 * KIB, opcode: 2, depth: 1, connections: 50, bare: false },
  { name: "1m-binary-1", payload: KIB * KIB, opcode: 2, depth: 1, connections: 10, bare: false },
];

const PEERS: Readonly<Record<RuntimeName, { name: string; script: string }>> = {
  deno: { name: "Deno.upgradeWebSocket", script: "benchmarks/servers/deno_native.ts" },
  bun: { name: "Bun.serve", script: "benchmarks/servers/bun_native.ts" },
  node: { name: "ws", script: "benchmarks/servers/ws_node.ts" },
};

/** Who takes part on a runtime: first this library, then those it is compared with. */
export function contendersFor(
  runtime: RuntimeName,
  echoCase: EchoCase,
  roots: { root: string; base: string | undefined },
): Contender[] {
  const { root, base } = roots;
  const script = "benchmarks/servers/sluice.ts";
  const sluice: Contender = { name: "sluice", script, mode: "websocket", root };
  if (base !== undefined) return [sluice, { ...sluice, name: "base", root: base }];
  const contenders = [sluice, { ...PEERS[runtime], mode: "websocket" as const, root }];
  if (echoCase.bare) {
    const script = `benchmarks/servers/bare_${runtime}.ts`;
    contenders.push({ name: "bare TCP", script, mode: "bare", root });
  }
  return contenders;
}
