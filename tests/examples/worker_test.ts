/** The Cloudflare Worker, in the runtime that Cloudflare runs. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "../../mod.ts";
import { findRuntime } from "../support/runtimes.ts";
import { findWorkerd, startWorkerd, type Workerd } from "../support/workerd.ts";
import { requestText } from "../support/opening.ts";
import { RawClient } from "../support/raw_client.ts";

const guard = { timeout: 120_000 };
const example = fileURLToPath(new URL("../../examples/worker/", import.meta.url));

/** As a reader would, or with Bun: what bundles does not matter. Gives why it could not, or `""`. */
function bundle(file: string): string {
  const source = join(example, "worker.ts");
  const runtime = findRuntime("bun") ?? findRuntime("deno");
  if (runtime === undefined) return "neither bun nor deno found";
  const args = runtime.name === "bun"
    ? ["build", "--target=browser", "--outfile"]
    : ["bundle", "--quiet", "--platform=browser", "-o"];
  try {
    execFileSync(runtime.path, [...args, file, source], { stdio: "pipe" });
    return "";
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr);
    // `deno bundle` fetches its bundler when it is first used; that it cannot is not our failure.
    if (!said.includes("registry.npmjs.org")) throw error;
    return "deno could not fetch its bundler";
  }
}

describe("the Worker in workerd", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-worker-"));
  let workerd: Workerd | undefined, why = "";

  before(async () => {
    const found = findWorkerd();
    why = "skip" in found ? found.skip : bundle(join(folder, "worker.js"));
    if (why !== "") return;
    copyFileSync(join(example, "workerd.capnp"), join(folder, "workerd.capnp"));
    workerd = await startWorkerd(join(folder, "workerd.capnp"));
  }, guard);

  after(async () => {
    await workerd?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it("counts words", guard, async (t) => {
    if (workerd === undefined) return t.skip(why);
    await using connection = await connect(`ws://127.0.0.1:${workerd.port}/`);
    connection.send("one two");
    assert.equal(await connection.receive(), "2 words so far");
    connection.send("  three\nfour ");
    assert.equal(await connection.receive(), "4 words so far");
    await using other = await connect(`ws://127.0.0.1:${workerd.port}/`);
    other.send("");
    assert.equal(await other.receive(), "0 words so far");
  });

  it("closes with a code that only a server may send", guard, async (t) => {
    if (workerd === undefined) return t.skip(why);
    const connection = await connect(`ws://127.0.0.1:${workerd.port}/`, { websocket: {} });
    connection.send(Uint8Array.of(1));
    const { closeCode, reason, wasClean } = await connection.closed;
    assert.deepEqual([closeCode, reason, wasClean], [1003, "only text has words", true]);
  });

  it("answers the Close of a client", guard, async (t) => {
    if (workerd === undefined) return t.skip(why);
    const connection = await connect(`ws://127.0.0.1:${workerd.port}/`);
    connection.close({ closeCode: 4001, reason: "bye" });
    const { received, wasClean } = await connection.closed;
    assert.deepEqual([received?.closeCode, wasClean], [4001, true]);
  });

  it("knows a WebSocket by its Upgrade header in any case", guard, async (t) => {
    if (workerd === undefined) return t.skip(why);
    using client = new RawClient({ port: workerd.port });
    client.send(requestText({ upgrade: "WebSocket" }));
    assert.equal(await client.answered(), 101);
  });

  it("tells who asks for a page", guard, async (t) => {
    if (workerd === undefined) return t.skip(why);
    const answer = await fetch(`http://127.0.0.1:${workerd.port}/`);
    assert.deepEqual([answer.status, await answer.text()], [426, "Here is a WebSocket\n"]);
  });
});
