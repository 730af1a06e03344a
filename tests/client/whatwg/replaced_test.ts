/** A program that puts our class in place of the platform's: our own code goes on with the platform's. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  connect as connectNatively,
  reconnecting as reconnectNatively,
} from "../../../lib/adapters/browser.ts";
import { listen, type WebSocketServer } from "../../../lib/server/mod.ts";
import { connect, fromWebSocket, reconnecting, WebSocket } from "../../../mod.ts";

const options = { timeout: 60_000 };
type Global = { WebSocket: unknown };

describe("with globalThis.WebSocket replaced by ours", () => {
  const platform = (globalThis as unknown as Global).WebSocket;
  let server: WebSocketServer, url: string;

  before(async () => {
    (globalThis as unknown as Global).WebSocket = WebSocket;
    server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      websocket: { message: (own, data) => void own.send(data) },
    });
    url = `ws://127.0.0.1:${server.address.port}/`;
  });
  after(async () => {
    (globalThis as unknown as Global).WebSocket = platform;
    await server.shutdown({ timeout: 0 });
  });

  it("code that uses the global gets ours", options, async () => {
    const socket = new globalThis.WebSocket(url);
    assert.ok(socket instanceof WebSocket);
    await new Promise((resolve) => socket.onopen = resolve);
    socket.send("Hello");
    const data = await new Promise((resolve) => {
      socket.onmessage = (event: { data: unknown }): void => resolve(event.data);
    });
    assert.equal(data, "Hello");
    socket.close();
  });

  it("connect of ./browser stands on the platform's, and connect on sockets", options, async () => {
    const native = await connectNatively(url), own = await connect(url);
    assert.deepEqual([native.capabilities.ping, own.capabilities.ping], [false, true]);
    for (const connection of [native, own]) {
      connection.send("Hello");
      assert.equal(await connection.receive(), "Hello");
      connection.close();
      await connection.closed;
    }
  });

  it("reconnecting stands on the same, from either entry", options, async () => {
    const clients = [reconnectNatively(url), reconnecting(url)];
    for (const [at, client] of clients.entries()) {
      client.send("Hello");
      assert.equal(await client.receive(), "Hello");
      assert.equal(client.connection?.capabilities.ping, at === 1);
      client.close();
      assert.equal((await client.closed).wasClean, true);
    }
  });

  it("fromWebSocket takes one of ours as it takes any", options, async () => {
    const connection = await fromWebSocket(new WebSocket(url));
    connection.send("text");
    connection.send(Uint8Array.of(1, 2));
    assert.equal(await connection.receive(), "text");
    assert.deepEqual(await connection.receive(), Uint8Array.of(1, 2));
    connection.close(4001, "done");
    assert.equal((await connection.closed).wasClean, true);
  });
});
