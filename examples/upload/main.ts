/**
 * Files of any size, from a page to the server and back, through the memory of neither.
 *
 *     deno run --allow-net --allow-env --allow-read --allow-write examples/upload/main.ts
 *     bun examples/upload/main.ts
 *     node examples/upload/main.ts
 *
 * An argument names the directory for the files; without it a new one is made. `PORT` is 8080 unless
 * it is set, `HOST` is 127.0.0.1, which other machines cannot reach, and `MAX_SIZE` is the largest
 * file, in bytes, without a limit unless it is set.
 *
 * @module
 */
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { type StreamedMessage, TransportError } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { servePage } from "./page.ts";
import { Store } from "./store.ts";
import { serve } from "./transfer.ts";
import type { Connection } from "./words.ts";

const { PORT = "8080", HOST = "127.0.0.1", MAX_SIZE = "Infinity" } = process.env;

/** The transfers under way. */
const underWay = new Set<Promise<void>>();

async function makeDirectory(name: string | undefined): Promise<string> {
  if (name === undefined) return await mkdtemp(join(tmpdir(), "upload-"));
  await mkdir(name, { recursive: true });
  return resolve(name);
}

async function start(store: Store): Promise<WebSocketServer<undefined, StreamedMessage>> {
  try {
    return await listen({
      port: Number(PORT),
      hostname: HOST,
      fetch: (request) => servePage(request, store),
      handshake(request): Response | undefined {
        if (new URL(request.url).pathname === "/transfer") return undefined;
        return new Response("Files pass through /transfer\n", { status: 404 });
      },
      // Messages are given from their first bytes on: one may be larger than memory.
      messages: "stream",
      async websocket(connection: Connection): Promise<void> {
        const transfer = serve(connection, store, Number(MAX_SIZE));
        underWay.add(transfer);
        await transfer.finally(() => underWay.delete(transfer));
      },
      maxConnections: 100,
    });
  } catch (error) {
    if (!(error instanceof TransportError) || error.code !== "ADDRESS_IN_USE") throw error;
    console.error(`Port ${PORT} is busy: choose another with PORT, as in PORT=${Number(PORT) + 1}`);
    process.exit(1);
  }
}

if (!(Number(MAX_SIZE) >= 0)) throw new RangeError(`MAX_SIZE is no size: ${MAX_SIZE}`);
const directory = await makeDirectory(process.argv[2]);
const server = await start(new Store(directory));
console.log(`Files in ${directory}`);
console.log(`Upload on http://localhost:${server.address.port}/`);

async function stop(): Promise<void> {
  await server.shutdown({ timeout: 2000 });
  await Promise.allSettled(underWay); // what is not complete is removed
  process.exit(0);
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
