/** Transports that take their time, or say more than is true. */
import { CONNECTION_PARTS } from "../../lib/connection/parts.ts";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { ProtocolLink } from "../../lib/link/protocol_link.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { Transport, TransportSink, WriteResult } from "../../lib/link/transport.ts";
import { LimitError } from "../../lib/errors.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { pass, settle } from "../connection/support.ts";

const SLICE = 65_536;

/** A transport over which bytes leave when the test says so, as with node:net: by whole writes. */
class SlowTransport implements Transport {
  readonly remoteAddress: undefined = undefined;
  readonly localAddress: undefined = undefined;
  readonly secure = false;
  readonly maxWriteSize?: number;
  /** What `write` gives while something waits. */
  givesTrue = false;
  sink: TransportSink | undefined;
  /** The sizes of the writes that wait. */
  readonly waiting: number[] = [];
  readonly sizes: number[] = [];
  closed = false;

  constructor(maxWriteSize?: number) {
    if (maxWriteSize !== undefined) this.maxWriteSize = maxWriteSize;
  }

  get bufferedAmount(): number {
    return this.waiting.reduce((sum, size) => sum + size, 0);
  }

  start(sink: TransportSink): void {
    this.sink = sink;
  }

  write(bytes: Uint8Array): WriteResult {
    this.sizes.push(bytes.length);
    this.waiting.push(bytes.length);
    return { more: this.givesTrue, copied: false };
  }

  /** The system takes the oldest write. */
  take(): void {
    this.waiting.shift();
    if (this.waiting.length === 0) this.sink?.onDrain();
  }

  pause(): void {}
  resume(): void {}
  closeWrite(): void {}

  close(): void {
    this.closed = true;
    queueMicrotask(() => this.sink?.onClose());
  }
}

interface Rig {
  connection: WebSocketConnection;
  transport: SlowTransport;
  clock: VirtualClock;
  drains: number;
}

function open(options: ConnectionOptions & { maxWriteSize?: number }): Rig {
  const { maxWriteSize, ...given } = options;
  const clock = new VirtualClock(), transport = new SlowTransport(maxWriteSize);
  const settings = readConnectionOptions({ pingInterval: Infinity, ...given, clock });
  const link = new ProtocolLink({ role: "server", transport, options: settings });
  const init = {
    url: "ws://test/",
    data: undefined,
    options: settings,
    parts: CONNECTION_PARTS,
    onError(): void {},
  };
  const connection = new WebSocketConnection(link, init);
  const rig: Rig = { connection, transport, clock, drains: 0 };
  connection.start({ drain: () => void rig.drains++ });
  return rig;
}

