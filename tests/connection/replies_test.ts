/** Replies to what came right before the peer's Close, or before a violation. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import { closePayload, open, openStream, pass, type Peer, ROLES, settle } from "./support.ts";

type Reply = (connection: WebSocketConnection) => void | Promise<void>;

/** The ways to read a connection that reply to each message before the next one is asked for. */
const readers: Readonly<Record<string, Reply>> = {
  async "for await"(connection) {
    for await (const message of connection) connection.send(message);
  },
  async "for await, with promises between"(connection) {
    for await (const message of connection) {
      for (let i = 0; i < 50; i++) await undefined;
      connection.send(message);
    }
  },
  async "receive()"(connection) {
    while (connection.readyState < 3) {
      const message = await connection.receive().catch(() => undefined);
      if (message !== undefined) connection.send(message);
    }
  },
  "readable and writable": (connection) =>
    connection.readable.pipeTo(connection.writable).catch(() => {}),
};

/** What ends the connection, in the chunk of the messages. */
const ends: readonly { name: string; code: number; frame(peer: Peer): Uint8Array }[] = [
  {
    name: "a Close",
    code: 4000,
    frame: (peer) => peer.frame(0x88, closePayload(4000, "enough")),
  },
  { name: "a violation", code: 1002, frame: (peer) => peer.frame(0x83, "x") },
];

for (const role of ROLES) {
  describe(`replies before our Close, as ${role}`, () => {
    for (const { name, code, frame } of ends) {
      for (const [reading, websocket] of Object.entries(readers)) {
        it(`by ${reading}: all leave before the answer to ${name} in the same chunk`, async () => {
          const { connection, peer, clock } = open({ role, websocket });
          peer.write(peer.frame(0x81, "a"), peer.frame(0x81, "b"), frame(peer));
          await settle();
          assert.equal(connection.readyState >= 2, true);
          await settle();
          assert.deepEqual(peer.said.map((each) => each.split(" ")[0]), [
            "1:a",
            "1:b",
            `8:${code}`,
          ]);
          peer.transport.closeWrite();
          assert.equal((await connection.closed).sent?.closeCode, code);
          await settle();
          assert.equal(clock.timers, 0);
        });
      }

      it(`by a handler that replies in a microtask: before the answer to ${name}`, async () => {
        const replied: boolean[] = [];
        const { connection, peer } = open({
          role,
          websocket: {
            message(connection, data): void {
              void Promise.resolve().then(() => replied.push(connection.send(data)));
            },
          },
        });
        peer.write(peer.frame(0x81, "a"), frame(peer));
        await settle();
        assert.deepEqual(peer.said.map((each) => each.split(" ")[0]), ["1:a", `8:${code}`]);
        assert.deepEqual(replied, [true]);
        connection.terminate();
      });

      it(`after the turn of ${name}, send returns false`, async () => {
        const { connection, peer } = open({ role, websocket: { message: () => {} } });
        peer.write(peer.frame(0x81, "a"), frame(peer));
        await settle();
        assert.equal(connection.send("late"), false);
        assert.deepEqual(peer.said.map((each) => each.split(" ")[0]), [`8:${code}`]);
        connection.terminate();
      });

      it(`${name} without a message before it is answered at once`, async () => {
        const { connection, peer } = open({ role, websocket: { message: () => {} } });
        peer.write(frame(peer));
        for (let i = 0; i < 10; i++) await undefined;
        assert.equal(connection.send("late"), false);
        assert.deepEqual(peer.closeCodes, [code]);
        connection.terminate();
      });

      it(`close() does not wait for replies to what came before ${name}`, async () => {
        const { connection, peer, clock } = open({
          role,
          websocket: { message: () => new Promise(() => {}) },
        });
        peer.write(peer.frame(0x81, "a"), frame(peer));
        await settle();
        assert.deepEqual(peer.closeCodes, []);
        connection.close(4001);
        assert.equal(connection.send("late"), false);
        await settle();
        assert.deepEqual(peer.closeCodes, [code]);
        connection.terminate();
        await settle();
        assert.equal(clock.timers, 0);
      });
    }

    it("readyState is 2 from the moment in which the Close is decoded", async () => {
      const states: number[] = [];
      const { connection, peer } = open({
        role,
        async websocket(connection) {
          for await (const _ of connection) states.push(connection.readyState);
        },
      });
      peer.write(peer.frame(0x81, "a"), peer.frame(0x88));
      await settle();
      assert.deepEqual(states, [2]);
      connection.terminate();
    });

    it("messages that are queued are delivered and replied to, for a second at most", async () => {
      for (const total of [2, 5]) {
        const { connection, peer, clock } = open({ role });
        peer.write(
          ...Array.from({ length: total }, (_, at) => peer.frame(0x81, `${at}`)),
          peer.frame(0x88, closePayload(1000)),
        );
        await settle();
        for (let at = 0; at < total; at++) {
          const message = await connection.receive();
          assert.equal(connection.send(message), at * 300 < 1000);
          await pass(clock, 300);
        }
        const ended = connection.receive().catch(() => {});
        await settle();
        const replies = Array.from({ length: Math.min(total, 4) }, (_, at) => `1:${at}`);
        assert.deepEqual(peer.said, [...replies, "8:1000"]);
        peer.transport.closeWrite();
        await ended;
        assert.equal(clock.timers, 0);
      }
    });

    it("a reply to a message in pieces leaves before the Close behind its last piece", async () => {
      const { connection, peer } = openStream({
        role,
        async websocket(connection) {
          for await (const message of connection) connection.send(await message.text());
        },
      });
      peer.write(peer.frame(0x01, "a"));
      await settle();
      peer.write(peer.frame(0x80, "b"), peer.frame(0x88, closePayload(1000)));
      await settle();
      assert.deepEqual(peer.said, ["1:ab", "8:1000"]);
      connection.terminate();
    });

    it("closeTimeout bounds the wait for replies, if it is shorter", async () => {
      const { connection, peer, clock } = open({
        role,
        closeTimeout: 50,
        websocket: { message: () => new Promise(() => {}) },
      });
      peer.write(peer.frame(0x81, "a"), peer.frame(0x88, closePayload(1000)));
      await settle();
      await pass(clock, 49);
      assert.deepEqual(peer.closeCodes, []);
      await pass(clock, 1);
      assert.deepEqual(peer.closeCodes, [1000]);
      connection.terminate();
    });
  });
}
