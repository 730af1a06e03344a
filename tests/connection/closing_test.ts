/** The closing handshake (RFC 6455 sections 5.5.1 and 7), from either side and when it fails. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  ConnectionClosedError,
  LimitError,
  ProtocolError,
  TransportError,
} from "../../lib/errors.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { CloseInfo } from "../../lib/errors.ts";
import {
  BINARY,
  bytesOf,
  CLOSE,
  closePayload,
  join,
  open,
  pass,
  ROLES,
  settle,
} from "./support.ts";

const LAWFUL = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
const UNLAWFUL = [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65_536, 1000.5, -1, NaN];

const BYE = { closeCode: 1000, reason: "" };

for (const role of ROLES) {
  describe(`closing, as ${role}`, () => {
    it("by us: Close, the peer's Close, the end; clean, ours the initiative", async () => {
      const { connection, peer, clock } = open({ role });
      connection.close({ closeCode: 1001, reason: "gone" });
      assert.equal(connection.readyState, 2);
      await settle();
      assert.deepEqual(peer.said, ["8:1001 gone"]);
      assert.equal(peer.ended, false);
      peer.sayClose(1001);
      await settle();
      if (role === "client") peer.transport.closeWrite();
      await settle();
      assert.deepEqual(await connection.closed, {
        closeCode: 1001,
        reason: "",
        wasClean: true,
        sent: { closeCode: 1001, reason: "gone" },
        received: { closeCode: 1001, reason: "" },
        initiator: "local",
        error: undefined,
      });
      assert.equal(connection.readyState, 3);
      assert.deepEqual(peer.said, ["8:1001 gone"]);
      assert.equal(clock.timers, 0);
    });

    it("by the peer: answered once with the same code, and clean", async () => {
      const { connection, peer, clock } = open({ role });
      peer.sayClose(4001, "enough");
      await settle();
      assert.deepEqual(peer.said, ["8:4001"]);
      peer.transport.closeWrite();
      await settle();
      assert.deepEqual(await connection.closed, {
        closeCode: 4001,
        reason: "enough",
        wasClean: true,
        sent: { closeCode: 4001, reason: "" },
        received: { closeCode: 4001, reason: "enough" },
        initiator: "remote",
        error: undefined,
      });
      await settle();
      assert.ok(peer.closed && peer.error === undefined);
      assert.equal(clock.timers, 0);
    });

    it("by the peer without a code: 1005, answered by an empty Close", async () => {
      const { connection, peer } = open({ role });
      peer.write(peer.frame(0x80 | CLOSE));
      peer.transport.closeWrite();
      const { closeCode, sent, wasClean } = await connection.closed;
      assert.deepEqual({ closeCode, sent, wasClean }, {
        closeCode: 1005,
        sent: { closeCode: 1005, reason: "" },
        wasClean: true,
      });
      assert.deepEqual(peer.said, ["8:"]);
    });

    it("by us without a code: an empty Close", async () => {
      const { connection, peer } = open({ role });
      connection.close({ closeCode: 1005 });
      await settle();
      assert.deepEqual(peer.said, ["8:"]);
      connection.terminate();
    });

    it("by both at once: one Close each", async () => {
      const { connection, peer } = open({ role });
      peer.sayClose(3001);
      connection.close({ closeCode: 3002 });
      await settle();
      peer.transport.closeWrite();
      const { closeCode, sent, wasClean, initiator } = await connection.closed;
      assert.deepEqual([closeCode, sent?.closeCode, wasClean, initiator], [
        3001,
        3002,
        true,
        "local",
      ]);
      assert.deepEqual(peer.said, ["8:3002"]);
    });

    it("lets what was sent go first, and what comes still be delivered", async () => {
      const got: unknown[] = [];
      const { connection, peer } = open({
        role,
        websocket: { message: (_connection, data) => void got.push(data) },
      });
      connection.send("one");
      connection.send("two");
      connection.close();
      assert.equal(connection.send("late"), false);
      peer.say("in flight");
      await settle();
      assert.deepEqual(peer.said, ["1:one", "1:two", "8:1000"]);
      assert.deepEqual(got, ["in flight"]);
      const { messagesReceived, messagesSent } = connection.stats;
      assert.deepEqual([messagesReceived, messagesSent], [1, 2]);
      connection.terminate();
    });

    it("nothing but pongs leaves after a Close: no ping, no message, no second Close", async () => {
      const { connection, peer, link, clock } = open({ role, pingInterval: 5, closeTimeout: 100 });
      connection.close();
      connection.close({ closeCode: 1011 });
      link.ping(bytesOf("p"));
      peer.write(peer.frame(0x89, "p"));
      await pass(clock, 50);
      assert.equal(connection.send("late"), false);
      await settle();
      assert.deepEqual(peer.said, ["8:1000", "10:p"]);
      connection.terminate();
    });

    it("bytes after the peer's Close are dropped", async () => {
      const got: unknown[] = [];
      const { connection, peer } = open({
        role,
        websocket: { message: (_connection, data) => void got.push(data) },
      });
      peer.write(
        peer.frame(0x81, "before"),
        peer.frame(0x88, closePayload(1000)),
        peer.frame(0x81, "after"),
        bytesOf([0xff, 0xff, 0xff]),
      );
      await settle();
      assert.deepEqual(got, ["before"]);
      assert.deepEqual(peer.said, ["8:1000"]);
      peer.transport.closeWrite();
      assert.equal((await connection.closed).wasClean, true);
    });

    it("a Close whose way is blocked leaves once there is room, behind whole frames", async () => {
      const { connection, peer } = open({ role, memory: { capacity: 64 } });
      peer.transport.pause();
      connection.send(new Uint8Array(200));
      await settle();
      connection.close();
      await settle();
      peer.transport.resume();
      await settle();
      assert.deepEqual(peer.frames.map(({ opcode }) => opcode), [BINARY, CLOSE]);
      connection.terminate();
    });

    it("closeTimeout starts when our Close is with the system, and drops the peer", async () => {
      const { connection, peer, clock } = open({
        role,
        memory: { capacity: 64 },
        closeTimeout: 1000,
        sendTimeout: Infinity,
      });
      peer.transport.pause();
      connection.send(new Uint8Array(200));
      await settle();
      connection.close();
      await settle();
      await pass(clock, 5000);
      assert.equal(connection.readyState, 2);
      peer.transport.resume();
      await settle();
      await pass(clock, 999);
      assert.equal(connection.readyState, 2);
      clock.advance(1);
      const info = await connection.closed;
      assert.deepEqual([info.closeCode, info.wasClean, info.received, info.initiator], [
        1006,
        false,
        undefined,
        "local",
      ]);
      assert.deepEqual(info.sent, BYE);
      await settle();
      assert.ok(peer.closed);
      assert.equal(clock.timers, 0);
    });

    it("a violation: its code in a Close, then our end, then what comes is dropped", async () => {
      const got: unknown[] = [];
      const { connection, peer, transport, clock } = open({
        role,
        websocket: { message: (_connection, data) => void got.push(data) },
      });
      peer.write(peer.frame(0x81, "good"), peer.frame(0xc1, "bad"), peer.frame(0x81, "after"));
      await settle();
      peer.say("later");
      await settle();
      assert.deepEqual(got, ["good"]);
      assert.deepEqual(peer.closeCodes, [1002]);
      assert.ok(peer.ended && !peer.closed && transport.writeEnded);
      peer.transport.closeWrite();
      const info = await connection.closed;
      assert.equal(info.closeCode, 1006);
      assert.equal(info.wasClean, false);
      assert.equal(info.sent?.closeCode, 1002);
      assert.equal(info.received, undefined);
      assert.equal(info.initiator, "local");
      assert.ok(info.error instanceof ProtocolError);
      assert.equal(info.error.code, "RESERVED_BITS");
      assert.equal(peer.error, undefined);
      assert.equal(clock.timers, 0);
    });

    it("1007 for bad text and 1009 for size reach the peer", async () => {
      const cases = [[[0xc0], 0x81, 1007, ProtocolError], [
        new Uint8Array(11),
        0x82,
        1009,
        LimitError,
      ]] as const;
      for (const [payload, first, code, kind] of cases) {
        const { connection, peer } = open({ role, maxMessageSize: 10 });
        peer.write(peer.frame(first, payload));
        await settle();
        assert.deepEqual(peer.closeCodes, [code]);
        peer.transport.closeWrite();
        assert.ok((await connection.closed).error instanceof kind);
      }
    });

    it("after a violation a peer may finish what it sends, until it is quiet for 2 s", async () => {
      const { connection, peer, clock, transport } = open({ role, memory: { capacity: 1 << 22 } });
      peer.write(peer.frame(0x83));
      await settle();
      for (let mebibytes = 0; mebibytes < 3; mebibytes++) {
        clock.advance(1999);
        peer.transport.write(new Uint8Array(1024 * 1024));
        await settle();
      }
      assert.ok(transport.delivered > 3 * 1024 * 1024);
      clock.advance(1999);
      assert.equal(transport.closed, false);
      clock.advance(1);
      assert.equal(transport.closed, true);
      const { sent } = await connection.closed;
      assert.equal(sent?.closeCode, 1002);
      assert.equal(clock.timers, 0);
    });

    it("after a violation a peer that does not end is dropped after closeTimeout", async () => {
      const { connection, peer, clock, transport } = open({ role, closeTimeout: 1000 });
      peer.write(peer.frame(0x83));
      await settle();
      clock.advance(999);
      assert.equal(transport.closed, false);
      clock.advance(1);
      assert.equal(transport.closed, true);
      assert.equal((await connection.closed).closeCode, 1006);
      assert.equal(clock.timers, 0);
    });

    it("a violation while closing drops what comes, and sends no second Close", async () => {
      const { connection, peer } = open({ role });
      connection.close();
      await settle();
      peer.write(peer.frame(0x83), peer.frame(0x81, "after"));
      await settle();
      assert.deepEqual(peer.said, ["8:1000"]);
      assert.ok(peer.ended);
      peer.transport.closeWrite();
      const { error, initiator, closeCode } = await connection.closed;
      assert.ok(error instanceof ProtocolError);
      assert.deepEqual([initiator, closeCode], ["local", 1006]);
    });

    it("a violation while nothing takes messages is answered when it is reached", async () => {
      const { connection, peer } = open({ role, receiveHighWaterMark: 10 * 257 });
      peer.say(...Array.from({ length: 20 }, () => "x"));
      peer.write(peer.frame(0x83));
      await settle();
      assert.deepEqual(peer.said, []);
      for (let at = 0; at < 20; at++) assert.equal(await connection.receive(), "x");
      await settle();
      assert.deepEqual(peer.closeCodes, [1002]);
      peer.transport.closeWrite();
      await connection.closed;
    });

    it("the peer's end without a Close: 1006, and nothing waits", async () => {
      for (const torn of [0, 3]) {
        const { connection, peer, clock } = open({ role });
        peer.write(peer.frame(0x81, "torn").subarray(0, torn));
        peer.transport.closeWrite();
        const info = await connection.closed;
        assert.deepEqual(
          [info.closeCode, info.wasClean, info.sent, info.received, info.initiator],
          [1006, false, undefined, undefined, "remote"],
        );
        assert.ok(info.error instanceof TransportError);
        assert.equal(info.error.code, "CONNECTION_ENDED");
        await settle();
        assert.ok(peer.closed);
        assert.equal(clock.timers, 0);
      }
    });

    it("a reset: 1006 with the transport's error, and no more can be sent", async () => {
      const { connection, peer, link, clock } = open({ role });
      peer.transport.close();
      const info = await connection.closed;
      assert.deepEqual([info.closeCode, info.wasClean, info.initiator], [1006, false, "remote"]);
      assert.ok(info.error instanceof TransportError);
      assert.equal(info.error.code, "CONNECTION_RESET");
      assert.equal(connection.send("x"), false);
      assert.equal(connection.bufferedAmount, 0);
      connection.close();
      link.ping(bytesOf("p"));
      link.pause();
      link.resume();
      await settle();
      assert.equal(connection.readyState, 3);
      assert.equal(connection.bufferedAmount, 0);
      assert.equal(clock.timers, 0);
    });

    it("terminate: the peer sees a reset, we 1006, the initiative ours", async () => {
      const { connection, peer, clock } = open({ role });
      connection.send("dropped with the rest");
      connection.terminate();
      assert.equal(connection.readyState, 3);
      assert.equal(connection.send("x"), false);
      const info = await connection.closed;
      assert.deepEqual([info.closeCode, info.wasClean, info.sent, info.initiator, info.error], [
        1006,
        false,
        undefined,
        "local",
        undefined,
      ]);
      await settle();
      assert.ok(peer.closed && peer.error !== undefined);
      assert.deepEqual(peer.said, []);
      assert.equal(clock.timers, 0);
      connection.terminate();
    });

    it("terminate while closing: 1006, and what was sent is reported", async () => {
      const { connection } = open({ role });
      connection.close();
      await settle();
      connection.terminate();
      const { closeCode, sent, initiator } = await connection.closed;
      assert.deepEqual([closeCode, sent, initiator], [1006, BYE, "local"]);
    });

    it("every lawful code passes, both ways", async () => {
      for (const code of LAWFUL) {
        const { connection, peer } = open({ role });
        connection.close({ closeCode: code, reason: "r" });
        peer.sayClose(code, "s");
        peer.transport.closeWrite();
        const { received, sent, wasClean } = await connection.closed;
        assert.deepEqual(received, { closeCode: code, reason: "s" });
        assert.deepEqual(sent, { closeCode: code, reason: "r" });
        assert.ok(wasClean);
        assert.deepEqual(peer.said, [`8:${code} r`]);
      }
    });

    it("an unlawful code from the peer is 1002", async () => {
      for (const code of UNLAWFUL.filter((code) => code >= 0 && code < 65_536 && code % 1 === 0)) {
        const { connection, peer } = open({ role });
        peer.sayClose(code);
        await settle();
        assert.deepEqual(peer.closeCodes, [1002], `${code}`);
        connection.terminate();
      }
    });

    it("an unlawful code from the caller is a RangeError naming it, and nothing happens", async () => {
      const { connection, peer } = open({ role });
      for (const code of UNLAWFUL) {
        assert.throws(
          () => connection.close({ closeCode: code }),
          (error) => error instanceof RangeError && error.message.includes(`${code}`),
        );
      }
      assert.throws(() => connection.close({ closeCode: 1005, reason: "r" }), TypeError);
      assert.throws(() => connection.close({ closeCode: "1000" as unknown as number }), TypeError);
      assert.equal(connection.readyState, 1);
      connection.send("still open");
      await settle();
      assert.deepEqual(peer.said, ["1:still open"]);
      connection.terminate();
    });

    it("a reason of 123 bytes of UTF-8 passes, one of 124 is refused", async () => {
      const { connection, peer } = open({ role });
      assert.throws(() => connection.close({ reason: "é".repeat(62) }), RangeError);
      assert.equal(connection.readyState, 1);
      connection.close({ reason: `${"é".repeat(61)}x` });
      await settle();
      assert.deepEqual(peer.said, [`8:1000 ${"é".repeat(61)}x`]);
      connection.terminate();
    });

    it("with a code and a reason as two arguments, as in the standard", async () => {
      const calls: [(c: WebSocketConnection) => void, number, string][] = [
        [(c) => c.close(4001, "why"), 4001, "why"],
        [(c) => c.close(4001), 4001, ""],
        [(c) => c.close(undefined, "why"), 1000, "why"],
        [(c) => c.close(undefined), 1000, ""],
        [(c) => c.close(4001, undefined), 4001, ""],
        [(c) => c.close({ closeCode: 4001, reason: "why" }), 4001, "why"],
        [(c) => c.close({ reason: "why" }), 1000, "why"],
      ];
      for (const [close, closeCode, reason] of calls) {
        const { connection, peer } = open({ role });
        close(connection);
        assert.equal(connection.readyState, 2);
        peer.sayClose(closeCode);
        peer.transport.closeWrite();
        assert.deepEqual((await connection.closed).sent, { closeCode, reason });
      }
    });

    it("with the status of another connection, as `closed` or an error has it", async () => {
      const status = { closeCode: 4001, reason: "why" };
      const info = {
        ...status,
        wasClean: true,
        sent: status,
        received: status,
        initiator: "remote" as const,
        error: undefined,
      };
      for (const given of [info, new ConnectionClosedError(info)]) {
        const { connection, peer } = open({ role });
        connection.close(given);
        peer.sayClose(4001);
        peer.transport.closeWrite();
        assert.deepEqual((await connection.closed).sent, status);
      }
    });

    it("with anything else is a TypeError, and nothing happens", () => {
      class CloseEventLike {
        get code(): number {
          return 4001;
        }
        get reason(): string {
          return "why";
        }
      }
      const wrong: [unknown[], RegExp][] = [
        [["4001"], /^Cannot close: expected a close code or .* got string$/],
        [["why"], /^Cannot close: expected a close code or .* got string$/],
        [[null], /^Cannot close: expected a close code or .* got null$/],
        [[true], /got boolean$/],
        [[[4001, "why"]], /must be an object, got Array$/],
        [[4001, 5], /^Cannot close: reason must be a string, got number$/],
        [[4001, { reason: "why" }], /reason must be a string/],
        [[{ closeCode: 4001 }, "why"], /there is no second argument$/],
        [[{ closeCode: "4001" }], /closeCode must be a number, got string$/],
        [[{ closeCode: null }], /closeCode must be a number/],
        [[{ code: 4001 }], /code is not part of a close status; did you mean closeCode\?$/],
        [[new CloseEventLike()], /code is not part of a close status; did you mean closeCode\?$/],
      ];
      for (const [values, message] of wrong) {
        const { connection } = open({ role });
        const close = (): void => Reflect.apply(connection.close, connection, values);
        assert.throws(close, { name: "TypeError", message }, JSON.stringify(values));
        assert.equal(connection.readyState, 1);
        connection.terminate();
      }
      const { connection } = open({ role });
      for (const code of [1006, 999, 5000, 1.5, NaN]) {
        assert.throws(() => connection.close(code, "why"), RangeError);
      }
      assert.throws(() => connection.close(4001, "é".repeat(62)), RangeError);
      assert.equal(connection.readyState, 1);
      connection.terminate();
    });

    it("by `await using`: the closing handshake, to its end", async () => {
      const { connection, peer } = open({ role });
      let over = false;
      const disposed = connection[Symbol.asyncDispose]().then(() => over = true);
      await settle();
      assert.equal(over, false);
      peer.sayClose();
      peer.transport.closeWrite();
      await disposed;
      assert.equal((await connection.closed).wasClean, true);
    });

    it("reads on after close() though nothing takes messages, until the peer's Close", async () => {
      const { connection, peer, transport } = open({
        role,
        memory: { capacity: 512 },
        receiveHighWaterMark: 16 * 256,
      });
      const texts = Array.from({ length: 400 }, (_, at) => `message ${at}`);
      peer.say(...texts);
      await settle();
      assert.ok(transport.paused);
      connection.close();
      peer.sayClose();
      peer.transport.closeWrite();
      assert.equal((await connection.closed).wasClean, true);
      assert.equal(connection.stats.messagesReceived, 400);
      // What is over the mark was dropped, not gathered.
      for (const text of texts.slice(0, 16)) assert.equal(await connection.receive(), text);
      await assert.rejects(connection.receive(), ConnectionClosedError);
    });

    it("`closed` says the same to everyone, early and late", async () => {
      const { connection, peer } = open({ role });
      const early: Promise<CloseInfo> = connection.closed;
      peer.transport.close();
      assert.equal(await early, await connection.closed);
    });
  });
}

describe("which side closes the socket (7.1.1)", () => {
  it("a server, as soon as both Close frames have passed", async () => {
    const { connection, peer, clock } = open({ role: "server" });
    peer.sayClose();
    await settle();
    assert.ok(peer.ended);
    assert.equal((await connection.closed).wasClean, true);
    assert.equal(clock.timers, 0);
  });

  it("a client waits for the server's end", async () => {
    const { connection, peer, clock, transport } = open({ role: "client" });
    peer.sayClose();
    await settle();
    await pass(clock, 9999);
    assert.ok(!transport.writeEnded && !peer.ended && connection.readyState === 2);
    peer.transport.closeWrite();
    await settle();
    assert.equal((await connection.closed).wasClean, true);
  });

  it("a client waits no longer than closeTimeout, and is clean then too", async () => {
    const { connection, peer, clock } = open({ role: "client", closeTimeout: 1000 });
    peer.sayClose(1001);
    await settle();
    clock.advance(1000);
    const { wasClean, closeCode } = await connection.closed;
    assert.deepEqual([wasClean, closeCode], [true, 1001]);
    assert.equal(clock.timers, 0);
  });

  it("a client whose Close answer is stuck when the server ends closes once it has left", async () => {
    const { connection, peer } = open({ role: "client", memory: { capacity: 64 } });
    peer.transport.pause();
    connection.send(new Uint8Array(200));
    await settle();
    peer.sayClose();
    peer.transport.closeWrite();
    await settle();
    assert.equal(connection.readyState, 2);
    peer.transport.resume();
    assert.equal((await connection.closed).wasClean, true);
    assert.deepEqual(peer.closeCodes, [1000]);
  });
});

it("a Close split at every byte is one Close", async () => {
  for (const role of ROLES) {
    const { connection, peer } = open({ role, memory: { chunkSize: 1 } });
    peer.write(join(peer.frame(0x81, "m"), peer.frame(0x88, closePayload(1003, "no"))));
    peer.transport.closeWrite();
    assert.equal(await connection.receive(), "m");
    const { received } = await connection.closed;
    assert.deepEqual(received, { closeCode: 1003, reason: "no" });
  }
});
