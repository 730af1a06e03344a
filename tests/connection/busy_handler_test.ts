/**
 * A `message` handler whose promise is pending: messages wait, all else goes on. And how the connection
 * ends meanwhile: what had come is handled, and `close` is the last to be called.
 */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError, TransportError } from "../../lib/errors.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import { type AnyMessage, StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { MessageMode } from "../../lib/protocol/options.ts";
import {
  open,
  openStream,
  pass,
  type Peer,
  PING,
  PONG,
  type Rig,
  type RigOptions,
  ROLES,
  settle,
} from "./support.ts";
import { watch } from "./test_sources.ts";

const MODES: readonly MessageMode[] = ["whole", "stream"];

/** A connection whose handler works until it is told to be done. */
interface BusyRig {
  connection: Omit<WebSocketConnection, "receive" | "readable">;
  rig: Omit<Rig, "connection">;
  peer: Peer;
  /** What was called, and what came of it. */
  log: string[];
  /** Lets the handler that works be done, or fail. */
  done(error?: Error): Promise<void>;
}

async function textOf(message: AnyMessage): Promise<string> {
  return message instanceof StreamedMessage ? await message.text() : String(message);
}

function busy(
  mode: MessageMode,
  options: Omit<RigOptions, "websocket" | "onError">,
  begun: (connection: BusyRig["connection"], text: string) => void = () => {},
): BusyRig {
  const log: string[] = [];
  let gate = Promise.withResolvers<void>();
  const websocket = {
    async message(connection: unknown, message: AnyMessage): Promise<void> {
      const text = await textOf(message);
      log.push(`message ${text}`);
      begun(connection as BusyRig["connection"], text);
      gate = Promise.withResolvers();
      await gate.promise;
      log.push(`done ${text}`);
    },
    ping: (): void => void log.push("ping"),
    pong: (): void => void log.push("pong"),
    close: (_connection: unknown, { closeCode }: { closeCode: number }): void =>
      void log.push(`close ${closeCode}`),
  };
  const rig =
    (mode === "whole"
      ? open({ ...options, websocket })
      : openStream({ ...options, websocket })) as unknown as Rig;
  return {
    connection: rig.connection,
    rig,
    peer: rig.peer,
    log,
    async done(error): Promise<void> {
      if (error === undefined) gate.resolve();
      else gate.reject(error);
      await settle();
    },
  };
}

/** The ways in which a peer ends, and the code that is told. */
const ENDS: readonly { name: string; code: number; end(peer: Peer): void }[] = [
  { name: "ends without a Close", code: 1006, end: ({ transport }) => transport.closeWrite() },
  { name: "resets", code: 1006, end: ({ transport }) => transport.close() },
  {
    name: "closes",
    code: 1000,
    end(peer): void {
      peer.sayClose();
      peer.transport.closeWrite();
    },
  },
];

