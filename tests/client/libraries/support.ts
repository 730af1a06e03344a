/**
 * Libraries on our WebSocket class: a class that records what is constructed, so that a library which
 * takes another one by itself is noticed, and servers of the package ws.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { describe, it } from "node:test";
import { WebSocketServer } from "ws";
import { WebSocket as OurWebSocket } from "../../../mod.ts";
import { shareOf } from "../../support/tier.ts";
import { until } from "../../support/until.ts";

const sockets: OurWebSocket[] = [];

/** Our class itself, and what it constructs is recorded. */
export const WebSocket: typeof OurWebSocket = new Proxy(OurWebSocket, {
  construct(target, given, newTarget): object {
    const socket = Reflect.construct(target, given, newTarget) as OurWebSocket;
    sockets.push(socket);
    return socket;
  },
});

/** What to try with a library; or that, and why it cannot be tried here. */
export type LibraryTest = (() => Promise<void>) | { skip?: string; run: () => Promise<void> };

/**
 * Declares a test for each library. Each must have constructed sockets of our class, and all of them are
 * closed in the end.
 */
export function testLibraries(group: string, libraries: Record<string, LibraryTest>): void {
  describe(group, () => {
    for (const [name, test] of shareOf(Object.entries(libraries))) {
      const { run, skip } = typeof test === "function" ? { run: test, skip: undefined } : test;
      it(name, { timeout: 60_000, ...(skip !== undefined && { skip }) }, async () => {
        sockets.length = 0;
        await run();
        assert.ok(sockets.length > 0, "it constructed sockets of our class");
        const closed = (): boolean => sockets.every((socket) => socket.readyState === 3);
        await until("all sockets are closed", closed);
      });
    }
  });
}

/** What is used of a socket of the package ws. */
export interface PeerSocket {
  on(type: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  send(data: string | Uint8Array): void;
  terminate(): void;
}

/** A server of the package ws, and its address. */
export interface Served extends AsyncDisposable {
  readonly http: Server;
  readonly sockets: WebSocketServer;
  readonly host: string;
}

/** Starts a server; with `protocol` it agrees to the first subprotocol. */
export async function serve(given: { protocol?: boolean } = {}): Promise<Served> {
  const http = createServer();
  const sockets = new WebSocketServer({
    server: http,
    ...(given.protocol && { handleProtocols: (offered: Set<string>) => [...offered][0] }),
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address() as { port: number };
  return {
    http,
    sockets,
    host: `127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

/** Has a server send back every message. */
export function echo({ sockets }: Served): void {
  sockets.on("connection", (socket: PeerSocket) => {
    socket.on("message", (data) => socket.send(data.toString()));
  });
}

/** Has a server hand each message, as text, to a function, with what sends an answer. */
export function script(
  { sockets }: Served,
  onText: (text: string, send: (data: string | Uint8Array) => void) => void,
): void {
  sockets.on("connection", (socket: PeerSocket) => {
    socket.on("message", (data) => onText(data.toString(), (answer) => socket.send(answer)));
  });
}
