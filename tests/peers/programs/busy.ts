/**
 * A peer that sends many small messages to a server whose handler is busy, and pings it each second
 * besides what its library does by itself: what the programs `busy_*` have in common.
 *
 * An order is the one argument, a line of JSON; what comes of it is told in lines of JSON on stdout.
 *
 * @module
 */
import process from "node:process";

/** What to do. Times are in milliseconds. */
export interface BusyOrder {
  url: string;
  /** For how long to send, and how often. */
  time: number;
  every: number;
  /** How often to ping; besides, the library's own keepalive is as it is by default. */
  pingEvery: number;
}

/** What came of it. Times are in milliseconds from when the connection was open. */
export interface BusyResult {
  /** How many messages were sent. */
  sent: number;
  /** When the last ping was sent that was answered within half a second, and how many were at all. */
  answered: number;
  pongs: number;
  /** When the connection closed, and with which code. */
  closedAt: number;
  code: number;
}

/** What a library does. */
export interface BusySocket {
  /** Sends a message. */
  send(data: string): void;
  /** Sends a ping, and calls back when it is answered. */
  ping(answered: () => void): void;
  /** Closes. */
  close(): void;
}

/** Reads the order. */
export function readOrder(): BusyOrder {
  return JSON.parse(process.argv[2]) as BusyOrder;
}

/** Sends from now on. The result is told when the connection is closed: call what it returns then. */
export function keepBusy(socket: BusySocket, order: BusyOrder): (code: number) => void {
  const begin = performance.now(), now = (): number => performance.now() - begin;
  const result = { sent: 0, answered: 0, pongs: 0 };
  let over = false;
  const sending = setInterval(() => {
    // As many as are due: a timer of a busy machine comes late.
    const due = Math.floor(Math.min(now(), order.time) / order.every);
    while (!over && result.sent < due) socket.send(String(result.sent++).padStart(20, "."));
    if (now() < order.time) return;
    clearInterval(sending);
    socket.close();
  }, order.every);
  const pinging = setInterval(() => {
    const at = now();
    socket.ping(() => {
      result.pongs++;
      if (now() - at < 500) result.answered = at;
    });
  }, order.pingEvery);
  return (code): void => {
    over = true;
    clearInterval(sending);
    clearInterval(pinging);
    const told: BusyResult = { ...result, closedAt: now(), code };
    process.stdout.write(`${JSON.stringify(told)}\n`);
  };
}
