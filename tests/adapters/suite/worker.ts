/**
 * Connections that live in a Cloudflare Worker, in the real `workerd`.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectTransport } from "../../../lib/transport/runtime.ts";
import { findRuntime } from "../../support/runtimes.ts";
import { findWorkerd, startWorkerd, type Workerd } from "../../support/workerd.ts";
import type { Rig } from "./case.ts";
import { connectionCases } from "./cases.ts";
import { compresses, type Endpoint, Line } from "./endpoint.ts";
import { knockHttp1 } from "./http.ts";

/** The Worker as an endpoint: started when it is first needed, for all cases. */
export function workerEndpoint(): Endpoint & { end(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-worker-"));
  let starting: Promise<Workerd> | undefined;
  let count = 0;
  return {
    hidesCompression: true,
    async open(each): Promise<Rig> {
      const worker = await (starting ??= start(folder));
      const { port } = worker, host = `127.0.0.1:${port}`, id = `id${count++}`;
      const line = new Line();
      const listening = listen(worker, id, line);
      try {
        const headers = each.compresses ? { "sec-websocket-extensions": "permessage-deflate" } : {};
        const path = `/open/${connectionCases.indexOf(each)}?id=${id}`;
        const transport = await connectTransport({ hostname: "127.0.0.1", port });
        const answer = await knockHttp1(transport, host, { path, headers });
        const { peer, status, body } = answer;
        if (peer === undefined) throw new Error(`Not accepted: ${status} ${body}`);
        const far = { peer, agreed: compresses(answer) };
        const rig = await line.rig(far, () => Promise.resolve(clearInterval(listening)));
        const go = (): void =>
          void fetch(`http://${host}/go/${id}`).then((answer) => answer.text());
        return { ...rig, go };
      } catch (error) {
        clearInterval(listening);
        throw new Error(`${error}; workerd said: ${worker.output.slice(-2000)}`, { cause: error });
      }
    },
    async end(): Promise<void> {
      try {
        await (await starting)?.[Symbol.asyncDispose]();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** What `it` takes to skip a test and say why, if it cannot be run. */
export function needsWorkerd(): { skip?: string } {
  const found = findWorkerd();
  if ("skip" in found) return found;
  return findRuntime("bun") === undefined ? { skip: "no bun found, to bundle with" } : {};
}

const program = fileURLToPath(new URL("../programs/suite_worker.ts", import.meta.url));

/** nodejs_compat: the cases have the peer's side in them as well, which is not run there. */
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;

async function start(folder: string): Promise<Workerd> {
  const bundle = ["build", "--target=node", `--outfile=${join(folder, "worker.js")}`, program];
  execFileSync(findRuntime("bun")?.path ?? "bun", bundle, { stdio: "pipe" });
  writeFileSync(join(folder, "worker.capnp"), config);
  return await startWorkerd(join(folder, "worker.capnp"));
}

/** Passes on what the worker prints of this connection. */
function listen(worker: Workerd, id: string, line: Line): ReturnType<typeof setInterval> {
  let read = worker.output.length;
  return setInterval(() => {
    const { output } = worker, end = output.lastIndexOf("\n") + 1;
    for (const text of output.slice(read, end).split("\n")) {
      const json = text.match(/told (\[.*\])/)?.[1];
      if (json === undefined) continue;
      const [from, key, value] = JSON.parse(json) as [string, string, unknown];
      if (from === id) line.side.tell(key, value);
    }
    read = Math.max(read, end);
  }, 2);
}
