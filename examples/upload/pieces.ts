/**
 * Files piece by piece: what server and client share.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { PIECE } from "./words.ts";

/** Reads a file from its start, and digests it on the way. */
export class FileReader implements AsyncIterable<Uint8Array> {
  /** How much was read. */
  size = 0;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * The content. Each piece stands in the same memory as the one before: `send` copies what it is
   * given, and takes the next piece only when it has.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const memory = new Uint8Array(PIECE);
    while (true) {
      const { bytesRead } = await this.#file.read(memory, 0, PIECE, this.size);
      if (bytesRead === 0) return;
      const piece = memory.subarray(0, bytesRead);
      this.#hash.update(piece);
      this.size += bytesRead;
      yield piece;
    }
  }

  /** The digest, in hexadecimal digits: to be asked for once, in the end. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** Writes a file from its start, and digests it on the way. */
export class FileWriter {
  /** How much was written. */
  size = 0;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Writes a piece. Who awaits it before taking the next holds no more than one in memory. */
  async write(piece: Uint8Array): Promise<void> {
    this.#hash.update(piece);
    // The system may take less than it is given.
    for (let at = 0; at < piece.length;) {
      const { bytesWritten } = await this.#file.write(piece, at, piece.length - at, this.size);
      at += bytesWritten;
      this.size += bytesWritten;
    }
  }

  /** The digest, in hexadecimal digits: to be asked for once, in the end. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
