/**
 * A client's socket that does only what the test says.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { until } from "./until.ts";

/** Where to connect, and from which address of this machine. */
export interface RawClientOptions {
  port?: number;
  /** A Unix socket, in place of the port. */
  path?: string;
  localAddress?: string;
}

/** A socket whose own direction stays open when the server has ended its own. */
export class RawClient implements Disposable {
  /** How many bytes have come. */
  received = 0;
  /** The first of them, each as one character. */
  text = "";
  /** Whether the server has ended its direction. */
  ended = false;
  /** Whether both directions have ended. */
  closed = false;
  readonly #socket: Socket;

  /** Begins to connect. */
  constructor({ port, path, localAddress }: RawClientOptions) {
    const to = path === undefined ? { host: "127.0.0.1", port: port!, localAddress } : { path };
    const socket = this.#socket = connect({ ...to, allowHalfOpen: true });
    socket.on("data", (chunk) => {
      this.received += chunk.length;
      if (this.text.length < 65_536) this.text += chunk.toString("latin1");
    });
    socket.on("end", () => this.ended = true);
    socket.on("close", () => this.closed = true);
    socket.on("error", () => {});
  }

  /** Connects, and sends. */
  static async open(options: RawClientOptions, text = ""): Promise<RawClient> {
    const client = new RawClient(options);
    await new Promise<void>((resolve, reject) => {
      client.#socket.once("connect", resolve);
      client.#socket.once("error", reject);
    });
    client.send(text);
    return client;
  }

  /** The status of the answer; 0 until it has come. */
  get status(): number {
    return Number(this.text.slice(9, 12));
  }

  /** Sends. */
  send(data: string | Uint8Array): void {
    if (data.length > 0) {
      this.#socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
    }
  }

  /** Ends its direction. */
  end(): void {
    this.#socket.end();
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Returns what has come, once it matches. */
  async said(pattern: RegExp): Promise<string> {
    await until(`${pattern}`, () => pattern.test(this.text) || this.ended || this.closed);
    if (!pattern.test(this.text)) throw new Error(`The server ended, having sent ${this.text}`);
    return this.text;
  }

  /** Returns the status, once the whole head of the answer has come. */
  async answered(): Promise<number> {
    await this.said(/\r\n\r\n/);
    return this.status;
  }

  /** Returns all that came, once the server has ended its direction. */
  async untilEnd(): Promise<string> {
    await until("the end", () => this.ended || this.closed);
    return this.text;
  }

  /** Waits until the server has let go of the socket: what is sent to it is then answered by a reset. */
  async dropped(): Promise<void> {
    await until("dropped", () => {
      if (!this.closed) this.send("x");
      return this.closed;
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
