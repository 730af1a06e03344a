/**
 * The idle benchmark: what a connection costs in memory while nothing happens on it, ours beside the
 * peers and the runtimes' bare sockets.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { EchoEnvironment } from "./echo.ts";
import { type Contender, contendersFor, type Field } from "./echo_cases.ts";
import type { ClientsAnswer, ClientsRequest, IdleTraffic } from "./idle_clients.ts";
import { type BenchmarkOptions, isWanted } from "./options.ts";
import type { Output } from "./output.ts";
import { Child, type RunningServer, startServer } from "./processes.ts";
import { EXPOSE_GC, type Runtime, type RuntimeName } from "./runtimes.ts";
import type { Collection, HeapUse } from "./servers/memory.ts";
import { summarize, type Summary } from "./statistics.ts";

/** Where a process has its memory, in the order of the table. */
const COLUMNS = ["heap", "resident", "shrunk"] as const;

/** Bytes: live objects, resident memory, and what is resident once free memory was given back. */
type Memory = Readonly<Record<(typeof COLUMNS)[number], number>>;

/** What one contender held for each connection. */
export interface IdleContender {
  name: string;
  rounds: Memory[];
  perConnection: Readonly<Record<keyof Memory, Summary>>;
}

/** What the contenders on one runtime held. */
export interface IdleResult {
  name: string;
  connections: number;
  contenders: IdleContender[];
}

/** A runtime on which not all could be measured. */
export interface FailedIdle {
  name: string;
  error: string;
}

const KIB = 1024;
/** Opened and closed again before the memory with no connection is read. */
const WARM_UP = 200;
/** Memory hardly varies: more rounds tell nothing new. */
const MOST_ROUNDS = 3;

/** What connections do before they are idle, who takes part, and what is wanted. */
interface IdleCase {
  name: string;
  traffic: IdleTraffic;
  field: Field;
  /** Less than so many KiB in all. */
  below?: number;
  /** Less than so many KiB beyond the bare socket. */
  beyondBare?: number;
  /** Less in all than this share of the peer's. */
  ofPeer?: Readonly<Partial<Record<RuntimeName, number>>>;
}

const IDLE_CASES: readonly IdleCase[] = [
  {
    name: "idle",
    traffic: "plain",
    field: "bare",
    beyondBare: 2.5,
    // Bun's own holds next to nothing, as a bare one.
    ofPeer: { deno: 2 / 3, node: 1 },
  },
  { name: "idle-node-http", traffic: "plain", field: "node-http-idle", beyondBare: 1.66 },
  { name: "idle-compressed", traffic: "compressed", field: "compressed", below: 24 },
  {
    name: "idle-compressed-alone",
    traffic: "compressed-alone",
    field: "compressed-alone",
    below: 5,
  },
];

/** Measures on the runtimes that were asked for. */
export async function runIdle(
  options: BenchmarkOptions,
  environment: EchoEnvironment,
): Promise<(IdleResult | FailedIdle)[]> {
  const { runtimes, root, output } = environment;
  const results: (IdleResult | FailedIdle)[] = [];
  const connections = options.quick ? 1000 : 10_000;
  for (const idleCase of IDLE_CASES) {
    for (const runtime of runtimes.values()) {
      const name = `${idleCase.name}/${runtime.name}`;
      if (!isWanted(name, options)) continue;
      const contenders = contendersFor(runtime.name, idleCase, { root, base: options.base });
      if (contenders.length === 0) continue;
      output.line(`${name}: KiB a connection, of ${connections.toLocaleString("en-US")}`);
      const rounds: Memory[][] = contenders.map(() => []);
      try {
        for (let round = 1; round <= Math.min(options.pairs, MOST_ROUNDS); round++) {
          for (const [index, contender] of contenders.entries()) {
            output.progress(`  round ${round}: ${contender.name}`);
            const { traffic } = idleCase;
            rounds[index].push(await hold(contender, { connections, traffic, environment }));
          }
        }
        const result = {
          name,
          connections,
          contenders: contenders.map(({ name }, index) => summarizeRounds(name, rounds[index])),
        };
        // What is wanted beside a peer is not wanted beside an earlier checkout.
        const ofPeer = options.base === undefined ? idleCase.ofPeer?.[runtime.name] : undefined;
        report(result, { ...idleCase, ofPeer }, output);
        results.push(result);
      } catch (error) {
        // The other runtimes are still worth measuring, though the run as a whole has failed.
        output.line(`  failed: ${error}`);
        results.push({ name, error: String(error) });
      }
    }
  }
  return results;
}

interface HoldOptions {
  connections: number;
  traffic: IdleTraffic;
  environment: EchoEnvironment;
}

