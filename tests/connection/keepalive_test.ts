import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { open, type Peer, PING, PONG, ROLES, settle } from "./support.ts";

const pingsOf = (peer: Peer): number => peer.frames.filter(({ opcode }) => opcode === PING).length;

for (const role of ROLES) {
  describe(`keepalive, as ${role}`, () => {
    it("pings every pingInterval, and stays open while they are answered", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 20_000, pingTimeout: 20_000 });
      for (let round = 1; round <= 10; round++) {
        clock.advance(19_999);
        await settle();
        assert.equal(pingsOf(peer), round - 1);
        clock.advance(1);
        await settle();
        assert.equal(pingsOf(peer), round);
        peer.write(peer.frame(0x80 | PONG));
        await settle();
      }
      assert.equal(connection.readyState, 1);
      connection.terminate();
      await settle();
      assert.equal(clock.timers, 0);
    });

    it("stays open whatever the relation of interval, timeout and round trip", async () => {
      for (
        const [pingInterval, pingTimeout, trip] of [
          [20, 20, 0],
          [20, 20, 19],
          [7, 20, 15],
          [10, 20, 11],
          [20, 5, 4],
          [3, 100, 90],
        ]
      ) {
        const { connection, peer, clock } = open({ role, pingInterval, pingTimeout });
        const due: number[] = [];
        for (let answered = 0, now = 1; now <= 130; now++) {
          clock.advance(1);
          await settle();
          while (due.length + answered < pingsOf(peer)) due.push(now + trip);
          if (due.length > 0 && due[0] <= now) {
            peer.write(peer.frame(0x80 | PONG));
            due.shift();
            answered++;
            await settle();
          }
        }
        assert.equal(connection.readyState, 1, `${pingInterval} ${pingTimeout} ${trip}`);
        connection.terminate();
      }
    });

    it("closes a silent peer with 1011 pingTimeout after its ping, then drops it", async () => {
      const { connection, peer, clock, transport } = open({
        role,
        pingInterval: 20,
        pingTimeout: 30,
        closeTimeout: 100,
      });
      clock.advance(49);
      await settle();
      assert.equal(connection.readyState, 1);
      clock.advance(1);
      await settle();
      assert.deepEqual(peer.closeCodes, [1011]);
      clock.advance(99);
      assert.equal(transport.closed, false);
      clock.advance(1);
      const { error, sent, closeCode } = await connection.closed;
      assert.ok(error instanceof LimitError);
      assert.deepEqual([error.option, error.limit, sent?.closeCode, closeCode], [
        "pingTimeout",
        30,
        1011,
        1006,
      ]);
      assert.equal(clock.timers, 0);
    });

    it("finds a peer that falls silent after the first pong, also with equal times", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 20, pingTimeout: 20 });
      clock.advance(20);
      await settle();
      peer.write(peer.frame(0x80 | PONG));
      await settle();
      clock.advance(39);
      await settle();
      assert.equal(connection.readyState, 1);
      clock.advance(1);
      await settle();
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("gives a silent peer no more time with each further ping", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 10, pingTimeout: 25 });
      for (let at = 0; at < 35; at++) {
        clock.advance(1);
        await settle();
      }
      assert.equal(pingsOf(peer), 3);
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("takes any byte for a sign of life, even of a frame that is not whole", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 20, pingTimeout: 20 });
      const bytes = peer.frame(0x82, new Uint8Array(1000));
      for (let at = 0; at < 30; at++) {
        peer.write(bytes.subarray(at, at + 1));
        await settle();
        clock.advance(19);
        await settle();
      }
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("while paused pings leave and no pong is awaited; the time starts anew on resume", async () => {
      const { connection, link, peer, clock } = open({ role, pingInterval: 20, pingTimeout: 30 });
      clock.advance(20);
      await settle();
      link.pause();
      clock.advance(980);
      await settle();
      assert.equal(pingsOf(peer), 50);
      assert.equal(connection.readyState, 1);
      link.resume();
      clock.advance(29);
      await settle();
      assert.equal(connection.readyState, 1);
      clock.advance(1);
      await settle();
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("a pause with nothing outstanding changes nothing: resume awaits no pong", async () => {
      const { connection, link, clock } = open({ role, pingInterval: 100, pingTimeout: 30 });
      link.pause();
      link.resume();
      clock.advance(99);
      await settle();
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("no ping is written, and none awaited, while the way out is blocked", async () => {
      const { connection, peer, clock } = open({
        role,
        pingInterval: 20,
        pingTimeout: 30,
        sendTimeout: Infinity,
        memory: { capacity: 16 },
      });
      peer.transport.pause();
      connection.send(new Uint8Array(100));
      await settle();
      clock.advance(1000);
      await settle();
      assert.equal(connection.readyState, 1);
      peer.transport.resume();
      await settle();
      assert.equal(pingsOf(peer), 0);
      clock.advance(20);
      await settle();
      assert.equal(pingsOf(peer), 1);
      connection.terminate();
    });

    it("closing ends it: close() while paused with a pong awaited starts no wait anew", async () => {
      const { connection, link, peer, clock } = open({
        role,
        pingInterval: 20,
        pingTimeout: 30,
        closeTimeout: 1000,
      });
      clock.advance(20);
      await settle();
      link.pause();
      connection.close();
      await settle();
      clock.advance(500);
      await settle();
      peer.sayClose();
      peer.transport.closeWrite();
      const { wasClean, error } = await connection.closed;
      assert.deepEqual([wasClean, error], [true, undefined]);
      assert.equal(pingsOf(peer), 1);
      assert.equal(clock.timers, 0);
    });

    it("Infinity turns it off: no timer at all", () => {
      const { connection, clock } = open({ role, pingInterval: Infinity });
      assert.equal(clock.timers, 0);
      connection.terminate();
    });
  });

  describe(`ping(), as ${role}`, () => {
    it("is the round trip in milliseconds", async () => {
      const { connection, peer, clock } = open({ role });
      const trip = connection.ping();
      await settle();
      clock.advance(42);
      peer.write(peer.frame(0x80 | PONG, peer.frames[0].payload));
      assert.equal(await trip, 42);
      connection.terminate();
    });

    it("a pong settles that ping and all older ones; one nobody asked for settles none", async () => {
      const { connection, peer } = open({ role });
      const trips = [connection.ping(), connection.ping(), connection.ping()];
      let third = false;
      void trips[2].then(() => third = true);
      await settle();
      peer.write(peer.frame(0x80 | PONG, "unasked"), peer.frame(0x80 | PONG));
      peer.write(peer.frame(0x80 | PONG, peer.frames[1].payload));
      await Promise.all(trips.slice(0, 2));
      await settle();
      assert.equal(third, false);
      peer.write(peer.frame(0x80 | PONG, peer.frames[2].payload));
      await trips[2];
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("ends with the signal's reason, and sends nothing if that is aborted already", async () => {
      const { connection, peer } = open({ role });
      const controller = new AbortController(), reason = new Error("enough");
      const trip = connection.ping({ signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(trip, reason);
      await assert.rejects(connection.ping({ signal: controller.signal }), reason);
      await settle();
      assert.equal(pingsOf(peer), 1);
      connection.terminate();
    });

    it("rejects when the connection closes first, and when it is no longer open", async () => {
      const { connection, peer } = open({ role });
      const trip = connection.ping();
      trip.catch(() => {});
      await settle();
      peer.transport.close();
      await assert.rejects(trip, (error) => {
        assert.ok(error instanceof ConnectionClosedError);
        return error.closeCode === 1006;
      });
      await assert.rejects(connection.ping(), ConnectionClosedError);

      const closing = open({ role });
      closing.connection.close();
      await assert.rejects(closing.connection.ping(), ConnectionClosedError);
      closing.connection.terminate();
    });
  });
}
