/** One message sent as it is read: its fragments, its type, and how it ends before its time. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError } from "../../lib/errors.ts";
import type { SendData, SendSource } from "../../lib/connection/send_data.ts";
import {
  bytesOf,
  join,
  open,
  openStream,
  pass,
  type Peer,
  ROLES,
  settle,
  textOf,
} from "./support.ts";
import { pattern, Source, watch } from "./test_sources.ts";

const KIB = 1024;

/** The frames of data that came, each as its first byte and its size. */
function fragments(peer: Peer): number[][] {
  return peer.frames.map(({ first, payload }) => [first, payload.length]);
}

/** What the message that came is made of. */
function content(peer: Peer): Uint8Array {
  return join(...peer.frames.filter(({ opcode }) => opcode < 8).map(({ payload }) => payload));
}

/** Each way to give the same chunks. */
const KINDS: readonly [string, (source: Source) => SendSource][] = [
  ["a stream", (source) => source.stream],
  ["an async iterable", (source) => source],
];

for (const role of ROLES) {
  describe(`sending a source, as ${role}`, () => {
    for (const [kind, as] of KINDS) {
      it(`${kind} that fits leaves in one frame`, async () => {
        const { connection, peer } = open({ role });
        await connection.send(as(new Source("a", "b", "c").end()));
        await connection.send(as(new Source(bytesOf([1, 2]), bytesOf([3])).end()));
        await settle();
        assert.deepEqual(peer.said, ["1:abc", "2:\x01\x02\x03"]);
        assert.deepEqual(fragments(peer), [[0x81, 3], [0x82, 3]]);
        assert.equal(connection.stats.messagesSent, 2);
        connection.terminate();
      });

      it(`${kind} of nothing is an empty message: binary, unless it is said to be text`, async () => {
        const { connection, peer } = open({ role });
        await connection.send(as(new Source().end()));
        await connection.send(as(new Source().end()), { type: "text" });
        await connection.send(as(new Source("", "").end()));
        await settle();
        assert.deepEqual(fragments(peer), [[0x82, 0], [0x81, 0], [0x81, 0]]);
        connection.terminate();
      });

      it(`${kind} is gathered to fragments of 64 KiB, however it is cut`, async () => {
        for (const size of [1000, 65_535, 65_536, 65_537, 200_000]) {
          const { connection, peer } = open({ role });
          const source = new Source();
          for (let at = 0; at < 200_000; at += size) {
            source.give(pattern(Math.min(size, 200_000 - at), at));
          }
          await connection.send(as(source.end()));
          await settle();
          assert.deepEqual(fragments(peer), [
            [0x02, 64 * KIB],
            [0x00, 64 * KIB],
            [0x00, 64 * KIB],
            [0x80, 200_000 - 3 * 64 * KIB],
          ]);
          assert.deepEqual(content(peer), pattern(200_000));
          connection.terminate();
        }
      });

      it(`${kind} of exactly 64 KiB, and of one byte more`, async () => {
        for (const more of [0, 1]) {
          const { connection, peer } = open({ role });
          await connection.send(as(new Source(pattern(64 * KIB + more)).end()));
          await settle();
          assert.deepEqual(fragments(peer), [[0x02, 64 * KIB], [0x80, more]]);
          connection.terminate();
        }
      });

      it(`${kind} that is slow: what has come leaves after 10 ms`, async () => {
        const { connection, peer, clock } = open({ role });
        const source = new Source("a");
        const sent = connection.send(as(source));
        await settle();
        clock.advance(5);
        source.give("b");
        await settle();
        await pass(clock, 4);
        assert.deepEqual(fragments(peer), []);
        await pass(clock, 1);
        assert.deepEqual(fragments(peer), [[0x01, 2]], "10 ms after the first");
        source.give("c");
        await settle();
        await pass(clock, 9);
        assert.equal(peer.frames.length, 1);
        await pass(clock, 1);
        await pass(clock, 1000);
        assert.deepEqual(fragments(peer), [[0x01, 2], [0x00, 1]], "nothing leaves for nothing");
        source.end();
        await sent;
        await settle();
        assert.deepEqual(peer.said, ["1:ab", "0:c", "0:"]);
        assert.equal(clock.timers, 0);
        connection.terminate();
      });

      it(`${kind} that fails before anything was sent: the connection goes on`, async () => {
        const { connection, peer, clock, errors } = open({ role });
        const error = new Error("source");
        for (const source of [new Source().fail(error), new Source("gathered").fail(error)]) {
          await assert.rejects(connection.send(as(source)), error);
        }
        assert.equal(clock.timers, 0);
        connection.send("next");
        await settle();
        assert.deepEqual([peer.said, errors], [["1:next"], []]);
        assert.equal(connection.stats.messagesSent, 1);
        connection.terminate();
      });

      it(`${kind} that fails later: 1011, and closed reports why`, async () => {
        const { connection, peer, clock, errors } = open({ role });
        const error = new Error("source");
        const source = new Source(pattern(64 * KIB), bytesOf("gathered"));
        const fate = watch(connection.send(as(source)));
        await settle();
        source.fail(error);
        await settle();
        assert.deepEqual(fate, { state: "rejected", reason: error });
        assert.deepEqual(fragments(peer), [[0x02, 64 * KIB], [0x88, 2]]);
        assert.deepEqual(peer.closeCodes, [1011]);
        peer.sayClose(1011);
        peer.transport.closeWrite();
        const info = await connection.closed;
        assert.deepEqual([info.error, info.sent?.closeCode], [error, 1011]);
        assert.deepEqual([errors, clock.timers], [[], 0], "who sent it has been told");
      });

      it(`${kind} is given up by a signal: before, while nothing has left, and later`, async () => {
        const reason = new Error("enough");
        for (const begun of ["aborted", "waiting", "gathered", "begun"]) {
          const { connection, peer, clock } = open({ role });
          const controller = new AbortController();
          if (begun === "aborted") controller.abort(reason);
          const source = new Source();
          if (begun === "gathered") source.give("x");
          if (begun === "begun") source.give(pattern(64 * KIB));
          const fate = watch(connection.send(as(source), { signal: controller.signal }));
          await settle();
          controller.abort(reason);
          await settle();
          assert.deepEqual(fate, { state: "rejected", reason });
          assert.equal(source.cancelled.length, 1, begun);
          if (kind === "a stream") assert.deepEqual(source.cancelled, [reason]);
          assert.equal(connection.readyState, begun === "begun" ? 2 : 1);
          if (begun === "begun") assert.deepEqual(peer.closeCodes, [1011]);
          else connection.send("next");
          await settle();
          if (begun !== "begun") assert.deepEqual(peer.said, ["1:next"]);
          connection.terminate();
          await settle();
          assert.equal(clock.timers, 0);
        }
      });

      it(`${kind} is read no faster than the peer takes it`, async () => {
        const { connection, peer } = open({ role, memory: { capacity: 16 * KIB } });
        peer.transport.pause();
        const source = new Source();
        for (let at = 0; at < 100; at++) source.give(pattern(32 * KIB, at * 32 * KIB));
        const fate = watch(connection.send(as(source.end())));
        await settle();
        // One fragment is past the mark of 64 KiB, header and all: two more chunks are not asked for.
        assert.ok(source.reads <= 4, `${source.reads}`);
        assert.ok(connection.bufferedAmount < 3 * 64 * KIB);
        assert.equal(fate.state, "pending");
        peer.transport.resume();
        while (fate.state === "pending") await settle();
        await settle();
        assert.deepEqual(content(peer), pattern(3200 * KIB));
        connection.terminate();
      });

      it(`${kind} that is slow piles nothing up while the peer takes nothing`, async () => {
        const { connection, peer, clock } = open({ role, memory: { capacity: KIB } });
        peer.transport.pause();
        const source = new Source();
        const fate = watch(connection.send(as(source)));
        for (let at = 0; at < 30; at++) {
          source.give(pattern(60 * KIB, at * 60 * KIB));
          await settle();
          await pass(clock, 10);
        }
        assert.ok(connection.bufferedAmount < 200 * KIB, `${connection.bufferedAmount}`);
        assert.ok(source.reads < 5, `${source.reads}`);
        peer.transport.resume();
        source.end();
        while (fate.state === "pending") await settle();
        await settle();
        assert.deepEqual(content(peer), pattern(1800 * KIB));
        connection.terminate();
      });
    }

    it("a Blob is binary, or text if it is said to be", async () => {
      const { connection, peer } = open({ role });
      await connection.send(new Blob(["caf\u00e9"]));
      await connection.send(new Blob(["caf\u00e9"]), { type: "text" });
      await connection.send(new Blob([pattern(100_000)]));
      await settle();
      assert.deepEqual(peer.said.slice(0, 2), ["2:caf\u00e9", "1:caf\u00e9"]);
      assert.deepEqual(join(...peer.frames.slice(2).map((f) => f.payload)), pattern(100_000));
      connection.terminate();
    });

    it("an async generator: its finally runs when it is given up", async () => {
      const { connection, peer } = open({ role, memory: { capacity: KIB } });
      peer.transport.pause();
      let finished = false;
      async function* source(): AsyncGenerator<string> {
        try {
          for (;;) yield await Promise.resolve("x".repeat(10_000));
        } finally {
          finished = true;
        }
      }
      const fate = watch(connection.send(source()));
      await settle();
      connection.terminate();
      await settle();
      assert.ok(fate.reason instanceof ConnectionClosedError);
      assert.ok(finished);
    });

    it("an iterator whose return throws, or returns no promise, is given up nevertheless", async () => {
      for (const result of [undefined, { done: true, value: undefined }, new Error("return")]) {
        const { connection } = open({ role });
        const iterator = {
          next: () => new Promise<never>(() => {}),
          return(): unknown {
            if (result instanceof Error) throw result;
            return result;
          },
        };
        const source = { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<SendData>;
        const controller = new AbortController();
        const fate = watch(connection.send(source, { signal: controller.signal }));
        controller.abort("enough");
        await settle();
        assert.deepEqual(fate, { state: "rejected", reason: "enough" });
        connection.send("next");
        assert.equal(connection.stats.messagesSent, 1);
        connection.terminate();
      }
    });

    it("what is iterated is, whatever else it has: `stream` and `size` make no Blob of it", async () => {
      const { connection, peer } = open({ role });
      const source = Object.assign(new Source("text").end(), { size: 4 });
      assert.ok("stream" in source);
      await connection.send(source);
      await settle();
      assert.deepEqual(peer.said, ["1:text"]);
      connection.terminate();
    });

    it("a chunk may be any bytes: a view, a buffer", async () => {
      const { connection, peer } = open({ role });
      const { buffer } = bytesOf([1, 2, 3, 4]);
      await connection.send(
        new Source(buffer as ArrayBuffer, new DataView(buffer, 1, 2), new Uint16Array([0x0505]))
          .end(),
      );
      await settle();
      assert.deepEqual(content(peer), bytesOf([1, 2, 3, 4, 2, 3, 5, 5]));
      connection.terminate();
    });

    it("what was gathered is copied: the source may use its memory again", async () => {
      const { connection, peer } = open({ role });
      const memory = new Uint8Array(40_000);
      async function* source(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < 10; at++) {
          memory.set(pattern(40_000, at * 40_000));
          yield await Promise.resolve(memory);
          memory.fill(0);
        }
      }
      await connection.send(source());
      await settle();
      assert.deepEqual(content(peer), pattern(400_000));
      connection.terminate();
    });
  });

  describe(`the text of a source, as ${role}`, () => {
    /** The text that arrives of these chunks. */
    async function sent(...chunks: readonly SendData[]): Promise<string> {
      const { connection, peer } = open({ role });
      await connection.send(new Source(...chunks).end(), { type: "text" });
      await settle();
      connection.terminate();
      assert.equal(peer.frames[0].opcode, 1);
      return textOf(content(peer));
    }

    it("a pair of surrogates split between strings stays whole", async () => {
      assert.equal(await sent("a\ud83d", "\ude00b"), "a\u{1f600}b");
      assert.equal(await sent("\ud83d", "", "\ude00"), "\u{1f600}");
      const long = "\u{1f600}".repeat(20_000);
      assert.equal(await sent(...long.slice(0, 10_000).split("")), long.slice(0, 10_000));
      assert.equal(await sent(long.slice(0, 33_333), long.slice(33_333)), long);
    });

    it("a surrogate that stays alone becomes U+FFFD, where it stood", async () => {
      assert.equal(await sent("\ud83d"), "\ufffd");
      assert.equal(await sent("a\ud83d", "b"), "a\ufffdb");
      assert.equal(await sent("\ude00", "\ud83d", "\ud83d", "\ude00"), "\ufffd\ufffd\u{1f600}");
      assert.equal(await sent("a\ud83d", bytesOf("b"), "\ude00"), "a\ufffdb\ufffd");
    });

    it("strings and bytes mix, if the bytes are UTF-8; a character may be split between them", async () => {
      assert.equal(await sent("a", bytesOf("\u20ac"), "b"), "a\u20acb");
      assert.equal(await sent(bytesOf([0xe2]), bytesOf([0x82, 0xac])), "\u20ac");
    });

    it("bytes that are not UTF-8 are a TypeError, and nothing is sent of them", async () => {
      for (
        const chunks of [
          [bytesOf([0x61, 0xff])],
          [bytesOf([0xe2, 0x82])],
          [bytesOf([0xe2, 0x82]), "a"],
        ]
      ) {
        const { connection, peer } = open({ role });
        const source = new Source(...chunks).end();
        await assert.rejects(connection.send(source, { type: "text" }), TypeError);
        connection.send("next");
        await settle();
        assert.deepEqual(peer.said, ["1:next"]);
        connection.terminate();
      }
    });

    it("bytes that are not UTF-8 in a message that has begun: TypeError, and 1011", async () => {
      for (const bad of [[0xff], [0xe2, 0x82]]) {
        const { connection, peer } = open({ role });
        const source = new Source("x".repeat(64 * KIB), bytesOf(bad)).end();
        await assert.rejects(connection.send(source), TypeError);
        await settle();
        assert.deepEqual(fragments(peer).slice(0, 1), [[0x01, 64 * KIB]]);
        assert.deepEqual(peer.closeCodes, [1011]);
        connection.terminate();
      }
    });

    it("a string in a binary message is a TypeError, as is a chunk that is neither", async () => {
      const cases: [SendData[], "binary" | undefined][] = [
        [[bytesOf([1]), "text"], undefined],
        [["text"], "binary"],
        [[5 as unknown as string], undefined],
        [[undefined as unknown as string], undefined],
        [["text", {} as unknown as string], undefined],
      ];
      for (const [chunks, type] of cases) {
        const { connection, peer } = open({ role });
        const source = new Source(...chunks);
        await assert.rejects(connection.send(source, { type }), TypeError);
        assert.equal(source.cancelled.length, 1);
        connection.send("next");
        await settle();
        assert.deepEqual(peer.said, ["1:next"]);
        connection.terminate();
      }
    });
  });

  describe(`sources that cannot be sent, as ${role}`, () => {
    it("a locked stream and a message that was read are a TypeError at once", async () => {
      const { connection, peer } = open({ role });
      const { stream } = new Source();
      stream.getReader();
      assert.throws(() => connection.send(stream), TypeError);
      const other = openStream({ role });
      other.peer.say("read");
      const message = await other.connection.receive();
      await message.text();
      assert.throws(() => connection.send(message), TypeError);
      other.connection.terminate();
      connection.send("next");
      await settle();
      assert.deepEqual(peer.said, ["1:next"]);
      connection.terminate();
    });

    it("on a closed or closing connection the source is cancelled and the promise rejects", async () => {
      for (const end of ["close", "terminate", "closed"]) {
        const { connection, peer, clock } = open({ role });
        if (end === "close") connection.close();
        else connection.terminate();
        if (end === "closed") await connection.closed;
        for (const [kind, as] of KINDS) {
          const source = new Source("x");
          const fate = watch(connection.send(as(source)));
          await settle();
          assert.ok(fate.reason instanceof ConnectionClosedError, kind);
          assert.deepEqual([source.cancelled.length, source.reads], [1, 0], kind);
        }
        assert.ok(!peer.said.includes("1:x"));
        connection.terminate();
        await settle();
        assert.equal(clock.timers, 0);
      }
    });

    it("a rejection that nothing looks at is not reported as unhandled", async () => {
      // Each runtime fails the test, or the process, for an unhandled rejection.
      const { connection } = open({ role });
      void connection.send(new Source().fail(new Error("source")));
      void connection.send(new Source("x".repeat(64 * KIB)).fail(new Error("later")));
      await settle();
      void connection.send(new Source());
      connection.terminate();
      void connection.send(new Source());
      await settle();
    });
  });
}
