/** The link's way out and way in: cork, marks, blocking, pausing. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError } from "../../lib/errors.ts";
import {
  bytesOf,
  open,
  PONG,
  type Rig,
  type RigOptions,
  ROLES,
  settle,
} from "../connection/support.ts";

/** A connection whose peer does not read, and of which the system takes 16 bytes; `log` has its drains. */
function openBlocked(options: RigOptions): Rig & { log: string[] } {
  const log: string[] = [];
  const drain = (): void => void log.push("drain");
  const rig = open({ memory: { capacity: 16 }, websocket: { drain }, ...options });
  rig.peer.transport.pause();
  return { ...rig, log };
}

for (const role of ROLES) {
  const header = role === "client" ? 6 : 2;

  describe(`the way out, as ${role}`, () => {
    it("all that is sent in one tick leaves in one write", async () => {
      const { connection, peer, transport } = open({ role });
      for (let at = 0; at < 100; at++) connection.send(`${at}`);
      assert.equal(connection.bufferedAmount, transport.bufferedAmount + 100 * header + 190);
      await settle();
      assert.equal(transport.writes.length, 1);
      assert.equal(connection.bufferedAmount, 0);
      assert.deepEqual(peer.said, Array.from({ length: 100 }, (_, at) => `1:${at}`));
      connection.terminate();
    });

    it("all that handlers send during one pass leaves in one write, pongs too; a Close follows", async () => {
      const { connection, peer, transport } = open({
        role,
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      peer.write(
        ...["a", "b", "c"].map((text) => peer.frame(0x81, text)),
        peer.frame(0x89, "p"),
        peer.frame(0x88),
      );
      await settle();
      assert.equal(transport.writes.length, 2);
      assert.deepEqual(peer.said, ["1:a", "1:b", "1:c", "10:p", "8:"]);
      connection.terminate();
    });

    it("answers of a loop that awaits each message leave in one write", async () => {
      const { connection, peer, transport } = open({ role });
      const loop = (async () => {
        for await (const message of connection) connection.send(message);
      })();
      peer.say(...Array.from({ length: 10 }, (_, at) => `${at}`));
      await settle();
      assert.equal(transport.writes.length, 1);
      assert.equal(peer.frames.length, 10);
      peer.sayClose();
      peer.transport.closeWrite();
      await loop;
    });

    it("64 KiB do not wait for the end of the tick", async () => {
      const { connection, transport } = open({ role, memory: { capacity: 1 << 20 } });
      connection.send(new Uint8Array(65_536));
      assert.equal(transport.writes.length, 1);
      await settle();
      assert.equal(transport.writes.length, 1);
      connection.terminate();
    });

    it("what is written is not changed by what is sent later, whichever side copies", async () => {
      for (const copies of [true, false]) {
        const { connection, peer } = open({ role, memory: { copies, capacity: 64 } });
        peer.transport.pause();
        const texts = Array.from({ length: 50 }, (_, at) => `message ${at}`);
        for (const text of texts) {
          connection.send(text);
          await settle();
        }
        peer.transport.resume();
        await settle();
        assert.deepEqual(peer.said, texts.map((text) => `1:${text}`));
        connection.terminate();
      }
    });

    it("a large message may be used again by the caller once send returns, whichever side copies", async () => {
      for (const copies of [true, false]) {
        for (const capacity of [100, 70_000, 1 << 20]) {
          const memory = { copies, capacity, chunkSize: 10_000 };
          const { connection, peer } = open({ role, memory });
          const data = Uint8Array.from({ length: 200_001 }, (_, at) => at * 7 % 251);
          const sent = data.slice();
          connection.send(data);
          connection.send("behind");
          data.fill(0);
          await settle();
          const [first, second] = peer.frames;
          assert.deepEqual(first.payload, sent);
          assert.equal(new TextDecoder().decode(second.payload), "behind");
          connection.terminate();
        }
      }
    });

    it("send returns false if more than sendHighWaterMark waited before, and drain follows", async () => {
      const { connection, peer, log } = openBlocked({
        role,
        sendHighWaterMark: 100,
      });
      assert.equal(connection.send(new Uint8Array(100 - header)), true);
      assert.equal(connection.bufferedAmount, 100);
      assert.equal(connection.send(new Uint8Array(0)), true, "exactly the mark");
      assert.equal(connection.send(new Uint8Array(0)), false);
      let ready = false;
      void connection.ready.then(() => ready = true);
      await settle();
      assert.deepEqual([ready, log], [false, []]);
      peer.transport.resume();
      await settle();
      assert.deepEqual([ready, log], [true, ["drain"]]);
      await connection.ready;
      assert.equal(connection.send("room"), true);
      connection.terminate();
    });

    it("ready is pending while more than sendHighWaterMark waits, though send returned true", async () => {
      const { connection, peer, log } = openBlocked({
        role,
        sendHighWaterMark: 100,
      });
      await connection.ready;
      assert.equal(connection.send(new Uint8Array(1000)), true);
      let ready = false;
      void connection.ready.then(() => ready = true);
      await settle();
      assert.equal(ready, false);
      peer.transport.resume();
      await settle();
      assert.deepEqual([ready, log], [true, []], "no send gave false, so no drain is due");
      connection.terminate();
      await connection.closed;
      await connection.ready;
    });

    it("no drain is told that nothing waits for", async () => {
      const { connection, peer, log } = openBlocked({
        role,
      });
      connection.send(new Uint8Array(64));
      await settle();
      peer.transport.resume();
      await settle();
      assert.deepEqual(log, []);
      connection.terminate();
    });

    it("ready resolves when the connection closes instead", async () => {
      const { connection, clock } = openBlocked({
        role,
        sendHighWaterMark: 10,
      });
      connection.send(new Uint8Array(100));
      const ready = connection.ready;
      await settle();
      connection.terminate();
      await ready;
      assert.equal(clock.timers, 0);
      assert.equal(connection.send("x"), false);
      await connection.ready;
    });

    it("one message of any size enters an empty buffer", async () => {
      const { connection, peer } = open({ role, maxBufferedAmount: 10, maxMessageSize: 1 });
      assert.equal(connection.send(new Uint8Array(1_000_000)), true);
      assert.equal(connection.readyState, 1);
      await settle();
      assert.equal(peer.frames[0].payload.length, 1_000_000);
      connection.terminate();
    });

    it("maxBufferedAmount is checked before a send: at it one more passes, past it 1008", async () => {
      const { connection, peer } = openBlocked({
        role,
        maxBufferedAmount: 100,
      });
      connection.send(new Uint8Array(100 - header));
      assert.equal(connection.bufferedAmount, 100);
      connection.send("passes");
      assert.equal(connection.readyState, 1);
      assert.equal(connection.send("too much"), false);
      assert.equal(connection.readyState, 2);
      peer.transport.resume();
      await settle();
      peer.transport.closeWrite();
      const { error, sent } = await connection.closed;
      assert.ok(error instanceof LimitError);
      assert.deepEqual([error.option, error.limit, error.actual, sent?.closeCode], [
        "maxBufferedAmount",
        100,
        106 + header,
        1008,
      ]);
      assert.deepEqual(connection.stats.messagesSent, 2);
    });

    it("past maxBufferedAmount whole unsent frames are dropped, a begun one goes on", async () => {
      const { connection, peer } = openBlocked({
        role,
        maxBufferedAmount: 150,
      });
      connection.send("begun ".repeat(20));
      await settle();
      connection.send("unsent ".repeat(20));
      connection.send("one too many");
      peer.transport.resume();
      await settle();
      assert.equal(peer.said.length, 2);
      assert.equal(peer.said[0], `1:${"begun ".repeat(20)}`);
      assert.deepEqual(peer.closeCodes, [1008]);
      connection.terminate();
    });

    it("a large frame that has begun to leave is never torn by maxBufferedAmount", async () => {
      const { connection, peer } = open({
        role,
        memory: { capacity: 200_000 },
        maxBufferedAmount: 300_000,
      });
      peer.transport.pause();
      connection.send(new Uint8Array(1_000_000).fill(1));
      assert.equal(connection.send("one too many"), false);
      assert.equal(connection.readyState, 2);
      peer.transport.resume();
      await settle();
      assert.deepEqual(peer.frames.map(({ opcode }) => opcode), [2, 8]);
      assert.ok(peer.frames[0].payload.every((byte) => byte === 1));
      assert.deepEqual(peer.closeCodes, [1008]);
      connection.terminate();
    });

    it("sendTimeout without progress: dropped, and told as LimitError", async () => {
      const { connection, peer, clock } = openBlocked({
        role,
        sendTimeout: 1000,
      });
      connection.send(new Uint8Array(100));
      await settle();
      clock.advance(999);
      assert.equal(connection.readyState, 1);
      clock.advance(1);
      const { error, closeCode, initiator, sent } = await connection.closed;
      assert.ok(error instanceof LimitError);
      assert.deepEqual([error.option, error.limit, error.closeCode], ["sendTimeout", 1000, 1008]);
      assert.deepEqual([closeCode, initiator, sent], [1006, "local", undefined]);
      await settle();
      assert.ok(peer.closed);
      assert.equal(clock.timers, 0);
    });

    it("sendTimeout starts anew as long as the peer takes something", async () => {
      const { connection, peer, clock, step } = open({
        role,
        memory: { capacity: 16, chunkSize: 8, manual: true },
        sendTimeout: 1000,
      });
      connection.send(new Uint8Array(100));
      await settle();
      while (connection.bufferedAmount > 0) {
        step();
        clock.advance(1000);
        assert.equal(connection.readyState, 1);
      }
      while (step());
      assert.equal(peer.frames.length, 1);
      clock.advance(10_000);
      assert.equal(connection.readyState, 1);
      assert.equal(clock.timers, 0);
    });

    it("a stuck Close counts for sendTimeout as well", async () => {
      const { connection, clock } = openBlocked({
        role,
        sendTimeout: 1000,
      });
      connection.send(new Uint8Array(100));
      await settle();
      connection.close();
      clock.advance(1000);
      assert.equal((await connection.closed).closeCode, 1006);
    });
  });

  describe(`the way in, as ${role}`, () => {
    it("stops mid-chunk at pause, delivers nothing while paused, loses nothing", async () => {
      const got: unknown[] = [];
      const { connection, link, peer, transport } = open({
        role,
        websocket: {
          message(_connection, data): void {
            got.push(data);
            if (data === "2") link.pause();
          },
        },
      });
      peer.say("1", "2", "3", "4");
      peer.say("5");
      await settle();
      assert.deepEqual(got, ["1", "2"]);
      assert.ok(transport.paused);
      peer.say("6");
      await settle();
      assert.deepEqual(got, ["1", "2"]);
      link.resume();
      assert.deepEqual(got, ["1", "2"], "not before resume() has returned");
      await settle();
      assert.deepEqual(got, ["1", "2", "3", "4", "5", "6"]);
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it("pause and resume within one pass read on", async () => {
      for (const texts of [["1"], ["1", "2"]]) {
        const got: unknown[] = [];
        const { connection, link, peer, transport } = open({
          role,
          websocket: {
            message(_connection, data): void {
              got.push(data);
              link.pause();
              link.resume();
            },
          },
        });
        peer.say(...texts);
        await settle();
        assert.equal(transport.paused, false);
        peer.say("next");
        await settle();
        assert.deepEqual(got, [...texts, "next"]);
        connection.terminate();
      }
    });

    it("pings behind unread data are answered when they are reached", async () => {
      const { connection, link, peer } = open({ role });
      link.pause();
      peer.write(peer.frame(0x81, "m"), peer.frame(0x89, "p"));
      await settle();
      assert.deepEqual(peer.said, []);
      link.resume();
      await settle();
      assert.deepEqual(peer.said, ["10:p"]);
      connection.terminate();
    });

    it("a message split at every byte arrives whole", async () => {
      const got: unknown[] = [];
      const { connection, peer } = open({
        role,
        memory: { chunkSize: 1 },
        websocket: { message: (_connection, data) => void got.push(data) },
      });
      const long = "x".repeat(300);
      peer.say("a", long, "é");
      await settle();
      assert.deepEqual(got, ["a", long, "é"]);
      connection.terminate();
    });

    it("the peer's end behind held messages is acted on after them", async () => {
      const { connection, link, peer } = open({ role });
      link.pause();
      peer.say("held");
      peer.transport.closeWrite();
      await settle();
      assert.equal(connection.readyState, 1);
      link.resume();
      assert.equal(await connection.receive(), "held");
      assert.equal((await connection.closed).closeCode, 1006);
    });

    it("an end that comes though reading is paused waits for what is held", async () => {
      const { connection, link, peer, transport } = open({ role });
      link.pause();
      link.feed(peer.frame(0x81, "held"));
      transport.sink?.onEnd();
      await settle();
      assert.equal(connection.readyState, 1);
      link.resume();
      assert.equal(await connection.receive(), "held");
      assert.equal((await connection.closed).closeCode, 1006);
    });

    it("nothing is delivered once too much waited to leave", async () => {
      const got: unknown[] = [];
      const { connection, peer } = openBlocked({
        role,
        maxBufferedAmount: 10,
        websocket: { message: (_connection, data) => void got.push(data) },
      });
      connection.send(new Uint8Array(100));
      connection.send("too much");
      peer.write(peer.frame(0x81, "late"), peer.frame(0x89, "p"));
      await settle();
      peer.transport.resume();
      await settle();
      assert.deepEqual(got, []);
      assert.deepEqual(peer.closeCodes, [1008]);
      connection.terminate();
    });

    it("the bytes behind the handshake come first", async () => {
      const { connection, link, peer } = open({ role });
      link.feed(peer.frame(0x81, "first"));
      link.feed(bytesOf([]));
      peer.say("second");
      assert.equal(await connection.receive(), "first");
      assert.equal(await connection.receive(), "second");
      connection.terminate();
    });

    it("pongs wait while the way out is blocked, and only the newest leaves", async () => {
      const { connection, peer } = open({ role, memory: { capacity: 64 } });
      peer.transport.pause();
      connection.send(new Uint8Array(200));
      await settle();
      for (let at = 0; at < 50; at++) peer.write(peer.frame(0x89, `${at}`));
      await settle();
      peer.transport.resume();
      await settle();
      assert.deepEqual(peer.said.filter((said) => said.startsWith(`${PONG}:`)), ["10:49"]);
      connection.terminate();
    });
  });
}

it("a link says that it can do everything, and what was agreed", () => {
  const { connection, link } = open();
  assert.deepEqual(connection.capabilities, {
    pause: true,
    ping: true,
    compression: true,
    streaming: true,
    anyCloseCode: true,
  });
  assert.deepEqual([link.protocol, link.extensions], ["", ""]);
  assert.equal(connection.remoteAddress?.transport, "memory");
  connection.terminate();
});
