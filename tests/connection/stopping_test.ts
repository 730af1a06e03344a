/** Reading that stops within a message: at the high-water mark, in what a chunk holds or inflates to. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { DeflateAgreement } from "../../lib/deflate/negotiation.ts";
import { ConnectionClosedError, ProtocolError } from "../../lib/errors.ts";
import { randomBytes, tradesJson } from "../deflate/corpus.ts";
import { zlibMessage, zlibMessages } from "../deflate/zlib.ts";
import {
  FIRST_BINARY,
  FORGETFUL,
  fragmentsOf,
  HELLO,
  HELLO_AGAIN,
  openCompressed,
  openCompressedStream,
  PLAIN,
  WHOLE_BINARY,
  WHOLE_TEXT,
} from "./compression_support.ts";
import { bytesOf, join, openStream, pass, type Rig, ROLES, settle } from "./support.ts";
import { isPattern, pattern, watch } from "./test_sources.ts";

/** What is inflated or kept past the mark, at most. */
const MORE = 64 * 1024;
const MARK = 256 * 1024;
/** Everything fits into one chunk. */
const WIDE = { capacity: 1 << 24 };
const AGREEMENTS: readonly DeflateAgreement[] = [PLAIN, FORGETFUL];

const zeros = new Uint8Array(8 << 20);
const bomb = zlibMessage(zeros, { level: 9 });

function inflated({ connection }: Pick<Rig<StreamedMessage>, "connection">): number {
  return connection.stats.compression!.receivedDecoded;
}

/** Reads a message piece by piece, and looks at each moment at what was inflated and not read. */
async function readAll(
  rig: Rig<StreamedMessage>,
  message: StreamedMessage,
  { mark = MARK, before = 0 }: { mark?: number; before?: number } = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = before;
  for await (const piece of message.stream()) {
    pieces.push(piece);
    size += piece.length;
    await settle();
    const waiting = inflated(rig) - size;
    assert.ok(waiting <= mark + MORE, `${waiting} bytes wait`);
  }
  return join(...pieces);
}

