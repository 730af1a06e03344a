/** The stack of an error that comes later shows the line of the user's that made the call. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, it } from "node:test";

import {
  connect,
  type ConnectOptions,
  fromWebSocket,
  SluiceError,
  type WebSocketConnection,
} from "../../mod.ts";
import { accept, listen } from "../../lib/server/mod.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";
import { open, settle } from "../connection/support.ts";
import { http2Rig } from "../adapters/http2_support.ts";

const options = { timeout: 30_000 };

/** Asserts that the call rejects with an error of the library in whose stack its caller is. */
async function assertShown(
  call: () => Promise<unknown>,
  handle: "awaited" | "passed on",
): Promise<void> {
  let thrown: unknown;
  // Not awaited, so that no engine knows the caller by itself.
  function theCaller(): Promise<unknown> {
    return call().then(() => assert.fail("it did not reject"), (error) => void (thrown = error));
  }
  async function theCallerAwaits(): Promise<void> {
    try {
      await call();
    } catch (error) {
      thrown = error;
    }
  }
  await (handle === "awaited" ? theCallerAwaits() : theCaller());
  assert.ok(thrown instanceof SluiceError, String(thrown));
  const { stack = "", name, message } = thrown;
  assert.ok(stack.includes(message), `${name} is at the top of ${stack}`);
  assert.match(stack, /theCaller.*stack_test\.ts:\d+/);
}

function shows(name: string, test: (handle: "awaited" | "passed on") => Promise<void>): void {
  for (const handle of ["awaited", "passed on"] as const) {
    it(`${name}, ${handle}`, options, () => test(handle));
  }
}

/** A server that answers as it is told to, and its port. */
async function answering(answer: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as { port: number }).port };
}

describe("the caller's line is in the stack of what rejects", () => {
  shows("connect, where nothing listens", async (handle) => {
    const { server, port } = await answering("");
    await new Promise((resolve) => server.close(resolve));
    await assertShown(() => connect(`ws://127.0.0.1:${port}/`), handle);
  });

  shows("connect, refused, hung up on, or late", async (handle) => {
    const forbidden = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    for (const answer of [forbidden, "nonsense\r\n\r\n", ""]) {
      const { server, port } = await answering(answer);
      await assertShown(() => connect(`ws://127.0.0.1:${port}/`), handle);
      server.close();
    }
    const silent = createServer((socket) => socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const late: ConnectOptions = { handshakeTimeout: 20 };
    await assertShown(() => connect(`ws://127.0.0.1:${port}/`, late), handle);
    silent.close();
  });

  shows("connect over HTTP/2, for each of several at once", async (handle) => {
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 403 });
      stream.end();
    });
    const session = rig.open(), url = `ws://127.0.0.1:${rig.port}/`;
    await assertShown(() => connect(url, { http2: session }), handle);
    const gone = rig.open();
    gone.on("error", () => {});
    const both = [1, 2].map(() => assertShown(() => connect(url, { http2: gone }), handle));
    gone.destroy(new Error("gone"));
    await Promise.all(both);
  });

  shows("listen", async (handle) => {
    await using server = await listen({ hostname: "127.0.0.1", port: 0, websocket: {} });
    const { port } = server.address;
    await assertShown(() => listen({ hostname: "127.0.0.1", port, websocket: {} }), handle);
  });

  shows("accept", async (handle) => {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    const writer = up.writable.getWriter();
    const refused = assertShown(
      () => accept({ readable: up.readable, writable: down.writable }),
      handle,
    );
    await writer.write(new TextEncoder().encode("nonsense\r\n\r\n"));
    await Promise.all([down.readable.pipeTo(new WritableStream()), writer.close(), refused]);
  });

  shows("fromWebSocket", async (handle) => {
    const socket = new FakeWebSocket(0);
    const refused = assertShown(() => fromWebSocket(socket), handle);
    socket.ends({ code: 1006 });
    await refused;
  });

  shows("ping, each of several", async (handle) => {
    const { connection } = open();
    const pings = [1, 2].map(() => assertShown(() => connection.ping(), handle));
    connection.terminate();
    await Promise.all(pings);
  });

  shows("send of a source, each of several", async (handle) => {
    const { connection } = open();
    const sends = [1, 2].map(() =>
      assertShown(() => connection.send(new ReadableStream<string>()), handle)
    );
    await settle();
    connection.terminate();
    await Promise.all(sends);
  });

  it("receive, awaited", options, async () => {
    const { connection } = open();
    const received = assertShown(() => connection.receive(), "awaited");
    connection.terminate();
    await received;
    await assertShown(() => connection.receive(), "awaited");
  });
});

describe("what is not the library's own", () => {
  it("keeps its stack: a signal's reason, and what a source fails with", async () => {
    const { connection } = open();
    const reason = new Error("mine"), { stack } = reason;
    const signal = AbortSignal.abort(reason);
    // deno-lint-ignore require-yield
    async function* source(): AsyncGenerator<string> {
      throw reason;
    }
    const calls: ((connection: WebSocketConnection) => Promise<unknown>)[] = [
      () => connect("ws://127.0.0.1:1/", { signal }),
      (connection) => connection.ping({ signal }),
      (connection) => connection.send(source()),
    ];
    for (const call of calls) await assert.rejects(call(connection), (error) => error === reason);
    assert.equal(reason.stack, stack);
    connection.terminate();
  });
});
