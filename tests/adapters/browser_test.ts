/** The client for browsers, here on each runtime's own WebSocket. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as browser from "../../lib/adapters/browser.ts";
import { listen } from "../../lib/server/mod.ts";
import * as all from "../../mod.ts";

const options = { timeout: 60_000 };

describe("the client for browsers", () => {
  it("has a part of the names of mod.ts, with the same types and the same values", () => {
    const part: Pick<typeof all, keyof typeof browser> = browser;
    for (const [name, value] of Object.entries(part)) {
      const isOwn = ["connect", "reconnecting", "WebSocket", "WebSocketStream"].includes(name);
      if (!isOwn) assert.equal(value, all[name as keyof typeof all], name);
    }
    assert.deepEqual(
      Object.keys(all).filter((name) => !(name in browser)).sort(),
      [
        "fromByteStream",
        "isWebSocketUpgrade",
      ],
    );
  });

  it("has the platform's classes, and ours where it has none", options, async () => {
    const platform = globalThis as unknown as Record<string, unknown>;
    assert.equal(browser.WebSocket, platform.WebSocket);
    for (const name of ["WebSocketStream", "WebSocketError"] as const) {
      if (name in platform) assert.equal(browser[name], platform[name]);
    }
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      origins: "*",
      websocket: { message: (connection, data) => void connection.send(data) },
    });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    const stream = new browser.WebSocketStream(url);
    const { readable, writable } = await stream.opened;
    const reader = readable.getReader(), writer = writable.getWriter();
    await writer.write("Hello");
    assert.equal((await reader.read()).value, "Hello");
    stream.close({ closeCode: 4001, reason: "done" });
    assert.equal((await stream.closed).closeCode, 4001);
    const broken = new browser.WebSocketStream("ws://127.0.0.1:9/");
    broken.closed.catch(() => {});
    await assert.rejects(broken.opened, (error) => {
      assert.ok(error instanceof browser.WebSocketError);
      return true;
    });
  });

  it("connects through the platform's WebSocket, and says what that lacks", options, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      origins: "*",
      protocols: ["chat"],
      websocket: { message: (connection, data) => void connection.send(data) },
    });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    await using connection = await browser.connect(url, "chat");
    assert.equal(connection.protocol, "chat");
    assert.equal(connection.capabilities.ping, false);
    connection.send("Hello");
    assert.equal(await connection.receive(), "Hello");
  });

  it("refuses what a page cannot do, by name, and what is invalid", options, async () => {
    const url = "ws://127.0.0.1:9/"; // nothing listens there: to get that far would be another error
    for (const name of ["headers", "tls", "path", "http2", "maxHeaders"] as const) {
      await assert.rejects(browser.connect(url, { [name]: {} }), {
        name: "NotSupportedError",
        message: new RegExp(name),
      });
    }
    await assert.rejects(browser.connect(url, { pingInterval: 5 }), { name: "NotSupportedError" });
    await assert.rejects(browser.connect("nowhere"), { name: "SyntaxError" });
    const unknown = { protocol: "chat" } as never;
    await assert.rejects(browser.connect(url, unknown), {
      name: "TypeError",
      message: /protocols/,
    });
  });

  it("is given up after handshakeTimeout, or by the signal", options, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      origins: "*",
      handshake: () => new Promise<undefined>(() => {}),
      onError: () => {},
      onRefused: () => {},
      websocket: {},
    });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    await assert.rejects(browser.connect(url, { handshakeTimeout: 30 }), {
      code: "HANDSHAKE_TIMEOUT",
    });
    const controller = new AbortController(), reason = new Error("enough");
    const connecting = browser.connect(url, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(connecting, reason);
    await server.shutdown({ timeout: 0 });
  });
});
