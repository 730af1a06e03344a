/** A reporter for node:test: failures in full, why tests were skipped, and the counts. */
import { inspect } from "node:util";

interface TestEvent {
  type: string;
  data: {
    name?: string;
    file?: string;
    line?: number;
    skip?: string | boolean;
    message?: string;
    details?: { type?: string; error?: Error & { cause?: unknown } };
    summary?: unknown;
    counts?: Record<string, number>;
  };
}

/** Reports what is read from `source`; Node wants a default export. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skips = new Map<string, number>();
  let counts: Record<string, number> = {};
  /** What the files printed, shown for those that fail. */
  const printed = new Map<string, string>();
  for await (const { type, data } of source) {
    const { file = "" } = data;
    if (type === "test:stderr" || type === "test:stdout") {
      printed.set(file, (printed.get(file) ?? "") + (data.message ?? ""));
    } else if (type === "test:fail" && data.details?.type !== "suite") {
      const { error } = data.details ?? {};
      yield printed.get(file) ?? "";
      printed.delete(file);
      yield `FAILED ${data.name} (${data.file}:${data.line})\n${
        inspect(error?.cause ?? error)
      }\n\n`;
    } else if (type === "test:pass" && data.skip !== undefined) {
      const why = typeof data.skip === "string" && data.skip !== "" ? data.skip : "no reason given";
      skips.set(why, (skips.get(why) ?? 0) + 1);
    } else if (type === "test:summary" && data.file === undefined) counts = data.counts ?? {};
  }
  for (const [why, count] of [...skips].sort()) yield `skipped ${count}: ${why}\n`;
  yield `pass ${counts.passed ?? 0}\nfail ${(counts.failed ?? 0) + (counts.cancelled ?? 0)}\n`;
}
