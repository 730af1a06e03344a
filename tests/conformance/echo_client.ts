/**
 * Walks the cases of a fuzzing server and echoes every message by its type:
 *
 *     deno run -A tests/conformance/echo_client.ts ws://127.0.0.1:9002 sluice-deno
 *
 * and likewise with `bun` or `node`. With `COMPRESS=1` in the environment it offers
 * permessage-deflate, which a suite needs for its cases of compression. A case that goes wrong is the
 * server's to judge: it is reported on stderr, and the next one follows.
 *
 * It reads by handlers, which answer in the same turn: by iteration the reply to a message would come
 * too late where the peer's Close, or a violation, stands right behind that message.
 */
import process from "node:process";
import { connect, type ConnectionHandlers, type WebSocketConnection } from "../../mod.ts";

const [base, agent = "sluice"] = process.argv.slice(2);
if (base === undefined) throw new Error("Cannot walk cases: give a URL and the agent's name");

const options = {
  maxMessageSize: 64 * 1024 * 1024,
  perMessageDeflate: process.env.COMPRESS === "1",
};

const echo: ConnectionHandlers = {
  message(connection, data): Promise<void> | void {
    if (!connection.send(data)) return connection.ready;
  },
};

function open(path: string, websocket?: ConnectionHandlers): Promise<WebSocketConnection> {
  return connect(new URL(path, base), { ...options, ...(websocket && { websocket }) });
}

const counter = await open("/getCaseCount");
const count = Number(await counter.receive());
await counter.closed;

const query = `agent=${encodeURIComponent(agent)}`;
for (let number = 1; number <= count; number++) {
  try {
    const connection = await open(`/runCase?case=${number}&${query}`, echo);
    const { closeCode, wasClean } = await connection.closed;
    if (!wasClean) console.error(`case ${number}: it ended with ${closeCode}`);
  } catch (error) {
    console.error(`case ${number}: ${error instanceof Error ? error.message : error}`);
  }
}

const reporter = await open(`/updateReports?${query}`);
await reporter.closed;
console.log(`${count} cases`);
