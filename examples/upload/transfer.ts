/**
 * The server's side of a connection: it takes one file, or gives one.
 *
 * @module
 */
import { ConnectionClosedError } from "../../mod.ts";
import { FileReader, FileWriter } from "./pieces.ts";
import { codeOf, safeName, type Store } from "./store.ts";
import {
  type Connection,
  hear,
  PIECE,
  readWord,
  Refusal,
  say,
  WINDOW,
  type WordOf,
} from "./words.ts";

/** Takes the file that the peer sends, or gives the one that it asks for, and closes. */
export async function serve(connection: Connection, store: Store, maxSize: number): Promise<void> {
  try {
    const word = await hear(connection, "upload", "download");
    if (word.type === "upload") await take(connection, word, store, maxSize);
    else await give(connection, word, store);
    connection.close();
  } catch (error) {
    if (error instanceof ConnectionClosedError) return; // the peer left, or the server stops
    if (!(error instanceof Refusal)) console.error(error);
    const { closeCode, message } = refusalFor(error);
    connection.close({ closeCode, reason: message });
  }
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (codeOf(error) === "ENOSPC") return new Refusal(1011, "The server's disk is full");
  return new Refusal(1011, "The server failed: its log says why");
}

/**
 * Nothing is read from the connection while a piece is being written. So when the disk is slower
 * than the network, TCP makes the peer wait, and what is in memory is a piece or two.
 */
async function take(
  connection: Connection,
  { name: asked, size }: WordOf<"upload">,
  store: Store,
  maxSize: number,
): Promise<void> {
  const name = safeName(asked);
  if (name === undefined) throw new Refusal(1008, "A file needs a name");
  if (size > maxSize) throw new Refusal(1009, `The server takes files of at most ${maxSize} bytes`);
  // However this ends: if the file is not complete, it goes.
  await using partial = await store.create();
  const writer = new FileWriter(partial.file);
  let told = 0;
  let message = await connection.receive();
  for (; message.type === "binary"; message = await connection.receive()) {
    for await (const piece of message.stream()) {
      if (writer.size + piece.length > size) {
        throw new Refusal(1009, "There is more in the file than its size says");
      }
      await writer.write(piece);
      if (writer.size - told >= PIECE) {
        say(connection, { type: "stored", size: told = writer.size });
      }
    }
  }
  const end = await readWord(message, "end");
  const sha256 = writer.digest();
  if (end.size !== size || writer.size !== size) {
    throw new Refusal(1008, `${writer.size} bytes came, but the file has ${size}`);
  }
  if (end.sha256 !== undefined && end.sha256 !== sha256) {
    throw new Refusal(1008, "The file was changed on its way");
  }
  say(connection, { type: "done", name: await partial.keep(name), size, sha256 });
}

async function give(
  connection: Connection,
  { name, as }: WordOf<"download">,
  store: Store,
): Promise<void> {
  await using file = await store.open(name);
  if (file === undefined) throw new Refusal(1008, "There is no such file");
  const { size } = await file.stat();
  say(connection, { type: "file", name, size });
  const reader = new FileReader(file);
  // As one message: it is read no faster than the peer takes it, and may be larger than memory.
  if (as === "message") await connection.send(reader);
  else await givePieces(connection, reader);
  say(connection, { type: "end", size: reader.size, sha256: reader.digest() });
  while ((await hear(connection, "stored", "done")).type !== "done");
}

/**
 * As many messages. That TCP makes us wait is not enough here: a page cannot leave messages unread,
 * its browser takes them into memory as they come. So the page confirms what it has stored, and gets
 * no more than `WINDOW` bytes beyond that.
 */
async function givePieces(connection: Connection, reader: FileReader): Promise<void> {
  let stored = 0;
  for await (const piece of reader) {
    while (reader.size - stored > WINDOW) stored = (await hear(connection, "stored")).size;
    connection.send(piece);
    await connection.ready;
  }
}
