/**
 * The attacker of the siege: a process of its own that holds half-sent heads, half-sent frames, and
 * connections that never read, all from 127.0.0.1. A request is a line of JSON on stdin; the answer, a
 * line on stdout.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { requestText } from "../tests/support/opening.ts";

/** What to hold open, and against which port. */
export interface AttackRequest {
  port: number;
  heads: number;
  frames: number;
  deaf: number;
}

/** What is open now, and how many half-sent heads had to be opened again. */
export interface AttackAnswer {
  heads: number;
  frames: number;
  deaf: number;
  reopened: number;
  error?: string;
}

const ADDRESS = "127.0.0.1";
/** Sockets that are being opened at once: few enough for any listener's queue. */
const AT_ONCE = 32;
/** How long, in milliseconds, until a half-sent head that was dropped is sent again. */
const REOPEN_DELAY = 1_000;

const REQUEST = requestText({ Host: ADDRESS });
const HALF_REQUEST = REQUEST.slice(0, REQUEST.length / 2);

/** The header of a binary frame of 16 MiB with a key of zeros, and the first KiB of its payload. */
const HALF_FRAME = new Uint8Array(14 + 1024);
HALF_FRAME.set([0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
/** A whole message of 64 KiB - 1, to be echoed. */
const MESSAGE = new Uint8Array(8 + 65_535);
MESSAGE.set([0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0]);

let port = 0, reopened = 0;
const heads = new Set<Socket>(), frames = new Set<Socket>(), deaf = new Set<Socket>();

/** Opens a socket and keeps it in a set as long as it is open. */
async function dial(sockets: Set<Socket>): Promise<Socket> {
  const socket = connect({ host: ADDRESS, port, noDelay: true });
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("close", () => reject(new Error("a socket was refused")));
  });
  sockets.add(socket);
  return socket;
}

async function openHead(): Promise<void> {
  const socket = await dial(heads);
  socket.resume();
  socket.write(HALF_REQUEST);
  socket.once("close", () => {
    setTimeout(() => {
      reopened++;
      openHead().catch(() => {});
    }, REOPEN_DELAY);
  });
}

/** Opens a connection, and sends the rest once it is answered. */
async function openConnection(sockets: Set<Socket>, sent: Uint8Array): Promise<Socket> {
  const socket = await dial(sockets);
  socket.write(REQUEST);
  const first = await new Promise<string>((resolve, reject) => {
    socket.once("data", (chunk) => resolve(String(chunk)));
    socket.once("close", () => reject(new Error("a handshake was refused")));
  });
  if (!first.startsWith("HTTP/1.1 101 ")) throw new Error(`a handshake was answered: ${first}`);
  socket.write(sent);
  return socket;
}

async function openDeaf(): Promise<void> {
  const socket = await openConnection(deaf, MESSAGE);
  socket.pause();
  // It sends as long as the server reads.
  const send = (): void => {
    while (socket.writable && socket.write(MESSAGE));
  };
  socket.on("drain", send);
  send();
}

async function times(count: number, open: () => Promise<unknown>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await open();
  }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Partial<AttackRequest>;
  let error: string | undefined;
  try {
    port = request.port ?? port;
    await times(request.frames ?? 0, async () => {
      const socket = await openConnection(frames, HALF_FRAME);
      socket.resume();
    });
    await times(request.deaf ?? 0, openDeaf);
    await times(request.heads ?? 0, openHead);
  } catch (reason) {
    error = String(reason);
  }
  const answer: AttackAnswer = {
    heads: heads.size,
    frames: frames.size,
    deaf: deaf.size,
    reopened,
    ...(error === undefined ? {} : { error }),
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
