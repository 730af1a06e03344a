/**
 * Peers of a process under pressure that send to it: the runtime's own client, our client, our server.
 *
 * @module
 */
import { connect, type WebSocketConnection } from "../../../mod.ts";
import { listen } from "../../../lib/server/mod.ts";
import type { ConsumerWay } from "./consumers.ts";
import { MIB } from "./memory.ts";
import { MESSAGE_SIZE } from "./offers.ts";
import { patternAt } from "./pattern.ts";
import { type Subject, untilStill } from "./subject.ts";

/** What is read in pieces is more than a receiver holds of one message. */
const LARGE_SIZE = 4 * MIB;

/** One of them. */
export interface Sender {
  /** By what the process knows the connection. */
  readonly id: string;
  readonly bufferedAmount: number;
  /** How many pings it saw, if it is told. */
  readonly pings: number | undefined;
  send(message: Uint8Array<ArrayBuffer> | string): void;
  /** Closes, and tells whether that was clean. */
  close(): Promise<boolean>;
}

async function nativeClient(subject: Subject, way: ConsumerWay): Promise<Sender> {
  const id = `native-${way}`;
  const socket = new WebSocket(subject.url(id, way));
  const closed = new Promise<boolean>((resolve) => {
    // Not the code: Deno's client tells 1005 once it has seen a ping, whoever sent that.
    socket.onclose = ({ wasClean }): void => resolve(wasClean);
  });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return {
    id,
    pings: undefined,
    get bufferedAmount(): number {
      return socket.bufferedAmount;
    },
    send: (message) => socket.send(message),
    close(): Promise<boolean> {
      socket.close(1000);
      return closed;
    },
  };
}

/** A connection of ours. */
class OurSender implements Sender {
  readonly id: string;
  pings = 0;
  readonly #connection: Promise<WebSocketConnection>;
  #open: WebSocketConnection | undefined;

  constructor(id: string, connection: Promise<WebSocketConnection>) {
    this.id = id;
    this.#connection = connection;
  }

  async opened(): Promise<this> {
    this.#open = await this.#connection;
    return this;
  }

  get bufferedAmount(): number {
    return this.#open!.bufferedAmount;
  }

  send(message: Uint8Array<ArrayBuffer> | string): void {
    this.#open!.send(message);
  }

  async close(): Promise<boolean> {
    this.#open!.close();
    return (await this.#open!.closed).wasClean;
  }
}

function ourClient(subject: Subject, way: ConsumerWay): Promise<Sender> {
  const id = `client-${way}`;
  const sender: OurSender = new OurSender(
    id,
    connect(subject.url(id, way), { websocket: { ping: () => void sender.pings++ } }),
  );
  return sender.opened();
}

async function ourServer(subject: Subject, way: ConsumerWay): Promise<Sender> {
  const id = `server-${way}`, opened = Promise.withResolvers<WebSocketConnection>();
  const sender = new OurSender(id, opened.promise);
  const server = await listen({
    hostname: "127.0.0.1",
    websocket: {
      open: opened.resolve,
      ping: () => void sender.pings++,
      close: () => void server.shutdown(),
    },
  });
  const url = `ws://127.0.0.1:${server.address.port}/?id=${id}&way=${way}`;
  await subject.ask({ do: "connect", url });
  return await sender.opened();
}

/** What opens each of them, to a process that does not read. */
export const SENDERS: readonly ((subject: Subject, way: ConsumerWay) => Promise<Sender>)[] = [
  nativeClient,
  ourClient,
  ourServer,
];

/**
 * Sends the pattern, in messages for that way to read, until nothing more leaves the sender; gives how much it sent.
 *
 * @throws {Error} if it could send `most` bytes (rejects).
 */
export async function sendUntilHeld(
  sender: Sender,
  way: ConsumerWay,
  most: number,
): Promise<number> {
  const size = way === "pieces" ? LARGE_SIZE : MESSAGE_SIZE;
  let sent = 0;
  return await untilStill(() => {
    for (; sender.bufferedAmount < 2 * MIB; sent += size) {
      if (sent >= most) throw new Error(`${sender.id}: ${sent} bytes were sent, and not held up`);
      sender.send(patternAt(sent, size));
    }
    return sent; // what waits may still grow by pongs
  });
}
