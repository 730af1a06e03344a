/**
 * The clients of the crowd: a process of its own that opens the connections, sends a message on each
 * once a second, and compares every reply with what was sent. It runs on Bun, whose sockets cost a
 * client least. A request is a line of JSON on stdin; the answer, a line on stdout.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { makeMaskedFrames } from "./frames.ts";
import { requestText } from "../tests/support/opening.ts";
import { bun, type BunSocket } from "./bun.ts";

/** What to do. */
export interface CrowdRequest {
  /** Where the server listens on 127.0.0.1. */
  port: number;
  /** How many connections to open. */
  connections: number;
  /** How many messages each sends, one a second. */
  messages: number;
}

/** What came of it. */
export interface CrowdAnswer {
  /** Messages sent, and messages that came back unchanged. */
  sent: number;
  returned: number;
  /** Connections that ended before the clients ended them, and the first reason that was given. */
  closed: number;
  reason: string | undefined;
  /** Pings of the server that were answered. */
  pings: number;
  /** Round trips in milliseconds: the median, the 99th percentile and the longest. */
  median: number;
  p99: number;
  longest: number;
}

/** Bytes of payload; the first four count the messages of a connection. */
const PAYLOAD = 64;
/** Opcodes with FIN set (RFC 6455 section 5.2). */
const BINARY = 0x82, CLOSE = 0x88, PING = 0x89;
const MASK = Uint8Array.of(1, 2, 3, 4);
/** Connections that are being opened at once: few enough for any listener's queue. */
const AT_ONCE = 32;
/** How often messages are sent, in milliseconds: each time by the next connections. */
const STEP = 10;
/** How long to wait for replies after the last message, in milliseconds. */
const PATIENCE = 30_000;

const answer: CrowdAnswer = {
  sent: 0,
  returned: 0,
  closed: 0,
  reason: undefined,
  pings: 0,
  median: 0,
  p99: 0,
  longest: 0,
};
const roundTrips: number[] = [];

/** One connection of the crowd. */
class Member {
  #socket: BunSocket | undefined;
  #opened: PromiseWithResolvers<void> | undefined = Promise.withResolvers();
  #head = "";
  /** Of a frame that has not come whole. */
  #rest: Uint8Array = new Uint8Array(0);
  #sent: number[] = [];
  #next = 0;
  #expected = 0;
  #done = false;

  /** Connects and shakes hands. */
  async open(port: number): Promise<void> {
    this.#socket = await bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => this.#data(chunk),
        close: () => this.#end("the connection was dropped"),
      },
    });
    this.#socket.write(
      new TextEncoder().encode(
        requestText({ Host: `127.0.0.1:${port}` }),
      ),
    );
    await this.#opened?.promise;
  }

  /** Sends the next message, unless the connection has ended. */
  send(): void {
    if (this.#done) return;
    const payload = new Uint8Array(PAYLOAD);
    new DataView(payload.buffer).setUint32(0, this.#next++);
    this.#write(2, payload);
    this.#sent.push(performance.now());
    answer.sent++;
  }

  /** Drops the socket. */
  leave(): void {
    this.#done = true;
    this.#socket?.terminate();
  }

  #write(opcode: number, payload: Uint8Array): void {
    const frame = makeMaskedFrames(opcode, payload, [MASK]);
    // The server reads, so that the socket takes a small frame at once.
    if (this.#socket?.write(frame) !== frame.length) this.#end("the socket took no more");
  }

  #data(chunk: Uint8Array): void {
    if (this.#done) return;
    if (this.#opened !== undefined) return this.#shakeHands(chunk, this.#opened);
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    while (at + 2 <= bytes.length && at + 2 + bytes[at + 1] <= bytes.length) {
      const end = at + 2 + bytes[at + 1];
      this.#frame(bytes[at], bytes.subarray(at + 2, end));
      at = end;
    }
    this.#rest = bytes.slice(at);
  }

  #shakeHands(chunk: Uint8Array, opened: PromiseWithResolvers<void>): void {
    this.#head += new TextDecoder().decode(chunk);
    if (!this.#head.endsWith("\r\n\r\n")) return;
    this.#opened = undefined;
    if (this.#head.startsWith("HTTP/1.1 101")) opened.resolve();
    else opened.reject(new Error(`the server refused: ${this.#head.split("\r\n")[0]}`));
  }

  #frame(first: number, payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    if (first === BINARY && payload.length === PAYLOAD && view.getUint32(0) === this.#expected) {
      this.#expected++;
      answer.returned++;
      roundTrips.push(performance.now() - this.#sent.shift()!);
    } else if (first === PING) {
      answer.pings++;
      this.#write(10, payload);
    } else if (first === CLOSE) {
      this.#end(`${view.getUint16(0)}, ${new TextDecoder().decode(payload.subarray(2))}`);
    } else this.#end("a reply is not the message sent");
  }

  #end(reason: string): void {
    if (this.#done) return;
    this.#done = true;
    this.#opened?.reject(new Error(reason));
    answer.closed++;
    answer.reason ??= reason;
  }
}

async function run({ port, connections, messages }: CrowdRequest): Promise<CrowdAnswer> {
  const members = Array.from({ length: connections }, () => new Member());
  const opening = members.values();
  const openNext = async (): Promise<void> => {
    for (const member of opening) await member.open(port);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openNext));
  const began = performance.now();
  const total = connections * messages;
  for (let turn = 0; turn < total;) {
    await new Promise((resolve) => setTimeout(resolve, STEP));
    const due = Math.min(total, (performance.now() - began) * connections / 1000);
    while (turn < due) members[turn++ % connections].send();
  }
  const late = performance.now() + PATIENCE;
  while (answer.returned < answer.sent && performance.now() < late) {
    await new Promise((resolve) => setTimeout(resolve, STEP));
  }
  for (const member of members) member.leave();
  roundTrips.sort((a, b) => a - b);
  const at = (share: number): number => roundTrips[Math.floor(roundTrips.length * share)] ?? 0;
  return { ...answer, median: at(0.5), p99: at(0.99), longest: roundTrips.at(-1) ?? 0 };
}

for await (const line of createInterface({ input: process.stdin })) {
  let result: CrowdAnswer | { error: string };
  try {
    result = await run(JSON.parse(line) as CrowdRequest);
  } catch (error) {
    result = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
process.exit();
