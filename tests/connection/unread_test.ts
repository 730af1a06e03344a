/** A connection that nobody reads: told once, when its queue is full, with what to do. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandler } from "../../lib/connection/connection.ts";
import { LimitError } from "../../lib/errors.ts";
import { open, openStream, pass, type Peer, ROLES, settle } from "./support.ts";

/** What may use a connection without reading it. */
const USERS: readonly [string, ConnectionHandler | undefined][] = [
  ["nobody", undefined],
  ["a function that sends and returns", (connection) => void connection.send("hello")],
  ["a function whose promise resolves", async (connection) => {
    await settle();
    connection.send("hello");
  }],
  ["a function that goes on sending", async (connection) => {
    while (connection.readyState === 1) await connection.ready.then(settle);
  }],
];

const options = { receiveHighWaterMark: 3 * 257, sendTimeout: Infinity };

/** Fills the queue, and lets time pass. */
async function fill(peer: Peer, clock: { advance(ms: number): void }): Promise<void> {
  for (const text of "abcdef") peer.say(text);
  await settle();
  await pass(clock, 999);
}

for (const role of ROLES) {
  describe(`a connection that nothing reads, as ${role}`, () => {
    for (const [name, websocket] of USERS) {
      it(`${name}: onError is called once, a second after the queue is full`, async () => {
        const { connection, peer, clock, errors } = open({ role, ...options, websocket });
        await fill(peer, clock);
        assert.equal(errors.length, 0);
        clock.advance(1);
        const [error] = errors;
        assert.ok(error instanceof LimitError);
        assert.deepEqual([error.option, error.limit], ["receiveHighWaterMark", 3 * 257]);
        assert.match(error.message, /nothing reads the connection.*`discard\(\)`/);
        clock.advance(60_000);
        assert.equal(connection.readyState, 1);
        assert.equal(await connection.receive(), "a");
        await settle();
        for (const text of "bcdef") assert.equal(await connection.receive(), text);
        await fill(peer, clock);
        clock.advance(60_000);
        assert.equal(errors.length, 1);
        connection.terminate();
        await connection.closed;
        assert.equal(clock.timers, 0);
      });
    }

    it("with messages in pieces it is reported as well", async () => {
      const { connection, peer, clock, errors } = openStream({ role, ...options });
      await fill(peer, clock);
      clock.advance(1);
      assert.equal(errors.length, 1);
      connection.terminate();
    });

    it("while there is room it is not told, and pings are answered", async () => {
      const { connection, peer, clock, errors } = open({ role, ...options });
      peer.say("a", "b", "c");
      peer.write(peer.frame(0x89, "p"));
      await settle();
      clock.advance(60_000);
      assert.deepEqual([errors, peer.said], [[], ["10:p"]]);
      connection.terminate();
    });

    it("a connection that begins to be read, discards or ends within the second is told nothing", async () => {
      const begins: ((connection: WebSocketConnection) => void)[] = [
        (connection) => void connection.receive(),
        (connection) => void connection[Symbol.asyncIterator](),
        (connection) => void connection.readable,
        (connection) => connection.discard(),
        (connection) => connection.close(),
        (connection) => connection.terminate(),
      ];
      for (const begin of begins) {
        const { connection, peer, clock, errors } = open({ role, ...options });
        await fill(peer, clock);
        begin(connection);
        await settle();
        await pass(clock, 60_000);
        assert.deepEqual(errors, []);
        connection.terminate();
        await connection.closed;
        assert.equal(clock.timers, 0);
      }
    });

    it("a peer that goes within the second is told of by `closed` alone", async () => {
      const { connection, peer, clock, errors } = open({ role, ...options });
      await fill(peer, clock);
      peer.transport.close();
      await connection.closed;
      assert.deepEqual([errors, clock.timers], [[], 0]);
    });

    it("handlers, without one for messages too, are never told", async () => {
      for (const message of [(): Promise<void> => new Promise(() => {}), undefined]) {
        const websocket = message === undefined ? {} : { message };
        const { connection, peer, clock, errors } = open({ role, ...options, websocket });
        await fill(peer, clock);
        clock.advance(60_000);
        assert.deepEqual(errors, []);
        connection.terminate();
      }
    });
  });
}
