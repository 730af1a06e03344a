import { connect as connectSocket, type Socket } from "node:net";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Transport } from "../../lib/link/transport.ts";
import { ReadTurns } from "../../lib/transport/read_turns.ts";
import { own } from "./sockets.ts";

/** Turns at reading, with timers that go off by hand. */
class Rig {
  readonly timers: (() => void)[] = [];
  readonly turns: ReadTurns = new ReadTurns((callback) => this.timers.push(callback));
  /** Who reads again, in order. */
  readonly served: number[] = [];

  /** Lets these connections complete a read in one turn; resolves when the turn is over. */
  async turn(from: number, to: number): Promise<void> {
    for (let each = from; each < to; each++) {
      const wait = this.turns.next();
      if (wait === undefined) this.served.push(each);
      else void wait.then(() => this.served.push(each));
    }
    await this.settle();
  }

  /** Lets so many timers go off, one after the other. */
  async pass(timers: number): Promise<void> {
    for (let i = 0; i < timers; i++) {
      this.timers.shift()?.();
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}

describe("turns at reading", () => {
  it("fewer than 100 busy connections read again at once, and no timer is set", async () => {
    const rig = new Rig();
    for (let turn = 0; turn < 5; turn++) await rig.turn(0, 99);
    assert.equal(rig.served.length, 5 * 99);
    assert.equal(rig.timers.length, 0);
  });

  it("in a crowd, who was served waits until a turn is not full", async () => {
    const rig = new Rig();
    await rig.turn(0, 128);
    assert.deepEqual(rig.served, range(0, 99));
    await rig.turn(128, 256);
    assert.deepEqual(rig.served, range(0, 99), "the second turn was full too");
    await rig.turn(256, 300);
    assert.deepEqual(rig.served, range(0, 300), "in the order in which they were served before");
  });

  it("where nothing more is ready, those that wait read again after a few timers", async () => {
    const rig = new Rig();
    await rig.turn(0, 128);
    await rig.pass(4);
    assert.equal(rig.served.length, 99, "the first timer saw the turn itself");
    await rig.pass(1);
    assert.equal(rig.served.length, 128);
    await rig.pass(10);
    assert.equal(rig.timers.length, 0, "no timer is left");
  });

  it("timers count only in a row: a full turn between them begins anew", async () => {
    const rig = new Rig();
    await rig.turn(0, 128);
    await rig.pass(3);
    await rig.turn(128, 256);
    await rig.pass(4);
    assert.equal(rig.served.length, 99, "the first of them saw the full turn");
    await rig.pass(1);
    assert.equal(rig.served.length, 256);
  });

  it("a large crowd reads again in groups", async () => {
    const rig = new Rig();
    for (let turn = 0; turn < 10; turn++) await rig.turn(turn * 128, turn * 128 + 128);
    await rig.pass(5);
    assert.deepEqual(rig.served, range(0, 99 + 512));
    await rig.pass(4);
    assert.deepEqual(rig.served, range(0, 99 + 1024));
    await rig.pass(4);
    assert.deepEqual(rig.served, range(0, 1280));
  });
});

describe("a crowd of busy connections", () => {
  it("all are served alike", { timeout: 60_000 }, async () => {
    const crowd = 500, rounds = 10;
    const transports: Transport[] = [];
    const listener = await own.listen({ hostname: "127.0.0.1", port: 0 }, {
      onConnection(transport): void {
        transports.push(transport);
        transport.start({
          onData: (chunk) => void transport.write(chunk.slice()),
          onDrain() {},
          onEnd: () => transport.close(),
          onClose() {},
        });
      },
      onError() {},
    });
    const sockets: Socket[] = [];
    try {
      const replies: number[] = new Array(crowd).fill(0);
      let all = 0;
      const done = Promise.withResolvers<void>();
      for (let i = 0; i < crowd; i++) {
        const socket = connectSocket({ port: listener.address.port, host: "127.0.0.1" });
        sockets.push(socket);
        socket.on("error", done.reject);
        await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
        socket.on("data", () => {
          replies[i]++;
          if (++all >= crowd * rounds) done.resolve();
          socket.write("x");
        });
      }
      for (const socket of sockets) socket.write("x");
      await done.promise;
      assert.ok(Math.min(...replies) >= rounds / 2, `some had ${Math.min(...replies)} replies`);
    } finally {
      for (const socket of sockets) socket.destroy();
      for (const transport of transports) transport.close();
      await listener.close();
    }
  });
});
