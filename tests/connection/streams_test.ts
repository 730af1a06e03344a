import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError } from "../../lib/errors.ts";
import type { SendData } from "../../lib/connection/send_data.ts";
import { open, pass, ROLES, settle } from "./support.ts";

/** Fails, rather than hangs, when a promise stays pending. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("still pending")), 20_000);
  });
  const [result] = await Promise.race([Promise.allSettled([promise]), late]);
  clearTimeout(timer);
  return result;
}

for (const role of ROLES) {
  describe(`readable, as ${role}`, () => {
    it("returns the messages, and ends after 1000, 1001 and 1005", async () => {
      for (const code of [1000, 1001, 1005]) {
        const { connection, peer } = open({ role });
        peer.write(peer.frame(0x81, "a"), peer.frame(0x82, [1]), peer.frame(0x81));
        if (code === 1005) peer.write(peer.frame(0x88));
        else peer.sayClose(code);
        peer.transport.closeWrite();
        assert.deepEqual(await Array.fromAsync(connection.readable), [
          "a",
          new Uint8Array([1]),
          "",
        ]);
      }
    });

    it("errors after any other end, with what came before it read first", async () => {
      const { connection, peer } = open({ role });
      peer.say("a");
      peer.transport.closeWrite();
      const reader = connection.readable.getReader();
      assert.deepEqual(await reader.read(), { done: false, value: "a" });
      await assert.rejects(reader.read(), ConnectionClosedError);
      await assert.rejects(reader.closed, ConnectionClosedError);
    });

    it("makes the peer wait: nothing is taken that is not asked for", async () => {
      const { connection, peer, transport } = open({ role, receiveHighWaterMark: 16 * 256 });
      const { readable } = connection;
      peer.say(...Array.from({ length: 40 }, (_, at) => `${at}`));
      await settle();
      assert.equal(connection.stats.messagesReceived, 16);
      assert.ok(transport.paused);
      const reader = readable.getReader();
      for (let at = 0; at < 40; at++) assert.equal((await reader.read()).value, `${at}`);
      connection.terminate();
      await assert.rejects(reader.read(), ConnectionClosedError);
    });

    it("cancelling it closes with 1000", async () => {
      const { connection, peer } = open({ role });
      await connection.readable.cancel();
      peer.say("unread");
      await settle();
      assert.deepEqual(peer.said, ["8:1000"]);
      peer.sayClose();
      peer.transport.closeWrite();
      assert.equal((await connection.closed).wasClean, true);
    });
  });

  describe(`writable, as ${role}`, () => {
    it("sends what is written, text and binary", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      assert.equal(connection.writable.locked, true);
      await writer.write("a");
      await writer.write(new Uint8Array([66]));
      await writer.write(new Uint8Array([67]).buffer);
      await settle();
      assert.deepEqual(peer.said, ["1:a", "2:B", "2:C"]);
      connection.terminate();
    });

    it("a write is pending above the high-water mark, and settles at the drain", async () => {
      const { connection, peer } = open({
        role,
        memory: { capacity: 16 },
        sendHighWaterMark: 10,
      });
      peer.transport.pause();
      const writer = connection.writable.getWriter();
      let done = false;
      const written = writer.write("x".repeat(100)).then(() => done = true);
      await settle();
      assert.equal(done, false);
      peer.transport.resume();
      await written;
      assert.equal(peer.frames.length, 1);
      connection.terminate();
    });

    it("closing it does the closing handshake with 1000, behind what was written", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      void writer.write("a");
      let over = false;
      const closed = writer.close().then(() => over = true);
      await settle();
      assert.deepEqual(peer.said, ["1:a", "8:1000"]);
      assert.equal(over, false);
      peer.sayClose();
      peer.transport.closeWrite();
      await closed;
      await writer.closed;
    });

    it("aborting it closes with 1011", async () => {
      const { connection, peer } = open({ role });
      await connection.writable.abort(new Error("why"));
      await settle();
      assert.deepEqual(peer.said, ["8:1011"]);
      connection.terminate();
    });

    it("a write of what cannot be sent errors the stream, not the connection", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      await assert.rejects(writer.write(1 as unknown as SendData), TypeError);
      await assert.rejects(writer.closed, TypeError);
      connection.send("open");
      await settle();
      assert.deepEqual(peer.said, ["1:open"]);
      connection.terminate();
    });

    it("errors when the connection ends, though nothing writes", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      peer.transport.close();
      await assert.rejects(writer.closed, ConnectionClosedError);
    });

    it("a write while closing rejects: it was not sent", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      connection.close();
      await assert.rejects(writer.write("late"), ConnectionClosedError);
      await assert.rejects(writer.closed, ConnectionClosedError);
      await settle();
      assert.deepEqual(peer.said, ["8:1000"]);
      connection.terminate();
    });

    it("write() always settles: while closing, closed, reset, or stuck above the mark", async () => {
      const ends: ((rig: ReturnType<typeof open>) => void)[] = [
        ({ connection }) => connection.close(),
        ({ connection }) => connection.terminate(),
        ({ peer }) => peer.transport.close(),
        ({ peer }) => peer.transport.closeWrite(),
      ];
      for (const end of ends) {
        for (const stuck of [false, true]) {
          const rig = open({
            role,
            sendHighWaterMark: 10,
            memory: { capacity: 16 },
            closeTimeout: 10,
            sendTimeout: 10,
          });
          const { connection, peer, clock } = rig;
          if (stuck) peer.transport.pause();
          const writer = connection.writable.getWriter();
          const writes = [settled(writer.write("x".repeat(100)))];
          await settle();
          end(rig);
          writes.push(settled(writer.write("late")));
          await settle();
          await pass(clock, 100);
          clock.advance(100);
          writes.push(settled(writer.write("too late")));
          const results = await Promise.all(writes);
          // Each has settled; the one after the end cannot have been sent.
          assert.equal(results[2].status, "rejected");
          await assert.rejects(writer.closed);
        }
      }
    });
  });

  describe(`pipes, as ${role}`, () => {
    it("an echo by pipeTo, through more than both marks hold, ends when the peer closes", async () => {
      for (const code of [1000, 1001, 1005]) {
        const { connection, peer } = open({
          role,
          memory: { capacity: 64 },
          sendHighWaterMark: 32,
          receiveHighWaterMark: 32,
        });
        const echoed = settled(connection.readable.pipeTo(connection.writable));
        const texts = Array.from({ length: 100 }, (_, at) => `message ${at}`);
        peer.say(...texts);
        while (connection.stats.messagesSent < texts.length) await settle();
        await settle();
        assert.deepEqual(peer.said, texts.map((text) => `1:${text}`));
        if (code === 1005) peer.write(peer.frame(0x88));
        else peer.sayClose(code);
        peer.transport.closeWrite();
        assert.deepEqual(await echoed, { status: "fulfilled", value: undefined });
        assert.deepEqual(peer.closeCodes, [code]);
      }
    });

    it("an echo by pipeTo rejects when the connection fails", async () => {
      const { connection, peer } = open({ role });
      const echoed = settled(connection.readable.pipeTo(connection.writable));
      peer.say("a");
      await settle();
      peer.transport.close();
      assert.equal((await echoed).status, "rejected");
    });

    it("a pipe from a source that yields nothing ends with the connection", async () => {
      const { connection, peer } = open({ role });
      let cancelled = false;
      const idle = new ReadableStream<SendData>({
        cancel(): void {
          cancelled = true;
        },
      });
      const piped = settled(idle.pipeTo(connection.writable));
      peer.sayClose();
      peer.transport.closeWrite();
      assert.equal((await piped).status, "rejected");
      assert.ok(cancelled);
    });

    it("a source that fails closes with 1011; a destination that fails with 1000", async () => {
      const source = open({ role });
      const failing = new ReadableStream<SendData>({
        pull(controller): void {
          controller.error(new Error("source"));
        },
      });
      await assert.rejects(failing.pipeTo(source.connection.writable), /source/);
      await settle();
      assert.deepEqual(source.peer.said, ["8:1011"]);
      source.connection.terminate();

      const sink = open({ role });
      sink.peer.say("a");
      const refusing = new WritableStream({
        write(): void {
          throw new Error("destination");
        },
      });
      await assert.rejects(sink.connection.readable.pipeTo(refusing), /destination/);
      await settle();
      assert.deepEqual(sink.peer.said, ["8:1000"]);
      sink.connection.terminate();
    });
  });
}
