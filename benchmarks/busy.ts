/**
 * A handler that works for a minute (`deno task busy`), on each runtime or the one that is named, all
 * on default options: Python's `websockets`, `ws` and this library's own client send it 100 messages of
 * 20 bytes a second and ping it each second. The connection has to be kept, and pings to be answered,
 * until `receiveHighWaterMark` is reached: 3,799 messages, after 38 s.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { BusyOrder, BusyResult } from "../tests/peers/programs/busy.ts";
import { python } from "../tests/peers/support.ts";
import { Output } from "./output.ts";
import { Child, startServer } from "./processes.ts";
import { findRuntimes } from "./runtimes.ts";
import type { BusyReport } from "./servers/busy.ts";

/** How long the handler works and the peer sends, in milliseconds, and how often. */
const TIME = 60_000, EVERY = 10, PING_EVERY = 1_000;
/** What waits until reading stops: 1 MiB, with 256 bytes for each message of 20. */
const FIT = Math.floor((1 << 20) / 276);
/** A guard against hanging, in milliseconds. */
const GUARD = TIME + 60_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const output = new Output();
const only = process.argv[2];
const runtimes = findRuntimes();
const options = { cwd: root, core: undefined };
const seconds = (time: number): string => `${(time / 1_000).toFixed(1)} s`;

let failed = false;
for (const [name, { command, version }] of runtimes) {
  if (only !== undefined && only !== name) continue;
  output.line(`${name} ${version}`);
  const peers = new Map([
    ["ws", [...runtimes.get("node")!.command, "tests/peers/programs/busy_ws.ts"]],
    ["sluice", [...command, "tests/peers/programs/busy_sluice.ts"]],
  ]);
  if (python !== undefined) {
    peers.set("websockets", [python, "tests/peers/programs/busy_websockets.py"]);
  }
  const server = await startServer(
    [...command, "benchmarks/servers/busy.ts", String(TIME)],
    options,
  );
  const children = [...peers].map(([peer, command]): [string, Child] => {
    const url = `ws://127.0.0.1:${server.port}/${peer}`;
    const order: BusyOrder = { url, time: TIME, every: EVERY, pingEvery: PING_EVERY };
    return [peer, new Child([...command, JSON.stringify(order)], options)];
  });
  try {
    const results = new Map(
      await Promise.all(children.map(async ([peer, child]): Promise<[string, BusyResult]> => {
        return [peer, JSON.parse(await child.line(GUARD)) as BusyResult];
      })),
    );
    for (const _ of children) {
      const report = JSON.parse(await server.child.line(GUARD)) as BusyReport;
      const result = results.get(report.peer)!;
      // A ping each second, and the next one may already have been too late.
      const kept = report.received >= FIT && result.answered > report.fullAt - 3 * PING_EVERY;
      const whole = !report.open || report.handled === result.sent;
      failed ||= !kept || !whole;
      output.line(
        `  ${report.peer}: ${
          kept && whole ? "ok" : "FAILED"
        }; ${report.received} messages came until ` +
          `${
            seconds(report.fullAt)
          }, the last ping that was answered within half a second left at ` +
          `${
            seconds(result.answered)
          } (${result.pongs} pongs); when the handler was done the connection ` +
          `was ${
            report.open ? "open" : "closed"
          }; ${report.handled} of ${result.sent} sent were handled; ` +
          `it ended at ${seconds(result.closedAt)} with ${result.code}, here with ${report.code}`,
      );
    }
  } finally {
    await Promise.all([server.child.stop(), ...children.map(([, child]) => child.stop())]);
  }
}
if (failed) process.exit(1);
