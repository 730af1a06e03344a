import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError } from "../../lib/errors.ts";
import { Pings } from "../../lib/connection/pings.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { openRaw } from "../support/raw_pair.ts";

function setUp({ paused = false } = {}): {
  pings: Pings;
  sent: Uint8Array[];
  ping(signal?: AbortSignal): Promise<number>;
  clock: VirtualClock;
} {
  const clock = new VirtualClock(), sent: Uint8Array[] = [];
  const pings = new Pings({ clock, pingTimeout: 1000 }, paused);
  return {
    pings,
    sent,
    clock,
    ping: (signal) => pings.ping((payload) => void sent.push(payload), [signal && { signal }]),
  };
}

describe("pings under way", () => {
  it("have payloads of their own, so that pongs can be told apart", () => {
    const { sent, ping } = setUp();
    for (let at = 0; at < 300; at++) void ping();
    assert.equal(new Set(sent.map(String)).size, 300);
    assert.ok(sent.every(({ length }) => length <= 125));
  });

  it("are settled with the time they took", async () => {
    const { pings, sent, ping, clock } = setUp();
    clock.advance(100);
    const trip = ping();
    clock.advance(30);
    pings.onPong(sent[0]);
    assert.equal(await trip, 30);
  });

  it("a pong settles its ping and all older ones, not the newer", async () => {
    const { pings, sent, ping, clock } = setUp();
    const first = ping();
    clock.advance(10);
    const second = ping();
    const third = ping();
    clock.advance(40);
    pings.onPong(sent[1]);
    assert.deepEqual(await Promise.all([first, second]), [50, 40]);
    clock.advance(10);
    pings.onPong(sent[2]);
    assert.equal(await third, 50);
    assert.equal(clock.timers, 0);
  });

  it("pongs that answer none of them settle nothing", async () => {
    const { pings, sent, ping, clock } = setUp();
    pings.onPong(new Uint8Array(4));
    const trip = ping();
    for (
      const payload of [[], [0, 0, 0], [9, 9, 9, 9], [0, 0, 0, 2], [...sent[0], 0]]
    ) pings.onPong(new Uint8Array(payload));
    clock.advance(7);
    pings.onPong(sent[0]);
    assert.equal(await trip, 7);
    pings.onPong(sent[0]);
  });

  it("a pong is read wherever it lies in its memory", async () => {
    const { pings, sent, ping } = setUp();
    const trip = ping();
    pings.onPong(new Uint8Array([9, 9, ...sent[0], 9]).subarray(2, 6));
    assert.equal(await trip, 0);
  });

  it("end with the signal's reason, and are then forgotten", async () => {
    const { pings, sent, ping } = setUp();
    const controller = new AbortController(), reason = new Error("enough");
    const aborted = ping(controller.signal);
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    const next = ping();
    pings.onPong(sent[0]);
    pings.onPong(sent[1]);
    assert.equal(await next, 0);
  });

  it("are not even sent with a signal that is aborted already", async () => {
    const { sent, ping } = setUp();
    await assert.rejects(ping(AbortSignal.abort(new Error("no"))), /no/);
    assert.equal(sent.length, 0);
  });

  it("reject one by one after pingTimeout, though no other is answered", async () => {
    const { ping, clock } = setUp();
    const first = ping();
    clock.advance(400);
    const second = ping();
    const settled: string[] = [];
    first.catch(() => settled.push("first"));
    second.catch(() => settled.push("second"));
    clock.advance(600);
    await assert.rejects(first, LimitError);
    assert.deepEqual(settled, ["first"]);
    clock.advance(400);
    await assert.rejects(second, LimitError);
    assert.equal(clock.timers, 0);
  });

  it("have no timeout while reading is paused, whether they are older than the pause or not", async () => {
    const { pings, ping, clock } = setUp();
    const trips = [ping()];
    pings.pause();
    trips.push(ping());
    clock.advance(5000);
    assert.equal(clock.timers, 0);
    pings.resume();
    let settled = 0;
    for (const trip of trips) trip.catch(() => settled++);
    clock.advance(999);
    await Promise.resolve();
    assert.equal(settled, 0);
    clock.advance(1);
    for (const trip of trips) await assert.rejects(trip, LimitError);

    const late = setUp({ paused: true });
    const trip = late.ping();
    late.clock.advance(5000);
    late.pings.resume();
    late.clock.advance(1000);
    await assert.rejects(trip, LimitError);
  });

  it("all fail when no pong can come any more", async () => {
    const { pings, ping, clock } = setUp();
    const trips = [ping(), ping(new AbortController().signal)];
    const reason = new Error("closed");
    pings.fail(() => reason);
    for (const trip of trips) await assert.rejects(trip, reason);
    assert.equal(clock.timers, 0);
  });
});

