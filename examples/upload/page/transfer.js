import { Socket } from "./socket.js";

/** How large the messages are that a file is sent in (../words.ts has the same). */
const PIECE = 256 * 1024;
/** How much may be on its way that the server has not stored yet (the same there). */
const WINDOW = 4 * 1024 * 1024;

/**
 * Sends a file. `progress(stored)` is called as the server stores it; resolves with what it says in
 * the end: `{ name, size, sha256 }`.
 *
 * A browser takes whatever is sent into memory at once. So no more is read from the file than the
 * server is ready to store: it confirms what it has.
 */
export async function upload(file, { signal, progress }) {
  const { name, size } = file;
  const socket = await Socket.open("/transfer", signal);
  try {
    let stored = 0;
    const hear = async () => {
      const word = await socket.receive();
      progress(stored = word.size);
      return word;
    };
    socket.send({ type: "upload", name, size });
    for (let sent = 0; sent < size;) {
      const end = Math.min(sent + PIECE, size);
      while (end - stored > WINDOW) await hear();
      socket.send(await readPiece(file, sent, end));
      sent = end;
    }
    socket.send({ type: "end", size });
    while (true) {
      const word = await hear();
      if (word.type === "done") return word;
    }
  } finally {
    socket.close();
  }
}

async function readPiece(file, from, to) {
  try {
    return await file.slice(from, to).arrayBuffer();
  } catch {
    throw new Error("The file cannot be read: it was changed, or it is a folder");
  }
}

/**
 * Gets a file, and writes it to `writable` piece by piece. `progress(stored, size)` is called as it is
 * written.
 *
 * A browser takes whatever comes into memory, too. So the server sends no more than we have confirmed
 * to be written, and `WINDOW` bytes.
 */
export async function download(name, writable, { signal, progress }) {
  const socket = await Socket.open("/transfer", signal);
  try {
    socket.send({ type: "download", name, as: "pieces" });
    const { size } = await socket.receive();
    let stored = 0;
    progress(stored, size);
    let message = await socket.receive();
    for (; message instanceof ArrayBuffer; message = await socket.receive()) {
      await writable.write(message);
      stored += message.byteLength;
      socket.send({ type: "stored", size: stored });
      progress(stored, size);
    }
    if (stored !== size || message.size !== size) {
      throw new Error("The file was changed on its way");
    }
    await writable.close();
    progress(size, size);
    socket.send({ type: "done", name, size });
  } finally {
    socket.close();
  }
}
