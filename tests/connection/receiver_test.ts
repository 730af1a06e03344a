/** The way in: how messages in pieces reach each kind of reader, and how they make the peer wait. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError } from "../../lib/errors.ts";
import type { StreamedMessage } from "../../lib/connection/streamed_message.ts";
import { openStream, type Rig, ROLES, settle, textOf } from "./support.ts";
import { isPattern, pattern, watch } from "./test_sources.ts";

const KIB = 1024;

/** Has the peer send one binary message in fragments of 64 KiB, each in a write of its own. */
function sendBlocks({ peer }: Rig<StreamedMessage>, count: number): void {
  for (let at = 0; at < count; at++) {
    const first = (at === 0 ? 2 : 0) | (at === count - 1 ? 0x80 : 0);
    peer.write(peer.frame(first, pattern(64 * KIB, at * 64 * KIB)));
  }
}

for (const role of ROLES) {
  describe(`handlers of messages in pieces, as ${role}`, () => {
    it("are called once a message, synchronously, when its first header is there", async () => {
      const types: string[] = [];
      const { connection, peer, link } = openStream({
        role,
        websocket: { message: (_connection, message) => void types.push(message.type) },
      });
      link.feed(peer.frame(0x81, "text").subarray(0, role === "server" ? 6 : 2));
      assert.deepEqual(types, ["text"]);
      link.feed(peer.frame(0x81, "text").subarray(role === "server" ? 6 : 2));
      link.feed(peer.frame(0x02));
      assert.deepEqual(types, ["text", "binary"]);
      link.feed(peer.frame(0x80, "x"));
      assert.deepEqual(types, ["text", "binary"]);
      assert.equal(connection.stats.messagesReceived, 2);
      connection.terminate();
      await settle();
    });

    it("a handler that returns without having asked: the message is discarded, nothing waits", async () => {
      const kept: StreamedMessage[] = [];
      const rig = openStream({
        role,
        receiveHighWaterMark: 100,
        websocket: { message: (_connection, message) => void kept.push(message) },
      });
      sendBlocks(rig, 3);
      rig.peer.say("next");
      await settle();
      assert.equal(kept.length, 2);
      assert.equal(rig.transport.paused, false);
      await assert.rejects(kept[0].bytes(), { name: "AbortError" });
      rig.connection.terminate();
    });

    it("a handler without a promise that has asked goes on reading, while others come", async () => {
      const got: string[] = [];
      const { connection, peer } = openStream({
        role,
        websocket: {
          message(_connection, message): void {
            got.push("begin");
            void message.text().then((text) => got.push(text));
          },
        },
      });
      peer.write(peer.frame(1, "o"), peer.frame(0, "n"));
      await settle();
      peer.write(peer.frame(0x80, "e"), peer.frame(0x81, "two"));
      await settle();
      assert.deepEqual(got, ["begin", "begin", "one", "two"]);
      connection.terminate();
    });

    it("a handler's promise: the next message waits for it, and what it has not read is discarded", async () => {
      const log: string[] = [];
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let index = 0;
      const { connection, peer } = openStream({
        role,
        websocket: {
          async message(_connection, message): Promise<void> {
            const at = index++;
            log.push(`begin ${at}`);
            if (at === 0) {
              const reader = message.stream().getReader();
              log.push(textOf((await reader.read()).value!));
              reader.releaseLock();
            } else log.push(await message.text());
            await gates[at].promise;
            log.push(`end ${at}`);
          },
        },
      });
      peer.write(peer.frame(1, "first"));
      await settle();
      peer.write(peer.frame(0, "more"), peer.frame(0x80, "rest"));
      peer.say("second");
      await settle();
      assert.deepEqual(log, ["begin 0", "first"]);
      gates[0].resolve();
      await settle();
      assert.deepEqual(log, ["begin 0", "first", "end 0", "begin 1", "second"]);
      gates[1].resolve();
      await settle();
      connection.terminate();
    });

    it("a handler whose promise settles before the message has come: the rest is dropped as it comes", async () => {
      const types: string[] = [];
      const rig = openStream({
        role,
        receiveHighWaterMark: 100,
        websocket: {
          message(_connection, message): Promise<void> {
            types.push(message.type);
            return Promise.resolve();
          },
        },
      });
      sendBlocks(rig, 5);
      await settle();
      rig.peer.say("next");
      await settle();
      assert.deepEqual([types, rig.transport.paused], [["binary", "text"], false]);
      rig.connection.terminate();
    });

    it("nothing is lost when the peer says all and closes at once, however slow the handler", async () => {
      for (const end of ["Close", "Close and FIN"]) {
        const got: string[] = [];
        const { connection, peer } = openStream({
          role,
          websocket: {
            async message(_connection, message): Promise<void> {
              const text = await message.text();
              await settle();
              got.push(text);
            },
            close: () => void got.push("close"),
          },
        });
        peer.write(
          ...["one", "two", "three"].map((text) => peer.frame(0x81, text)),
          peer.frame(1, "fo"),
          peer.frame(0x80, "ur"),
        );
        peer.sayClose();
        if (end !== "Close") peer.transport.closeWrite();
        while (got.length < 4) await settle();
        peer.transport.closeWrite();
        const { wasClean } = await connection.closed;
        assert.equal(wasClean, true);
        assert.deepEqual(got, ["one", "two", "three", "four", "close"]);
      }
    });

    it("a handler that fails while a message comes: 1011, and onError is called", async () => {
      for (const late of [false, true]) {
        const error = new Error("handler");
        const rig = openStream({
          role,
          websocket: {
            message(_connection, message): void | Promise<void> {
              if (!late) throw error;
              return message.stream().getReader().read().then(() => {
                throw error;
              });
            },
          },
        });
        rig.peer.write(rig.peer.frame(2, "a"), rig.peer.frame(0, "b"));
        await settle();
        rig.peer.write(rig.peer.frame(0x80, "c"), rig.peer.frame(0x81, "unseen"));
        await settle();
        assert.deepEqual([rig.errors, rig.peer.closeCodes], [[error], [1011]]);
        rig.peer.sayClose(1011);
        rig.peer.transport.closeWrite();
        assert.equal((await rig.connection.closed).error, error);
      }
    });

    it("the connection's own end within a message is no error of the handler's", async () => {
      const { connection, peer, errors } = openStream({
        role,
        websocket: {
          async message(_connection, message): Promise<void> {
            await message.bytes();
          },
        },
      });
      peer.write(peer.frame(2, "a"));
      await settle();
      peer.transport.close();
      await connection.closed;
      await settle();
      assert.deepEqual(errors, []);
    });

    it("without a message handler they are dropped, and nothing waits", async () => {
      const rig = openStream({ role, receiveHighWaterMark: 100, websocket: {} });
      for (let at = 0; at < 20; at++) sendBlocks(rig, 2);
      rig.peer.write(rig.peer.frame(0x89, "p"));
      await settle();
      assert.equal(rig.connection.stats.messagesReceived, 20);
      assert.deepEqual([rig.transport.paused, rig.peer.said], [false, ["10:p"]]);
      rig.connection.terminate();
    });
  });

  describe(`the peer waits for who reads messages in pieces, as ${role}`, () => {
    it("an unread body pauses past receiveHighWaterMark, and reading resumes at half", async () => {
      const mark = 256 * KIB + 256; // what one message counts besides
      const rig = openStream({ role, receiveHighWaterMark: mark, memory: { capacity: 1 << 17 } });
      const { connection, transport } = rig;
      // In frames of 64 KiB, the whole of each in one chunk: so that they wait as they were cut.
      const blocks = async (from: number, to: number): Promise<void> => {
        for (let at = from; at < to; at++) {
          const first = (at === 0 ? 2 : 0) | (at === 19 ? 0x80 : 0);
          rig.peer.write(rig.peer.frame(first, pattern(64 * KIB, at * 64 * KIB)));
          await settle();
        }
      };
      await blocks(0, 4);
      assert.equal(transport.pauses, 0, "exactly the mark");
      await blocks(4, 5);
      assert.ok(transport.paused, "past it");
      await blocks(5, 20);
      const reader = (await connection.receive()).stream().getReader();
      let size = 0;
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        assert.ok(isPattern(next.value, size));
        size += next.value.length;
        // 256, 192, 128: at half it goes on.
        if (size <= 192 * KIB) assert.equal(transport.paused, size < 192 * KIB, `${size}`);
      }
      assert.equal(size, 20 * 64 * KIB);
      connection.terminate();
    });

    it("the transport keeps what is past the mark: little is delivered of much that is sent", async () => {
      const rig = openStream({
        role,
        receiveHighWaterMark: 64 * KIB,
        memory: { chunkSize: 10_000 },
      });
      sendBlocks(rig, 100);
      await settle();
      assert.ok(rig.transport.delivered <= 64 * KIB + 10_000, `${rig.transport.delivered}`);
      const bytes = await (await rig.connection.receive()).bytes();
      assert.ok(bytes.length === 6400 * KIB && isPattern(bytes));
      rig.connection.terminate();
    });

    it("a reader who keeps up never makes it wait", async () => {
      const rig = openStream({ role, receiveHighWaterMark: 64 * KIB });
      const size = rig.connection.receive().then(async (message) => {
        let size = 0;
        for await (const piece of message.stream()) size += piece.length;
        return size;
      });
      for (let at = 0; at < 20; at++) {
        rig.peer.write(rig.peer.frame(at === 0 ? 2 : at === 19 ? 0x80 : 0, pattern(64 * KIB)));
        await settle();
      }
      assert.equal(await size, 20 * 64 * KIB);
      assert.equal(rig.transport.pauses, 0);
      rig.connection.terminate();
    });

    it("each message that waits counts 256 bytes, however small; reading goes on at half", async () => {
      const { connection, peer, transport } = openStream({
        role,
        receiveHighWaterMark: 15 * 258,
      });
      const text = (at: number): string => `${at}`.padStart(2, "0");
      for (let at = 0; at < 40; at++) peer.say(text(at));
      await settle();
      assert.equal(connection.stats.messagesReceived, 16);
      assert.ok(transport.paused);
      const read = async (at: number): Promise<void> =>
        assert.equal(await (await connection.receive()).text(), text(at));
      for (let at = 0; at < 8; at++) await read(at);
      await settle();
      assert.equal(connection.stats.messagesReceived, 16);
      await read(8);
      await settle();
      assert.equal(connection.stats.messagesReceived, 25);
      for (let at = 9; at < 40; at++) await read(at);
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it("the bytes of several messages are counted together, and given back when they are dropped", async () => {
      const rig = openStream({ role, receiveHighWaterMark: 3 * (256 + 30) });
      for (let at = 0; at < 20; at++) rig.peer.write(rig.peer.frame(0x82, new Uint8Array(30)));
      await settle();
      assert.equal(rig.connection.stats.messagesReceived, 4);
      assert.ok(rig.transport.paused);
      // Not one is read: asking for the next drops each.
      for (let at = 0; at < 20; at++) await rig.connection.receive();
      await settle();
      assert.equal(rig.transport.paused, false);
      rig.connection.terminate();
    });

    it("a handler that is slow to read makes it wait, and loses nothing", async () => {
      let size = 0, most = 0;
      const rig: Rig<StreamedMessage> = openStream({
        role,
        receiveHighWaterMark: 128 * KIB,
        websocket: {
          async message(_connection, message): Promise<void> {
            for await (const piece of message.stream()) {
              await settle();
              assert.ok(isPattern(piece, size));
              size += piece.length;
              most = Math.max(most, rig.transport.delivered - size);
            }
          },
        },
      });
      sendBlocks(rig, 20);
      while (size < 20 * 64 * KIB) await settle();
      assert.ok(rig.transport.pauses > 2);
      assert.ok(most < 4 * 65 * KIB, `${most}`);
      rig.connection.terminate();
    });

    it("after close() nothing waits: a message over the mark is dropped whole, not with a hole", async () => {
      const rig = openStream({ role, receiveHighWaterMark: 128 * KIB + 256 });
      const { connection, peer } = rig;
      sendBlocks(rig, 2);
      await settle();
      connection.close();
      sendBlocks(rig, 4);
      peer.sayClose();
      peer.transport.closeWrite();
      assert.equal((await connection.closed).wasClean, true);
      assert.deepEqual(peer.closeCodes, [1000]);
      assert.ok(isPattern(await (await connection.receive()).bytes()));
      await assert.rejects((await connection.receive()).bytes(), ConnectionClosedError);
      await assert.rejects(connection.receive(), ConnectionClosedError);
    });

    it("after close() a reader who keeps up still gets all", async () => {
      const rig = openStream({ role, receiveHighWaterMark: 64 * KIB });
      const size = rig.connection.receive().then(async (message) => (await message.bytes()).length);
      rig.connection.close();
      for (let at = 0; at < 10; at++) {
        rig.peer.write(rig.peer.frame(at === 0 ? 2 : at === 9 ? 0x80 : 0, pattern(64 * KIB)));
        await settle();
      }
      rig.peer.sayClose();
      assert.equal(await size, 640 * KIB);
      rig.connection.terminate();
    });

    it("a pause within a chunk of tiny fragments: what is behind the mark is not decoded", async () => {
      const { connection, peer, transport } = openStream({ role, receiveHighWaterMark: 10 });
      const tiny = Array.from({ length: 100 }, (_, at) => peer.frame(at === 0 ? 2 : 0, "x"));
      peer.write(...tiny, peer.frame(0x89, "behind"), peer.frame(0x80, "end"));
      const reader = (await connection.receive()).stream().getReader();
      await settle();
      assert.ok(transport.paused);
      assert.deepEqual(peer.said, [], "the ping stands behind what nobody has read");
      let text = "";
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        assert.ok(next.value.length <= 11);
        text += textOf(next.value);
      }
      assert.equal(text, `${"x".repeat(100)}end`);
      await settle();
      assert.deepEqual(peer.said, ["10:behind"]);
      connection.terminate();
    });
  });

  describe(`who reads by iteration or stream in pieces, as ${role}`, () => {
    it("a second way to read is a TypeError", () => {
      const handlers = openStream({ role, websocket: { message: () => {} } });
      assert.throws(() => handlers.connection[Symbol.asyncIterator](), TypeError);
      assert.throws(() => handlers.connection.readable, TypeError);
      const iteration = openStream({ role });
      iteration.connection[Symbol.asyncIterator]();
      assert.throws(() => iteration.connection.readable, TypeError);
      for (const { connection } of [handlers, iteration]) connection.terminate();
    });

    it("messages that wait are taken and read in their order, after the end too", async () => {
      const { connection, peer, clock } = openStream({ role });
      peer.say("a", "b", "c");
      peer.sayClose();
      peer.transport.closeWrite();
      await settle();
      clock.advance(1000);
      await connection.closed;
      const texts: string[] = [];
      for await (const message of connection) texts.push(await message.text());
      assert.deepEqual(texts, ["a", "b", "c"]);
    });

    it("receive() that was given up takes no message", async () => {
      const { connection, peer } = openStream({ role });
      const controller = new AbortController();
      const given = watch(connection.receive({ signal: controller.signal }));
      controller.abort(new Error("enough"));
      peer.say("kept");
      await settle();
      assert.match(String(given.reason), /enough/);
      assert.equal(await (await connection.receive()).text(), "kept");
      connection.terminate();
    });
  });
}
