/**
 * The good client of the siege, from 127.0.0.2: opens connections, and measures round trips on the last
 * of them. A request is a line of JSON on stdin; the answer, a line on stdout.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { requestText } from "../tests/support/opening.ts";

/** How many connections to open, one after the other, and how long to measure, in milliseconds. */
export interface SiegeRequest {
  port: number;
  handshakes: number;
  time: number;
}

/** Times in milliseconds. */
export interface SiegeAnswer {
  /** How many handshakes succeeded, and how long the slowest took. */
  handshakes: number;
  slowest: number;
  /** How many round trips there were, and the time that 99 of 100 of them did not pass. */
  trips: number;
  p99: number;
  error?: string;
}

const ADDRESS = "127.0.0.2";
const SIZE = 64;
/** Before it is measured, a connection is warmed up so long, in milliseconds. */
const WARM_UP = 500;
/** How long, in milliseconds, until a server counts as silent. */
const SILENCE = 10_000;

/** A masked binary message, and the size of its echo. */
const MESSAGE = new Uint8Array(6 + SIZE).fill(7);
MESSAGE.set([0x82, 0x80 | SIZE, 0, 0, 0, 0]);
const REPLY = 2 + SIZE;

/** A socket whose bytes can be waited for. */
class Client {
  readonly #socket: Socket;
  #head = "";
  #received = 0;
  #open = false;
  #arrived: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(port: number) {
    const socket = connect({ host: "127.0.0.1", port, localAddress: ADDRESS, noDelay: true });
    this.#socket = socket;
    socket.setTimeout(SILENCE, () => socket.destroy(new Error("the server is silent")));
    socket.on("error", (error) => this.#failed?.(error));
    socket.on("close", () => this.#failed?.(new Error("the server closed the connection")));
    socket.on("data", (chunk: Uint8Array) => {
      if (this.#open) this.#received += chunk.length;
      else this.#head += String(chunk);
      this.#arrived?.();
    });
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      this.#arrived = (): void => {
        if (condition()) resolve();
      };
    });
  }

  /** Does the opening handshake. */
  async open(): Promise<void> {
    this.#socket.write(requestText({ Host: "127.0.0.1" }));
    await this.#until(() => this.#head.endsWith("\r\n\r\n"));
    if (!this.#head.startsWith("HTTP/1.1 101 ")) throw new Error(`it was refused: ${this.#head}`);
    this.#open = true;
  }

  /** Sends a message and waits for its echo. */
  async exchange(): Promise<void> {
    this.#received = 0;
    const arrived = this.#until(() => this.#received >= REPLY);
    this.#socket.write(MESSAGE);
    await arrived;
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }
}

async function run({ port, handshakes, time }: SiegeRequest, answer: SiegeAnswer): Promise<void> {
  let client: Client | undefined;
  for (let i = 0; i < handshakes; i++) {
    client?.close();
    const start = performance.now();
    client = new Client(port);
    await client.open();
    answer.handshakes++;
    answer.slowest = Math.max(answer.slowest, performance.now() - start);
  }
  if (client === undefined) return;
  const trips: number[] = [];
  const begin = performance.now();
  for (let now = begin; now < begin + WARM_UP + time;) {
    await client.exchange();
    const end = performance.now();
    if (now >= begin + WARM_UP) trips.push(end - now);
    now = end;
  }
  client.close();
  trips.sort((a, b) => a - b);
  answer.trips = trips.length;
  answer.p99 = trips[Math.floor(trips.length * 0.99)];
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer: SiegeAnswer = { handshakes: 0, slowest: 0, trips: 0, p99: NaN };
  try {
    await run(JSON.parse(line) as SiegeRequest, answer);
  } catch (error) {
    answer.error = String(error);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
