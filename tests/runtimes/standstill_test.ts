/**
 * The event loop stands still for longer than a timeout, while the peer's answer comes and lies in the
 * socket: the timer is called first, and must not judge the peer before what has arrived is read.
 */
import { stat } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { connect, type ConnectionOptions, type WebSocketConnection } from "../../mod.ts";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import type { ConnectionHandlers } from "../../lib/connection/connection.ts";
import { listen } from "../../lib/server/listen.ts";
import { cert, key } from "../certificates/mod.ts";
import { listening } from "../adapters/suite/endpoint.ts";
import { within } from "../adapters/suite/wire.ts";
import { ANSWERED, type LatePeerInit, type LatePeerTask, SEEN } from "./programs/late_peer.ts";

/** Each of the timeouts, in milliseconds. */
const TIMEOUT = 300;
const GUARD = { timeout: 60_000 };

interface Server {
  port: number;
  close(): Promise<unknown>;
}

type Serve = (
  options: Omit<ConnectionOptions, "messages"> & {
    handshakeTimeout?: number;
    websocket: ConnectionHandlers;
  },
) => Promise<Server>;

function listener(secure: boolean): Serve {
  return async (options) => {
    const tls = secure ? { tls: { cert, key } } : {};
    const server = await listen({ ...options, ...tls, hostname: "127.0.0.1" });
    return { port: server.address.port, close: () => server.shutdown({ timeout: 0 }) };
  };
}

function nodeServer(secure: boolean): Serve {
  return async (options) => {
    const server = secure ? createHttps({ cert, key }) : createHttp();
    const sockets = new Set<{ destroy(): void }>();
    server.on("upgrade", (request, socket, head) => {
      sockets.add(socket);
      void upgrade(request, socket, head, options);
    });
    return {
      port: await listening(server),
      close(): Promise<void> {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(() => resolve()));
      },
    };
  };
}

const SERVERS: readonly { name: string; secure: boolean; serve: Serve }[] = [
  { name: "listen", secure: false, serve: listener(false) },
  { name: "listen with TLS", secure: true, serve: listener(true) },
  { name: "node:http", secure: false, serve: nodeServer(false) },
  { name: "node:https", secure: true, serve: nodeServer(true) },
];

/** A peer in a thread. */
class LatePeer implements AsyncDisposable {
  readonly #state: Int32Array;
  readonly #worker: Worker;
  /** The port of its server, if it is one. */
  readonly port: Promise<number>;

  constructor(task: LatePeerTask, { port = 0, secure = false } = {}) {
    const progress = new SharedArrayBuffer(4);
    this.#state = new Int32Array(progress);
    const workerData: LatePeerInit = { task, port, secure, progress };
    this.#worker = new Worker(new URL("./programs/late_peer.ts", import.meta.url), { workerData });
    this.port = new Promise((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
    });
    this.port.catch(() => {});
  }

  /** Once the peer has seen what it waits for, blocks this thread until its answer is long overdue. */
  async block(): Promise<void> {
    const seen = (): boolean => Atomics.load(this.#state, 0) >= SEEN;
    await within(
      (async () => {
        while (!seen()) await new Promise((resolve) => setTimeout(resolve, 1));
      })(),
      "the peer to see it",
    );
    // As a handler does: behind input, Node calls the timers before it reads again.
    await stat(import.meta.dirname!);
    const end = performance.now() + 3 * TIMEOUT;
    while (performance.now() < end || Atomics.load(this.#state, 0) < ANSWERED);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

for (const { name, secure, serve } of SERVERS) {
  describe(`a loop that stood still, ${name}`, GUARD, () => {
    it("pingTimeout: a pong that has arrived is read before", async () => {
      const pong = Promise.withResolvers<WebSocketConnection>();
      const server = await serve({
        pingInterval: TIMEOUT,
        pingTimeout: TIMEOUT,
        websocket: { pong: pong.resolve, close: (_connection, info) => pong.reject(info.error) },
      });
      await using peer = new LatePeer("pong", { port: server.port, secure });
      await peer.block();
      assert.equal((await within(pong.promise, "the pong")).readyState, 1);
      await server.close();
    });

    it("closeTimeout: a Close that has arrived is read before", async () => {
      const closed = Promise.withResolvers<boolean>();
      const server = await serve({
        closeTimeout: TIMEOUT,
        websocket: {
          open: (connection) => connection.close(),
          close: (_connection, info) => closed.resolve(info.wasClean),
        },
      });
      await using peer = new LatePeer("close", { port: server.port, secure });
      await peer.block();
      assert.equal(await within(closed.promise, "the Close"), true);
      await server.close();
    });

    it("sendTimeout: a peer that has begun to read is not dropped", async () => {
      const done = Promise.withResolvers<void>();
      const server = await serve({
        sendTimeout: TIMEOUT,
        maxBufferedAmount: Infinity,
        websocket: {
          message(connection): void {
            // Until some of it waits, and no more: it leaves as soon as the peer reads.
            while (connection.send(new Uint8Array(65_536)));
            void connection.ready.then(() => done.resolve());
          },
          close: (_connection, info) => done.reject(info.error),
        },
      });
      await using peer = new LatePeer("read", { port: server.port, secure });
      await peer.block();
      await within(done.promise, "the peer to take it");
      await server.close();
    });

    if (!name.startsWith("listen")) return; // the head is read by node:http
    it("handshakeTimeout: a head that has arrived is read before", async () => {
      const opened = Promise.withResolvers<void>();
      const server = await serve({
        handshakeTimeout: TIMEOUT,
        websocket: { open: () => opened.resolve() },
      });
      await using peer = new LatePeer("head", { port: server.port, secure });
      await peer.block();
      await within(opened.promise, "the connection to open");
      await server.close();
    });
  });
}

describe("a loop that stood still, connect", GUARD, () => {
  it("handshakeTimeout: an answer that has arrived is read before", async () => {
    await using peer = new LatePeer("answer");
    const connecting = connect(`ws://127.0.0.1:${await peer.port}/`, { handshakeTimeout: TIMEOUT });
    await peer.block();
    const connection = await connecting;
    assert.equal(connection.readyState, 1);
    connection.terminate();
    await connection.closed;
  });
});
