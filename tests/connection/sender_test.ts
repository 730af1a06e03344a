/** The way out: what is sent while a message is still being read from its source, and closing behind it. */

import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { bytesOf, open, openStream, pass, type Peer, ROLES, settle } from "./support.ts";
import { isPattern, pattern, Source, watch } from "./test_sources.ts";

const KIB = 1024;

/** The opcodes that came, in their order. */
const opcodes = ({ frames }: Peer): number[] => frames.map(({ opcode }) => opcode);

for (const role of ROLES) {
  describe(`behind a message under way, as ${role}`, () => {
    it("whatever is sent waits, in its order, and the data is copied when it is sent", async () => {
      const { connection, peer, clock } = open({ role });
      const source = new Source("first ");
      const fates = [watch(connection.send(source))];
      const data = bytesOf("bytes");
      assert.equal(connection.send("text"), true);
      assert.equal(connection.send(data), true);
      assert.equal(connection.send(data.buffer), true);
      const buffer = Buffer.from("buffer"); // its slice() is no copy
      assert.equal(connection.send(buffer), true);
      data.fill(0x21);
      buffer.fill(0x21);
      fates.push(watch(connection.send(new Blob(["blob"]))));
      assert.equal(connection.send("last"), true);
      await settle();
      await pass(clock, 10);
      assert.deepEqual(peer.said, ["1:first "]);
      assert.equal(connection.stats.messagesSent, 5);
      source.give("end").end();
      while (peer.frames.length < 8) await settle();
      assert.deepEqual(peer.said, [
        "1:first ",
        "0:end",
        "1:text",
        "2:bytes",
        "2:bytes",
        "2:buffer",
        "2:blob",
        "1:last",
      ]);
      assert.deepEqual(fates.map(({ state }) => state), ["resolved", "resolved"]);
      assert.equal(connection.stats.messagesSent, 7);
      connection.send("at once");
      await settle();
      assert.equal(peer.said.at(-1), "1:at once");
      connection.terminate();
    });

    it("a source that fails before it began lets the others pass", async () => {
      const { connection, peer } = open({ role });
      const source = new Source("gathered");
      const fate = watch(connection.send(source));
      connection.send("next");
      source.fail(new Error("source"));
      await settle();
      assert.equal(fate.state, "rejected");
      assert.deepEqual(peer.said, ["1:next"]);
      connection.terminate();
    });

    it("a source that is given up while it waits its turn is not read, and not missed", async () => {
      const { connection, peer } = open({ role });
      const first = new Source("first"), second = new Source("second");
      const controller = new AbortController();
      void connection.send(first);
      const fate = watch(connection.send(second, { signal: controller.signal }));
      connection.send("third");
      controller.abort(new Error("enough"));
      await settle();
      assert.equal(fate.state, "rejected");
      first.end();
      await settle();
      assert.deepEqual([peer.said, second.reads], [["1:first", "1:third"], 0]);
      connection.terminate();
    });

    it("pings and pongs pass between fragments", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 20_000, pingTimeout: 30_000 });
      const source = new Source("a");
      const sent = connection.send(source);
      await settle();
      clock.advance(10);
      const pinged = connection.ping();
      peer.write(peer.frame(0x89, "peer's"));
      await settle();
      await pass(clock, 20_000);
      peer.write(peer.frame(0x8a, peer.frames.find(({ opcode }) => opcode === 9)!.payload));
      await pinged;
      source.give("b").end();
      await sent;
      await settle();
      assert.deepEqual(opcodes(peer), [1, 9, 10, 9, 0]);
      connection.terminate();
    });

    it("bufferedAmount counts what waits; send returns false if more than the mark waited before", async () => {
      const { connection, peer } = open({ role, sendHighWaterMark: 1000 });
      const source = new Source();
      void connection.send(source);
      assert.equal(connection.bufferedAmount, 0);
      assert.equal(connection.send(pattern(600)), true);
      assert.equal(connection.send("x".repeat(400)), true, "exactly the mark");
      assert.equal(connection.bufferedAmount, 1000);
      const ready = watch(connection.ready);
      assert.equal(connection.send("y"), true);
      assert.equal(connection.send(""), false);
      assert.equal(connection.bufferedAmount, 1001);
      const later = watch(connection.ready);
      await settle();
      assert.deepEqual([ready.state, later.state], ["resolved", "pending"]);
      source.end();
      await settle();
      assert.equal(later.state, "resolved");
      assert.deepEqual(peer.frames.map(({ payload }) => payload.length), [0, 600, 400, 1, 0]);
      assert.equal(connection.bufferedAmount, 0);
      connection.terminate();
    });

    it("ready and drain come at the mark, not when all has left", async () => {
      let drains = 0;
      const { connection, peer, step } = open({
        role,
        sendHighWaterMark: 1000,
        memory: { capacity: 100, manual: true },
        websocket: { drain: () => void drains++ },
      });
      const source = new Source();
      void connection.send(source);
      for (let at = 0; at < 30; at++) connection.send(pattern(100));
      const ready = watch(connection.ready);
      source.end();
      await settle();
      assert.ok(connection.bufferedAmount > 2800);
      while (ready.state === "pending") {
        assert.equal(drains, 0);
        assert.ok(step());
        await settle();
      }
      assert.equal(drains, 1);
      assert.ok(connection.bufferedAmount > 0 && connection.bufferedAmount <= 1000);
      while (step()) await settle();
      assert.equal(peer.frames.length, 31);
      assert.equal(drains, 1);
      connection.terminate();
    });

    it("ready resolves when the link empties, though the source under way rests", async () => {
      const { connection, clock, step } = open({
        role,
        sendHighWaterMark: 1000,
        memory: { capacity: 100, manual: true },
      });
      const source = new Source(pattern(700));
      void connection.send(source);
      await settle();
      await pass(clock, 10);
      assert.equal(connection.send(pattern(600)), true);
      const ready = watch(connection.ready);
      while (step()) await settle();
      assert.deepEqual([ready.state, connection.bufferedAmount], ["resolved", 600]);
      connection.terminate();
    });

    it("ready resolves when no more than the mark waits, though another source is under way", async () => {
      const { connection, peer } = open({ role, sendHighWaterMark: 1000 });
      const first = new Source(), second = new Source();
      void connection.send(first);
      connection.send(pattern(900));
      void connection.send(second);
      connection.send(pattern(900));
      void connection.send(new Source());
      const ready = watch(connection.ready);
      await settle();
      assert.equal(ready.state, "pending");
      first.end();
      await settle();
      second.end();
      await settle();
      assert.deepEqual([ready.state, connection.bufferedAmount], ["resolved", 0]);
      assert.equal(peer.frames.length, 4);
      connection.terminate();
    });

    it("past maxBufferedAmount in the queue: 1008, the source is cancelled, nothing is sent any more", async () => {
      const { connection, peer, clock } = open({ role, maxBufferedAmount: 1000 });
      const source = new Source(pattern(64 * KIB));
      const fate = watch(connection.send(source));
      await settle();
      connection.send(pattern(1000));
      assert.equal(connection.readyState, 1, "judged on what waited before");
      connection.send(pattern(1));
      assert.equal(connection.send("one too many"), false);
      assert.equal(connection.readyState, 2);
      assert.equal(connection.send("later"), false);
      await settle();
      assert.ok(fate.reason instanceof ConnectionClosedError);
      assert.equal(source.cancelled.length, 1);
      assert.deepEqual([opcodes(peer), peer.closeCodes], [[2, 8], [1008]]);
      peer.transport.closeWrite();
      const { error } = await connection.closed;
      assert.ok(error instanceof LimitError);
      assert.deepEqual([error.option, error.limit, error.actual], [
        "maxBufferedAmount",
        1000,
        1001,
      ]);
      assert.equal(connection.bufferedAmount, 0);
      assert.equal(clock.timers, 0);
    });

    it("the message of another connection keeps its type, and its pieces pass as they come", async () => {
      for (const [first, type] of [[1, "text"], [2, "binary"]] as const) {
        const from = openStream({ role }), to = open({ role });
        from.peer.write(from.peer.frame(first, "begin "));
        const message = await from.connection.receive();
        assert.equal(message.type, type);
        const fate = watch(to.connection.send(message));
        await settle();
        await pass(to.clock, 10);
        assert.deepEqual(to.peer.said, [`${first}:begin `]);
        from.peer.write(from.peer.frame(0x80, "end"));
        await settle();
        assert.equal(fate.state, "resolved");
        assert.deepEqual(to.peer.said, [`${first}:begin `, "0:end"]);
        for (const { connection } of [from, to]) connection.terminate();
      }
    });

    it("the other connection ends within its message: 1011 here, if it has begun", async () => {
      for (const begun of [false, true]) {
        const from = openStream({ role }), to = open({ role });
        from.peer.write(from.peer.frame(2, "begin"));
        const fate = watch(to.connection.send(await from.connection.receive()));
        await settle();
        if (begun) to.clock.advance(10);
        from.peer.transport.close();
        await settle();
        assert.ok(fate.reason instanceof ConnectionClosedError);
        await settle();
        assert.deepEqual(to.peer.closeCodes, begun ? [1011] : []);
        assert.equal(to.connection.readyState, begun ? 2 : 1);
        to.connection.terminate();
      }
    });

    it("a peer that is slow makes the other connection's peer wait", async () => {
      const from = openStream({
        role,
        receiveHighWaterMark: 64 * KIB,
        memory: { chunkSize: 10_000 },
      });
      const to = open({ role, memory: { capacity: KIB } });
      to.peer.transport.pause();
      from.peer.write(from.peer.frame(0x82, pattern(4000 * KIB)));
      const fate = watch(to.connection.send(await from.connection.receive()));
      await settle();
      assert.ok(from.transport.paused);
      assert.ok(from.transport.delivered < 400 * KIB, `${from.transport.delivered}`);
      to.peer.transport.resume();
      while (fate.state === "pending") await settle();
      await settle();
      let size = 0;
      for (const { payload } of to.peer.frames) {
        assert.ok(isPattern(payload, size));
        size += payload.length;
      }
      assert.equal(size, 4000 * KIB);
      for (const { connection } of [from, to]) connection.terminate();
    });
  });

  describe(`closing behind a message under way, as ${role}`, () => {
    it("close() waits for it and for what was sent before; nothing can be sent after", async () => {
      const { connection, peer } = open({ role });
      const source = new Source("under way");
      void connection.send(source);
      connection.send("waiting");
      const second = new Source("second").end();
      const fate = watch(connection.send(second));
      connection.close({ closeCode: 4000, reason: "bye" });
      assert.equal(connection.readyState, 2);
      assert.equal(connection.send("late"), false);
      const late = watch(connection.send(new Source("late")));
      await assert.rejects(connection.ping(), ConnectionClosedError);
      connection.close({ closeCode: 4001 });
      await settle();
      assert.deepEqual(peer.said, []);
      source.end();
      await settle();
      assert.deepEqual(peer.said, ["1:under way", "1:waiting", "1:second", "8:4000 bye"]);
      assert.equal(fate.state, "resolved");
      assert.ok(late.reason instanceof ConnectionClosedError);
      peer.sayClose(4000);
      peer.transport.closeWrite();
      const { wasClean, initiator } = await connection.closed;
      assert.deepEqual([wasClean, initiator], [true, "local"]);
    });

    it("each chunk of the source may take closeTimeout, and the whole as long as it likes", async () => {
      const { connection, peer, clock } = open({ role, closeTimeout: 1000 });
      const source = new Source("a");
      const fate = watch(connection.send(source));
      await settle();
      clock.advance(5000);
      connection.close();
      for (let at = 0; at < 20; at++) {
        await pass(clock, 999);
        source.give("b");
        await settle();
      }
      clock.advance(999);
      source.end();
      await settle();
      assert.equal(fate.state, "resolved");
      assert.deepEqual(peer.closeCodes, [1000]);
      peer.sayClose();
      peer.transport.closeWrite();
      await connection.closed;
      assert.equal(clock.timers, 0);
    });

    it("a source that yields nothing more for closeTimeout: 1011, as the message has begun", async () => {
      const { connection, peer, clock } = open({ role, closeTimeout: 1000 });
      const source = new Source("a");
      const fate = watch(connection.send(source));
      const waits = watch(connection.send(new Source()));
      connection.send("waiting");
      await settle();
      connection.close();
      await pass(clock, 999);
      assert.equal(fate.state, "pending");
      await pass(clock, 1);
      assert.ok(fate.reason instanceof LimitError && fate.reason.option === "closeTimeout");
      assert.equal(source.cancelled.length, 1);
      assert.deepEqual(peer.said, ["1:a", "8:1011"]);
      peer.sayClose(1011);
      peer.transport.closeWrite();
      assert.equal((await connection.closed).error, fate.reason);
      assert.ok(waits.reason instanceof ConnectionClosedError);
      assert.equal(clock.timers, 0);
    });

    it("a source that has given nothing at all is given up, and Close follows what waited", async () => {
      const { connection, peer, clock } = open({ role, closeTimeout: 1000 });
      const fates = [watch(connection.send(new Source())), watch(connection.send(new Source()))];
      connection.send("waiting");
      connection.close();
      await pass(clock, 1000);
      assert.deepEqual(fates.map(({ state }) => state), ["rejected", "pending"]);
      await pass(clock, 1000);
      assert.deepEqual(fates.map(({ state }) => state), ["rejected", "rejected"]);
      assert.deepEqual(peer.said, ["1:waiting", "8:1000"]);
      connection.terminate();
    });

    it("how long the peer takes is not the source's time: that is for sendTimeout", async () => {
      const { connection, peer, clock } = open({
        role,
        closeTimeout: 1000,
        sendTimeout: 30_000,
        memory: { capacity: KIB },
      });
      peer.transport.pause();
      const source = new Source();
      for (let at = 0; at < 10; at++) source.give(pattern(64 * KIB, at * 64 * KIB));
      const fate = watch(connection.send(source.end()));
      await settle();
      connection.close();
      await pass(clock, 29_000);
      assert.equal(fate.state, "pending");
      peer.transport.resume();
      while (fate.state === "pending") await settle();
      await settle();
      assert.equal(fate.state, "resolved");
      assert.deepEqual(peer.closeCodes, [1000]);
      connection.terminate();
    });

    it("a peer that takes nothing for sendTimeout meanwhile: dropped, and reported", async () => {
      const { connection, peer, clock } = open({
        role,
        sendTimeout: 3000,
        memory: { capacity: KIB },
      });
      peer.transport.pause();
      const source = new Source(pattern(64 * KIB), pattern(64 * KIB), pattern(64 * KIB));
      const fate = watch(connection.send(source));
      await settle();
      connection.close();
      clock.advance(3000);
      const { error, closeCode } = await connection.closed;
      assert.ok(error instanceof LimitError && error.option === "sendTimeout");
      await settle();
      assert.ok(fate.reason instanceof ConnectionClosedError);
      assert.deepEqual([closeCode, source.cancelled.length, clock.timers], [1006, 1, 0]);
    });

    it("the peer's Close meanwhile is answered within a second, between fragments; the source is cancelled", async () => {
      for (const closing of [false, true]) {
        const { connection, peer, clock } = open({ role });
        const source = new Source(pattern(64 * KIB));
        const fate = watch(connection.send(source));
        const waits = watch(connection.send(new Source("never")));
        connection.send("waiting");
        if (closing) connection.close({ closeCode: 4000 });
        await settle();
        peer.sayClose(4001, "peer");
        await settle();
        await pass(clock, 999);
        assert.deepEqual(opcodes(peer), [2]);
        await pass(clock, 1);
        assert.deepEqual([opcodes(peer), peer.closeCodes], [[2, 8], [4001]]);
        source.give("more");
        peer.transport.closeWrite();
        const info = await connection.closed;
        assert.deepEqual([info.wasClean, info.initiator, info.closeCode], [true, "remote", 4001]);
        await settle();
        for (const { reason } of [fate, waits]) assert.ok(reason instanceof ConnectionClosedError);
        assert.deepEqual(opcodes(peer), [2, 8]);
        assert.deepEqual([source.cancelled.length, clock.timers], [1, 0]);
      }
    });

    it("the peer's Close meanwhile is answered behind it, when its source ends soon", async () => {
      const { connection, peer, clock } = open({ role });
      const source = new Source(pattern(64 * KIB));
      const sent = connection.send(source);
      assert.equal(connection.send("waiting"), true);
      await settle();
      peer.sayClose(4001, "peer");
      await settle();
      source.end();
      await sent;
      await settle();
      assert.deepEqual([opcodes(peer), peer.closeCodes], [[2, 0, 1, 8], [4001]]);
      peer.transport.closeWrite();
      assert.equal((await connection.closed).wasClean, true);
      assert.equal(clock.timers, 0);
    });

    it("terminate() and a reset meanwhile cancel all sources, and settle all", async () => {
      for (const end of ["terminate", "reset"]) {
        const { connection, peer, clock } = open({ role, sendHighWaterMark: 10 });
        const sources = [new Source(pattern(64 * KIB)), new Source("second")];
        const fates = sources.map((source) => watch(connection.send(source)));
        connection.send("over the mark");
        const ready = watch(connection.ready);
        connection.close();
        await settle();
        assert.equal(ready.state, "pending");
        if (end === "terminate") connection.terminate();
        else peer.transport.close();
        await connection.closed;
        await settle();
        for (const { reason } of fates) assert.ok(reason instanceof ConnectionClosedError);
        assert.deepEqual(sources.map(({ cancelled }) => cancelled.length), [1, 1]);
        assert.equal(ready.state, "resolved");
        assert.deepEqual([connection.bufferedAmount, clock.timers], [0, 0]);
      }
    });

    it("a failure of the user's code meanwhile closes at once, with 1011", async () => {
      const error = new Error("handler");
      const { connection, peer, errors } = open({
        role,
        websocket: {
          message(): void {
            throw error;
          },
        },
      });
      const source = new Source(pattern(64 * KIB));
      const fate = watch(connection.send(source));
      connection.close();
      await settle();
      peer.say("provokes");
      await settle();
      assert.deepEqual([opcodes(peer), peer.closeCodes, errors], [[2, 8], [1011], [error]]);
      peer.sayClose(1011);
      peer.transport.closeWrite();
      await connection.closed;
      await settle();
      assert.equal(fate.state, "rejected");
    });

    it("asyncDispose waits for all of it", async () => {
      const { connection, peer } = open({ role });
      const source = new Source("a");
      void connection.send(source);
      const disposed = watch(connection[Symbol.asyncDispose]());
      await settle();
      source.give("b").end();
      await settle();
      assert.deepEqual(peer.said, ["1:ab", "8:1000"]);
      assert.equal(disposed.state, "pending");
      peer.sayClose();
      peer.transport.closeWrite();
      await settle();
      assert.equal(disposed.state, "resolved");
    });
  });
}
