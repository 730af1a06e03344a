/**
 * A peer on a bare socket, which reads when the test wants it to.
 *
 * @module
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { answerText, keyOf, requestText } from "../../support/opening.ts";
import { PatternChecker } from "./pattern.ts";

/** Says the opening handshake, and then reads nothing until `read`. It never answers a frame. */
export class RawPeer implements AsyncDisposable {
  /** The data that came, all of it part of the pattern. */
  readonly pattern: PatternChecker = new PatternChecker();
  /** The code of the Close frame that came. */
  closeCode: number | undefined;
  readonly #socket: Socket;
  readonly #over = Promise.withResolvers<void>();
  /** What came of a header, or of a control frame. */
  #held = new Uint8Array(0);
  /** What is to come of a data frame, its mask, and where in that the next byte stands. */
  #left = 0;
  #mask: Uint8Array | undefined;
  #at = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#over.resolve());
  }

  /** Connects as a client. */
  static async connect(url: string): Promise<RawPeer> {
    const { port, host, pathname, search } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    const peer = new RawPeer(socket);
    socket.write(requestText({ Host: host }, `GET ${pathname}${search} HTTP/1.1`));
    const head = await peer.#head();
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`The server said: ${head}`);
    return peer;
  }

  /** Waits for one client: gives the URL to connect to. */
  static async accept(): Promise<{ url: string; peer: Promise<RawPeer> }> {
    const accepted = Promise.withResolvers<RawPeer>();
    const server = createServer((socket) => {
      server.close();
      accepted.resolve(RawPeer.#serve(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `ws://127.0.0.1:${port}/`, peer: accepted.promise };
  }

  static async #serve(socket: Socket): Promise<RawPeer> {
    const peer = new RawPeer(socket);
    socket.write(answerText(keyOf(await peer.#head())));
    return peer;
  }

  /** Resolves when the socket is closed. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Reads to the end, or to a Close frame, which is answered by ending the socket. */
  async read(): Promise<void> {
    this.#socket.on("data", (chunk: Uint8Array) => {
      try {
        this.#push(chunk);
      } catch (error) {
        this.#over.reject(error);
        this.#socket.destroy();
      }
    });
    this.#socket.resume();
    await this.over;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.over.catch(() => {});
  }

  /** Reads up to the end of the handshake, and keeps what stands behind it. */
  #head(): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = "";
      const take = (chunk: Uint8Array): void => {
        text += String.fromCharCode(...chunk);
        const end = text.indexOf("\r\n\r\n");
        if (end === -1) return;
        this.#socket.pause();
        this.#socket.off("data", take);
        const rest = Uint8Array.from(text.slice(end + 4), (char) => char.charCodeAt(0));
        this.#push(rest);
        resolve(text.slice(0, end + 2));
      };
      this.#socket.on("data", take);
      this.over.then(() => reject(new Error("The handshake was cut off")), reject);
    });
  }

  #push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.closeCode === undefined;) {
      if (this.#left > 0) {
        const part = chunk.slice(at, at + this.#left);
        this.#unmask(part);
        this.pattern.push(part);
        this.#left -= part.length;
        at += part.length;
      } else {
        this.#held = Uint8Array.of(...this.#held, chunk[at++]);
        this.#header(this.#held);
      }
    }
  }

  /** Looks at what came of a header; a control frame must have come whole. */
  #header(bytes: Uint8Array): void {
    if (bytes.length < 2) return;
    const short = bytes[1] & 127, long = short === 127 ? 8 : short === 126 ? 2 : 0;
    const masked = bytes[1] > 127, end = 2 + long + (masked ? 4 : 0);
    if (bytes.length < end) return;
    const size = bytes.subarray(2, 2 + long).reduce((sum, byte) => sum * 256 + byte, 0);
    const isControl = (bytes[0] & 8) !== 0;
    if (isControl && bytes.length < end + short) return;
    this.#mask = masked ? bytes.slice(end - 4, end) : undefined;
    this.#at = 0;
    this.#held = new Uint8Array(0);
    if (!isControl) this.#left = long === 0 ? short : size;
    else if ((bytes[0] & 15) === 8) {
      const payload = bytes.slice(end);
      this.#unmask(payload);
      this.closeCode = payload[0] << 8 | payload[1];
      this.#socket.end();
    }
  }

  #unmask(part: Uint8Array): void {
    const mask = this.#mask;
    if (mask !== undefined) {
      for (let i = 0; i < part.length; i++) part[i] ^= mask[this.#at + i & 3];
    }
    this.#at += part.length;
  }
}
