/** A WebSocket that somebody else made: this runtime's own client, and what else has its interface. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  fromWebSocket,
  type FromWebSocketOptions,
  HandshakeError,
  LimitError,
  type WebSocketConnection,
} from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";

const options = { timeout: 30_000 };

/** A listener of ours, and the connections that it has accepted. */
async function serve(more: { perMessageDeflate?: boolean } = {}): Promise<{
  server: WebSocketServer;
  url: string;
  accepted(): Promise<WebSocketConnection>;
}> {
  const waiting: WebSocketConnection[] = [];
  let tell = Promise.withResolvers<void>();
  const server = await listen({
    port: 0,
    hostname: "127.0.0.1",
    protocols: ["chat"],
    websocket(connection): void {
      waiting.push(connection);
      tell.resolve();
    },
    ...more,
  });
  return {
    server,
    url: `ws://127.0.0.1:${server.address.port}/path`,
    async accepted(): Promise<WebSocketConnection> {
      await tell.promise;
      tell = Promise.withResolvers();
      return waiting.shift()!;
    },
  };
}

async function pair(
  run: (client: WebSocketConnection, server: WebSocketConnection) => void | Promise<void>,
  more: FromWebSocketOptions = {},
): Promise<void> {
  const { server, url, accepted } = await serve();
  await using _server = server;
  const client = await fromWebSocket(new WebSocket(url, "chat"), more);
  await run(client, await accepted());
  client.terminate();
}

describe("fromWebSocket on this runtime's own WebSocket", () => {
  it("is a connection once it is open, and reports what it lacks", options, () =>
    pair((client) => {
      const { pause, ping, streaming, anyCloseCode } = client.capabilities;
      assert.deepEqual({ pause, ping, streaming, anyCloseCode }, {
        pause: ownRuntime === "bun",
        ping: false,
        streaming: false,
        anyCloseCode: false,
      });
      assert.deepEqual([client.protocol, client.readyState, client.request], [
        "chat",
        1,
        undefined,
      ]);
      assert.match(client.url, /^ws:\/\/127\.0\.0\.1:\d+\/path$/);
    }));

  it("takes one that is open already", options, async () => {
    const { server, url, accepted } = await serve();
    await using _server = server;
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    await using client = await fromWebSocket(socket);
    (await accepted()).send("Hello");
    assert.equal(await client.receive(), "Hello");
  });

  it("rejects with a HandshakeError where the server refuses", options, async () => {
    const { server, url } = await serve();
    await server.shutdown();
    await assert.rejects(fromWebSocket(new WebSocket(url)), HandshakeError);
  });

  it(
    "passes text and binary both ways, views from their offset on",
    options,
    () =>
      pair(async (client, server) => {
        const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at);
        client.send("Grüße");
        client.send(bytes.subarray(3, 70_003));
        client.send(new DataView(bytes.buffer, 5, 2));
        client.send("");
        bytes.subarray(0, 100).fill(0); // it was copied
        assert.equal(await server.receive(), "Grüße");
        const large = await server.receive();
        assert.deepEqual([large.length, large[0], large.at(-1)], [70_000, 3, 70_002 % 256]);
        assert.deepEqual(await server.receive(), Uint8Array.of(5, 6));
        assert.equal(await server.receive(), "");
        server.send(bytes.subarray(200, 203));
        server.send(new Uint8Array(0));
        const message = await client.receive();
        assert.ok(message instanceof Uint8Array && message.constructor === Uint8Array);
        assert.deepEqual(message, Uint8Array.of(200, 201, 202));
        assert.equal(message.buffer.byteLength, 3);
        assert.deepEqual(await client.receive(), new Uint8Array(0));
      }),
  );

  it("closes with what was asked for, or 3000 more where that is refused", options, async () => {
    for (
      const [closeCode, ...sent] of [[1000, 1000], [3000, 3000], [4999, 4999], [1001, 1001, 4001]]
    ) {
      await pair(async (client, server) => {
        client.close({ closeCode, reason: "ä".repeat(61) });
        const [here, there] = await Promise.all([client.closed, server.closed]);
        assert.ok(sent.includes(there.closeCode), `${closeCode} came as ${there.closeCode}`);
        assert.equal(there.reason, "ä".repeat(61));
        assert.deepEqual([here.sent?.closeCode, here.initiator], [there.closeCode, "local"]);
        assert.deepEqual([here.wasClean, there.wasClean], [true, true]);
      });
    }
  });

  it("reports the peer's close, and a peer that vanished", options, async () => {
    for (const closeCode of [1001, 1008, 1011, 3000]) {
      await pair(async (client, server) => {
        server.close({ closeCode, reason: "why" });
        const info = await client.closed;
        assert.deepEqual([info.received, info.wasClean, info.initiator, info.sent], [
          { closeCode, reason: "why" },
          true,
          "remote",
          undefined,
        ]);
      });
    }
    await pair(async (client, server) => {
      server.terminate();
      const { closeCode, wasClean, received } = await client.closed;
      assert.deepEqual([closeCode, wasClean, received], [1006, false, undefined]);
      assert.equal(client.send("late"), false);
    });
  });

  it(
    "delivers what came before the close to code that reads later",
    options,
    () =>
      pair(async (client, server) => {
        server.send("a");
        server.send(Uint8Array.of(1));
        server.close();
        await client.closed;
        const got: unknown[] = [];
        for await (const message of client) got.push(message);
        assert.deepEqual(got, ["a", Uint8Array.of(1)]);
      }),
  );

  it(
    "past maxReceiveBuffered closes with 1008 or 4008, or can make the peer wait",
    options,
    () =>
      pair(async (client, server) => {
        client.pause();
        for (let at = 0; at < 4; at++) server.send("x".repeat(1000));
        if (client.capabilities.pause) {
          client.resume();
          for (let at = 0; at < 4; at++) assert.equal((await client.receive()).length, 1000);
          return;
        }
        const { closeCode } = await server.closed;
        assert.ok([1008, 4008].includes(closeCode), String(closeCode));
        const { error, sent } = await client.closed;
        assert.ok(error instanceof LimitError && error.option === "maxReceiveBuffered");
        assert.deepEqual(sent, { closeCode, reason: "maxReceiveBuffered" });
      }, { maxReceiveBuffered: 3 * 1064 }),
  );

  it(
    "closes with 1009 or 4009 past maxMessageSize; the limit itself passes",
    options,
    () =>
      pair(async (client, server) => {
        server.send("x".repeat(1000));
        assert.equal((await client.receive()).length, 1000);
        server.send("x".repeat(1001));
        const { closeCode } = await server.closed;
        assert.ok([1009, 4009].includes(closeCode), String(closeCode));
        assert.ok((await client.closed).error instanceof LimitError);
      }, { maxMessageSize: 1000 }),
  );

  it("calls handlers, and passes to onError what they throw", options, async () => {
    const errors: unknown[] = [];
    const { server, url, accepted } = await serve();
    await using _server = server;
    const connection = await fromWebSocket(new WebSocket(url), {
      data: { name: "Ann" },
      websocket: {
        open: (opened) => void opened.send(opened.data.name),
        message(): void {
          throw new Error("user");
        },
      },
      onError: (error) => void errors.push(error),
    });
    const peer = await accepted();
    assert.equal(await peer.receive(), "Ann");
    peer.send("x");
    assert.ok([1011, 4011].includes((await peer.closed).closeCode));
    assert.equal((await connection.closed).error?.message, "user");
    assert.equal(errors.length, 1);
  });

  it("delivers messages in one piece where pieces are asked for", options, async () => {
    const { server, url, accepted } = await serve();
    await using _server = server;
    await using client = await fromWebSocket(new WebSocket(url), { messages: "stream" });
    (await accepted()).send("Grüße");
    const message = await client.receive();
    assert.deepEqual([message.type, message.announcedLength], ["text", 7]);
    assert.equal(await message.text(), "Grüße");
  });

  it("compression is what the platform agreed on", options, async () => {
    const { server, url, accepted } = await serve({ perMessageDeflate: true });
    await using _server = server;
    await using client = await fromWebSocket(new WebSocket(url), { perMessageDeflate: true });
    const peer = await accepted();
    assert.equal(client.capabilities.compression, peer.extensions !== "");
    peer.send("x".repeat(1000));
    assert.equal(await client.receive(), "x".repeat(1000));
  });
});

