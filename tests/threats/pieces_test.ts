/** The rows of the threat list again, for messages in pieces and for what is sent as it is read. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, LimitError } from "../../lib/errors.ts";
import { MessageBody } from "../../lib/connection/message_body.ts";
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { MessageDecoder } from "../../lib/message/decoder.ts";
import { open, openStream, PONG, ROLES, settle } from "../connection/support.ts";
import { isPattern, pattern, Source, watch } from "../connection/test_sources.ts";
import { frameBytes } from "../frame/notation.ts";
import { assertLinear } from "../handshake/support.ts";
import { sum } from "../message/memory.ts";
import { heap, many } from "./support.ts";

const MIB = 1 << 20;

/** The sizes of the buffers that `work` makes: `new ArrayBuffer(size)`. */
function buffersAskedFor(work: () => void): number[] {
  const sizes: number[] = [];
  const original = globalThis.ArrayBuffer;
  globalThis.ArrayBuffer = new Proxy(original, {
    construct(target, args, self): ArrayBuffer {
      sizes.push(Number(args[0]));
      return Reflect.construct(target, args, self);
    },
  });
  try {
    work();
  } finally {
    globalThis.ArrayBuffer = original;
  }
  return sizes;
}

/** A header that announces eight bytes' worth of length, with nothing behind it. */
function announce(first: number, length: bigint, masked: boolean): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(masked ? 14 : 10);
  header[0] = first;
  header[1] = masked ? 0xff : 0x7f;
  new DataView(header.buffer).setBigUint64(2, length);
  return header;
}

