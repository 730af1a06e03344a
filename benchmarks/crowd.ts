/**
 * A crowd (`deno task crowd`), on each runtime or the one that is named: 10,000 connections, a message
 * of 64 bytes a second on each for 60 s, and a server on default options that echoes them. Fails unless
 * every message comes back and the server closes no connection.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cpuBetween, readCpuTimes } from "./cpu.ts";
import type { CrowdAnswer, CrowdRequest } from "./crowd_clients.ts";
import { Output } from "./output.ts";
import { Child, startServer } from "./processes.ts";
import { type Cores, findCores, findRuntimes, type Runtime } from "./runtimes.ts";

const CONNECTIONS = 10_000, SECONDS = 60;
/** A guard against hanging, in milliseconds: to open them all takes its time as well. */
const GUARD = 300_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const output = new Output();
const only = process.argv[2];
const count = (value: number): string => value.toLocaleString("en-US");
const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** Lets the crowd talk to a server on one runtime. Returns whether all went well. */
async function gather(
  { name, version, command }: Runtime,
  bun: Runtime,
  cores: Cores,
): Promise<boolean> {
  const server = await startServer(
    [...command, "benchmarks/servers/sluice.ts"],
    { cwd: root, core: cores.measured },
  );
  const clients = new Child([...bun.command, "benchmarks/crowd_clients.ts"], {
    cwd: root,
    core: cores.load,
  });
  try {
    const before = readCpuTimes(server.child.pid);
    const request: CrowdRequest = {
      port: server.port,
      connections: CONNECTIONS,
      messages: SECONDS,
    };
    const answer = await clients.ask(request, GUARD) as CrowdAnswer | { error: string };
    if ("error" in answer) throw new Error(answer.error);
    const { used } = cpuBetween(before, readCpuTimes(server.child.pid));
    const { sent, returned, closed, reason, pings } = answer;
    const good = sent === CONNECTIONS * SECONDS && returned === sent && closed === 0;
    output.line(
      `${name} ${version}: ${good ? "ok" : "FAILED"}; ` +
        `${count(returned)} of ${count(CONNECTIONS * SECONDS)} messages came back, ` +
        `${count(closed)} connections closed${reason === undefined ? "" : ` (${reason})`}, ` +
        `${count(pings)} pings answered; round trip ${milliseconds(answer.median)}, ` +
        `99 % within ${milliseconds(answer.p99)}, longest ${milliseconds(answer.longest)}; ` +
        `${(used / 1e9).toFixed(1)} s of CPU time in the server, handshakes included`,
    );
    return good;
  } finally {
    await clients.stop();
    await server.child.stop();
  }
}

const runtimes = findRuntimes();
const cores = findCores();
for (const runtime of runtimes.values()) {
  if (only !== undefined && only !== runtime.name) continue;
  try {
    if (!await gather(runtime, runtimes.get("bun")!, cores)) process.exitCode = 1;
  } catch (error) {
    // The other runtimes are still worth trying, though the run as a whole has failed.
    output.line(`${runtime.name} ${runtime.version}: FAILED; ${error}`);
    process.exitCode = 1;
  }
}
