/**
 * The echo benchmark: what a message costs the server in CPU time, ours beside the peers on the
 * same runtime. All servers of a contest are started once and warmed up, then take rounds in turn;
 * a ratio is formed within each turn, so that what slows the machine slows both of its sides.
 *
 * @module
 */
import { type Contender, contendersFor, ECHO_CASES, type EchoCase } from "./echo_cases.ts";
import type { LoadRequest, LoadResult, SizeRequest, SizeResult } from "./load.ts";
import { type BenchmarkOptions, isWanted } from "./options.ts";
import { Child, type RunningServer, startServer } from "./processes.ts";
import type { Output } from "./output.ts";
import { describeRatio, formatFigure, percentColumn } from "./report.ts";
import type { Cores, Runtime, RuntimeName } from "./runtimes.ts";
import { median, summarize, type Summary } from "./statistics.ts";

/** What one contender did. */
export interface ContenderResult {
  name: string;
  rounds: LoadResult[];
  /** Microseconds of the server's CPU time for each message. */
  cpuPerMessage: Summary;
  messagesPerSecond: Summary;
  /** The share of its core that the server used. */
  serverBusy: number;
  /** How long its threads stood in line for the core, as a share of the time. */
  serverWaited: number;
  /** The share of its core that the load used. */
  loadBusy: number;
  /** Bytes of a message and of its reply, where they are compressed. */
  size: SizeResult | undefined;
}

/** What one contest gave. */
export interface ContestResult {
  name: string;
  contenders: ContenderResult[];
  /** CPU time for each message of one contender to another's, turn by turn, and what is wanted. */
  ratios: { of: string; to: string; ratio: Summary; atMost: number | undefined }[];
  /** What the first contender's replies may take at most, to those of the others. */
  sizeAtMost: number | undefined;
}

/** A contest that could not be held: a server did not start, or did not echo. */
export interface FailedContest {
  name: string;
  error: string;
}

/** Where a server wants less of its core than this, its messages a second are not its limit. */
const SATURATED = 0.85;

/** Where and with what to run. */
export interface EchoEnvironment {
  runtimes: Map<RuntimeName, Runtime>;
  cores: Cores;
  /** The root of this checkout. */
  root: string;
  output: Output;
}

/** Runs all contests that were asked for. */
export async function runEcho(
  options: BenchmarkOptions,
  environment: EchoEnvironment,
): Promise<(ContestResult | FailedContest)[]> {
  const { runtimes, cores, root, output } = environment;
  const results: (ContestResult | FailedContest)[] = [];
  const bun = runtimes.get("bun") as Runtime;
  for (const echoCase of ECHO_CASES) {
    for (const runtime of runtimes.values()) {
      const name = `echo/${runtime.name}/${echoCase.name}`;
      if (!isWanted(name, options)) continue;
      const contenders = contendersFor(runtime.name, echoCase, { root, base: options.base });
      if (contenders.length === 0) continue;
      output.line(`${name}: ${describe(echoCase)}`);
      const command = [...bun.command, "benchmarks/load.ts"];
      const load = new Child(command, { cwd: root, core: cores.load });
      try {
        const contest = new Contest(echoCase, { load, runtimes, cores, options, output });
        const result = await contest.run(name, contenders);
        report(result, output);
        results.push(result);
      } catch (error) {
        // The other contests are still worth running, though the run as a whole has failed.
        output.line(`  failed: ${error}`);
        results.push({ name, error: String(error) });
      } finally {
        await load.stop();
      }
    }
  }
  return results;
}

function describe({ payload, opcode, depth, connections, compressed }: EchoCase): string {
  const type = compressed ? "JSON compressed" : opcode === 1 ? "text" : "binary";
  return `${
    compressed ? "about " : ""
  }${payload} bytes ${type}, ${depth} in flight on ${connections} connections`;
}

interface ContestTools {
  load: Child;
  runtimes: Map<RuntimeName, Runtime>;
  cores: Cores;
  options: BenchmarkOptions;
  output: Output;
}

class Contest {
  readonly #case: EchoCase;
  readonly #tools: ContestTools;

  constructor(echoCase: EchoCase, tools: ContestTools) {
    this.#case = echoCase;
    this.#tools = tools;
  }

