/**
 * A transport over any pair of byte streams: an SSH channel, a proxy's tunnel, a test.
 *
 * @module
 */

import {
  type Transport,
  type TransportAddress,
  type WriteResult,
  writeResult,
} from "../link/transport.ts";
import { checkMemory, copyOf } from "../frame/memory.ts";
import { checkMethods } from "../options.ts";
import { BaseTransport } from "./base_transport.ts";
import { connectionError, resetError } from "./errors.ts";

/** A way in and a way out. */
export interface ByteStreamPair {
  /** What the peer sends. */
  readable: ReadableStream<Uint8Array>;
  /** What we send. Its strategy's high-water mark decides when `write` gives false. */
  writable: WritableStream<Uint8Array>;
  /** The peer's end, if it is known. */
  remoteAddress?: TransportAddress | undefined;
}

/** The most that is written at once, in bytes: a writer reports nothing before it has taken all. */
const MAX_WRITE_SIZE = 65_536;

/** What is used of the reader; the platforms' types differ in the rest. */
interface ByteReader {
  readonly closed: Promise<unknown>;
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

class ByteStreamTransport extends BaseTransport {
  readonly remoteAddress: TransportAddress | undefined;
  readonly localAddress: TransportAddress | undefined = undefined;
  readonly secure = false;
  /** A writer may keep or transfer what it is given, so it gets memory that nobody else has. */
  readonly alwaysCopies = true;
  readonly maxWriteSize = MAX_WRITE_SIZE;
  readonly #reader: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reading = false;
  #paused = false;
  #bufferedAmount = 0;
  #needDrain = false;
  #ending = false;
  #ended = false;

  constructor({ readable, writable, remoteAddress }: ByteStreamPair) {
    super();
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.remoteAddress = remoteAddress;
    // Errors are reported by reads and writes; these promises reject as well, and nothing awaits
    // them.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  protected override onStart(): void {
    this.resume();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.sink === undefined || this.#reading || this.peerEnded || this.isGone) return;
    void this.#readLoop();
  }

  write(bytes: Uint8Array): WriteResult {
    if (this.#ending || this.state !== "open") return writeResult(false, true);
    const size = bytes.byteLength;
    if (size > 0) {
      this.#bufferedAmount += size;
      this.#writer.write(copyOf(bytes)).then(
        () => this.#onWritten(size),
        (error: unknown) => this.#release(connectionError(error)),
      );
      if ((this.#writer.desiredSize ?? 0) <= 0) this.#needDrain = true;
    }
    return writeResult(!this.#needDrain, true);
  }

  closeWrite(): void {
    if (this.#ending || this.state !== "open") return;
    this.#ending = true;
    this.#writer.close().then(
      () => {
        this.#ended = true;
        if (this.peerEnded || this.state === "closing") this.#release();
      },
      (error: unknown) => this.#release(connectionError(error)),
    );
  }

  close(): void {
    if (!this.startClosing()) return;
    if (this.#ending && !this.#ended) this.linger(() => this.#release());
    else this.#release();
  }

  #onWritten(size: number): void {
    if (this.isGone) return;
    this.#bufferedAmount -= size;
    if (this.#bufferedAmount > 0) return;
    this.#needDrain = false;
    if (!this.#ending) this.reportDrain();
  }

  async #readLoop(): Promise<void> {
    this.#reading = true;
    try {
      while (!this.#paused && this.state === "open") {
        const { done, value } = await this.#reader.read();
        if (this.state !== "open") break;
        if (done) {
          this.reportEnd();
          if (this.#ended) this.#release();
          break;
        }
        if (!(value instanceof Uint8Array)) {
          throw new TypeError("Cannot read the byte stream: a chunk is no Uint8Array");
        }
        if (value.byteLength > 0) this.sink?.onData(value);
        else checkMemory("read the byte stream", value);
      }
    } catch (error) {
      this.#release(connectionError(error));
    }
    this.#reading = false;
  }

  #release(error?: Error): void {
    if (!this.onGone(error)) return;
    this.#bufferedAmount = 0;
    const reason = error ?? resetError();
    if (!this.peerEnded) this.#reader.cancel(reason).catch(() => {});
    if (!this.#ended) this.#writer.abort(reason).catch(() => {});
  }
}

/**
 * Creates a transport of a pair of byte streams, and locks both. Bytes written belong to the writable
 * from then on; an end of the readable is the peer's end, and `closeWrite` closes the writable.
 *
 * @throws {TypeError} If one of them is missing, or locked already.
 */
export function fromByteStreamPair(pair: ByteStreamPair): Transport {
  const what = "use byte stream";
  checkMethods(`${what}: it must be an object with readable and writable`, pair);
  checkMethods(`${what}: readable must be a ReadableStream`, pair.readable, "getReader");
  checkMethods(`${what}: writable must be a WritableStream`, pair.writable, "getWriter");
  return new ByteStreamTransport(pair);
}