for (const role of ROLES) {
  const row = role === "server" ? "01" : "02";

  describe(`threats to messages in pieces, to a ${role}`, () => {
    it(`threat ${row}: a million fragments of one byte that nothing reads pin little, and pause`, async () => {
      const { connection, peer, transport } = openStream({ role, receiveHighWaterMark: 100_000 });
      peer.write(peer.frame(2), many(1_000_000, peer.frame(0, "x")), peer.frame(0x80));
      const message = await connection.receive();
      const before = heap();
      await settle();
      assert.ok(transport.paused);
      const header = peer.frame(0, "x").length;
      assert.ok(transport.delivered <= 100_000 * header + 65_536 + 10);
      // 100 kB of payload, whose fragments cost nothing each once they are joined.
      assert.ok(heap() - before < 16 * MIB);
      let size = 0, pieces = 0;
      for await (const piece of message.stream()) {
        size += piece.length;
        pieces++;
      }
      assert.equal(size, 1_000_000);
      assert.ok(pieces < 2000, `${pieces}`);
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it(`threat ${row}: a million empty fragments pin nothing; maxFragments, if it is set, ends them`, async () => {
      const { connection, peer, transport } = openStream({ role });
      const before = heap();
      peer.write(peer.frame(1), many(1_000_000, peer.frame(0)), peer.frame(0x80, "end"));
      assert.equal(await (await connection.receive()).text(), "end");
      assert.ok(heap() - before < 48 * MIB);
      assert.equal(transport.pauses, 0);
      connection.terminate();

      const limited = openStream({ role, maxFragments: 1000 });
      limited.peer.write(limited.peer.frame(1), many(1000, limited.peer.frame(0)));
      const text = watch((await limited.connection.receive()).text());
      await settle();
      assert.deepEqual(limited.peer.closeCodes, [1008]);
      limited.peer.transport.closeWrite();
      const { error } = await limited.connection.closed;
      assert.ok(error instanceof LimitError && error.option === "maxFragments");
      await settle();
      assert.ok(text.reason instanceof ConnectionClosedError);
    });

    it("threat 12: what is announced costs nothing; gathering refuses it at once, and goes on", async () => {
      for (const length of [2n ** 30n, 2n ** 53n, 2n ** 63n - 1n]) {
        const { connection, peer } = openStream({ role });
        const before = heap();
        peer.write(announce(0x82, length, peer.masked), new Uint8Array(100));
        const message = await connection.receive();
        assert.equal(message.announcedLength, Number(length));
        await assert.rejects(message.bytes(), { name: "LimitError", option: "maxSize" });
        peer.write(new Uint8Array(1_000_000));
        await settle();
        assert.equal(connection.readyState, 1);
        assert.ok(heap() - before < 16 * MIB);
        connection.terminate();
      }
    });

    it("threat 12: who gathers without a limit takes a peer at its word for little", async () => {
      const { connection, peer } = openStream({ role });
      peer.write(announce(0x82, 2n ** 40n, peer.masked));
      const message = await connection.receive();
      const before = heap();
      const bytes = watch(message.bytes({ maxSize: Infinity }));
      peer.write(new Uint8Array(1000));
      await settle();
      assert.equal(bytes.state, "pending");
      assert.ok(heap() - before < 8 * MIB);
      connection.terminate();
      await settle();
      assert.ok(bytes.reason instanceof ConnectionClosedError);
    });

    it("threat 12: a limit that is set holds in pieces as well, on the header", async () => {
      const { connection, peer } = openStream({ role, maxMessageSize: MIB });
      peer.write(announce(0x82, 2n ** 30n, peer.masked));
      await settle();
      assert.deepEqual(peer.closeCodes, [1009]);
      assert.equal(connection.stats.messagesReceived, 0);
      connection.terminate();
    });

    it("threat 24: frames of nothing, one byte at a time: each byte is taken once, and none hangs", async () => {
      const { connection, peer, transport } = openStream({ role, memory: { chunkSize: 1 } });
      const frames = [
        ...[peer.frame(1), peer.frame(0), peer.frame(0x89), peer.frame(0x80)],
        ...[peer.frame(0x81), peer.frame(0x82, "abc")],
      ];
      peer.write(...frames);
      const sizes: number[] = [];
      while (sizes.length < 3) sizes.push((await (await connection.receive()).bytes()).length);
      assert.deepEqual(sizes, [0, 0, 3]);
      assert.equal(transport.delivered, frames.reduce((sum, { length }) => sum + length, 0));
      connection.terminate();
    });

    it("threat 27: joining tiny pieces copies by their bytes, not by their number squared", () => {
      for (const size of [1, 64]) {
        for (const count of [1000, 60_000, 600_000]) {
          const asked = buffersAskedFor(() => {
            const body = new MessageBody({ charge(): void {}, discharge(): void {} });
            const piece = new Uint8Array(size);
            for (let at = 0; at < count; at++) body.push(piece);
          });
          assert.ok(sum(asked) >= size * count - size);
          assert.ok(sum(asked) <= 3 * size * count + 65_536, `${sum(asked)}`);
          assert.ok(Math.max(...asked) <= 65_536);
        }
      }
    });

    it("threat 27: twice the fragments take at most three times as long", () => {
      const peer = role === "server" ? "client" : "server";
      const none = (): void => {};
      for (const notation of ["00 01 | 61", "00 00"]) {
        const frame = frameBytes(notation, peer);
        assertLinear((count) => {
          const messages = new MessageDecoder({ maxFragments: Infinity, inPieces: true }, {
            ...{ onMessage: none, onMessageStart: none, onMessageData: none, onMessageEnd: none },
            ...{ onPing: none, onPong: none, onClose: none },
          });
          const decoder = new FrameDecoder({ role }, messages);
          decoder.decode(frameBytes("01 00", peer));
          for (let at = 0; at < count; at++) decoder.decode(frame);
        }, 50_000);
      }
    });

    it("threat 29: a frame a byte a chunk that nothing reads pins its bytes, up to the mark", async () => {
      const { connection, peer, transport } = openStream({
        role,
        memory: { chunkSize: 1, capacity: MIB },
        receiveHighWaterMark: 50_000,
      });
      peer.write(peer.frame(0x82, pattern(70_000)));
      const message = await connection.receive();
      const before = heap();
      await settle();
      assert.ok(transport.paused);
      assert.ok(transport.delivered <= 50_001 + 14, `${transport.delivered}`);
      assert.ok(heap() - before < 32 * MIB);
      assert.ok(isPattern(await message.bytes()));
      connection.terminate();
    });

    it("threat 29: messages of no bytes that nothing takes count 256 each: 4,096 are 1 MiB", async () => {
      const { connection, peer, transport } = openStream({ role });
      peer.write(many(100_000, peer.frame(0x82)));
      await settle();
      assert.ok(transport.paused);
      assert.equal(connection.stats.messagesReceived, 4097);
      connection.terminate();
    });
  });

  describe(`threats to what is sent as it is read, by a ${role}`, () => {
    it("threat 36: of 1 GiB from a source a peer that never reads costs two fragments, then sendTimeout", async () => {
      const { connection, peer, clock } = open({ role, sendTimeout: 1000 });
      peer.transport.pause();
      let reads = 0, cancelled = false;
      const chunk = new Uint8Array(MIB);
      const source = new ReadableStream<Uint8Array>({
        pull(controller): void {
          if (++reads > 1024) controller.close();
          else controller.enqueue(chunk);
        },
        cancel(): void {
          cancelled = true;
        },
      }, { highWaterMark: 0 });
      const fate = watch(connection.send(source));
      for (let at = 0; at < 10; at++) {
        await settle();
        assert.ok(connection.bufferedAmount < 256 * 1024, `${connection.bufferedAmount}`);
      }
      assert.equal(reads, 1);
      clock.advance(1000);
      const { error } = await connection.closed;
      assert.ok(error instanceof LimitError && error.option === "sendTimeout");
      await settle();
      assert.ok(fate.reason instanceof ConnectionClosedError);
      assert.deepEqual([cancelled, connection.bufferedAmount, clock.timers], [true, 0, 0]);
    });

    it("threat 36: what is sent behind a source that yields nothing is bounded too: 1008", async () => {
      const { connection, peer } = open({ role, maxBufferedAmount: MIB });
      const source = new Source();
      const fate = watch(connection.send(source));
      const piece = new Uint8Array(10_000);
      let sent = 0;
      for (; connection.readyState === 1; sent++) {
        connection.send(piece);
        assert.ok(connection.bufferedAmount <= MIB + 20_000);
        assert.ok(sent < 200);
      }
      await settle();
      assert.deepEqual(peer.closeCodes, [1008]);
      assert.deepEqual([fate.state, source.cancelled.length], ["rejected", 1]);
      peer.transport.closeWrite();
      const { error } = await connection.closed;
      assert.ok(error instanceof LimitError && error.option === "maxBufferedAmount");
      assert.equal(connection.bufferedAmount, 0);
    });

    it("threat 37: a million pings within a message that cannot leave owe one pong, between fragments", async () => {
      const { connection, peer } = open({ role, maxPingsPerSecond: Infinity });
      peer.transport.pause();
      const source = new Source(pattern(300_000));
      const fate = watch(connection.send(source));
      await settle();
      const blocked = connection.bufferedAmount;
      const before = heap();
      for (let round = 0; round < 100; round++) {
        peer.write(many(10_000, peer.frame(0x89, `${round}`)));
        await settle();
      }
      assert.equal(connection.bufferedAmount, blocked);
      assert.ok(heap() - before < 64 * MIB);
      peer.transport.resume();
      source.end();
      while (fate.state === "pending") await settle();
      await settle();
      const { frames } = peer;
      const pongs = frames.filter(({ opcode }) => opcode === PONG);
      assert.equal(pongs.length, 1);
      assert.equal(String.fromCharCode(...pongs[0].payload), "99");
      assert.ok(frames.indexOf(pongs[0]) < frames.length - 1, "it did not wait for the end");
      connection.terminate();
    });
  });
}