for (const role of ROLES) {
  describe(`a compressed message that nothing reads yet, as ${role}`, () => {
    it("is inflated to the mark and 64 KiB more at most, and from there on as it is read", async () => {
      for (const agreement of AGREEMENTS) {
        for (const mark of [0, 1, 100_000, MARK]) {
          const rig = openCompressedStream({
            role,
            agreement,
            memory: WIDE,
            receiveHighWaterMark: mark,
          });
          const { connection, peer, transport } = rig;
          peer.write(peer.frame(WHOLE_BINARY, bomb), peer.frame(WHOLE_TEXT, HELLO));
          await settle();
          assert.ok(transport.paused);
          assert.ok(inflated(rig) <= mark + MORE, `${inflated(rig)}`);
          // A message counts for 256 bytes by itself.
          if (mark > 256) assert.ok(inflated(rig) >= mark - 256, `${inflated(rig)}`);
          const content = await readAll(rig, await connection.receive(), { mark });
          assert.deepEqual(content, zeros);
          assert.equal(await (await connection.receive()).text(), "Hello");
          assert.equal(transport.paused, false);
          const { receivedEncoded, receivedDecoded } = connection.stats.compression!;
          assert.equal(receivedEncoded, bomb.length + HELLO.length);
          assert.equal(receivedDecoded, zeros.length + 5);
          connection.terminate();
        }
      }
    });

    it("is inflated no further while a handler waits", async () => {
      const gate = Promise.withResolvers<void>();
      let size = 0;
      const rig = openCompressedStream({
        role,
        memory: WIDE,
        receiveHighWaterMark: MARK,
        websocket: {
          async message(_connection, message): Promise<void> {
            await gate.promise;
            for await (const piece of message.stream()) size += piece.length;
          },
        },
      });
      rig.peer.write(rig.peer.frame(WHOLE_BINARY, bomb));
      await settle();
      assert.ok(inflated(rig) <= MARK + MORE, `${inflated(rig)}`);
      gate.resolve();
      while (size < zeros.length) await settle();
      rig.connection.terminate();
    });

    it("is the same in fragments, in frames of any size, and however it is cut", async () => {
      const content = tradesJson(1, 60_000);
      const agreement = { ...PLAIN, clientMaxWindowBits: 10, serverMaxWindowBits: 10 };
      const payload = zlibMessage(content, { windowBits: 10 });
      const half = payload.length >> 1;
      const cuts = [[], [1], [half], [10, 11, 12, 500, half, payload.length - 1]];
      const chunkSizes = [1, 7, 100, 1000, 1 << 20];
      for (const offsets of cuts) {
        for (const chunkSize of chunkSizes) {
          const mark = 5000;
          const rig = openCompressedStream({
            role,
            agreement,
            receiveHighWaterMark: mark,
            memory: { ...WIDE, chunkSize },
          });
          const { connection, peer } = rig;
          const again = zlibMessage(content, { level: 0 });
          peer.write(
            ...fragmentsOf(peer, FIRST_BINARY, payload, offsets),
            peer.frame(WHOLE_TEXT, again),
          );
          assert.deepEqual(
            await readAll(rig, await connection.receive(), { mark }),
            new Uint8Array(content),
          );
          const before = content.length;
          assert.deepEqual(
            await readAll(rig, await connection.receive(), { mark, before }),
            new Uint8Array(content),
          );
          connection.terminate();
        }
      }
    });

    it("of text is checked over each stop, and fails where it is no UTF-8", async () => {
      const good = bytesOf("\u20ac\u{1f600}a".repeat(20_000));
      const bad = join(good, bytesOf([0xff]), good);
      for (const [content, fails] of [[good, false], [bad, true]] as const) {
        const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: 1 });
        const { connection, peer } = rig;
        peer.write(peer.frame(WHOLE_TEXT, zlibMessage(content)));
        const read = watch((await connection.receive()).bytes());
        while (read.state === "pending" && peer.closeCodes.length === 0) await settle();
        if (fails) assert.deepEqual(peer.closeCodes, [1007]);
        else assert.deepEqual(read.value, good);
        connection.terminate();
      }
    });

    it("that ends where reading stops, or just before or behind, is read to its end", async () => {
      for (const size of [32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 65_536 + 258]) {
        for (const options of [{ level: 0 }, { level: 9 }]) {
          const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: 0 });
          const { connection, peer } = rig;
          const payload = zlibMessage(new Uint8Array(size), options);
          peer.write(peer.frame(WHOLE_BINARY, payload), peer.frame(WHOLE_TEXT, HELLO));
          const bytes = await (await connection.receive()).bytes();
          assert.equal(bytes.length, size);
          assert.equal(await (await connection.receive()).text(), "Hello");
          connection.terminate();
        }
      }
    });

    it("has a limit that holds to the byte over each stop: 1009", async () => {
      const size = zeros.length;
      for (const maxMessageSize of [size, size - 1, MARK * 2]) {
        const rig = openCompressedStream({
          role,
          maxMessageSize,
          memory: WIDE,
          receiveHighWaterMark: MARK,
        });
        const { connection, peer } = rig;
        peer.write(peer.frame(WHOLE_BINARY, bomb));
        const read = watch((await connection.receive()).bytes());
        while (read.state === "pending" && peer.closeCodes.length === 0) await settle();
        if (maxMessageSize === size) assert.equal((read.value as Uint8Array).length, size);
        else {
          assert.deepEqual(peer.closeCodes, [1009]);
          assert.ok(inflated(rig) <= maxMessageSize);
        }
        connection.terminate();
      }
    });
  });

  describe(`what stands behind where reading stopped in a message, as ${role}`, () => {
    async function stopped(...behind: (readonly [number, string | readonly number[]])[]): Promise<
      Rig<StreamedMessage> & { message: StreamedMessage }
    > {
      const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: MARK });
      const { connection, peer } = rig;
      peer.write(
        peer.frame(WHOLE_BINARY, bomb),
        ...behind.map(([first, data]) => peer.frame(first, data)),
      );
      const message = await connection.receive();
      await settle();
      assert.ok(inflated(rig) <= MARK + MORE);
      assert.deepEqual(peer.frames, [], "nothing behind it was read");
      return { ...rig, message };
    }

    it("a ping is answered, a Close too, once the message is read", async () => {
      const { message, peer, connection } = await stopped([0x89, "p"], [0x88, [3, 232]]);
      assert.equal((await message.bytes()).length, zeros.length);
      await settle();
      assert.deepEqual(peer.said, ["10:p", "8:1000"]);
      peer.transport.closeWrite();
      assert.equal((await connection.closed).closeCode, 1000);
    });

    it("a violation fails the connection then, and takes nothing from the message", async () => {
      for (const bad of [[0x83, "x"], [WHOLE_TEXT, [0xff]], [0x80, "orphan"]] as const) {
        const { message, peer, connection, clock } = await stopped(bad);
        assert.equal((await message.bytes()).length, zeros.length);
        await settle();
        await pass(clock, 1000);
        assert.deepEqual(peer.closeCodes, [bad[0] === WHOLE_TEXT ? 1007 : 1002]);
        peer.transport.closeWrite();
        assert.ok((await connection.closed).error instanceof ProtocolError);
      }
    });

    it("corrupt data of the same message fails it after what was good", async () => {
      const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: MARK });
      const { connection, peer } = rig;
      peer.write(peer.frame(FIRST_BINARY, bomb), peer.frame(0x80, [0xff, 0xff, 0xff, 0xff]));
      const message = await connection.receive();
      await settle();
      assert.deepEqual(peer.frames, []);
      let size = 0;
      const read = watch((async (): Promise<void> => {
        for await (const piece of message.stream()) size += piece.length;
      })());
      while (peer.closeCodes.length === 0) await settle();
      assert.deepEqual(peer.closeCodes, [1007]);
      peer.transport.closeWrite();
      await connection.closed;
      await settle();
      assert.ok(read.reason instanceof ConnectionClosedError);
      assert.ok(size >= zeros.length - 32_768 && size <= zeros.length, `${size}`);
    });

    it("the peer's end comes after it: all of the message is read, then the connection is lost", async () => {
      const { message, peer, connection } = await stopped([WHOLE_TEXT, HELLO]);
      peer.transport.closeWrite();
      await settle();
      assert.equal(connection.readyState, 1);
      assert.equal((await message.bytes()).length, zeros.length);
      assert.equal(await (await connection.receive()).text(), "Hello");
      assert.equal((await connection.closed).closeCode, 1006);
    });

    it("the peer's end within it: what had come is read, then a ConnectionClosedError", async () => {
      const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: MARK });
      const { connection, peer } = rig;
      peer.write(peer.frame(FIRST_BINARY, bomb));
      const message = await connection.receive();
      await settle();
      peer.transport.closeWrite();
      let size = 0;
      await assert.rejects(async () => {
        for await (const piece of message.stream()) size += piece.length;
      }, ConnectionClosedError);
      assert.ok(size > zeros.length - 32_768, `${size}`);
      assert.equal((await connection.closed).closeCode, 1006);
    });

    it("is read on when the message is cancelled, discarded, or the next is asked for; its window is kept", async () => {
      const random = randomBytes(1000, 1);
      const content = join(zeros.subarray(0, 4 << 20), random);
      const packed = await zlibMessages([content, join(random, bytesOf("end"))], { level: 9 });
      assert.ok(packed[1].length < 100, "the second reaches back into the first");
      const ways = ["cancel", "next", "discard", "maxSize"] as const;
      for (const way of ways) {
        const rig = openCompressedStream({ role, memory: WIDE, receiveHighWaterMark: MARK });
        const { connection, peer, transport } = rig;
        peer.write(
          ...packed.map((payload) => peer.frame(WHOLE_BINARY, payload)),
          peer.frame(0x89, "p"),
        );
        const message = await connection.receive();
        await settle();
        assert.ok(transport.paused && inflated(rig) <= MARK + MORE);
        if (way === "cancel") await message.stream().cancel();
        else if (way === "discard") connection.discard();
        else if (way === "maxSize") {
          await assert.rejects(message.bytes({ maxSize: 1000 }), { option: "maxSize" });
        }
        if (way !== "discard") {
          assert.deepEqual(
            await (await connection.receive()).bytes(),
            join(random, bytesOf("end")),
          );
        }
        await settle();
        assert.deepEqual(peer.said, ["10:p"], way);
        assert.equal(inflated(rig), content.length + 1003, way);
        assert.equal(transport.paused, false);
        connection.terminate();
      }
    });

    it("without context takeover: the rest of a discarded message disturbs no other", async () => {
      const one = openCompressedStream({
        role,
        agreement: FORGETFUL,
        memory: WIDE,
        receiveHighWaterMark: MARK,
      });
      const others = Array.from(
        { length: 8 },
        () => openCompressedStream({ role, agreement: FORGETFUL }),
      );
      one.peer.write(one.peer.frame(WHOLE_BINARY, bomb), one.peer.frame(WHOLE_TEXT, HELLO));
      const message = await one.connection.receive();
      await settle();
      for (const { connection, peer, clock } of others) {
        peer.write(peer.frame(WHOLE_TEXT, HELLO), peer.frame(WHOLE_TEXT, HELLO_AGAIN));
        assert.equal(await (await connection.receive()).text(), "Hello");
        await settle();
        await pass(clock, 1000);
        assert.deepEqual(peer.closeCodes, [1007]);
        connection.terminate();
      }
      await message.stream().cancel();
      assert.equal(await (await one.connection.receive()).text(), "Hello");
      one.connection.terminate();
    });

    it("closing reads on to the peer's Close, and drops what is over the mark", async () => {
      const { message, peer, connection } = await stopped([0x88, [3, 232]]);
      const read = watch(message.bytes());
      void connection.close();
      await settle();
      peer.transport.closeWrite();
      assert.equal((await connection.closed).closeCode, 1000);
      await settle();
      assert.ok(read.reason instanceof ConnectionClosedError);
      assert.deepEqual(peer.closeCodes, [1000]);
    });

    it("terminate() ends all, and inflates nothing more", async () => {
      const { message, connection, ...rig } = await stopped([0x89, "p"]);
      const before = inflated({ connection });
      const read = watch(message.bytes());
      connection.terminate();
      await connection.closed;
      await settle();
      assert.ok(read.reason instanceof ConnectionClosedError);
      assert.equal(inflated({ connection }), before);
      assert.deepEqual(rig.peer.frames, []);
    });

    it("pause() holds the rest though there is room, resume() delivers it", async () => {
      const { message, connection, transport } = await stopped();
      connection.pause();
      const reader = message.stream().getReader();
      let size = 0;
      while (size < inflated({ connection })) size += (await reader.read()).value!.length;
      const next = watch(reader.read());
      await settle();
      assert.equal(next.state, "pending");
      assert.ok(transport.paused);
      connection.resume();
      await settle();
      assert.equal(next.state, "resolved");
      connection.terminate();
    });
  });

  describe(`a message that is not compressed, in one chunk, as ${role}`, () => {
    it("pauses the peer at the mark, and is read from there on, in pieces of 64 KiB at most", async () => {
      const content = pattern(3_000_000);
      for (const fragmented of [false, true]) {
        const { connection, peer, transport } = openStream({
          role,
          memory: WIDE,
          receiveHighWaterMark: MARK,
        });
        if (fragmented) {
          peer.write(
            peer.frame(2, content.subarray(0, 1_000_000)),
            peer.frame(0x80, content.subarray(1_000_000)),
          );
        } else peer.write(peer.frame(0x82, content));
        peer.write(peer.frame(0x89, "p"));
        const message = await connection.receive();
        await settle();
        assert.ok(transport.paused);
        assert.deepEqual(peer.frames, []);
        let read = 0;
        for await (const piece of message.stream()) {
          assert.ok(piece.length <= MORE && isPattern(piece, read));
          read += piece.length;
        }
        assert.equal(read, content.length);
        await settle();
        assert.deepEqual(peer.said, ["10:p"]);
        connection.terminate();
      }
    });
  });

  describe(`whole compressed messages in one chunk, as ${role}`, () => {
    it("reading stops after the one that passes the mark, and goes on with the next", async () => {
      for (const agreement of AGREEMENTS) {
        const { connection, peer, transport } = openCompressed({
          role,
          agreement,
          memory: WIDE,
          receiveHighWaterMark: MARK,
        });
        const message = peer.frame(WHOLE_BINARY, zlibMessage(zeros.subarray(0, 100_000)));
        peer.write(...Array.from({ length: 500 }, () => message), peer.frame(0x89, "p"));
        await settle();
        const decoded = (): number => connection.stats.compression!.receivedDecoded;
        assert.ok(transport.paused);
        assert.equal(decoded(), 300_000);
        for (let read = 1; read <= 500; read++) {
          assert.equal((await connection.receive()).length, 100_000);
          assert.ok(decoded() - read * 100_000 <= MARK + 100_000);
        }
        await settle();
        assert.deepEqual(peer.said, ["10:p"]);
        connection.terminate();
      }
    });
  });
}
