/**
 * Talking to a proxy on a transport that something else has afterwards: bytes are read one chunk at a time,
 * and none is read that is not asked for.
 *
 * @module
 */
import type { Transport, TransportSink } from "../../link/transport.ts";
import { proxyError } from "./errors.ts";

/** What to ask a proxy for, and the limits of its answer. */
export interface TunnelInit {
  /** The server's host, an IPv6 address in brackets. */
  hostname: string;
  /** The server's port. */
  port: number;
  /** Who asks. */
  user: { name: string; password: string } | undefined;
  /** The longest head of an answer, in bytes. */
  maxHeaderSize: number;
  /** The most header lines of an answer. */
  maxHeaders: number;
}

/** Reads and writes, until the way to the peer is open. */
export class ProxyReader implements TransportSink {
  readonly #transport: Transport;
  readonly #chunks: Uint8Array[] = [];
  #waiting: PromiseWithResolvers<Uint8Array> | undefined;
  #end: Error | undefined;

  /** Begins to read. */
  constructor(transport: Transport) {
    this.#transport = transport;
    transport.start(this);
  }

  /** Whether something has come that nobody has asked for. */
  get hasMore(): boolean {
    return this.#chunks.length > 0;
  }

  /** Writes all of it. */
  write(bytes: Uint8Array): void {
    this.#transport.write(bytes);
  }

  /** Returns what comes next. Rejects with a HandshakeError if the proxy ends the connection instead. */
  read(): Promise<Uint8Array> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    this.#waiting = Promise.withResolvers();
    this.#transport.resume();
    return this.#waiting.promise;
  }

  /** Returns that many bytes. */
  async readExactly(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let have = 0; have < size;) {
      const chunk = await this.read(), used = Math.min(chunk.length, size - have);
      bytes.set(chunk.subarray(0, used), have);
      have += used;
      if (used < chunk.length) this.#chunks.unshift(chunk.subarray(used));
    }
    return bytes;
  }

  /** @internal From the transport. */
  onData(chunk: Uint8Array): void {
    this.#transport.pause();
    const copy = chunk.slice();
    if (this.#waiting === undefined) this.#chunks.push(copy);
    else this.#waiting.resolve(copy);
    this.#waiting = undefined;
  }

  /** @internal From the transport: the proxy's end. What uses it next sees that it is closed. */
  onEnd(): void {
    this.#transport.close();
  }

  /** @internal */
  onDrain(): void {}

  /** @internal From the transport: it is closed. */
  onClose(error?: Error): void {
    this.#end = proxyError("it ended the connection before the way was open", { cause: error });
    this.#waiting?.reject(this.#end);
    this.#waiting = undefined;
  }
}
