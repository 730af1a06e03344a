/** One message given from its first bytes on: the ways to read it, and how it ends before its time. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { bytesOf, join, openStream, ROLES, settle, textOf } from "./support.ts";
import { pattern, watch } from "./test_sources.ts";

for (const role of ROLES) {
  describe(`a message in pieces, as ${role}`, () => {
    it("is there from its first header on, and its pieces as they come", async () => {
      const { connection, peer } = openStream({ role });
      const header = role === "server" ? 6 : 2;
      const bytes = peer.frame(0x81, "Hello");
      peer.write(bytes.subarray(0, header));
      const message = await connection.receive();
      assert.deepEqual([message.type, message.announcedLength], ["text", 5]);
      const reader = message.stream().getReader();
      for (const at of [0, 2, 4]) {
        peer.write(bytes.subarray(header + at, header + at + 2));
        assert.deepEqual((await reader.read()).value, bytesOf("Hello").subarray(at, at + 2));
      }
      assert.deepEqual(await reader.read(), { done: true, value: undefined });
      await reader.closed;
      connection.terminate();
    });

    it("announcedLength is what the first frame says, if it is the last one too", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(
        peer.frame(0x82, [1, 2, 3]),
        peer.frame(0x02, [1]),
        peer.frame(0x80, [2]),
        peer.frame(0x81),
      );
      const seen: unknown[] = [];
      for (let at = 0; at < 3; at++) {
        const { type, announcedLength } = await connection.receive();
        seen.push([type, announcedLength]);
      }
      assert.deepEqual(seen, [["binary", 3], ["binary", undefined], ["text", 0]]);
      connection.terminate();
    });

    it("bytes, text, json and stream give the whole, fragmented or not, text or binary", async () => {
      const { connection, peer } = openStream({ role, memory: { chunkSize: 3 } });
      const say = (opcode: number): void => {
        const json = bytesOf('{"caf\u00e9": [1, 2]}');
        peer.write(peer.frame(opcode, json.subarray(0, 6)), peer.frame(0x89, "ping"));
        peer.write(peer.frame(0, ""), peer.frame(0x80, json.subarray(6)));
        peer.write(peer.frame(0x80 | opcode, json));
      };
      const expected = { "caf\u00e9": [1, 2] };
      for (const opcode of [1, 2]) {
        for (let at = 0; at < 4; at++) say(opcode);
        for (let at = 0; at < 2; at++) {
          assert.deepEqual(await (await connection.receive()).json(), expected);
          assert.equal(await (await connection.receive()).text(), '{"caf\u00e9": [1, 2]}');
          const bytes = await (await connection.receive()).bytes();
          assert.equal(bytes.buffer.byteLength, bytes.length);
          assert.equal(textOf(bytes), '{"caf\u00e9": [1, 2]}');
          const pieces = await Array.fromAsync((await connection.receive()).stream());
          assert.equal(textOf(join(...pieces)), '{"caf\u00e9": [1, 2]}');
        }
      }
      assert.deepEqual(peer.said, Array.from({ length: 8 }, () => "10:ping"));
      connection.terminate();
    });

    it("a large one is the same by bytes and by stream, whatever its frames are", async () => {
      const size = 600_000, content = pattern(size);
      for (const frames of [[size], [200_000, 399_999, 1], [0, size, 0]]) {
        const { connection, peer } = openStream({ role, memory: { chunkSize: 20_000 } });
        const say = (): void => {
          let from = 0;
          for (const [at, length] of frames.entries()) {
            const first = (at === 0 ? 2 : 0) | (at === frames.length - 1 ? 0x80 : 0);
            peer.write(peer.frame(first, content.subarray(from, from += length)));
          }
        };
        say();
        const bytes = await (await connection.receive()).bytes();
        assert.equal(bytes.findIndex((byte, at) => byte !== content[at]), -1);
        assert.equal(bytes.length, size);
        say();
        let at = 0;
        for await (const piece of (await connection.receive()).stream()) {
          assert.ok(piece.every((byte, i) => byte === content[at + i]));
          at += piece.length;
        }
        assert.equal(at, size);
        connection.terminate();
      }
    });

    it("an empty one is empty by each way, and a byte-order mark is kept", async () => {
      const { connection, peer } = openStream({ role });
      for (let at = 0; at < 4; at++) peer.write(peer.frame(0x81));
      assert.equal(await (await connection.receive()).text(), "");
      assert.equal((await (await connection.receive()).bytes()).length, 0);
      assert.deepEqual(await Array.fromAsync((await connection.receive()).stream()), []);
      await assert.rejects((await connection.receive()).json(), SyntaxError);
      peer.say("\ufeffa");
      assert.equal(await (await connection.receive()).text(), "\ufeffa");
      connection.terminate();
    });

    it("is read once: a second way, or the same again, is a TypeError", async () => {
      const { connection, peer } = openStream({ role });
      for (const first of ["stream", "bytes", "text", "json"] as const) {
        peer.say("1");
        const message = await connection.receive();
        assert.equal(message.bodyUsed, false);
        const read = message[first]();
        assert.equal(message.bodyUsed, true);
        assert.throws(() => message.stream(), TypeError);
        await assert.rejects(message.bytes(), TypeError);
        await assert.rejects(message.text(), TypeError);
        await assert.rejects(message.json(), TypeError);
        if (read instanceof ReadableStream) {
          assert.deepEqual((await read.getReader().read()).done, false);
        } else await read;
      }
      connection.terminate();
    });

    it("text() of binary that is not UTF-8 is a TypeError, json() of no JSON a SyntaxError", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(peer.frame(0x82, [0xff]), peer.frame(0x82, [0xff]), peer.frame(0x81, "{"));
      await assert.rejects((await connection.receive()).text(), TypeError);
      await assert.rejects((await connection.receive()).json(), TypeError);
      await assert.rejects((await connection.receive()).json(), SyntaxError);
      peer.say("next");
      assert.equal(await (await connection.receive()).text(), "next");
      connection.terminate();
    });

    it("maxSize: exactly that passes; one byte more is a LimitError, and the connection goes on", async () => {
      for (const fragmented of [false, true]) {
        for (const way of ["bytes", "text", "json"] as const) {
          const { connection, peer } = openStream({ role, memory: { chunkSize: 10 } });
          const say = (text: string): void => {
            if (!fragmented) return peer.say(text);
            peer.write(peer.frame(1, text.slice(0, 7)), peer.frame(0x80, text.slice(7)));
          };
          say('"345678 0"');
          say('"345678 01"');
          say("3");
          await (await connection.receive())[way]({ maxSize: 10 });
          await assert.rejects((await connection.receive())[way]({ maxSize: 10 }), (error) => {
            assert.ok(error instanceof LimitError);
            assert.deepEqual([error.option, error.limit, error.actual], ["maxSize", 10, 11]);
            return true;
          });
          assert.equal(await (await connection.receive()).json(), 3);
          connection.terminate();
        }
      }
    });

    it("maxSize is checked on the announced length: nothing is gathered of what is too large", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(peer.frame(0x82, new Uint8Array(100_000)).subarray(0, 14));
      const message = await connection.receive();
      await assert.rejects(message.bytes({ maxSize: 99_999 }), LimitError);
      connection.terminate();
    });

    it("by default 16 MiB are gathered, and no more; the stream knows no limit", async () => {
      const { connection, peer } = openStream({ role });
      const size = 16 * 1024 * 1024 + 1;
      const header = peer.frame(0x82, new Uint8Array(65_536)).subarray(
        0,
        role === "server" ? 14 : 10,
      );
      new DataView(header.buffer).setUint32(6, size);
      peer.write(header);
      const message = await connection.receive();
      assert.equal(message.announcedLength, size);
      await assert.rejects(message.text(), { option: "maxSize", limit: size - 1 });
      connection.terminate();
    });

    it("an invalid maxSize rejects, and the message can still be read", async () => {
      const { connection, peer } = openStream({ role });
      peer.say("text");
      const message = await connection.receive();
      await assert.rejects(message.text({ maxSize: NaN }), RangeError);
      await assert.rejects(message.bytes({ maxSize: "1" as unknown as number }), TypeError);
      assert.equal(await message.text({ maxSize: Infinity }), "text");
      connection.terminate();
    });

    it("cancelling discards the rest, before the first piece and later, and the next message comes", async () => {
      for (const reads of [0, 1]) {
        const { connection, peer, transport } = openStream({
          role,
          memory: { chunkSize: 100 },
          receiveHighWaterMark: 200,
        });
        peer.write(peer.frame(0x82, pattern(100_000)), peer.frame(0x81, "next"));
        const message = await connection.receive();
        const reader = message.stream().getReader();
        for (let at = 0; at < reads; at++) await reader.read();
        await settle();
        assert.ok(transport.paused);
        await reader.cancel();
        assert.equal(await (await connection.receive()).text(), "next");
        connection.terminate();
      }
    });

    it("cancelled, or too large: its rest is dropped as it comes, though nothing asks for the next", async () => {
      for (const way of ["cancel", "maxSize"]) {
        for (const fragmented of [false, true]) {
          const { connection, peer, transport } = openStream({
            role,
            memory: { chunkSize: 100 },
            receiveHighWaterMark: 200,
          });
          if (fragmented) peer.write(peer.frame(2, pattern(5000)), peer.frame(0x80, pattern(5000)));
          else peer.write(peer.frame(0x82, pattern(10_000)));
          peer.write(peer.frame(0x89, "behind"));
          const message = await connection.receive();
          await settle();
          assert.ok(transport.paused);
          if (way === "cancel") await message.stream().cancel();
          else await assert.rejects(message.bytes({ maxSize: 1000 }), LimitError);
          await settle();
          assert.equal(transport.paused, false);
          assert.deepEqual(peer.said, ["10:behind"]);
          connection.terminate();
        }
      }
    });

    it("leaving a loop over its stream discards the rest", async () => {
      const { connection, peer } = openStream({ role, memory: { chunkSize: 100 } });
      peer.write(peer.frame(0x82, pattern(100_000)), peer.frame(0x81, "next"));
      for await (const _ of (await connection.receive()).stream()) break;
      assert.equal(await (await connection.receive()).text(), "next");
      connection.terminate();
    });

    it("asking for the next message discards the rest: who still reads it gets an AbortError", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(peer.frame(2, "first"));
      const message = await connection.receive();
      const reader = message.stream().getReader();
      await reader.read();
      const read = watch(reader.read());
      const next = connection.receive();
      await settle();
      assert.equal((read.reason as Error).name, "AbortError");
      peer.write(peer.frame(0, "more"), peer.frame(0x80, "end"), peer.frame(0x81, "second"));
      assert.equal(await (await next).text(), "second");
      connection.terminate();
    });

    it("an unread one is discarded by the next ask, however large it is", async () => {
      const { connection, peer } = openStream({ role, receiveHighWaterMark: 100 });
      const all = Array.from({ length: 5 }, (_, at) => peer.frame(0x82, pattern(100_000, at)));
      peer.write(...all, peer.frame(0x81, "last"));
      const lengths: (number | undefined)[] = [];
      for await (const message of connection) {
        lengths.push(message.announcedLength);
        if (message.type === "text") break;
      }
      assert.deepEqual(lengths, [...Array(5).fill(100_000), 4]);
      connection.terminate();
    });
  });

  describe(`a message in pieces that never ends, as ${role}`, () => {
    it("reset or ended: what had come is read, then a ConnectionClosedError", async () => {
      for (const end of ["close", "closeWrite"] as const) {
        const { connection, peer } = openStream({ role });
        peer.write(peer.frame(2, "come"));
        const reader = (await connection.receive()).stream().getReader();
        await settle();
        peer.transport[end]();
        const { closeCode } = await connection.closed;
        assert.equal(closeCode, 1006);
        assert.equal(textOf((await reader.read()).value!), "come");
        await assert.rejects(reader.read(), (error) => {
          assert.ok(error instanceof ConnectionClosedError);
          assert.equal(error.closeCode, 1006);
          return true;
        });
        await assert.rejects(reader.closed, ConnectionClosedError);
      }
    });

    it("terminated by us: who reads gets a ConnectionClosedError", async () => {
      const { connection, peer, clock } = openStream({ role });
      peer.write(peer.frame(1, "come"));
      const text = watch((await connection.receive()).text());
      await settle();
      connection.terminate();
      await settle();
      assert.ok(text.reason instanceof ConnectionClosedError);
      assert.equal(clock.timers, 0);
    });

    it("the peer's Close within it: the message fails with its code, iteration ends as ever", async () => {
      for (const code of [1000, 1001, 4000]) {
        const { connection, peer } = openStream({ role });
        peer.write(peer.frame(1, "come"));
        const message = await connection.receive();
        const text = watch(message.text());
        await settle();
        peer.sayClose(code);
        peer.transport.closeWrite();
        const info = await connection.closed;
        assert.deepEqual([info.wasClean, info.closeCode], [true, code]);
        await settle();
        assert.ok(text.reason instanceof ConnectionClosedError);
        assert.equal(text.reason.closeCode, code);
        const next = connection[Symbol.asyncIterator]().next();
        if (code === 4000) await assert.rejects(next, ConnectionClosedError);
        else assert.deepEqual(await next, { done: true, value: undefined });
      }
    });

    it("a violation within it: nothing more of it is given, and the error reports why", async () => {
      const violations: [(frame: typeof bad.frame) => Uint8Array, number, string][] = [
        [(frame) => frame(0x82, "new"), 1002, "CONTINUATION_EXPECTED"],
        [(frame) => frame(0x80, [0xff]), 1007, "INVALID_UTF8"],
        [(frame) => frame(0x8b), 1002, "RESERVED_OPCODE"],
      ];
      const bad = openStream({ role }).peer;
      for (const [violation, code, name] of violations) {
        const { connection, peer } = openStream({ role });
        peer.write(peer.frame(1, "come"), violation((first, data) => peer.frame(first, data)));
        const reader = (await connection.receive()).stream().getReader();
        assert.equal(textOf((await reader.read()).value!), "come");
        const read = watch(reader.read());
        await settle();
        assert.deepEqual(peer.closeCodes, [code]);
        peer.transport.closeWrite();
        const { error } = await connection.closed;
        assert.equal((error as { code?: string }).code, name);
        await settle();
        assert.ok(read.reason instanceof ConnectionClosedError);
        assert.equal(read.reason.error, error);
      }
    });

    it("a limit passed within it: 1009, and the error reports why", async () => {
      const { connection, peer } = openStream({ role, maxMessageSize: 10 });
      peer.write(peer.frame(2, "12345678"), peer.frame(0x80, "901"));
      const bytes = watch((await connection.receive()).bytes());
      await settle();
      assert.deepEqual(peer.closeCodes, [1009]);
      peer.transport.closeWrite();
      await connection.closed;
      await settle();
      assert.ok(bytes.reason instanceof ConnectionClosedError);
      assert.ok(bytes.reason.error instanceof LimitError);
    });

    it("a message that came whole can be read after the end, and one that waits taken", async () => {
      const { connection, peer, clock } = openStream({ role });
      peer.say("one", "two");
      peer.sayClose();
      peer.transport.closeWrite();
      const one = await connection.receive();
      await settle();
      clock.advance(1000);
      await connection.closed;
      assert.equal(await one.text(), "one");
      assert.equal(await (await connection.receive()).text(), "two");
      await assert.rejects(connection.receive(), ConnectionClosedError);
    });

    it("nobody who does not read it is told of it: no unhandled rejection", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(peer.frame(1, "come"));
      const message = await connection.receive();
      void message.stream();
      peer.transport.close();
      await connection.closed;
      await settle();
    });
  });
}
