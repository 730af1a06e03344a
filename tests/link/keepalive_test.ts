import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { openCompressed } from "../connection/compression_support.ts";
import { Source } from "../connection/test_sources.ts";
import { open, pass, type Peer, PING, PONG, ROLES, settle } from "../connection/support.ts";

const pingsOf = (peer: Peer): number => peer.frames.filter(({ opcode }) => opcode === PING).length;

/** The opcodes that came, a `!` behind those of frames with FIN. */
const opcodesOf = (peer: Peer): string =>
  peer.frames.map(({ first, opcode }) => `${opcode}${first > 127 ? "!" : ""}`).join(" ");

for (const role of ROLES) {
  describe(`keepalive, as ${role}`, () => {
    it("pings every pingInterval, and stays open while they are answered", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 20_000, pingTimeout: 20_000 });
      for (let round = 1; round <= 10; round++) {
        await pass(clock, 19_999);
        assert.equal(pingsOf(peer), round - 1);
        await pass(clock, 1);
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
          await pass(clock, 1);
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
      await pass(clock, 49);
      assert.equal(connection.readyState, 1);
      await pass(clock, 1);
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
      await pass(clock, 20);
      peer.write(peer.frame(0x80 | PONG));
      await settle();
      await pass(clock, 39);
      assert.equal(connection.readyState, 1);
      await pass(clock, 1);
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("allows a silent peer no more time with each further ping", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 10, pingTimeout: 25 });
      for (let at = 0; at < 35; at++) {
        await pass(clock, 1);
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
        await pass(clock, 19);
      }
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("while paused pings leave and no pong is awaited; the time starts anew on resume", async () => {
      const { connection, link, peer, clock } = open({ role, pingInterval: 20, pingTimeout: 30 });
      await pass(clock, 20);
      link.pause();
      await pass(clock, 980);
      assert.equal(pingsOf(peer), 50);
      assert.equal(connection.readyState, 1);
      link.resume();
      await pass(clock, 29);
      assert.equal(connection.readyState, 1);
      await pass(clock, 1);
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("a pause with nothing outstanding changes nothing: resume awaits no pong", async () => {
      const { connection, link, clock } = open({ role, pingInterval: 100, pingTimeout: 30 });
      link.pause();
      link.resume();
      await pass(clock, 99);
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
      await pass(clock, 1000);
      assert.equal(connection.readyState, 1);
      peer.transport.resume();
      await settle();
      assert.equal(pingsOf(peer), 0);
      await pass(clock, 20);
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
      await pass(clock, 20);
      link.pause();
      connection.close();
      await settle();
      await pass(clock, 500);
      peer.sayClose();
      peer.transport.closeWrite();
      const { wasClean, error } = await connection.closed;
      assert.deepEqual([wasClean, error], [true, undefined]);
      assert.equal(pingsOf(peer), 1);
      assert.equal(clock.timers, 0);
    });

    it("a pong that has arrived is read before pingTimeout is checked", async () => {
      const memory = { manual: true };
      const { connection, peer, clock, step } = open({
        role,
        pingInterval: 20,
        pingTimeout: 30,
        memory,
      });
      await clock.advanceByTurns(20, settle);
      while (step());
      assert.equal(pingsOf(peer), 1);
      peer.write(peer.frame(0x80 | PONG));
      // The loop stands still. Then it calls the timer, and reads what has come in a later turn.
      clock.stall(100);
      let turns = 0;
      await clock.advanceByTurns(0, async () => {
        await settle();
        if (++turns > 2) { while (step()); }
      });
      assert.equal(connection.readyState, 1);
      assert.equal(pingsOf(peer), 2); // that of the interval after
      connection.terminate();
    });

    it("a peer that stood still as well has the time that was lost", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 200, pingTimeout: 300 });
      await pass(clock, 200);
      clock.stall(500); // the ping has left, and 200 ms ago its pong was due
      await clock.advanceByTurns(199, settle);
      assert.equal(connection.readyState, 1);
      peer.write(peer.frame(0x80 | PONG));
      await clock.advanceByTurns(150, settle);
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("a dead peer is dropped though the event loop is always busy", async () => {
      const { connection, peer, clock } = open({ role, pingInterval: 200, pingTimeout: 300 });
      for (let round = 0; round < 14; round++) {
        clock.stall(60);
        await clock.advanceByTurns(0, settle);
      }
      // 200 to the ping, twice 300, and as long as the loop takes for one round.
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("Infinity turns it off: no timer at all", () => {
      const { connection, clock } = open({ role, pingInterval: Infinity });
      assert.equal(clock.timers, 0);
      connection.terminate();
    });
  });

  describe(`keepalive in a compressed message that is sent in fragments, as ${role}`, () => {
    it("its ping waits for the end, as long as the peer takes bytes", async () => {
      const { connection, peer, clock } = openCompressed({
        role,
        pingInterval: 100,
        pingTimeout: 50,
      });
      const source = new Source();
      const sent = connection.send(source);
      for (let round = 0; round < 10; round++) {
        source.give(`piece ${round}, `);
        await clock.advanceByTurns(50, settle);
      }
      assert.equal(pingsOf(peer), 0);
      assert.match(opcodesOf(peer), /^1( 0)+$/);
      source.end();
      await sent;
      await settle();
      // Right behind the last fragment, and then it is awaited.
      assert.match(opcodesOf(peer), /^1( 0)+ 0! 9!$/);
      await pass(clock, 50);
      assert.deepEqual(peer.closeCodes, [1011]);
      connection.terminate();
    });

    it("its ping leaves when the peer has taken nothing for pingInterval", async () => {
      const { connection, peer, clock } = openCompressed({ role, pingInterval: 100 });
      const source = new Source("the beginning of a message");
      void connection.send(source).catch(() => {});
      await clock.advanceByTurns(60, settle);
      source.give(", its middle");
      await clock.advanceByTurns(109, settle); // taken at 70, when it had been gathered
      assert.equal(opcodesOf(peer), "1 0");
      await clock.advanceByTurns(1, settle);
      assert.equal(opcodesOf(peer), "1 0 9!");
      peer.write(peer.frame(0x80 | PONG));
      await clock.advanceByTurns(50, settle);
      source.give(", and its end").end();
      await settle();
      await clock.advanceByTurns(49, settle);
      assert.equal(pingsOf(peer), 1, "the end sends no ping that did not wait");
      await clock.advanceByTurns(1, settle);
      assert.equal(pingsOf(peer), 2);
      connection.terminate();
    });

    it("pongs and the user's pings do not wait", async () => {
      const { connection, peer, clock } = openCompressed({ role });
      const source = new Source("the beginning");
      void connection.send(source).catch(() => {});
      await clock.advanceByTurns(20, settle);
      peer.write(peer.frame(0x80 | PING, "?"));
      await settle();
      void connection.ping().catch(() => {});
      await settle();
      assert.equal(opcodesOf(peer), "1 10! 9!");
      connection.terminate();
    });

    for (
      const [what, options] of [["{ compress: false }", { compress: false }], ["none", {}]] as const
    ) {
      it(`no ping waits for a message that is not compressed: ${what}`, async () => {
        const { connection, peer, clock } = what === "none"
          ? open({ role, pingInterval: 100 })
          : openCompressed({ role, pingInterval: 100 });
        const source = new Source();
        void connection.send(source, options).catch(() => {});
        for (let round = 0; round < 3; round++) {
          source.give("piece");
          await clock.advanceByTurns(50, settle);
        }
        assert.equal(opcodesOf(peer), "1 0 9! 0");
        connection.terminate();
      });
    }

    it("no ping is written while the way out is blocked, and none when the connection closes", async () => {
      const { connection, peer, clock } = openCompressed({
        role,
        pingInterval: 100,
        sendTimeout: Infinity,
        memory: { capacity: 16 },
      });
      peer.transport.pause();
      const source = new Source(crypto.getRandomValues(new Uint8Array(100)));
      const sent = connection.send(source);
      await clock.advanceByTurns(1050, settle);
      peer.transport.resume();
      await settle();
      assert.equal(opcodesOf(peer), "2");
      await clock.advanceByTurns(99, settle); // it has taken the rest at 1050: the ping waits
      assert.equal(opcodesOf(peer), "2");
      connection.terminate();
      await assert.rejects(sent);
      assert.equal(clock.timers, 0);
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

    it("rejects after pingTimeout when the peer answers another ping only; all goes on", async () => {
      const { connection, peer, clock } = open({ role, pingTimeout: 100 });
      const trips = [connection.ping(), connection.ping(), connection.ping()];
      await settle();
      peer.write(peer.frame(0x80 | PONG, peer.frames[0].payload));
      await trips[0];
      clock.advance(99);
      let settled = false;
      void trips[1].catch(() => settled = true);
      await settle();
      assert.equal(settled, false);
      clock.advance(1);
      for (const trip of trips.slice(1)) {
        await assert.rejects(trip, (error) => {
          assert.ok(error instanceof LimitError);
          assert.match(error.message, /^Cannot measure the round trip: .* 100 ms \(pingTimeout\)$/);
          return error.option === "pingTimeout" && error.limit === 100;
        });
      }
      assert.equal(clock.timers, 0);
      const next = connection.ping();
      await settle();
      peer.write(peer.frame(0x80 | PONG, peer.frames[2].payload)); // too late for that one
      peer.write(peer.frame(0x80 | PONG, peer.frames[3].payload));
      await next;
      assert.deepEqual([connection.readyState, clock.timers], [1, 0]);
      connection.terminate();
    });

    it("waits without end with a signal, or with a pingTimeout of Infinity", async () => {
      const controller = new AbortController();
      for (
        const [pingTimeout, options] of [
          [100, { signal: controller.signal }],
          [Infinity, {}],
        ] as const
      ) {
        const { connection, peer, clock } = open({ role, pingTimeout });
        const trip = connection.ping(options);
        clock.advance(1e6);
        assert.equal(clock.timers, 0);
        await settle();
        peer.write(peer.frame(0x80 | PONG, peer.frames[0].payload));
        assert.equal(await trip, 1e6);
        connection.terminate();
      }
    });

    it("while reading is paused its time stands still, and starts again with reading", async () => {
      const { connection, peer, clock } = open({ role, pingTimeout: 100 });
      const before = connection.ping();
      await settle();
      clock.advance(99);
      connection.pause();
      const meanwhile = connection.ping();
      clock.advance(1000);
      peer.write(peer.frame(0x80 | PONG, peer.frames[0].payload));
      await settle();
      assert.equal(clock.timers, 0);
      connection.resume();
      await settle();
      assert.equal(await before, 1099);
      clock.advance(99);
      let settled = false;
      void meanwhile.catch(() => settled = true);
      await settle();
      assert.equal(settled, false);
      clock.advance(1);
      await assert.rejects(meanwhile, LimitError);
      connection.terminate();
    });

    it("a full queue of messages stops its time as well", async () => {
      const { connection, peer, clock } = open({
        role,
        pingTimeout: 100,
        receiveHighWaterMark: 0,
        websocket: () => {},
      });
      const first = connection.ping();
      await settle();
      peer.say("a");
      await settle();
      clock.advance(1000);
      const second = connection.ping();
      await pass(clock, 1000);
      assert.equal(await connection.receive(), "a");
      peer.write(...peer.frames.map(({ payload }) => peer.frame(0x80 | PONG, payload)));
      await settle();
      assert.deepEqual(await Promise.all([first, second]), [2000, 1000]);
      connection.terminate();
    });

    it("a pong that has arrived is read before pingTimeout is checked", async () => {
      const memory = { manual: true };
      const { connection, peer, clock, step } = open({ role, pingTimeout: 100, memory });
      const trip = connection.ping();
      await settle();
      while (step());
      peer.write(peer.frame(0x80 | PONG, peer.frames[0].payload));
      clock.stall(500);
      let turns = 0;
      await clock.advanceByTurns(0, async () => {
        await settle();
        if (++turns > 2) { while (step()); }
      });
      assert.equal(await trip, 500);
      connection.terminate();
    });

    it("a timeout that nothing looks at is not reported as unhandled", async () => {
      const { connection, clock } = open({ role, pingTimeout: 100 });
      void connection.ping();
      await pass(clock, 100);
      await settle();
      assert.equal(connection.readyState, 1);
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
