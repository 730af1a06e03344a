/**
 * A good client beside an attacker, on each runtime (`deno task siege`): 1,000 half-sent heads, 1,000
 * half-sent frames and 100 connections that never read, all from one address, while a client from
 * another one opens connections and measures its round trips. Fails if a handshake does, or if the 99th
 * percentile of the round trips grows to more than twice what it is without an attacker, and by more
 * than 5 ms, in each of three runs.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Output } from "./output.ts";
import { Child, startServer } from "./processes.ts";
import { type Cores, findCores, findRuntimes, type Runtime } from "./runtimes.ts";
import type { AttackAnswer, AttackRequest } from "./siege_attack.ts";
import type { SiegeAnswer, SiegeRequest } from "./siege_client.ts";

const HEADS = 1_000, FRAMES = 1_000, DEAF = 100;
const RUNS = 3;
/** Connections that the good client opens, one after the other. */
const HANDSHAKES = 20;
/** How long to measure, in milliseconds: undisturbed, and until each half-sent head was sent again. */
const UNDISTURBED = 3_000, DISTURBED = 12_000;
/** A guard against hanging, in milliseconds. */
const GUARD = 60_000;

/** One run; times in milliseconds. */
interface Run {
  undisturbed: SiegeAnswer;
  besieged: SiegeAnswer;
  attack: AttackAnswer;
  /** The server's resident memory before and during the siege, in MiB. */
  memory: [number, number];
  limit: number;
  error: string | undefined;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const output = new Output();
const only = process.argv[2];

/** Starts all three processes and besieges the server once. */
async function besiege({ command }: Runtime, node: Runtime, cores: Cores): Promise<Run> {
  const server = await startServer(
    [...command, "benchmarks/servers/siege.ts", String(HEADS)],
    { cwd: root, core: cores.measured },
  );
  const load = { cwd: root, core: cores.load };
  const attacker = new Child([...node.command, "benchmarks/siege_attack.ts"], load);
  const client = new Child([...node.command, "benchmarks/siege_client.ts"], load);
  try {
    const { port } = server;
    const measure = (time: number): Promise<SiegeAnswer> => {
      const request: SiegeRequest = { port, handshakes: HANDSHAKES, time };
      return client.ask(request, GUARD) as Promise<SiegeAnswer>;
    };
    const attack = (request: Partial<AttackRequest>): Promise<AttackAnswer> =>
      attacker.ask(request, GUARD) as Promise<AttackAnswer>;
    const undisturbed = await measure(UNDISTURBED);
    const before = residentOf(server.child);
    const begun = await attack({ port, heads: HEADS, frames: FRAMES, deaf: DEAF });
    const besieged = await measure(DISTURBED);
    const during = residentOf(server.child);
    const after = await attack({});
    const limit = Math.max(2 * undisturbed.p99, undisturbed.p99 + 5);
    const broken = after.frames < FRAMES || after.deaf < DEAF || begun.heads < HEADS * 0.99;
    const error = undisturbed.error ?? begun.error ?? besieged.error ??
      (broken ? `the attacker has lost connections: ${JSON.stringify(after)}` : undefined) ??
      (besieged.p99 > limit ? "its round trips take too long" : undefined);
    return { undisturbed, besieged, attack: after, memory: [before, during], limit, error };
  } finally {
    await Promise.all([client.stop(), attacker.stop(), server.child.stop()]);
  }
}

/** Resident memory in MiB; NaN where the system has no /proc. */
function residentOf({ pid }: Child): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Math.round(Number(status.match(/VmRSS:\s*(\d+)/)?.[1]) / 1024);
  } catch {
    return NaN;
  }
}

const ms = (time: number): string => `${time.toFixed(2)} ms`;

function report({ undisturbed, besieged, attack, memory, limit, error }: Run): void {
  output.line(
    `  p99 ${ms(undisturbed.p99)} of ${undisturbed.trips} round trips, besieged ${
      ms(besieged.p99)
    } of ${besieged.trips} (at most ${ms(limit)}): ${error ?? "ok"}`,
  );
  output.line(
    `    ${besieged.handshakes} of ${HANDSHAKES} handshakes, the slowest ${ms(besieged.slowest)} (${
      ms(undisturbed.slowest)
    } before); ${attack.reopened} heads sent again; server ${memory.join(" to ")} MiB`,
  );
}

let failed = false;
const runtimes = findRuntimes(), cores = findCores();
output.line(
  `${HEADS} half-sent heads, ${FRAMES} half-sent frames, ${DEAF} that never read, from 127.0.0.1; ` +
    "the client from 127.0.0.2",
);
for (const [name, runtime] of runtimes) {
  if (only !== undefined && only !== name) continue;
  output.line(`${name} ${runtime.version}`);
  let good = false;
  for (let run = 0; run < RUNS; run++) {
    const result = await besiege(runtime, runtimes.get("node") as Runtime, cores);
    report(result);
    good ||= result.error === undefined;
  }
  failed ||= !good;
}
if (failed) process.exit(1);
