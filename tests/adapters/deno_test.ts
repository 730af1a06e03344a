import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type CloseInfo, connect, LimitError, TransportError } from "../../mod.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectOptions } from "../../lib/client/options.ts";
import { type DenoUpgradeOptions, upgrade } from "../../lib/adapters/deno.ts";
import { ask, onDeno, serve } from "./deno_support.ts";

const guard = { timeout: 30_000 };

async function pair(
  run: (server: WebSocketConnection, client: WebSocketConnection) => Promise<void>,
  options: Partial<DenoUpgradeOptions> & { client?: ConnectOptions } = {},
): Promise<void> {
  const { client: more, ...rest } = options;
  await using rig = serve(rest);
  const client = await connect(rig.url, more);
  await run(await rig.opened(), client);
  client.terminate();
}

function told({ closeCode, reason, wasClean, initiator }: CloseInfo): unknown[] {
  return [closeCode, reason, wasClean, initiator];
}

describe("a connection behind Deno.serve", onDeno, () => {
  it("is handed over when it is open, and knows its request and its peer", guard, async () => {
    const states: number[] = [];
    await using rig = serve({
      websocket: {
        open(connection): void {
          states.push(connection.readyState);
          connection.send(String(connection.remoteAddress?.port));
          connection.send(connection.url);
        },
        message(connection): void {
          // Long after the response the headers can still be read.
          connection.send(String(connection.request?.headers.get("x-name")));
          connection.send(String(connection.request === rig.requests[0]));
        },
      },
    });
    await using client = await connect(rig.url, { headers: { "X-Name": "Ann" } });
    assert.match(String(await client.receive()), /^\d+$/);
    assert.equal(await client.receive(), rig.url);
    client.send("who?");
    assert.deepEqual([await client.receive(), await client.receive()], ["Ann", "true"]);
    assert.deepEqual(states, [1]);
  });

  it("reports what it can and cannot do", guard, () =>
    pair(async (server) => {
      assert.deepEqual(server.capabilities, {
        pause: false,
        ping: false,
        compression: false,
        streaming: false,
        anyCloseCode: true,
      });
      await assert.rejects(server.ping(), { name: "NotSupportedError" });
    }));

  it(
    "passes messages both ways, binary from its offset on, in memory of its own",
    guard,
    () =>
      pair(async (server, client) => {
        const bytes = Uint8Array.from({ length: 1 << 20 }, (_, at) => at * 7);
        for (const [from, to] of [[client, server], [server, client]]) {
          from.send("Grüße");
          from.send("");
          from.send(bytes.subarray(5, 9));
          from.send(new Uint16Array(bytes.buffer, 2, 1));
          from.send(new Uint8Array(0));
          const sent = bytes.slice();
          from.send(sent);
          sent.fill(0); // it was copied
          assert.deepEqual([await to.receive(), await to.receive()], ["Grüße", ""]);
          const small = await to.receive();
          assert.ok(small instanceof Uint8Array && small.buffer.byteLength === small.length);
          assert.deepEqual(small, bytes.slice(5, 9));
          assert.deepEqual(await to.receive(), bytes.slice(2, 4));
          assert.deepEqual(await to.receive(), new Uint8Array(0));
          assert.deepEqual(await to.receive(), bytes);
        }
      }),
  );

  it("closes with any code, and a reason of 123 bytes", guard, async () => {
    const reason = `${"ä".repeat(61)}a`;
    for (const closeCode of [1000, 1001, 1008, 1011, 1012, 3000, 4999]) {
      await pair(async (server, client) => {
        server.close({ closeCode, reason });
        const [here, there] = await Promise.all([server.closed, client.closed]);
        assert.deepEqual(told(here), [closeCode, "", true, "local"]); // the peer repeats the code
        assert.deepEqual(told(there), [closeCode, reason, true, "remote"]);
        assert.deepEqual(here.sent, { closeCode, reason });
      });
    }
    await pair(async (server, client) => {
      server.close({ closeCode: 1005 });
      const [here, there] = await Promise.all([server.closed, client.closed]);
      assert.deepEqual([here.closeCode, there.closeCode], [1005, 1005]);
    });
  });

  it("reports the peer's close", guard, async () => {
    for (
      const [closeCode, reason] of [[1000, ""], [1001, "gone"], [4999, "ü"], [1005, ""]] as const
    ) {
      await pair(async (server, client) => {
        client.close({ closeCode, reason });
        const info = await server.closed;
        assert.deepEqual(told(info), [closeCode, reason, true, "remote"]);
        assert.equal(info.sent, undefined);
        assert.equal(server.send("late"), false);
      });
    }
  });

  it(
    "a peer that vanishes is 1006, with the runtime's reason",
    guard,
    () =>
      pair(async (server, client) => {
        client.terminate();
        const info = await server.closed;
        assert.deepEqual(told(info), [1006, "", false, "remote"]);
        assert.ok(info.error instanceof TransportError);
        await assert.rejects(server.receive(), { name: "ConnectionClosedError" });
      }),
  );

  it(
    "terminate is over at once; the peer gets 1000, which is as near as it gets",
    guard,
    () =>
      pair(async (server, client) => {
        server.terminate();
        assert.equal(server.readyState, 3);
        assert.deepEqual(told(await server.closed), [1006, "", false, "local"]);
        assert.equal((await client.closed).closeCode, 1000);
      }),
  );

  it(
    "what came before the close is there for who reads later",
    guard,
    () =>
      pair(async (server, client) => {
        for (let at = 0; at < 100; at++) client.send(`${at}`);
        client.close();
        await client.closed;
        let next = 0;
        for await (const message of server) assert.equal(message, `${next++}`);
        assert.equal(next, 100);
      }),
  );

  it(
    "a message past maxMessageSize is 1009; the limit itself passes",
    guard,
    () =>
      pair(async (server, client) => {
        client.send("ä".repeat(500));
        assert.equal((await server.receive()).length, 500);
        client.send("ä".repeat(500) + "a");
        assert.equal((await client.closed).closeCode, 1009);
        const { error } = await server.closed;
        assert.ok(error instanceof LimitError && error.option === "maxMessageSize");
      }, { maxMessageSize: 1000 }),
  );

  it(
    "threat 36: what is not taken is bounded, and closes with 1008",
    guard,
    () =>
      pair(async (server, client) => {
        server.pause();
        for (let at = 0; at < 20; at++) client.send("x".repeat(1000));
        const { closeCode, reason } = await client.closed;
        assert.deepEqual([closeCode, reason], [1008, "maxReceiveBuffered"]);
        const { error } = await server.closed;
        assert.ok(error instanceof LimitError && error.option === "maxReceiveBuffered");
      }, { maxReceiveBuffered: 10_000 }),
  );

  it("holds what comes while a handler is busy, and delivers it in order", guard, async () => {
    const got: string[] = [], gate = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    await using rig = serve({
      websocket: {
        async message(_connection, data): Promise<void> {
          if (got.push(String(data)) === 1) await gate.promise;
          if (got.length === 50) all.resolve();
        },
      },
    });
    await using client = await connect(rig.url);
    for (let at = 0; at < 50; at++) client.send(`${at}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(got, ["0"]);
    gate.resolve();
    await all.promise;
    assert.deepEqual(got, Array.from({ length: 50 }, (_, at) => `${at}`));
  });

  it(
    "a peer that does not read makes send give false; ready follows when it reads",
    guard,
    () =>
      pair(async (server, client) => {
        client.pause();
        const chunk = new Uint8Array(1 << 20);
        let sent = 0;
        while (server.send(chunk)) sent++;
        sent++;
        for (; sent < 32; sent++) server.send(chunk);
        let isReady = false;
        const ready = server.ready.then(() => isReady = true);
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.equal(isReady, false);
        client.resume();
        for (let at = 0; at < sent; at++) assert.equal((await client.receive()).length, 1 << 20);
        await ready;
        assert.equal(server.bufferedAmount, 0);
      }, { maxBufferedAmount: Infinity }),
  );

  it("a handler that throws is 1011, and reported", guard, async () => {
    await using rig = serve({
      websocket: {
        message(): void {
          throw new Error("user");
        },
      },
    });
    const client = await connect(rig.url);
    client.send("x");
    assert.equal((await client.closed).closeCode, 1011);
    assert.deepEqual(rig.errors.map(String), ["Error: user"]);
  });

  it("one that is silent is dropped after pingInterval and pingTimeout", guard, async () => {
    await using rig = serve({ pingInterval: 500, pingTimeout: 500 });
    using silent = ask(rig.port); // it answers no pings
    const server = await rig.opened();
    const talking = await connect(rig.url);
    const other = await rig.opened();
    const info = await server.closed;
    assert.deepEqual([info.closeCode, info.wasClean, info.received], [1006, false, undefined]);
    assert.match(String(info.error), /No response from ping frame/);
    await silent.said(/No response from ping frame/); // its Close, 1001
    assert.equal(other.readyState, 1);
    talking.terminate();
  });

  it("is pinged by the runtime, but not where a time is Infinity", guard, async () => {
    const pinged = Promise.withResolvers<void>();
    await using rig = serve({ pingInterval: 500, pingTimeout: 500 });
    await using _client = await connect(rig.url, { websocket: { ping: () => pinged.resolve() } });
    await using quiet = serve({ pingInterval: 500, pingTimeout: Infinity });
    await using _other = await connect(quiet.url, {
      websocket: { ping: () => assert.fail("ping") },
    });
    await pinged.promise;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal((await quiet.opened()).readyState, 1); // a handler that fails would have closed it
  });

  it("delivers messages in one piece where pieces are asked for", guard, async () => {
    const onListen = (): void => {};
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen },
      (request, info) =>
        upgrade(request, {
          info,
          messages: "stream",
          async websocket(connection): Promise<void> {
            for await (const message of connection) {
              connection.send(
                `${message.type} ${message.announcedLength}: ${await message.text()}`,
              );
            }
          },
        }),
    );
    await using client = await connect(`ws://127.0.0.1:${server.addr.port}/`);
    client.send("Grüße");
    assert.equal(await client.receive(), "text 7: Grüße");
  });

  it("needs no info, and then knows no address", guard, () =>
    pair((server) => {
      assert.equal(server.remoteAddress, undefined);
      return Promise.resolve();
    }, { info: undefined }));
});
