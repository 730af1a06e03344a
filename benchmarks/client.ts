/**
 * The clients' benchmark: what opening and closing a connection, and a message there and back, cost a
 * client in CPU time, ours beside the peers. All work against one server, a process of its own on the
 * other core; the clients of a contest take rounds in turn, and a ratio is formed within each turn.
 *
 * @module
 */
import { CLIENT_CASES, type ClientCase, type ClientContender, clientsFor } from "./client_cases.ts";
import type { ClientRequest, ClientResult } from "./clients/work.ts";
import { cpuBetween, readCpuTimes } from "./cpu.ts";
import type { EchoEnvironment, FailedContest } from "./echo.ts";
import { type BenchmarkOptions, isWanted } from "./options.ts";
import { Child, startServer } from "./processes.ts";
import type { Output } from "./output.ts";
import { describeRatio, formatFigure, percentColumn } from "./report.ts";
import type { Runtime } from "./runtimes.ts";
import { median, summarize, type Summary } from "./statistics.ts";

/** One round of a client. */
export interface ClientRound extends ClientResult {
  /** Seconds of CPU time that the client used. */
  cpu: number;
  /** Seconds that its threads stood in line for their core. */
  waited: number;
}

/** What one client did. */
export interface ClientFigures {
  name: string;
  rounds: ClientRound[];
  /** Microseconds of the client's CPU time for each connection or message. */
  cpuEach: Summary;
  perSecond: Summary;
  /** The share of its core that the client used, and that it waited for. */
  busy: number;
  waited: number;
}

/** What one contest gave. */
export interface ClientContest {
  name: string;
  contenders: ClientFigures[];
  ratios: { of: string; to: string; ratio: Summary; atMost: number | undefined }[];
}

/** Runs all contests that were asked for. */
export async function runClients(
  options: BenchmarkOptions,
  environment: EchoEnvironment,
): Promise<(ClientContest | FailedContest)[]> {
  const { runtimes, root, output } = environment;
  const results: (ClientContest | FailedContest)[] = [];
  for (const clientCase of CLIENT_CASES) {
    for (const runtime of runtimes.values()) {
      const name = `client/${runtime.name}/${clientCase.name}`;
      if (!isWanted(name, options)) continue;
      const contenders = clientsFor(runtime.name, clientCase, { root, base: options.base });
      if (contenders.length === 0) continue;
      output.line(`${name}: ${describe(clientCase)}`);
      try {
        const rounds = await play(clientCase, contenders, options, environment);
        const result = judge(name, contenders, rounds);
        report(result, clientCase, output);
        results.push(result);
      } catch (error) {
        // The other contests are still worth running, though the run as a whole has failed.
        output.line(`  failed: ${error}`);
        results.push({ name, error: String(error) });
      }
    }
  }
  return results;
}

function describe({ work, connections, depth, rolling }: ClientCase): string {
  if (work === "open") return `connections opened and closed, ${connections} at a time`;
  const next = rolling ? "one more for each that is back" : "the next when all are back";
  return `64 bytes binary, ${depth} in flight on ${connections} connections, ${next}`;
}

/** Starts the server and the clients, and has them take turns. Returns the rounds of each client. */
async function play(
  clientCase: ClientCase,
  contenders: readonly ClientContender[],
  options: BenchmarkOptions,
  { runtimes, cores, root, output }: EchoEnvironment,
): Promise<ClientRound[][]> {
  const { command: bun } = runtimes.get("bun") as Runtime;
  const server = await startServer([...bun, "benchmarks/servers/bun_native.ts"], {
    cwd: root,
    core: cores.load,
  });
  const clients: Child[] = [];
  try {
    for (const { root, runtime, script } of contenders) {
      const command = [...(runtimes.get(runtime) as Runtime).command, script];
      clients.push(new Child(command, { cwd: root, core: cores.measured }));
    }
    const { work, connections, depth, rolling } = clientCase;
    const run = async (index: number, duration: number): Promise<ClientRound> => {
      const { port } = server, client = clients[index];
      const request: ClientRequest = { work, port, connections, depth, rolling, duration };
      const before = readCpuTimes(client.pid);
      const answer = await client.ask(request, 60_000) as ClientResult | { error: string };
      const { used, waited } = cpuBetween(before, readCpuTimes(client.pid));
      if ("error" in answer) {
        throw new Error(`Cannot measure ${contenders[index].name}: ${answer.error}`);
      }
      return { ...answer, cpu: used / 1e9, waited: waited / 1e9 };
    };
    for (const [index, { name }] of contenders.entries()) {
      output.progress(`  warming up ${name}`);
      await run(index, options.quick ? 300 : 2000);
    }
    const rounds: ClientRound[][] = contenders.map(() => []);
    for (let turn = 1; turn <= options.pairs; turn++) {
      for (const [index, { name }] of contenders.entries()) {
        output.progress(`  turn ${turn} of ${options.pairs}: ${name}`);
        rounds[index].push(await run(index, options.quick ? 300 : 1000));
      }
    }
    return rounds;
  } finally {
    for (const client of clients) await client.stop();
    await server.child.stop();
  }
}

/** Microseconds of the client's CPU time for each connection or message of a round. */
function cpuEach({ cpu, count }: ClientRound): number {
  return cpu / count * 1e6;
}

function judge(
  name: string,
  played: readonly ClientContender[],
  rounds: readonly ClientRound[][],
): ClientContest {
  const contenders = played.map(({ name }, index) => ({
    name,
    rounds: rounds[index],
    cpuEach: summarize(rounds[index].map(cpuEach)),
    perSecond: summarize(rounds[index].map(({ count, seconds }) => count / seconds)),
    busy: median(rounds[index].map(({ cpu, seconds }) => cpu / seconds)),
    waited: median(rounds[index].map(({ waited, seconds }) => waited / seconds)),
  }));
  const roundsOf = new Map(contenders.map(({ name, rounds }) => [name, rounds]));
  const ratios = played.flatMap(({ name: of, beside }, index) =>
    beside.map(({ name: to, atMost }) => {
      const others = roundsOf.get(to) ?? [];
      const each = others.map((other, turn) => cpuEach(rounds[index][turn]) / cpuEach(other));
      return { of, to, ratio: summarize(each), atMost };
    })
  );
  return { name, contenders, ratios };
}

function report({ contenders, ratios }: ClientContest, { work }: ClientCase, output: Output): void {
  const what = work === "open" ? "connection" : "message";
  output.line(`${`us a ${what}`.padStart(38)}${`${what}s/s`.padStart(21)}  client  waited`);
  for (const { name, cpuEach: cpu, perSecond, busy, waited } of contenders) {
    const spread = `(${formatFigure(cpu.min)} .. ${formatFigure(cpu.max)})`;
    const rate = Math.round(perSecond.median).toLocaleString("en-US");
    output.line(
      `  ${name.padEnd(22)}${formatFigure(cpu.median).padStart(8)}  ${spread.padEnd(20)}` +
        rate.padStart(13) + percentColumn(busy) + percentColumn(waited),
    );
  }
  for (const ratio of ratios) output.line(describeRatio(ratio));
  output.line();
}