  async run(name: string, contenders: Contender[]): Promise<ContestResult> {
    const { runtimes, cores, options, output } = this.#tools;
    const servers: RunningServer[] = [];
    try {
      for (const { root, runtime, script, args } of contenders) {
        const command = [...(runtimes.get(runtime) as Runtime).command, script, ...args];
        servers.push(await startServer(command, { cwd: root, core: cores.measured }));
      }
      // The compilers of the runtimes settle within a second or two of full load.
      const warmup = options.quick ? 300 : 2000;
      for (const [index, contender] of contenders.entries()) {
        output.progress(`  warming up ${contender.name}`);
        await this.#round(contender, servers[index], { warmup, duration: 100 });
      }
      const sizes: (SizeResult | undefined)[] = [];
      for (const [index, contender] of contenders.entries()) {
        sizes.push(await this.#size(contender, servers[index]));
      }
      const rounds: LoadResult[][] = contenders.map(() => []);
      for (let turn = 1; turn <= options.pairs; turn++) {
        for (const [index, contender] of contenders.entries()) {
          output.progress(`  turn ${turn} of ${options.pairs}: ${contender.name}`);
          const { warmup, duration } = this.#case.times ?? { warmup: 100, duration: 1000 };
          const times = { warmup, duration: options.quick ? 300 : duration };
          rounds[index].push(await this.#round(contender, servers[index], times));
        }
      }
      return {
        ...judge(
          name,
          contenders.map((contender, index) => ({
            ...contender,
            rounds: rounds[index],
            size: sizes[index],
          })),
        ),
        sizeAtMost: this.#case.sizeAtMost,
      };
    } finally {
      for (const { child } of servers) await child.stop();
    }
  }

  /** What the replies take, if they are compressed. They are compared with what was sent. */
  async #size(contender: Contender, server: RunningServer): Promise<SizeResult | undefined> {
    if (!this.#case.compressed) return undefined;
    const request: SizeRequest = {
      ...this.#case,
      measureSize: true,
      mode: contender.mode,
      port: server.port,
    };
    return await this.#ask(contender, request) as SizeResult;
  }

  async #round(
    contender: Contender,
    server: RunningServer,
    times: { warmup: number; duration: number },
  ): Promise<LoadResult> {
    const { port, child: { pid } } = server;
    const request: LoadRequest = { ...this.#case, ...times, mode: contender.mode, port, pid };
    return await this.#ask(contender, request) as LoadResult;
  }

  async #ask(contender: Contender, request: LoadRequest | SizeRequest): Promise<unknown> {
    const answer = await this.#tools.load.ask(request, 60_000) as object;
    if (!("error" in answer)) return answer;
    throw new Error(`Cannot measure ${contender.name}: ${answer.error}`);
  }
}

/** Microseconds of the server's CPU time for each message of a round. */
function cpuPerMessage({ serverCpu, messages }: LoadResult): number {
  return serverCpu / messages * 1e6;
}

/** Forms the medians and the ratios. */
function judge(
  name: string,
  played: (Contender & Pick<ContenderResult, "rounds" | "size">)[],
): Omit<ContestResult, "sizeAtMost"> {
  const contenders = played.map(({ name, rounds, size }) => ({
    name,
    rounds,
    size,
    cpuPerMessage: summarize(rounds.map(cpuPerMessage)),
    messagesPerSecond: summarize(rounds.map(({ messages, seconds }) => messages / seconds)),
    serverBusy: median(rounds.map((round) => round.serverCpu / round.seconds)),
    serverWaited: median(rounds.map((round) => round.serverWaited / round.seconds)),
    loadBusy: median(rounds.map((round) => round.loadCpu / round.seconds)),
  }));
  const roundsOf = new Map(played.map(({ name, rounds }) => [name, rounds]));
  const ratios = played.flatMap(({ name, rounds, beside }) =>
    beside.map(({ name: to, atMost }) => {
      const others = roundsOf.get(to) ?? [];
      const ratios = others.map((other, turn) =>
        cpuPerMessage(rounds[turn]) / cpuPerMessage(other)
      );
      return { of: name, to, ratio: summarize(ratios), atMost };
    })
  );
  return { name, contenders, ratios };
}

function report({ contenders, ratios, sizeAtMost }: ContestResult, output: Output): void {
  output.line(
    "                          us a message           messages/s  server  waited    load",
  );
  for (const contender of contenders) {
    const { cpuPerMessage: cpu, serverBusy, serverWaited, loadBusy } = contender;
    const spread = `(${formatFigure(cpu.min)} .. ${formatFigure(cpu.max)})`;
    const rate = Math.round(contender.messagesPerSecond.median).toLocaleString("en-US");
    output.line(
      `  ${contender.name.padEnd(22)}${formatFigure(cpu.median).padStart(8)}  ${
        spread.padEnd(20)
      }` +
        rate.padStart(13) + percentColumn(serverBusy) + percentColumn(serverWaited) +
        percentColumn(loadBusy) +
        (serverBusy + serverWaited < SATURATED ? "  server not saturated" : ""),
    );
  }
  for (const ratio of ratios) output.line(describeRatio(ratio));
  const [ours, ...others] = contenders;
  for (const { name, size } of others) {
    if (size === undefined || ours.size === undefined) continue;
    const wanted = sizeAtMost === undefined ? "" : `; wanted: at most ${sizeAtMost}`;
    output.line(
      `  a reply of ${ours.name}'s to ${formatFigure(size.plain)} bytes has ${
        ours.size.reply.toFixed(1)
      }, ` +
        `of ${name}'s ${size.reply.toFixed(1)}: ` +
        (ours.size.reply / size.reply).toPrecision(3) + wanted,
    );
  }
  output.line();
}