describe("a transport that shows progress by whole writes only", () => {
  it("is given a large message in slices, each when the one before it is taken", async () => {
    const { connection, transport } = open({ maxWriteSize: SLICE });
    assert.equal(connection.send(new Uint8Array(10 * SLICE)), true);
    connection.send("behind it");
    await settle();
    let most = 0, total = 0;
    while (transport.waiting.length > 0) {
      assert.equal(transport.waiting.length, 1);
      most = Math.max(most, transport.waiting[0]);
      total += transport.waiting[0];
      transport.take();
      assert.equal(connection.bufferedAmount, 10 * SLICE + 10 + 11 - total);
    }
    assert.ok(most <= SLICE);
    assert.equal(total, 10 * SLICE + 10 + 11);
  });

  it("slices grow while the system takes them at once, and are small again behind one that waits", () => {
    const { connection, transport } = open({ maxWriteSize: SLICE });
    connection.send(new Uint8Array(8 * SLICE)); // the first slice waits, and so does all behind it
    connection.send(new Uint8Array(7 * SLICE));
    transport.givesTrue = true;
    transport.sizes.length = 0;
    transport.take();
    const slices = transport.sizes.map((size) => Math.floor(size / SLICE)).filter((size) =>
      size > 0
    );
    assert.deepEqual(slices, [1, 2, 4, 7]);
    transport.givesTrue = false;
    while (transport.waiting.length > 0) transport.take();
    transport.sizes.length = 0;
    connection.send(new Uint8Array(16 * SLICE));
    while (transport.waiting.length > 0) transport.take();
    assert.ok(transport.sizes.length > 16 && Math.max(...transport.sizes) === SLICE);
  });

  it("a peer that takes some bytes within sendTimeout is alive, however large the write", () => {
    const rig = open({ maxWriteSize: SLICE, sendTimeout: 1000 });
    const { connection, transport, clock } = rig;
    connection.send(new Uint8Array(100 * SLICE));
    let taken = 0;
    for (; transport.waiting.length > 0; taken++) {
      clock.advance(900);
      transport.take();
    }
    assert.ok(taken >= 100);
    assert.deepEqual([connection.readyState, connection.bufferedAmount], [1, 0]);
    assert.equal(clock.timers, 0);
  });

  it("a peer that takes nothing more for sendTimeout is dropped, in the middle of a message", async () => {
    const { connection, transport, clock } = open({ maxWriteSize: SLICE, sendTimeout: 1000 });
    connection.send(new Uint8Array(100 * SLICE));
    for (let taken = 0; taken < 10; taken++) {
      clock.advance(900);
      transport.take();
    }
    clock.advance(1000);
    const { error } = await connection.closed;
    assert.ok(error instanceof LimitError && error.option === "sendTimeout");
    assert.equal(clock.timers, 0);
  });

  it("ready resolves at the mark, while slices still wait", async () => {
    const { connection, transport } = open({ maxWriteSize: SLICE, sendHighWaterMark: 3 * SLICE });
    connection.send(new Uint8Array(10 * SLICE));
    let ready = false;
    void connection.ready.then(() => ready = true);
    while (!ready) {
      assert.ok(connection.bufferedAmount > 2 * SLICE);
      transport.take();
      await settle();
    }
    assert.ok(connection.bufferedAmount > 2 * SLICE && connection.bufferedAmount <= 3 * SLICE);
    connection.terminate();
  });

  it("past maxBufferedAmount whole unsent messages are dropped, the one in slices goes on", () => {
    const { connection, transport } = open({ maxWriteSize: SLICE, maxBufferedAmount: 4 * SLICE });
    connection.send(new Uint8Array(3 * SLICE));
    transport.take(); // the first piece of its frame
    transport.take();
    connection.send(new Uint8Array(3 * SLICE));
    assert.equal(connection.send("too much waits"), false);
    assert.equal(connection.readyState, 2);
    while (transport.waiting.length > 0) transport.take();
    const total = transport.sizes.reduce((sum, size) => sum + size, 0);
    const close = total - (3 * SLICE + 10);
    assert.ok(close > 4 && close <= 127, `${total}`);
    connection.terminate();
  });
});

describe("a drain is a hint", () => {
  it("while bytes wait it does not end sendTimeout", async () => {
    const { connection, transport, clock } = open({ sendTimeout: 1000 });
    connection.send(new Uint8Array(1_000_000));
    for (let time = 0; time < 1000; time += 100) {
      transport.sink!.onDrain();
      clock.advance(100);
    }
    const { error } = await connection.closed;
    assert.ok(error instanceof LimitError && error.option === "sendTimeout");
    assert.equal(clock.timers, 0);
  });

  it("after a drain while bytes wait ready resolves once they have left, with no other drain", async () => {
    const rig = open({});
    const { connection, transport, clock } = rig;
    connection.send(new Uint8Array(1_000_000));
    assert.equal(connection.send("behind it"), false);
    let ready = false;
    void connection.ready.then(() => ready = true);
    transport.sink!.onDrain();
    await pass(clock, 100);
    assert.deepEqual([ready, rig.drains], [false, 0]);
    transport.waiting.length = 0;
    clock.advance(100);
    transport.take();
    await settle();
    assert.deepEqual([ready, rig.drains, connection.bufferedAmount], [true, 1, 0]);
    connection.terminate();
  });

  it("ready and drain come as well where a write returned true and some of it waits", async () => {
    const rig = open({ sendHighWaterMark: 1000 });
    const { connection, transport, clock } = rig;
    transport.givesTrue = true;
    assert.equal(connection.send(new Uint8Array(2000)), true);
    assert.equal(connection.send("behind it"), false);
    let ready = false;
    void connection.ready.then(() => ready = true);
    await settle();
    await pass(clock, 100);
    assert.deepEqual([ready, rig.drains], [false, 0]);
    transport.waiting.length = 0;
    await pass(clock, 100);
    assert.deepEqual([ready, rig.drains], [true, 1]);
    connection.terminate();
    assert.equal(clock.timers, 0);
  });
});
