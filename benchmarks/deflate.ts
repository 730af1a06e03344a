/**
 * The deflater and the inflater with no connection around them, beside node:zlib and fflate: size
 * and time of every message of the corpus at every level.
 *
 * @module
 */
import { DEFLATE_CASES, type DeflateAnswer, type DeflateRequest, LEVELS } from "./deflate_cases.ts";
import type { EchoEnvironment } from "./echo.ts";
import { type BenchmarkOptions, isWanted } from "./options.ts";
import { Child } from "./processes.ts";
import { summarize, type Summary } from "./statistics.ts";

/** What one case gave at one level. */
export interface DeflateResult {
  name: string;
  codecs: {
    name: string;
    bytesPerMessage: number;
    microsecondsToDeflate: Summary;
    microsecondsToInflate: Summary;
  }[];
}

/** Runs all cases that were asked for. */
export async function runDeflate(
  options: BenchmarkOptions,
  { runtimes, cores, root, output }: EchoEnvironment,
): Promise<DeflateResult[]> {
  const results: DeflateResult[] = [];
  for (const runtime of runtimes.values()) {
    const requests = requestsFor(`deflate/${runtime.name}/`, options);
    if (requests.length === 0) continue;
    output.line(
      `deflate/${runtime.name}/: bytes a message, CPU time to deflate and to inflate in us`,
    );
    const command = [...runtime.command, "benchmarks/deflate_worker.ts"];
    const worker = new Child(command, { cwd: root, core: cores.measured });
    try {
      let heading = "";
      for (const request of requests) {
        const answers = await worker.ask(request, 120_000) as DeflateAnswer[];
        const result = resultOf(
          `deflate/${runtime.name}/${request.name}/${request.level}`,
          answers,
        );
        results.push(result);
        const names = row("", result.codecs.map(({ name }) => name));
        if (names !== heading) output.line(heading = names);
        output.line(row(`${request.name}, level ${request.level}`, result.codecs.map(cell)));
      }
    } finally {
      await worker.stop();
    }
    output.line();
  }
  return results;
}

function requestsFor(prefix: string, options: BenchmarkOptions): DeflateRequest[] {
  return DEFLATE_CASES.flatMap(({ name }) =>
    LEVELS.filter((level) => isWanted(`${prefix}${name}/${level}`, options)).map((level) => ({
      name,
      level,
      rounds: options.pairs,
      duration: options.quick ? 5 : 20,
    }))
  );
}

function resultOf(name: string, answers: readonly DeflateAnswer[]): DeflateResult {
  const codecs = answers.map((answer) => ({
    name: answer.name,
    bytesPerMessage: answer.size,
    microsecondsToDeflate: summarize(answer.deflate),
    microsecondsToInflate: summarize(answer.inflate),
  }));
  return { name, codecs };
}

function cell(codec: DeflateResult["codecs"][number]): string {
  return [
    codec.bytesPerMessage.toFixed(1).padStart(8),
    codec.microsecondsToDeflate.median.toFixed(1).padStart(8),
    codec.microsecondsToInflate.median.toFixed(1).padStart(8),
  ].join(" ");
}

function row(label: string, cells: string[]): string {
  return `  ${label.padEnd(28)}${cells.map((each) => each.padStart(30)).join("")}`;
}