describe("fromWebSocket", () => {
  it("reports what a server's socket can", async () => {
    const socket = new FakeWebSocket();
    socket.takesAnyCode = true;
    const connection = await fromWebSocket(socket, { anyCloseCode: true, url: "ws://there/" });
    assert.deepEqual([connection.capabilities.anyCloseCode, connection.url], [true, "ws://there/"]);
    connection.close({ closeCode: 1001 });
    assert.deepEqual(socket.closes, [[1001, ""]]);
    socket.ends({ code: 1001 });
  });

  it("refuses what the platform cannot honour, and bears it where it is off", async () => {
    const cannot: FromWebSocketOptions[] = [
      { perMessageDeflate: { level: 1 } },
      { pingInterval: 1000 },
      { pingTimeout: 1000 },
      { maxPingsPerSecond: 1 },
      { maxFrameSize: 1 },
      { maxFragments: 1 },
      { sendTimeout: 1 },
      { mask: () => 0 },
    ];
    for (const each of cannot) {
      const [name] = Object.keys(each);
      await assert.rejects(fromWebSocket(new FakeWebSocket(), each), {
        name: "NotSupportedError",
        message: `Cannot read options: a platform's WebSocket cannot honour ${name}`,
      });
      if (name === "mask") continue;
      const off = { [name]: name === "perMessageDeflate" ? false : Infinity };
      assert.equal((await fromWebSocket(new FakeWebSocket(), off)).readyState, 1);
    }
    await assert.rejects(fromWebSocket(new FakeWebSocket(), { maxMessageSize: -1 }), RangeError);
  });
});
