import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Pings } from "../../lib/connection/pings.ts";

function setUp(): {
  pings: Pings;
  sent: Uint8Array[];
  ping(signal?: AbortSignal): Promise<number>;
  time: { now: number };
} {
  const pings = new Pings(), sent: Uint8Array[] = [], time = { now: 0 };
  return {
    pings,
    sent,
    time,
    ping: (signal) => pings.ping((payload) => void sent.push(payload), () => time.now, signal),
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
    const { pings, sent, ping, time } = setUp();
    time.now = 100;
    const trip = ping();
    pings.pong(sent[0], 130);
    assert.equal(await trip, 30);
  });

  it("a pong settles its ping and all older ones, not the newer", async () => {
    const { pings, sent, ping, time } = setUp();
    const first = ping();
    time.now = 10;
    const second = ping();
    const third = ping();
    pings.pong(sent[1], 50);
    assert.deepEqual(await Promise.all([first, second]), [50, 40]);
    pings.pong(sent[2], 60);
    assert.equal(await third, 50);
  });

  it("pongs that answer none of them settle nothing", async () => {
    const { pings, sent, ping } = setUp();
    pings.pong(new Uint8Array(4), 1);
    const trip = ping();
    for (
      const payload of [[], [0, 0, 0], [9, 9, 9, 9], [0, 0, 0, 2], [...sent[0], 0]]
    ) pings.pong(new Uint8Array(payload), 1);
    pings.pong(sent[0], 7);
    assert.equal(await trip, 7);
    pings.pong(sent[0], 8);
  });

  it("a pong is read wherever it lies in its memory", async () => {
    const { pings, sent, ping } = setUp();
    const trip = ping();
    pings.pong(new Uint8Array([9, 9, ...sent[0], 9]).subarray(2, 6), 3);
    assert.equal(await trip, 3);
  });

  it("end with the signal's reason, and are then nobody's", async () => {
    const { pings, sent, ping } = setUp();
    const controller = new AbortController(), reason = new Error("enough");
    const aborted = ping(controller.signal);
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    const next = ping();
    pings.pong(sent[0], 1);
    pings.pong(sent[1], 2);
    assert.equal(await next, 2);
  });

  it("are not even sent with a signal that is aborted already", async () => {
    const { sent, ping } = setUp();
    await assert.rejects(ping(AbortSignal.abort(new Error("no"))), /no/);
    assert.equal(sent.length, 0);
  });

  it("all fail when no pong can come any more", async () => {
    const { pings, ping } = setUp();
    const trips = [ping(), ping(new AbortController().signal)];
    const reason = new Error("closed");
    pings.fail(reason);
    for (const trip of trips) await assert.rejects(trip, reason);
  });
});
