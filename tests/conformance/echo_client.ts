/**
 * Walks the cases of a fuzzing server and echoes every message by its type:
 *
 *     deno run -A tests/conformance/echo_client.ts ws://127.0.0.1:9002 sluice-deno
 *
 * and likewise with `bun` or `node`. A case that goes wrong is the server's to judge: it is told on
 * stderr, and the next one follows.
 */
import process from "node:process";
import { connect, type WebSocketConnection } from "../../mod.ts";

const [base, agent = "sluice"] = process.argv.slice(2);
if (base === undefined) throw new Error("Cannot walk cases: give a URL and the agent's name");

function open(path: string): Promise<WebSocketConnection> {
  return connect(new URL(path, base), { maxMessageSize: 64 * 1024 * 1024 });
}

const counter = await open("/getCaseCount");
const count = Number(await counter.receive());
await counter.closed;

const query = `agent=${encodeURIComponent(agent)}`;
for (let number = 1; number <= count; number++) {
  try {
    const connection = await open(`/runCase?case=${number}&${query}`);
    for await (const message of connection) {
      if (!connection.send(message)) await connection.ready;
    }
  } catch (error) {
    console.error(`case ${number}: ${error instanceof Error ? error.message : error}`);
  }
}

const reporter = await open(`/updateReports?${query}`);
await reporter.closed;
console.log(`${count} cases`);
