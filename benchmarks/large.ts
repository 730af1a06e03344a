/**
 * One message of 4 GiB each way on each runtime (`deno task large [GiB]`): how long it takes, and by
 * how much the peak memory of each process grows. Fails if that is 64 MiB or more.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Child } from "../tests/support/runtimes.ts";
import { exchangeLarge, LARGE_PROGRAM } from "../tests/runtimes/pressure/large.ts";
import { MIB } from "../tests/runtimes/pressure/memory.ts";
import { Output } from "./output.ts";
import { findRuntimes } from "./runtimes.ts";

const LIMIT = 64 * MIB;
/** A guard against hanging, in milliseconds. */
const GUARD = 3_600_000;

const size = Number(process.argv[2] ?? 4) * 1024 * MIB;
if (!Number.isSafeInteger(size) || size <= 0 || size % 4 !== 0) {
  console.error("deno task large [GiB]");
  process.exit(2);
}

const output = new Output();
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** What a process has last said of its progress, and the extremes of its resident memory so far. */
function progressOf({ output }: Child): string {
  const lines = [...output.matchAll(/"(sent|received)":(\d+),"rss":(\d+)/g)];
  const last = lines.at(-1);
  if (last === undefined) return "begins";
  const rss = lines.map((line) => Number(line[3]));
  const [, way, bytes] = last;
  return `${way} ${mib(Number(bytes))}, rss ${mib(Math.min(...rss))} to ${mib(Math.max(...rss))}`;
}

let failed = false;
for (const { name, version, command: [program, ...before] } of findRuntimes().values()) {
  let watch: ReturnType<typeof setInterval> | undefined;
  let samples: (() => string) | undefined;
  try {
    const { serverGrowth, clientGrowth, seconds } = await exchangeLarge(
      size,
      (args) => new Child(program, [...before, fileURLToPath(LARGE_PROGRAM), ...args]),
      {
        timeout: GUARD,
        started(server, client): void {
          samples = () => `server ${progressOf(server)}; client ${progressOf(client)}`;
          watch = setInterval(() => output.progress(`${name}: ${samples!()}`), 1000);
        },
      },
    );
    const good = serverGrowth < LIMIT && clientGrowth < LIMIT;
    const speed = 2 * size / MIB / seconds;
    output.line(
      `${name} ${version}: ${mib(size)} each way in ${seconds.toFixed(1)} s, ${
        speed.toFixed(0)
      } MiB/s`,
    );
    output.line(
      `  peak memory grew by ${mib(serverGrowth)} in the server and by ${
        mib(clientGrowth)
      } in the client: ${good ? "ok" : "too much"}, less than ${mib(LIMIT)} it must be`,
    );
    output.line(`  ${samples!()}`);
    failed ||= !good;
  } finally {
    clearInterval(watch);
  }
}
if (failed) process.exit(1);
