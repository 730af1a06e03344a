/**
 * The beginning of the body with which a server refuses: it often says what is wrong.
 *
 * @module
 */
import type { ResponseHead } from "../handshake/head.ts";

/** How much of it is kept, in bytes. */
const MAX_BODY = 4096;
/** How much is read for that: chunked coding adds a few bytes to each chunk. */
const MAX_RAW = 2 * MAX_BODY;

/** Gathers the body until it is complete, or enough of it is there (RFC 9112 section 6.3). */
export class RefusalBody {
  /** How long it is; Infinity where only its coding, or the end of the connection, shows it. */
  readonly #length: number;
  readonly #chunked: boolean;
  #raw = new Uint8Array(0);
  #decoded: Uint8Array<ArrayBuffer> = this.#raw;
  #complete = false;

  /** Creates one for the response with this head. */
  constructor({ status, headers }: Pick<ResponseHead, "status" | "headers">) {
    // Neither of these has a body, whatever its headers say.
    const none = status === 204 || status === 304;
    this.#length = none ? 0 : Number(headers.get("content-length") ?? Infinity);
    this.#chunked = headers.get("transfer-encoding")?.toLowerCase().endsWith("chunked") ?? false;
  }

  /** The first bytes of the body, as far as they came: 4 KiB at most. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#decoded.slice(0, MAX_BODY);
  }

  /** Adds what came: true once it is enough. */
  push(chunk: Uint8Array): boolean {
    const size = Math.min(chunk.length, MAX_RAW - this.#raw.length);
    const raw = new Uint8Array(this.#raw.length + size);
    raw.set(this.#raw);
    raw.set(chunk.subarray(0, size), this.#raw.length);
    this.#raw = raw;
    this.#decoded = this.#chunked ? this.#dechunked() : raw;
    return this.#complete || raw.length === MAX_RAW ||
      this.#decoded.length >= Math.min(this.#chunked ? Infinity : this.#length, MAX_BODY);
  }

  /** RFC 9112 section 7.1: each chunk is its size in hexadecimal, CRLF, its bytes, CRLF. */
  #dechunked(): Uint8Array<ArrayBuffer> {
    const raw = this.#raw, decoded = new Uint8Array(raw.length);
    let have = 0;
    for (let at = 0; at < raw.length;) {
      const lineEnd = raw.indexOf(0x0a, at);
      if (lineEnd === -1) break;
      const size = parseInt(
        String.fromCharCode(...raw.subarray(at, Math.min(lineEnd, at + 8))),
        16,
      );
      // The last chunk, or no chunked coding after all: nothing more to be had.
      if (!(size > 0)) {
        this.#complete = true;
        break;
      }
      const bytes = raw.subarray(lineEnd + 1, lineEnd + 1 + size);
      decoded.set(bytes, have);
      have += bytes.length;
      at = lineEnd + 1 + size + 2;
    }
    return decoded.subarray(0, have);
  }
}
