/** Two ends in memory, with the clock and the faults that a test wants: what ./testing gives to users. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LimitError, type MessageData, type WebSocketConnection } from "../../mod.ts";
import { pair, settle, VirtualClock } from "../../lib/testing/mod.ts";

const options = { timeout: 60_000 };
const echo = {
  websocket: {
    message: (connection: WebSocketConnection, data: MessageData): void =>
      void connection.send(data),
  },
};

describe("pair", () => {
  it("connects, carries messages both ways, and closes with both Closes", options, async () => {
    const { client, server, clock } = pair({ protocol: "chat", url: "ws://a.example/b" });
    assert.deepEqual([client.readyState, client.protocol, server.protocol], [1, "chat", "chat"]);
    assert.deepEqual([client.url, server.url], ["ws://a.example/b", "ws://a.example/b"]);
    client.send("to the server");
    server.send(Uint8Array.of(1, 2));
    assert.equal(await server.receive(), "to the server");
    assert.deepEqual(await client.receive(), Uint8Array.of(1, 2));
    server.close(4001, "kicked");
    const { closeCode, reason, wasClean, initiator } = await client.closed;
    assert.deepEqual([closeCode, reason, wasClean, initiator], [4001, "kicked", true, "remote"]);
    assert.equal((await server.closed).wasClean, true);
    assert.equal(clock.timers, 0);
  });

  it("compresses where both ends agree, and only there", options, async () => {
    for (const agree of [true, false]) {
      const { client, server } = pair({
        client: { perMessageDeflate: true },
        server: { perMessageDeflate: agree, ...echo },
      });
      assert.equal(client.extensions, agree ? "permessage-deflate" : "");
      assert.equal(server.extensions, client.extensions);
      client.send("a".repeat(10_000));
      assert.equal(await client.receive(), "a".repeat(10_000));
      const { compression } = client.stats;
      assert.equal(agree, compression !== undefined && compression.sentEncoded < 200);
      client.terminate();
    }
  });

  it("splits chunks anywhere, and has the capacity that is given", options, async () => {
    const { client, server } = pair({ chunkSize: 1, capacity: 10, server: echo });
    client.send("split everywhere");
    assert.equal(await client.receive(), "split everywhere");
    server.pause();
    await settle();
    client.send(new Uint8Array(1_000));
    assert.ok(client.bufferedAmount > 900, `${client.bufferedAmount}`);
    let ready = false;
    client.send(new Uint8Array(100_000));
    void client.ready.then(() => ready = true);
    await settle();
    assert.equal(ready, false);
    server.discard();
    server.resume();
    await client.ready;
    client.terminate();
  });

  it("takes its latency on the clock, and no real time", options, async () => {
    const clock = new VirtualClock();
    const { client } = pair({ clock, latency: 500, server: echo });
    const began = performance.now(), seen: MessageData[] = [];
    client.send("there and back");
    void client.receive().then((data) => seen.push(data));
    await clock.pass(999);
    assert.deepEqual(seen, []);
    await clock.pass(1);
    assert.deepEqual(seen, ["there and back"]);
    const round = client.ping();
    await clock.pass(1_000);
    assert.equal(await round, 1_000);
    await clock.pass(600_000); // ten minutes of pings and pongs
    assert.equal(client.readyState, 1);
    assert.ok(performance.now() - began < 30_000);
    client.terminate();
  });

  it("cut, it is half open: both ends notice by their own timeouts", options, async () => {
    const { client, server, clock, network } = pair({
      client: { pingInterval: 10_000, pingTimeout: 5_000 },
      server: { pingInterval: Infinity, sendTimeout: 30_000 },
    });
    network.cut();
    assert.equal(network.isCut, true);
    server.send("lost");
    await clock.pass(14_000);
    assert.deepEqual([client.readyState, server.readyState], [1, 1]);
    await clock.pass(20_000);
    const { closeCode, wasClean, error } = await client.closed;
    assert.deepEqual([closeCode, wasClean], [1006, false]);
    assert.ok(error instanceof LimitError && error.option === "pingTimeout", `${error}`);
    assert.equal(server.readyState, 1);
    server.send(new Uint8Array(100_000)); // more than the network holds
    await clock.pass(40_000);
    const { error: stuck } = await server.closed;
    assert.ok(stuck instanceof LimitError && stuck.option === "sendTimeout", `${stuck}`);
    assert.equal(clock.timers, 0);
  });

  it(
    "an end that was dropped knows it at once, though the network is slow or cut",
    options,
    async () => {
      const { client, server, clock, network } = pair({ latency: 1_000 });
      client.terminate();
      network.cut();
      assert.equal((await client.closed).initiator, "local");
      assert.equal(server.readyState, 1);
      server.terminate();
      assert.equal((await server.closed).initiator, "local");
      await clock.pass(60_000);
      assert.equal(clock.timers, 0);
    },
  );

  it("a peer that is dropped sees 1006", options, async () => {
    const { client, server } = pair();
    server.terminate();
    assert.equal((await client.closed).closeCode, 1006);
    assert.equal((await server.closed).initiator, "local");
  });

  it("reports errors of handlers as connect and listen do", options, async () => {
    const errors: unknown[] = [], failure = new Error("handler");
    const { client } = pair({
      server: {
        websocket: {
          message(): never {
            throw failure;
          },
        },
        onError: (error) => void errors.push(error),
      },
    });
    client.send("x");
    assert.equal((await client.closed).closeCode, 1011);
    assert.deepEqual(errors, [failure]);
  });

  it("refuses unknown and invalid options by name", () => {
    assert.throws(() => pair({ latncy: 1 } as never), /latncy.*latency/);
    assert.throws(() => pair({ client: { pingIntervall: 1 } as never }), /client\.pingIntervall/);
    assert.throws(() => pair({ server: { websocket: { mesage() {} } as never } }), /mesage/);
    for (const name of ["clock", "messages"]) {
      const end = { [name]: {} } as never;
      assert.throws(() => pair({ client: end }), new RegExp(`client\\.${name} .*option of pair`));
      assert.throws(() => pair({ server: end }), new RegExp(`server\\.${name} .*option of pair`));
    }
    assert.throws(() => pair({ capacity: 0 }), RangeError);
    assert.throws(() => pair({ latency: -1 }), RangeError);
    assert.throws(() => pair({ protocol: 5 as never }), TypeError);
  });
});

describe("a virtual clock", () => {
  it("calls what is due in its order, and nothing that was cancelled", () => {
    const clock = new VirtualClock(), calls: string[] = [];
    clock.setTimer(20, () => calls.push(`b at ${clock.now()}`));
    clock.setTimer(10, () => {
      calls.push(`a at ${clock.now()}`);
      clock.setTimer(5, () => calls.push(`c at ${clock.now()}`));
    });
    clock.clearTimer(clock.setTimer(1, () => calls.push("cancelled")));
    clock.advance(100);
    assert.deepEqual(calls, ["a at 10", "c at 15", "b at 20"]);
    assert.deepEqual([clock.now(), clock.timers], [100, 0]);
  });

  it("calls late what fell due while the event loop stood still", () => {
    const clock = new VirtualClock(), calls: number[] = [];
    clock.setTimer(10, () => calls.push(clock.now()));
    clock.stall(50);
    assert.deepEqual(calls, []);
    clock.advance(0);
    assert.deepEqual(calls, [50]);
  });
});