/** Has one server hold the connections: what it needs for each more than it needs for none. */
async function hold(contender: Contender, options: HoldOptions): Promise<Memory> {
  const { connections, traffic, environment: { runtimes, cores, root } } = options;
  const { runtime, script, args } = contender;
  const { command: start } = runtimes.get(runtime) as Runtime;
  const command = [...start, ...EXPOSE_GC[runtime], script, ...args];
  const server = await startServer(command, { cwd: contender.root, core: cores.measured });
  const bun = runtimes.get("bun") as Runtime;
  const clients = new Child([...bun.command, "benchmarks/idle_clients.ts"], {
    cwd: root,
    core: cores.load,
  });
  const ask = async (request: ClientsRequest): Promise<void> => {
    const answer = await clients.ask(request, 120_000) as ClientsAnswer;
    if ("error" in answer) throw new Error(`Cannot measure ${contender.name}: ${answer.error}`);
  };
  try {
    const to = { mode: contender.mode, port: server.port, traffic };
    await ask({ open: WARM_UP, ...to });
    await ask({ close: true });
    // What the runtime needed to start, its compiler above all, must not go missing between the two.
    await server.child.ask("shrink" satisfies Collection, 60_000);
    const before = await measure(server, runtime);
    await ask({ open: connections, ...to });
    const after = await measure(server, runtime);
    // Had one been lost meanwhile, the clients would say so now.
    await ask({ open: 0, ...to });
    const each = (column: keyof Memory): number => (after[column] - before[column]) / connections;
    return { heap: each("heap"), resident: each("resident"), shrunk: each("shrunk") };
  } finally {
    await clients.stop();
    await server.child.stop();
  }
}

/** The memory of a server's process. */
async function measure({ child }: RunningServer, runtime: RuntimeName): Promise<Memory> {
  const collect = async (collection: Collection): Promise<HeapUse> =>
    await child.ask(collection, 60_000) as HeapUse;
  await collect("collect");
  const resident = readResident(child.pid);
  const { heapUsed, external } = await collect("shrink");
  const heap = runtime === "bun" ? heapUsed : heapUsed + external;
  return { heap, resident, shrunk: readResident(child.pid) };
}

/** The bytes of a process that are in memory: from `/proc`, or where there is none from `ps`. */
function readResident(pid: number): number {
  let text: string;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    text = status.slice(status.indexOf("VmRSS:") + "VmRSS:".length);
  } catch {
    text = execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" });
  }
  return Number.parseInt(text) * KIB;
}

function summarizeRounds(name: string, rounds: Memory[]): IdleContender {
  const of = (column: keyof Memory): Summary => summarize(rounds.map((memory) => memory[column]));
  const perConnection = { heap: of("heap"), resident: of("resident"), shrunk: of("shrunk") };
  return { name, rounds, perConnection };
}

/** What is wanted of this library; see IdleCase. */
type Wanted = Pick<IdleCase, "below" | "beyondBare"> & { ofPeer: number | undefined };

/** Prints the table, and below it how this library stands. */
function report({ contenders }: IdleResult, wanted: Wanted, output: Output): void {
  const { below, beyondBare, ofPeer } = wanted;
  const row = (label: string, cells: string[], wanted = ""): void =>
    output.line(`  ${label.padEnd(32)}${cells.map((cell) => cell.padStart(24)).join("")}${wanted}`);
  row("", [...COLUMNS]);
  for (const { name, perConnection } of contenders) {
    const cells = COLUMNS.map((column) => {
      const { median, min, max } = perConnection[column];
      return `${inKib(median)} (${inKib(min)} .. ${inKib(max)})`;
    });
    const ours = name === contenders[0].name;
    row(name, cells, ours && below !== undefined ? `  wanted: less than ${below}` : "");
  }
  const [ours, ...others] = contenders;
  const compare = (other: IdleContender, how: (ours: number, other: number) => number): string[] =>
    COLUMNS.map((column) =>
      how(ours.perConnection[column].median, other.perConnection[column].median).toFixed(2)
    );
  for (const other of others) {
    if (other.name.startsWith("bare ")) {
      const cells = compare(other, (a, b) => (a - b) / KIB);
      row(`${ours.name} - ${other.name}`, cells, `  wanted: less than ${beyondBare}`);
    } else {
      const cells = compare(other, (a, b) => a / b);
      const wanted = ofPeer === undefined ? "" : `  wanted: less than ${ofPeer.toFixed(2)}`;
      row(`${ours.name} / ${other.name}`, cells, wanted);
    }
  }
  output.line();
}

function inKib(bytes: number): string {
  return (bytes / KIB).toFixed(2);
}
