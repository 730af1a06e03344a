/** The echo programs for conformance suites, each started in the runtime that runs this. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect, type WebSocketConnection } from "../../mod.ts";
import { listen } from "../../lib/server/mod.ts";
import { GUARD, runtimes, self } from "../peers/support.ts";

const timeout = GUARD * 2;

function start(
  file: string,
  options: { args?: string[]; env?: Record<string, string> },
): ChildProcessWithoutNullStreams {
  const [program = "", ...before] = runtimes.get(self) ?? [];
  const path = fileURLToPath(new URL(file, import.meta.url));
  const env = { ...process.env, ...options.env };
  return spawn(program, [...before, path, ...options.args ?? []], { env });
}

/** The messages of one case of the fuzzing server; undefined for a case that drops the client. */
const cases: ReadonlyMap<string, (string | Uint8Array)[] | undefined> = new Map([
  ["1", ["", "Hellö", new Uint8Array(0), Uint8Array.of(0, 255)]],
  ["2", undefined],
  ["4", ["x".repeat(70_000), new Uint8Array(17 * 1024 * 1024)]],
]);

function same(a: unknown, b: string | Uint8Array): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return a instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

describe("the conformance programs", () => {
  it("echo_server.ts echoes every message by its type", { timeout }, async () => {
    const child = start("./echo_server.ts", { env: { PORT: "0" } });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const { value } = await lines.next();
      assert.match(String(value), /^listening on ws:\/\/127\.0\.0\.1:\d+$/);
      const url = String(value).slice("listening on ".length);
      const headers = { origin: "http://elsewhere.example" };
      const connection = await connect(url, { headers, maxMessageSize: 32 * 1024 * 1024 });
      for (const message of cases.get("1") ?? []) {
        connection.send(message);
        assert.ok(same(await connection.receive(), message));
      }
      const large = new Uint8Array(20 * 1024 * 1024).fill(7);
      connection.send(large);
      assert.ok(same(await connection.receive(), large));
      connection.close();
      assert.equal((await connection.closed).wasClean, true);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  for (const COMPRESS of ["0", "1"]) {
    it(
      `both programs compress if COMPRESS is 1, as it is ${COMPRESS} here`,
      { timeout },
      async () => {
        const expected = COMPRESS === "1" ? "permessage-deflate" : "";
        const child = start("./echo_server.ts", { env: { PORT: "0", COMPRESS } });
        try {
          const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]()
            .next();
          const url = String(value).slice("listening on ".length);
          const connection = await connect(url, { perMessageDeflate: true });
          assert.equal(connection.extensions, expected);
          connection.send("x".repeat(1000));
          assert.equal(await connection.receive(), "x".repeat(1000));
          connection.close();
          await connection.closed;
        } finally {
          child.kill("SIGKILL");
          await once(child, "exit");
        }
        const offered = new Set<string>();
        await using server = await listen({
          hostname: "127.0.0.1",
          perMessageDeflate: true,
          websocket(connection): void {
            offered.add(connection.extensions);
            if (connection.url.endsWith("/getCaseCount")) connection.send("0");
            connection.close();
          },
        });
        const client = start("./echo_client.ts", {
          args: [`ws://127.0.0.1:${server.address.port}`],
          env: { COMPRESS },
        });
        assert.deepEqual(await once(client, "exit"), [0, null]);
        assert.deepEqual([...offered], [expected]);
      },
    );
  }

  it("echo_client.ts walks all cases, past those that fail", { timeout }, async () => {
    const log: string[] = [];
    const run = async (connection: WebSocketConnection): Promise<void> => {
      const { pathname, searchParams } = new URL(connection.url);
      const number = searchParams.get("case") ?? "";
      log.push(`${pathname} ${number} ${searchParams.get("agent") ?? ""}`);
      if (pathname === "/getCaseCount") connection.send("5");
      if (pathname !== "/runCase") return connection.close();
      if (number === "5") { // one write: a message, and the Close right behind it
        connection.send("last");
        connection.close();
        await connection.closed;
        log.push(`${connection.stats.messagesReceived} echoed`);
        return;
      }
      const messages = cases.get(number);
      if (messages === undefined) return connection.terminate();
      for (const message of messages) {
        connection.send(message);
        log.push(same(await connection.receive(), message) ? "echo" : "no echo");
      }
      connection.close();
    };
    await using server = await listen({
      hostname: "127.0.0.1",
      maxMessageSize: 32 * 1024 * 1024,
      handshake: (request) =>
        request.url.includes("case=3&") ? new Response("no", { status: 500 }) : undefined,
      websocket: run,
    });
    const url = `ws://127.0.0.1:${server.address.port}`;
    const child = start("./echo_client.ts", { args: [url, "an agent"] });
    try {
      let stderr = "";
      child.stderr.on("data", (chunk) => stderr += String(chunk));
      const [code] = await once(child, "exit");
      assert.equal(code, 0, stderr);
      assert.deepEqual(log, [
        "/getCaseCount  ",
        "/runCase 1 an agent",
        ...["echo", "echo", "echo", "echo"],
        "/runCase 2 an agent",
        "/runCase 4 an agent",
        ...["echo", "echo"],
        "/runCase 5 an agent",
        "1 echoed",
        "/updateReports  an agent",
      ]);
      assert.match(stderr, /case 2: .*1006/);
      assert.match(stderr, /case 3: .*500/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
