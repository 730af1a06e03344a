/**
 * The codec benchmark: encoding and decoding with no socket, ours beside those of the peers, which
 * run on all three runtimes.
 *
 * @module
 */
import { CODEC_CASES, type CodecAnswer, type CodecRequest } from "./codec_cases.ts";
import type { EchoEnvironment } from "./echo.ts";
import { type BenchmarkOptions, isWanted } from "./options.ts";
import { Child } from "./processes.ts";
import { EXPOSE_GC } from "./runtimes.ts";
import { summarize, type Summary } from "./statistics.ts";

/** What one case gave. */
export interface CodecResult {
  name: string;
  codecs: { name: string; nanosecondsPerMessage: Summary }[];
}

/** Runs all cases that were asked for. */
export async function runCodec(
  options: BenchmarkOptions,
  { runtimes, cores, root, output }: EchoEnvironment,
): Promise<CodecResult[]> {
  const results: CodecResult[] = [];
  for (const runtime of runtimes.values()) {
    const prefix = `codec/${runtime.name}/`;
    const wanted = CODEC_CASES.filter(({ name }) => isWanted(prefix + name, options));
    if (wanted.length === 0) continue;
    output.line(`${prefix}: nanoseconds a message`);
    // So that mitata can clean up before each measurement.
    const command = [...runtime.command, ...EXPOSE_GC[runtime.name], "benchmarks/codec_worker.ts"];
    const worker = new Child(command, { cwd: root, core: cores.measured });
    try {
      for (const [index, codecCase] of wanted.entries()) {
        const request: CodecRequest = {
          ...codecCase,
          rounds: options.pairs,
          duration: options.quick ? 5 : 50,
        };
        const answers = await worker.ask(request, 120_000) as CodecAnswer[];
        const codecs = answers.map(({ name, rounds }) => ({
          name,
          nanosecondsPerMessage: summarize(rounds),
        }));
        results.push({ name: prefix + codecCase.name, codecs });
        if (index === 0) output.line(row("", codecs.map(({ name }) => name)));
        const medians = codecs.map(({ nanosecondsPerMessage: { median } }) => median.toFixed(0));
        output.line(row(codecCase.name, medians));
      }
    } finally {
      await worker.stop();
    }
    output.line();
  }
  return results;
}

function row(label: string, cells: string[]): string {
  return `  ${label.padEnd(24)}${cells.map((cell) => cell.padStart(18)).join("")}`;
}
