/** A network in memory, which `connect`, `listen` and `accept` obey. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accept, listen } from "../../lib/server/mod.ts";
import { Network, type NetworkOptions, pair } from "../../lib/testing/mod.ts";
import { connect, LimitError, type MessageData, type WebSocketConnection } from "../../mod.ts";

const options = { timeout: 60_000 };
const URL = "ws://chat.example/room";
const echo = {
  message: (connection: WebSocketConnection, data: MessageData): void => void connection.send(data),
};

/** A network with an echo server on it. */
async function serve(given: NetworkOptions = {}) {
  const network = new Network(given);
  const server = await listen({
    network,
    hostname: "chat.example",
    port: 80,
    protocols: ["chat"],
    websocket: echo,
    onRefused: () => {},
  });
  return { network, server, clock: network.clock };
}

describe("a network in memory", () => {
  it(
    "connects clients and servers by name and port, with the whole handshake",
    options,
    async () => {
      const { network, server } = await serve();
      assert.deepEqual(server.address, { transport: "memory", hostname: "chat.example", port: 80 });
      const client = await connect(URL, { network, protocols: "chat" });
      assert.deepEqual([client.protocol, client.url, network.links.size], ["chat", URL, 1]);
      client.send("Hello");
      assert.equal(await client.receive(), "Hello");
      const [accepted] = server.connections;
      assert.equal(accepted.request!.url, "http://chat.example/room");
      assert.equal(accepted.remoteAddress!.hostname, "192.0.2.1");
      client.close(4001, "done");
      assert.equal((await client.closed).wasClean, true);
      await server.shutdown();
      await assert.rejects(connect(URL, { network }), { code: "CONNECTION_REFUSED" });
      assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
    },
  );

  it("leaves no timer when both ends drop a slow link", options, async () => {
    const { client, server, clock, network } = pair({ latency: 1_000 });
    client.terminate();
    server.terminate();
    await Promise.all([client.closed, server.closed]);
    assert.deepEqual([network.links.size, clock.timers], [0, 0]);
  });

  it("has TLS, Unix sockets, ports that it chooses, and addresses in use", options, async () => {
    const { network, server } = await serve();
    const secure = await listen({ network, port: 443, websocket: {} });
    const client = await connect("wss://any.example", { network });
    const [accepted] = secure.connections;
    assert.equal(accepted.request!.url, "https://any.example/");
    client.terminate();
    const chosen = await listen({ network, websocket: {} });
    assert.ok(chosen.address.port >= 49_152);
    const path = "/run/chat.sock";
    await listen({ network, path, websocket: echo });
    const local = await connect("ws://localhost/", { network, path });
    assert.equal(local.readyState, 1);
    const again = listen({ network, hostname: "chat.example", port: 80, websocket: {} });
    await assert.rejects(again, { code: "ADDRESS_IN_USE" });
    network[Symbol.dispose]();
    assert.equal((await local.closed).closeCode, 1006);
    await assert.rejects(connect(URL, { network }), { code: "CONNECTION_REFUSED" });
    assert.equal(server.connections.size, 0);
  });

  it("gives streams to accept, and the faults with them", options, async () => {
    const network = new Network({ chunkSize: 1 });
    const streams = network.streams();
    const accepting = accept(streams.server);
    const writer = streams.client.writable.getWriter();
    const request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    await writer.write(new TextEncoder().encode(request));
    const connection = await accepting;
    assert.equal(connection.readyState, 1);
    connection.send(new Uint8Array(100_000));
    const reader = streams.client.readable.getReader();
    let received = 0;
    while (received < 100_000) {
      const { value } = await reader.read();
      assert.equal(value!.length, 1);
      received += value!.length;
    }
    network.reset();
    assert.equal((await connection.closed).closeCode, 1006);
    await assert.rejects(async () => {
      for (;;) if ((await reader.read()).done) return;
    }, { code: "CONNECTION_RESET" });
  });

  it("takes latency, loss and stalls on the clock, and loses nothing", options, async () => {
    const { network, clock } = await serve({
      latency: [50, 150],
      chunkSize: [1, 7],
      loss: 0.2,
      seed: 11,
    });
    const client = await clock.until(connect(URL, { network }));
    assert.ok(clock.now() >= 200, `${clock.now()}`); // two round trips
    const sent = Array.from({ length: 200 }, (_, i) => `message ${i}`);
    const received: MessageData[] = [];
    for (const message of sent) {
      client.send(message);
      await clock.pass(10);
      if (message === "message 100") network.stall(3_000);
    }
    await clock.until(
      (async () => {
        while (received.length < sent.length) received.push(await client.receive());
      })(),
    );
    assert.deepEqual(received, sent);
    client.close();
    assert.equal((await clock.until(client.closed)).wasClean, true);
    await clock.pass(1_000);
    assert.deepEqual([network.links.size, clock.timers], [0, 0]);
  });

  it("holds everything back during a stall, and not longer", options, async () => {
    const { network, clock } = await serve();
    const client = await connect(URL, { network });
    network.stall(1_000);
    client.send("late");
    let isHere = false;
    const answer = client.receive().then((data) => {
      isHere = true;
      return data;
    });
    await clock.pass(999);
    assert.equal(isHere, false);
    await clock.pass(1);
    assert.equal(await answer, "late");
    client.terminate();
  });

  it("cut, leaves connections half open; restored, delivers what was sent", options, async () => {
    const { network, clock, server } = await serve();
    const client = await connect(URL, { network, pingInterval: 60_000 });
    network.cut();
    client.send("through the hole");
    const connecting = connect(URL, { network, handshakeTimeout: 5_000 });
    connecting.catch(() => {});
    await clock.pass(4_000);
    assert.deepEqual([client.readyState, server.connections.size], [1, 1]);
    network.restore();
    assert.equal(await client.receive(), "through the hole");
    await connecting;
    network.cut();
    const late = connect(URL, { network, handshakeTimeout: 5_000 });
    late.catch(() => {});
    await clock.pass(5_000);
    await assert.rejects(late, { code: "HANDSHAKE_TIMEOUT" });
    const controller = new AbortController();
    const aborted = connect(URL, { network, signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    await clock.pass(200_000);
    const { closeCode, error } = await client.closed;
    assert.equal(closeCode, 1006);
    assert.ok(error instanceof LimitError && error.option === "pingTimeout");
    assert.deepEqual([server.connections.size, clock.timers, network.links.size], [0, 0, 0]);
  });

  it("breaks one link and not the others", options, async () => {
    const { network } = await serve();
    const first = await connect(URL, { network }), second = await connect(URL, { network });
    const [link] = network.links;
    link.reset();
    assert.equal((await first.closed).closeCode, 1006);
    second.send("still here");
    assert.equal(await second.receive(), "still here");
    const [left] = network.links;
    left.corrupt();
    second.send("x".repeat(100));
    assert.equal((await second.closed).closeCode, 1006); // with this seed the mask bit is another
  });

  it("refuses when it is told to, and at random", options, async () => {
    const { network } = await serve();
    network.refuse();
    await assert.rejects(connect(URL, { network }), { code: "CONNECTION_REFUSED" });
    network.restore();
    (await connect(URL, { network })).terminate();
    const other = new Network({ refusals: 0.5, seed: 3 });
    await listen({ network: other, port: 80, websocket: {} });
    let refused = 0;
    for (let i = 0; i < 100; i++) {
      await connect(URL, { network: other }).then((client) => client.terminate(), () => refused++);
    }
    assert.ok(refused > 25 && refused < 75, `${refused}`);
  });

  it("does the same again for the same seed, and something else for another", options, async () => {
    const run = async (seed: number): Promise<string> => {
      const { network, clock } = await serve({
        latency: [1, 50],
        loss: 0.1,
        resets: 0.01,
        corruption: 0.002,
        seed,
      });
      const log: string[] = [];
      for (let attempt = 0; attempt < 5; attempt++) {
        try {
          const client = await clock.until(connect(URL, { network }));
          void client.closed.then(({ closeCode }) => log.push(`${clock.now()} ${closeCode}`));
          for (let i = 0; i < 50; i++) {
            client.send("x".repeat(i));
            await clock.pass(20);
          }
          client.terminate();
        } catch (error) {
          log.push(`${clock.now()} ${(error as { code?: string }).code}`);
        }
      }
      network[Symbol.dispose]();
      return log.join("\n");
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    assert.equal(first, again);
    assert.notEqual(first, other);
  });

  it("refuses unknown and invalid options by name", async () => {
    assert.throws(() => new Network({ latncy: 1 } as never), /latncy.*latency/);
    assert.throws(() => new Network({ latency: -1 }), RangeError);
    assert.throws(() => new Network({ latency: [5, 1] }), /latency must be .*\[5,1\]/);
    assert.throws(() => new Network({ chunkSize: "1" as never }), TypeError);
    assert.throws(() => new Network({ loss: 2 }), /loss must be a number from 0/);
    assert.throws(() => new Network({ capacity: 0 }), RangeError);
    await assert.rejects(connect(URL, { network: {} as never }), /network must be an object with/);
    await assert.rejects(listen({ network: 1 as never, websocket: {} }), /network must be/);
  });
});
