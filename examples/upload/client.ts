/**
 * The same from the command line: a file is one message, of any size.
 *
 *     deno run --allow-net --allow-read --allow-write examples/upload/client.ts ADDRESS list
 *     bun examples/upload/client.ts ADDRESS put FILE
 *     node examples/upload/client.ts ADDRESS get NAME [FILE]
 *
 * with the address that the server prints: http://localhost:8080/
 *
 * @module
 */
import { open, rename, unlink } from "node:fs/promises";
import { basename } from "node:path";
import process from "node:process";
import { connect, ConnectionClosedError } from "../../mod.ts";
import { FileReader, FileWriter } from "./pieces.ts";
import type { Listed } from "./store.ts";
import { type Connection, hear, Refusal, say } from "./words.ts";

const MIB = 1024 * 1024;

/** Shows how far it is; where the output is no terminal, only the end. */
function show(done: number, size: number, from: number): void {
  if (!process.stdout.isTTY && done < size) return;
  const rate = done / MIB / (Math.max(performance.now() - from, 1) / 1000);
  const figures = `${(done / MIB).toFixed(1)} of ${(size / MIB).toFixed(1)} MiB`;
  const line = `${figures}, ${rate.toFixed(1)} MiB/s`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}   ` : `${line}\n`);
}

async function list(address: string): Promise<void> {
  const files = await (await fetch(new URL("/files", address))).json() as Listed[];
  for (const { name, size } of files) console.log(`${String(size).padStart(15)}  ${name}`);
}

async function put(connection: Connection, path: string): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  say(connection, { type: "upload", name: basename(path), size });
  const send = async (): Promise<void> => {
    const reader = new FileReader(file);
    await connection.send(reader);
    say(connection, { type: "end", size: reader.size, sha256: reader.digest() });
  };
  const from = performance.now();
  const watch = async (): Promise<void> => {
    while (true) {
      const word = await hear(connection, "stored", "done");
      if (word.type === "done") {
        show(size, size, from);
        return console.log(`It is there as ${word.name}`);
      }
      if (word.size < size) show(word.size, size, from);
    }
  };
  await Promise.all([send(), watch()]);
}

async function get(connection: Connection, name: string, path: string): Promise<void> {
  say(connection, { type: "download", name, as: "message" });
  const { size } = await hear(connection, "file");
  // It has its name only once it is complete.
  const partial = `${path}.part`;
  const file = await open(partial, "w");
  let complete = false;
  try {
    const writer = new FileWriter(file);
    const from = performance.now();
    const message = await connection.receive();
    for await (const piece of message.stream()) {
      await writer.write(piece);
      if (writer.size < size) show(writer.size, size, from);
    }
    const end = await hear(connection, "end");
    if (writer.size !== size || end.size !== size || writer.digest() !== end.sha256) {
      throw new Refusal(1008, "The file was changed on its way");
    }
    show(size, size, from);
    complete = true;
  } finally {
    await file.close();
    await (complete ? rename(partial, path) : unlink(partial));
  }
  say(connection, { type: "done", name, size });
  console.log(`It is here as ${path}`);
}

async function transfer(address: string, what: string, name: string, to: string): Promise<void> {
  await using connection = await connect(new URL("/transfer", address), { messages: "stream" });
  try {
    await (what === "put" ? put(connection, name) : get(connection, name, to));
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    // What failed first may have known only that it closes; now it is known why.
    const { closeCode, reason } = await connection.closed;
    throw new Refusal(closeCode, reason || `The connection was lost (${closeCode})`);
  }
}

async function main([address, what, file, as]: string[]): Promise<number> {
  const isUsed = what === "list" || (what === "put" || what === "get") && file !== undefined;
  if (address === undefined || !isUsed) {
    console.error("Usage: client.ts ADDRESS list | put FILE | get NAME [FILE]");
    return 2;
  }
  try {
    if (what === "list") await list(address);
    else await transfer(address, what, file, as ?? basename(file));
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