describe("pings and pongs with a payload of the caller's", () => {
  it("a ping is answered by its payload, as text or as bytes", async () => {
    const { pings, sent, clock } = setUp();
    const send = (payload: Uint8Array): void => void sent.push(payload);
    const bytes = Uint8Array.of(1, 2), controller = new AbortController();
    const trips = [
      pings.ping(send, ["ü"]),
      pings.ping(send, [bytes]),
      pings.ping(send, [bytes.buffer, { signal: controller.signal }]),
      pings.ping(send, ["", undefined]),
    ];
    bytes.fill(9); // a copy was sent
    assert.deepEqual(sent.map((each) => [...each]), [[0xc3, 0xbc], [1, 2], [1, 2], []]);
    pings.onPong(Uint8Array.of(3));
    clock.advance(10);
    pings.onPong(sent[0]);
    assert.equal(await trips[0], 10);
    clock.advance(10);
    pings.onPong(Uint8Array.of(1, 2)); // the first of the two with this payload
    assert.equal(await trips[1], 20);
    controller.abort(new Error("enough"));
    await assert.rejects(trips[2], { message: "enough" });
    pings.onPong(new Uint8Array(0));
    assert.equal(await trips[3], 20);
    assert.equal(clock.timers, 0);
  });

  it("at most 125 bytes, and no other types", () => {
    const { pings } = setUp(), send = (): void => {};
    for (
      const call of [
        (payload: never) => void pings.ping(send, [payload, {}]),
        (payload: never) => pings.pong(send, payload),
      ]
    ) {
      call("x".repeat(125) as never);
      call(new Uint8Array(125) as never);
      assert.throws(() => call("ü".repeat(63) as never), RangeError);
      assert.throws(() => call(new Uint8Array(126) as never), RangeError);
      for (const payload of [1, null, {}, new Blob([])]) {
        assert.throws(() => call(payload as never), TypeError);
      }
    }
  });
});

describe("a connection's pings and pongs", () => {
  for (const role of ["client", "server"] as const) {
    it(`carry the payload, as ${role}`, async () => {
      const { connection, peer } = await openRaw(role);
      connection.discard();
      const trip = connection.ping("are you there?");
      connection.pong("I am here");
      connection.pong();
      await peer.drain();
      const [ping, ...pongs] = peer.frames;
      const text = new TextDecoder();
      assert.deepEqual([ping.opcode, text.decode(ping.payload)], [9, "are you there?"]);
      assert.deepEqual(
        pongs.map(({ opcode, payload }) => [opcode, text.decode(payload)]),
        [[10, "I am here"], [10, ""]],
      );
      peer.send({ opcode: 10, payload: ping.payload });
      assert.equal(typeof await trip, "number");
      connection.terminate();
      await connection.closed;
      assert.throws(() => connection.pong(), { name: "ConnectionClosedError" });
      await assert.rejects(connection.ping("late"), { name: "ConnectionClosedError" });
    });
  }

  it("a ping with an empty payload resolves when an empty pong comes", async () => {
    const { connection, peer } = await openRaw("client");
    connection.discard();
    const trip = connection.ping("");
    await peer.drain();
    peer.send({ opcode: 10 });
    assert.equal(typeof await trip, "number");
    connection.terminate();
    await connection.closed;
  });
});
