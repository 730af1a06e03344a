/**
 * What a measured client does when the runner asks for it: a request is a line of JSON on stdin, its
 * result a line on stdout. The CPU time is read outside, by the runner.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { makePayload } from "../frames.ts";

/** What to do. */
export interface ClientRequest {
  work: "open" | "echo";
  /** Where the server listens on 127.0.0.1. */
  port: number;
  connections: number;
  depth: number;
  rolling: boolean;
  /** Milliseconds after which nothing new is begun. 0 opens the connections of an echo only. */
  duration: number;
}

/** What was done. */
export interface ClientResult {
  /** Connections that were opened and closed, or messages that came back. */
  count: number;
  seconds: number;
}

/** What a socket does. */
export interface ClientSocket {
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** What happens to a socket. */
export interface ClientEvents {
  onOpen(socket: ClientSocket): void;
  onMessage(size: number): void;
  /** It is closed; not cleanly, if there is an error. */
  onClose(error?: unknown): void;
}

/** Opens a socket. */
export type OpenSocket = (url: string, events: ClientEvents) => void;

/** The bytes of each message. */
const MESSAGE = makePayload(64);

/** What is shared by the sockets of one request. */
interface Round {
  stopping: boolean;
  count: number;
}

/** Opens and closes one connection after the other, until the round ends. */
function openAndClose(open: OpenSocket, url: string, round: Round): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      let isOpen = false;
      open(url, {
        onOpen(socket): void {
          isOpen = true;
          socket.close();
        },
        onMessage(): void {},
        onClose(error): void {
          if (error !== undefined || !isOpen) return reject(error ?? new Error("it did not open"));
          round.count++;
          if (round.stopping) resolve();
          else next();
        },
      });
    };
    next();
  });
}

/** A connection that sends messages and gets them back. */
class EchoConnection {
  readonly opened: Promise<void>;
  #socket: ClientSocket | undefined;
  #round: Round = { stopping: true, count: 0 };
  #request: ClientRequest;
  #left = 0;
  #idle = Promise.withResolvers<void>();
  #closed = Promise.withResolvers<void>();

  constructor(open: OpenSocket, url: string, request: ClientRequest) {
    this.#request = request;
    this.opened = new Promise((resolve, reject) => {
      open(url, {
        onOpen: (socket) => {
          this.#socket = socket;
          resolve();
        },
        onMessage: (size) => this.#onMessage(size),
        onClose: (error) => {
          const failure = error ?? new Error("the server closed the connection");
          reject(failure);
          this.#idle.reject(failure);
          this.#closed.resolve();
        },
      });
    });
  }

  /** Sends and counts until the round ends, and all is back. */
  run(round: Round, request: ClientRequest): Promise<void> {
    this.#round = round;
    this.#request = request;
    this.#idle = Promise.withResolvers();
    this.#sendBatch();
    return this.#idle.promise;
  }

  close(): Promise<void> {
    this.#idle.promise.catch(() => {});
    this.#socket?.close();
    return this.#closed.promise;
  }

  #sendBatch(): void {
    const { depth } = this.#request;
    this.#left = depth;
    for (let index = 0; index < depth; index++) this.#socket?.send(MESSAGE);
  }

  #onMessage(size: number): void {
    if (size !== MESSAGE.length) this.#idle.reject(new Error(`an echo has ${size} bytes`));
    this.#round.count++;
    if (this.#request.rolling && !this.#round.stopping) {
      this.#socket?.send(MESSAGE);
    } else if (--this.#left === 0) {
      if (this.#round.stopping) this.#idle.resolve();
      else this.#sendBatch();
    }
  }
}

/** Answers the runner's requests, and ends when it does. */
export async function serveRequests(open: OpenSocket): Promise<void> {
  let echoes: EchoConnection[] = [];

  async function run(request: ClientRequest): Promise<ClientResult> {
    const { work, port, connections, duration } = request;
    const url = `ws://127.0.0.1:${port}/`;
    const round: Round = { stopping: false, count: 0 };
    const began = performance.now();
    if (work === "echo" && echoes.length === 0) {
      echoes = Array.from({ length: connections }, () => new EchoConnection(open, url, request));
      await Promise.all(echoes.map(({ opened }) => opened));
    }
    if (duration > 0) {
      setTimeout(() => round.stopping = true, duration);
      await Promise.all(
        work === "echo"
          ? echoes.map((echo) => echo.run(round, request))
          : Array.from({ length: connections }, () => openAndClose(open, url, round)),
      );
    }
    return { count: round.count, seconds: (performance.now() - began) / 1000 };
  }

  for await (const line of createInterface({ input: process.stdin })) {
    let answer: ClientResult | { error: string };
    try {
      answer = await run(JSON.parse(line) as ClientRequest);
    } catch (error) {
      answer = { error: String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await Promise.all(echoes.map((echo) => echo.close()));
  process.exit();
}