for (const role of ROLES) {
  for (const mode of MODES) {
    describe(`while a handler works, ${mode} messages, as ${role}`, () => {
      it("pings are answered, pongs taken, and its own ping settles", async () => {
        const { connection, rig: { transport }, peer, log, done } = busy(mode, { role });
        peer.say("a", "b");
        await settle();
        const ping = watch(connection.ping());
        peer.write(peer.frame(0x89, "p"));
        await settle();
        assert.equal(peer.said.at(-1), "10:p");
        const sent = peer.frames.find(({ opcode }) => opcode === PING)!;
        peer.write(peer.frame(0x8a, sent.payload));
        await settle();
        assert.equal(ping.state, "resolved");
        assert.deepEqual(log, ["message a", "ping", "pong"]);
        assert.equal(transport.pauses, 0);
        await done();
        assert.deepEqual(log.slice(3), ["done a", "message b"]);
        connection.terminate();
      });

      it("messages wait up to receiveHighWaterMark, then the peer does; below half it goes on", async () => {
        const { connection, rig: { transport }, peer, log, done } = busy(mode, {
          role,
          receiveHighWaterMark: 4 * 257,
        });
        const texts = "abcdefghij".split("");
        for (const text of texts) peer.say(text);
        peer.write(peer.frame(0x89, "behind"));
        await settle();
        assert.ok(transport.paused);
        // The first is being handled, four fill the mark, and the sixth was past it.
        assert.equal(connection.stats.messagesReceived, 6);
        await done();
        await done();
        assert.equal(connection.stats.messagesReceived, 6, "more than half waits");
        await done();
        assert.equal(connection.stats.messagesReceived, 9);
        while (!log.includes("done j")) await done();
        assert.equal(transport.paused, false);
        assert.deepEqual(peer.said, ["10:behind"]);
        assert.deepEqual(
          log.filter((entry) => entry !== "ping"),
          texts.flatMap((text) => [`message ${text}`, `done ${text}`]),
        );
        connection.terminate();
      });

      it("the keepalive sees a peer that answers, and drops one that is gone", async () => {
        const { connection, rig: { clock }, peer } = busy(mode, { role, pingInterval: 20_000 });
        peer.say("work");
        await settle();
        for (let pings = 1; pings <= 3; pings++) {
          await pass(clock, 20_000);
          assert.equal(peer.frames.filter(({ opcode }) => opcode === PING).length, pings);
          peer.write(peer.frame(0x80 | PONG));
          await settle();
        }
        await pass(clock, 40_000);
        assert.deepEqual(peer.closeCodes, [1011]);
        connection.terminate();
      });

      it("the peer's Close is answered when it is done: its reply leaves before", async () => {
        const { connection, rig, peer, log, done } = busy(mode, { role });
        peer.say("a", "b");
        peer.sayClose(3000, "bye");
        peer.transport.closeWrite();
        await settle();
        assert.deepEqual(peer.said, []);
        assert.equal(connection.readyState, 2);
        rig.clock.advance(500);
        await done();
        assert.deepEqual(log, ["message a", "done a", "message b"]);
        assert.equal(connection.send("reply"), true);
        rig.clock.advance(499);
        await done();
        assert.deepEqual(peer.said, ["1:reply", "8:3000"]);
        assert.deepEqual([connection.readyState, connection.send("late")], [3, false]);
        assert.deepEqual(log, ["message a", "done a", "message b", "done b", "close 3000"]);
        assert.equal((await connection.closed).wasClean, true);
        assert.equal(rig.clock.timers, 0);
      });

      it("the peer's Close is answered after a second at most, and nothing can be sent then", async () => {
        const { connection, rig, peer, log, done } = busy(mode, { role });
        peer.say("a");
        peer.sayClose(3000, "bye");
        peer.transport.closeWrite();
        await settle();
        await pass(rig.clock, 999);
        assert.deepEqual([peer.said, connection.readyState], [[], 2]);
        await pass(rig.clock, 1);
        assert.deepEqual(peer.said, ["8:3000"]);
        assert.deepEqual([connection.readyState, connection.send("late")], [3, false]);
        assert.deepEqual(log, ["message a"]);
        await done();
        assert.deepEqual(log, ["message a", "done a", "close 3000"]);
        assert.equal((await connection.closed).wasClean, true);
      });

      for (const { name, code, end } of ENDS) {
        it(`the peer ${name}: what had come is handled in order, and close comes last`, async () => {
          for (const chunkSize of [Infinity, 1]) {
            const { connection, rig, peer, log, done } = busy(mode, {
              role,
              memory: { chunkSize },
            });
            peer.say("a", "b", "c");
            if (code === 1006) await settle();
            end(peer);
            await settle();
            const closed = watch(connection.closed);
            await settle();
            assert.deepEqual(
              [connection.readyState, closed.state],
              [code === 1006 ? 3 : 2, "pending"],
            );
            for (let at = 0; at < 3; at++) await done();
            assert.deepEqual(
              log,
              [..."abc"].flatMap((text) => [`message ${text}`, `done ${text}`])
                .concat(`close ${code}`),
            );
            const { closeCode, error } = await connection.closed;
            assert.equal(closeCode, code);
            assert.equal(error instanceof TransportError, code === 1006);
            assert.deepEqual(rig.errors, []);
            assert.equal(rig.clock.timers, 0);
          }
        });

        it(`the peer ${name} while reading is stopped: that is found when it goes on`, async () => {
          const { connection, rig, peer, log, done } = busy(mode, {
            role,
            receiveHighWaterMark: 257,
          });
          peer.say("a", "b", "c", "d");
          if (code === 1006) await settle();
          end(peer);
          await settle();
          assert.ok(rig.transport.pauses > 0);
          for (let at = 0; at < 5; at++) await done();
          assert.equal((await connection.closed).closeCode, code);
          // A reset loses what was not decoded yet: in pieces, the third one stopped within.
          const handled = log.filter((entry) => entry.startsWith("done"));
          const least = mode === "whole" ? 3 : 2;
          assert.deepEqual(handled.slice(0, least), ["done a", "done b", "done c"].slice(0, least));
          if (name !== "resets") assert.equal(handled.length, 4);
          assert.equal(log.at(-1), `close ${code}`);
          assert.equal(rig.clock.timers, 0);
        });

        it(`the peer ${name}: a handler has closeTimeout to be done, the next one as long`, async () => {
          const { connection, rig, peer, log, done } = busy(mode, { role, closeTimeout: 1000 });
          peer.say("a", "b", "c", "d");
          await settle();
          rig.clock.advance(60_000);
          end(peer);
          await settle();
          for (let at = 0; at < 2; at++) {
            await pass(rig.clock, 999);
            await done();
          }
          await pass(rig.clock, 999);
          assert.equal(log.at(-1), "message c");
          await pass(rig.clock, 1);
          assert.equal(log.at(-1), `close ${code}`);
          assert.equal((await connection.closed).closeCode, code);
          const [error, ...more] = rig.errors;
          assert.ok(error instanceof LimitError && error.option === "closeTimeout");
          assert.match(error.message, /dropped behind it: 1;/);
          assert.equal(rig.clock.timers, 0);
          await done();
          assert.deepEqual([more, log.at(-1)], [[], "done c"]);
        });

        it(`the peer ${name}: terminate() does not wait for a handler`, async () => {
          const { connection, rig, peer, log } = busy(mode, { role });
          peer.say("a", "b");
          await settle();
          end(peer);
          await settle();
          connection.terminate();
          assert.deepEqual(log, ["message a"], "not from within the call");
          assert.equal((await connection.closed).closeCode, code);
          assert.deepEqual(log, ["message a", `close ${code}`]);
          assert.deepEqual([rig.errors, rig.clock.timers], [[], 0]);
        });

        it(`the peer ${name}: discard() drops what waits, not the handler that works`, async () => {
          const { connection, rig, peer, log, done } = busy(mode, { role });
          peer.say("a", "b");
          await settle();
          end(peer);
          await settle();
          connection.discard();
          await settle();
          assert.deepEqual(log, ["message a"]);
          await done();
          await connection.closed;
          assert.deepEqual(log, ["message a", "done a", `close ${code}`]);
          assert.deepEqual([rig.errors, rig.clock.timers], [[], 0]);
        });

        it(`the peer ${name}: discard() ends a pause, and the handler has closeTimeout then`, async () => {
          for (const resumes of [false, true]) {
            const { connection, rig, peer, log, done } = busy(mode, { role, closeTimeout: 1000 });
            peer.say("a", "b");
            await settle();
            end(peer);
            await settle();
            connection.pause();
            rig.clock.advance(60_000);
            if (resumes) connection.resume();
            connection.discard();
            await settle();
            await pass(rig.clock, 999);
            assert.deepEqual(log, ["message a"]);
            await pass(rig.clock, 1);
            assert.equal((await connection.closed).closeCode, code);
            assert.deepEqual(log, ["message a", `close ${code}`]);
            assert.match(String(rig.errors), /closeTimeout/);
            assert.deepEqual([rig.errors.length, rig.clock.timers], [1, 0]);
            await done();
          }
        });

        it(`the peer ${name}: a handler that fails then is reported, what waits is dropped`, async () => {
          const { connection, rig, peer, log, done } = busy(mode, { role });
          peer.say("a", "b");
          await settle();
          end(peer);
          await settle();
          const error = new Error("user");
          await done(error);
          assert.equal((await connection.closed).closeCode, code);
          assert.deepEqual([log, rig.errors], [["message a", `close ${code}`], [error]]);
          assert.equal(rig.clock.timers, 0);
        });

        it(`the peer ${name}: a handler that fails by that is not reported, the next is called`, async () => {
          const { connection, rig, peer, log, done } = busy(mode, { role });
          peer.say("a", "b");
          await settle();
          end(peer);
          await settle();
          await done(connection.closedError());
          await done();
          await connection.closed;
          assert.deepEqual(log, ["message a", "message b", "done b", `close ${code}`]);
          assert.deepEqual(rig.errors, []);
        });

        it(`the peer ${name}: pause() holds back what waits, and the end, until resume()`, async () => {
          for (const early of [true, false]) {
            const { connection, rig, peer, log, done } = busy(mode, { role, closeTimeout: 1000 });
            peer.say("a", "b");
            await settle();
            if (early && code === 1006) connection.pause();
            end(peer);
            await settle();
            connection.pause();
            await done();
            await pass(rig.clock, 60_000);
            assert.deepEqual(log, ["message a", "done a"]);
            connection.resume();
            await settle();
            await done();
            assert.equal((await connection.closed).closeCode, code);
            assert.deepEqual(log.slice(2), ["message b", "done b", `close ${code}`]);
            assert.deepEqual([rig.errors, rig.clock.timers], [[], 0]);
          }
        });
      }

      it("one that pauses and works on is not given up before it resumes", async () => {
        const { connection, rig, peer, log, done } = busy(
          mode,
          { role, closeTimeout: 1000 },
          (connection) => connection.pause(),
        );
        peer.say("a");
        await settle();
        peer.transport.close();
        await settle();
        await pass(rig.clock, 60_000);
        assert.deepEqual(log, ["message a"]);
        connection.resume();
        rig.clock.advance(999);
        await done();
        await connection.closed;
        assert.deepEqual([log.at(-1), rig.errors, rig.clock.timers], ["close 1006", [], 0]);
      });

      it("terminate() ends at once, though it works and more waits", async () => {
        const { connection, rig, peer, log, done } = busy(mode, { role });
        peer.say("a", "b");
        await settle();
        connection.terminate();
        await connection.closed;
        assert.deepEqual(log, ["message a", "close 1006"]);
        await done();
        assert.deepEqual(log, ["message a", "close 1006", "done a"]);
        assert.equal(rig.clock.timers, 0);
      });

      it("close() lets all be handled that comes before the peer's Close", async () => {
        const { connection, peer, log, done } = busy(mode, { role });
        peer.say("a", "b");
        await settle();
        connection.close();
        peer.say("c");
        peer.sayClose();
        peer.transport.closeWrite();
        await settle();
        for (let at = 0; at < 3; at++) await done();
        assert.equal((await connection.closed).wasClean, true);
        assert.deepEqual(
          log,
          [..."abc"].flatMap((text) => [`message ${text}`, `done ${text}`]).concat("close 1000"),
        );
      });

      it("one that awaits `closed` waits for itself: until closeTimeout, and is told so", async () => {
        const { connection, rig, peer, log } = busy(mode, { role }, (connection) => {
          connection.close();
        });
        const waits = watch(connection.closed);
        peer.say("a");
        await settle();
        peer.sayClose();
        peer.transport.closeWrite();
        await settle();
        await pass(rig.clock, 9_999);
        assert.equal(waits.state, "pending");
        await pass(rig.clock, 1);
        assert.deepEqual([waits.state, log], ["resolved", ["message a", "close 1000"]]);
        assert.match(String(rig.errors), /closeTimeout.*`connection.closed` waits for itself/);
      });
    });
  }

  describe(`a user's pause and the peer's end, as ${role}`, () => {
    for (const { name, code, end } of ENDS) {
      it(`the peer ${name}: no handler is called before resume(), or terminate()`, async () => {
        for (const finish of ["resume", "terminate", "close"] as const) {
          const log: string[] = [];
          const { connection, peer, clock } = open({
            role,
            websocket: {
              message: (connection, data) => {
                log.push(`message ${data}`);
                if (data === "a") connection.pause();
              },
              ping: () => void log.push("ping"),
              close: (_connection, { closeCode }) => void log.push(`close ${closeCode}`),
            },
          });
          peer.write(peer.frame(0x81, "a"), peer.frame(0x81, "b"), peer.frame(0x89, "p"));
          await settle();
          end(peer);
          await settle();
          await pass(clock, 60_000);
          assert.deepEqual(log, ["message a"]);
          connection[finish]();
          const info = await connection.closed;
          if (finish === "terminate") {
            assert.deepEqual(log, ["message a", "close 1006"]);
            continue;
          }
          assert.equal(info.closeCode, code);
          assert.deepEqual(log.filter((entry) => entry !== "ping"), [
            "message a",
            "message b",
            `close ${code}`,
          ]);
          assert.equal(clock.timers, 0);
        }
      });

      it(`the peer ${name}: iteration and streams take what had come, and then the end`, async () => {
        for (const way of ["iteration", "streams"] as const) {
          const { connection, peer, clock } = open({ role });
          const next = way === "iteration"
            ? connection[Symbol.asyncIterator]()
            : connection.readable[Symbol.asyncIterator]();
          connection.pause();
          connection.resume();
          peer.say("a", "b");
          await settle();
          connection.pause();
          end(peer);
          await settle();
          for (const text of "ab") assert.equal((await next.next()).value, text);
          connection.resume();
          const last = await next.next().then(({ done }) => done, () => "error");
          assert.equal(last, code === 1000 ? true : "error");
          assert.equal((await connection.closed).closeCode, code);
          assert.equal(clock.timers, 0);
        }
      });
    }

    it("the end of a pause finds an end that came meanwhile, behind what was held", async () => {
      // The order in which the peer's end was forgotten: it comes while a message is held, and the
      // pause begins anew as that is decoded.
      const log: string[] = [];
      const { connection, peer, transport } = open({
        role,
        websocket: {
          message(connection, data): void {
            log.push(`message ${data}`);
            connection.pause();
          },
          close: () => void log.push("close"),
        },
      });
      peer.say("a", "b");
      await settle();
      transport.sink!.onEnd(); // a transport may tell so though it is paused
      connection.resume();
      await settle();
      assert.deepEqual(log, ["message a", "message b"]);
      connection.resume();
      await connection.closed;
      assert.deepEqual(log, ["message a", "message b", "close"]);
    });
  });
}
