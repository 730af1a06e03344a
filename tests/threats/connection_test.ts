/** The rows of the threat list that a connection must stand up to: names carry their numbers. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import {
  join,
  open,
  pass,
  type Peer,
  PONG,
  type Rig,
  ROLES,
  settle,
} from "../connection/support.ts";
import { heap, many } from "./support.ts";

/** The violation that closed a connection, and its Close code. */
async function failure({ connection, peer, clock }: Rig): Promise<[Error | undefined, number[]]> {
  await settle();
  clock.advance(1_000); // which our answer waits for messages that nobody takes
  await settle();
  const codes = peer.closeCodes;
  peer.transport.closeWrite();
  return [(await connection.closed).error, codes];
}

for (const role of ROLES) {
  const row = role === "server" ? "01" : "02";

  describe(`threats to a ${role}'s connection`, () => {
    it(`threat ${row}: endless empty or tiny fragments end with 1008, and keep no memory`, async () => {
      for (const payload of ["", "x"]) {
        const got: unknown[] = [];
        const rig = open({
          role,
          maxFragments: 10_000,
          memory: { capacity: 1 << 24 },
          websocket: { message: (_connection, data) => void got.push(data) },
        });
        const { peer } = rig;
        const before = heap();
        peer.write(peer.frame(0x01, "a"));
        peer.write(many(9_999, peer.frame(0x00, payload)));
        await settle();
        assert.equal(rig.connection.readyState, 1);
        assert.ok(heap() - before < 8 * 1024 * 1024);
        peer.write(many(1000, peer.frame(0x00, payload)), peer.frame(0x80));
        const [error, codes] = await failure(rig);
        assert.ok(error instanceof LimitError && error.option === "maxFragments");
        assert.deepEqual([codes, got], [[1008], []]);
      }
    });

    it("threat 26: a peer that never answers our Close is dropped at closeTimeout", async () => {
      const { connection, clock, peer, transport } = open({ role, closeTimeout: 3000 });
      connection.close();
      await settle();
      // It may talk as it likes: only a Close answers.
      for (let at = 0; at < 29; at++) {
        peer.say("still here");
        await pass(clock, 100);
      }
      assert.equal(transport.closed, false);
      clock.advance(100);
      assert.equal(transport.closed, true);
      assert.equal((await connection.closed).closeCode, 1006);
      assert.equal(clock.timers, 0);
    });

    it("threat 29: what nothing takes stays with the peer, however it is cut", async () => {
      for (const chunkSize of [1, 1000, 65_536]) {
        const { connection, peer, transport } = open({
          role,
          memory: { chunkSize, capacity: 4096 },
          receiveHighWaterMark: 2000,
        });
        const message = peer.frame(0x82, new Uint8Array(500));
        peer.write(many(1000, message));
        await settle();
        assert.ok(transport.paused);
        assert.equal(connection.stats.messagesReceived, 3);
        assert.ok(transport.delivered <= 3 * message.length + Math.min(chunkSize, 4096));
        assert.ok(peer.transport.bufferedAmount > 400_000);
        for (let at = 0; at < 20; at++) await connection.receive();
        assert.ok(transport.delivered < 40 * message.length + 8192);
        connection.terminate();
      }
    });

    it("threat 29: a frame of the limit's size, byte by byte, pins no more than it is", async () => {
      const size = 200_000;
      const { connection, peer } = open({
        role,
        maxMessageSize: size,
        memory: { chunkSize: 1, capacity: 1 << 20 },
      });
      peer.write(peer.frame(0x82, new Uint8Array(size).fill(5)));
      const message = await connection.receive();
      assert.equal(message.length, size);
      assert.ok(message instanceof Uint8Array && message.every((byte) => byte === 5));
      assert.ok(message.buffer.byteLength <= 2 * size);
      connection.terminate();
    });

    it("threat 36: a peer that never reads costs maxBufferedAmount at most, then 1008", async () => {
      const { connection, peer, clock } = open({
        role,
        maxBufferedAmount: 1 << 20,
        sendTimeout: 1000,
      });
      peer.transport.pause();
      const piece = new Uint8Array(10_000);
      let sent = 0;
      for (; connection.readyState === 1; sent++) {
        connection.send(piece);
        assert.ok(connection.bufferedAmount <= (1 << 20) + 20_000);
        if (sent % 10 === 0) await settle();
        assert.ok(sent < 200);
      }
      assert.equal(connection.send(piece), false);
      await pass(clock, 1000);
      const { error } = await connection.closed;
      assert.ok(error instanceof LimitError && error.option === "maxBufferedAmount");
      assert.equal(connection.bufferedAmount, 0);
    });

    it("threat 36: a peer that stops reading is dropped after sendTimeout without progress", async () => {
      const { connection, peer, clock } = open({ role, sendTimeout: 1000 });
      peer.transport.pause();
      connection.send(new Uint8Array(100_000));
      await settle();
      clock.advance(1000);
      const { error } = await connection.closed;
      assert.ok(error instanceof LimitError && error.option === "sendTimeout");
    });

    it("threat 37: 1e5 pings with the way out blocked owe one pong, and keep no memory", async () => {
      const { connection, peer } = open({
        role,
        maxPingsPerSecond: Infinity,
        memory: { capacity: 1 << 16 },
      });
      peer.transport.pause();
      connection.send(new Uint8Array(1 << 17));
      await settle();
      const blocked = connection.bufferedAmount;
      const before = heap();
      for (let round = 0; round < 100; round++) {
        peer.write(many(1000, peer.frame(0x89, `${round}`.padStart(125))));
        await settle();
      }
      assert.equal(connection.bufferedAmount, blocked);
      assert.ok(heap() - before < 48 * 1024 * 1024);
      peer.transport.resume();
      await settle();
      const pongs = peer.frames.filter(({ opcode }) => opcode === PONG);
      assert.deepEqual(pongs.map(({ payload }) => payload.length), [125]);
      assert.equal(peer.said.at(-1), `10:${"99".padStart(125)}`);
      connection.terminate();
    });

    it("threat 37: a flood of pings is 1008 at one past maxPingsPerSecond", async () => {
      const rig = open({ role });
      rig.peer.write(many(100, rig.peer.frame(0x89)));
      await settle();
      assert.equal(rig.peer.frames.length, 100);
      rig.peer.write(rig.peer.frame(0x89));
      const [error, codes] = await failure(rig);
      assert.ok(error instanceof LimitError && error.option === "maxPingsPerSecond");
      assert.deepEqual(codes, [1008]);
    });

    it("threat 41: a frame masked or unmasked against its role is 1002 and delivers nothing", async () => {
      const got: unknown[] = [];
      const rig = open({
        role,
        websocket: {
          message: (_connection, data) => void got.push(data),
          ping: () => void got.push("ping"),
        },
      });
      const other = open({ role: role === "server" ? "client" : "server" });
      rig.peer.write(other.peer.frame(0x81, "hi"), other.peer.frame(0x89));
      const [error, codes] = await failure(rig);
      assert.ok(error instanceof ProtocolError);
      assert.equal(error.code, role === "server" ? "MASK_REQUIRED" : "MASK_FORBIDDEN");
      assert.deepEqual([codes, got], [[1002], []]);
      other.connection.terminate();
    });

    it("threat 43: a continuation of nothing, or a message inside another, is 1002", async () => {
      const cases: [(peer: Peer) => Uint8Array, string][] = [
        [(peer) => peer.frame(0x80, "x"), "CONTINUATION_UNEXPECTED"],
        [
          (peer) => join(peer.frame(0x01, "a"), peer.frame(0x81, "b")),
          "CONTINUATION_EXPECTED",
        ],
        [
          (peer) => join(peer.frame(0x01, "a"), peer.frame(0x80, "b"), peer.frame(0x80)),
          "CONTINUATION_UNEXPECTED",
        ],
      ];
      for (const [bytes, code] of cases) {
        const rig = open({ role });
        rig.peer.write(bytes(rig.peer));
        const [error, codes] = await failure(rig);
        assert.ok(error instanceof ProtocolError);
        assert.deepEqual([error.code, codes], [code, [1002]]);
      }
    });

    it("threat 43: control frames between fragments are lawful, and seen in their place", async () => {
      const log: string[] = [];
      const { connection, peer } = open({
        role,
        maxMessageSize: 4,
        websocket: {
          message: (_connection, data) => void log.push(`message ${data}`),
          ping: () => void log.push("ping"),
          pong: () => void log.push("pong"),
        },
      });
      peer.write(
        peer.frame(0x01, "ab"),
        peer.frame(0x89, "12345"),
        peer.frame(0x00, "c"),
        peer.frame(0x8a),
        peer.frame(0x80, "d"),
      );
      await settle();
      assert.deepEqual(log, ["ping", "pong", "message abcd"]);
      assert.deepEqual(peer.said, ["10:12345"]);
      connection.terminate();
    });

    it("threat, unnumbered: a good frame and then a bad one in one chunk, at every split", async () => {
      const { peer } = open({ role });
      const bytes = join(peer.frame(0x81, "good"), peer.frame(0x8b));
      for (let split = 1; split < bytes.length; split++) {
        const got: unknown[] = [];
        const rig = open({
          role,
          websocket: { message: (_connection, data) => void got.push(data) },
        });
        rig.peer.write(bytes.subarray(0, split));
        await settle();
        rig.peer.write(bytes.subarray(split));
        const [error, codes] = await failure(rig);
        assert.ok(error instanceof ProtocolError);
        assert.deepEqual([got, codes], [["good"], [1002]]);
      }
    });

    it("threat, unnumbered: exactly the limit passes, one byte more is 1009 on its header", async () => {
      const { connection, peer } = open({ role, maxMessageSize: 1000 });
      peer.write(peer.frame(0x82, new Uint8Array(1000)));
      assert.equal((await connection.receive()).length, 1000);
      const tooLong = peer.frame(0x82, new Uint8Array(1001));
      peer.write(tooLong.subarray(0, role === "server" ? 8 : 4));
      await settle();
      assert.deepEqual(peer.closeCodes, [1009]);
      connection.terminate();
    });
  });
}
