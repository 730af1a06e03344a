/**
 * `deno task bench`: first the echo over sockets, then clients, idle connections, and the codec and the
 * compression alone, all in one run.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runClients } from "./client.ts";
import { runCodec } from "./codec.ts";
import { runDeflate } from "./deflate.ts";
import { runEcho } from "./echo.ts";
import { runIdle } from "./idle.ts";
import { Output } from "./output.ts";
import { readOptions, USAGE } from "./options.ts";
import { findCores, findRuntimes } from "./runtimes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What the figures belong to: without it they cannot be compared with any others. */
function describeMachine(): Record<string, unknown> {
  const version = (name: string): string => {
    const text = readFileSync(`${root}node_modules/${name}/package.json`, "utf8");
    return (JSON.parse(text) as { version: string }).version;
  };
  return {
    date: new Date().toISOString(),
    commit: execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim(),
    system: `${type()} ${release()}`,
    processors: cpus().map(({ model }) => model),
    peers: Object.fromEntries(
      ["ws", "bufferutil", "websocket-driver", "mitata", "fflate"].map((
        name,
      ) => [name, version(name)]),
    ),
  };
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return console.log(USAGE);
  const output = new Output();
  const runtimes = findRuntimes();
  const cores = findCores();
  for (const { name, version, command } of runtimes.values()) {
    output.line(`${name} ${version}  ${command[0]}`);
  }
  output.line(
    cores.load === undefined
      ? "no two cores to pin to: server and load disturb each other"
      : `servers and codecs on core ${cores.measured}, load on core ${cores.load}`,
  );
  output.line();
  const environment = { runtimes, cores, root, output };
  const echo = await runEcho(options, environment);
  const client = await runClients(options, environment);
  const idle = await runIdle(options, environment);
  const codec = await runCodec(options, environment);
  const deflate = await runDeflate(options, environment);
  const figures = {
    ...describeMachine(),
    runtimes: Object.fromEntries([...runtimes].map(([name, { version }]) => [name, version])),
    cores,
    pairs: options.pairs,
    quick: options.quick,
    echo,
    client,
    idle,
    codec,
    deflate,
  };
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(figures, null, 1)}\n`);
  output.line(`figures written to ${options.json}`);
  if ([...echo, ...client, ...idle].some((result) => "error" in result)) process.exitCode = 1;
}

await main();
