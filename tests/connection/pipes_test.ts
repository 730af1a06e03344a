/** `readable` and `writable` as the Streams standard has them, with whole messages and in pieces. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError } from "../../lib/errors.ts";
import type { StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { SendData } from "../../lib/connection/send_data.ts";
import { open, openStream, type Peer, ROLES, settle, textOf } from "./support.ts";
import { isPattern, pattern, Source, watch } from "./test_sources.ts";

/** Has the peer answer our Close and end. */
function goodbye(peer: Peer, code = 1000): void {
  peer.sayClose(code);
  peer.transport.closeWrite();
}

/** A stream of these chunks. */
function from<T>(...chunks: readonly T[]): ReadableStream<T> {
  return new ReadableStream<T>({
    start(controller): void {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

const texts: readonly string[] = Array.from({ length: 40 }, (_, at) => `message ${at}`);

for (const role of ROLES) {
  describe(`pipes of messages in pieces, as ${role}`, () => {
    it("an echo by pipeTo keeps types, sizes and order, and ends when the peer closes", async () => {
      const { connection, peer, transport } = openStream({
        role,
        receiveHighWaterMark: 10_000,
        sendHighWaterMark: 10_000,
        memory: { chunkSize: 5000 },
      });
      const echoed = watch(connection.readable.pipeTo(connection.writable));
      const sizes = [0, 1, 9999, 65_536, 200_000, 3];
      for (const size of sizes) {
        peer.write(peer.frame(0x82, pattern(size)));
        peer.say(`${size}`);
      }
      while (connection.stats.messagesSent < 2 * sizes.length) await settle();
      goodbye(peer);
      assert.equal((await connection.closed).wasClean, true);
      await settle();
      assert.equal(echoed.state, "resolved");
      assert.ok(transport.pauses > 0);
      const messages: { opcode: number; size: number }[] = [];
      for (const { opcode, payload } of peer.frames) {
        if (opcode !== 0) messages.push({ opcode, size: 0 });
        const message = messages.at(-1)!;
        if (message.opcode === 2) assert.ok(isPattern(payload, message.size));
        if (message.opcode === 1) assert.equal(textOf(payload), `${messages.at(-2)!.size}`);
        message.size += payload.length;
      }
      assert.deepEqual(messages.map(({ opcode }) => opcode), [...sizes.flatMap(() => [2, 1]), 8]);
      assert.deepEqual(
        messages.filter(({ opcode }) => opcode === 2).map(({ size }) => size),
        sizes,
      );
    });

    it("pipeThrough: a transform that reads each message", async () => {
      const { connection, peer } = openStream({ role, memory: { chunkSize: 3 } });
      const upper = new TransformStream<StreamedMessage, string>({
        async transform(message, controller): Promise<void> {
          controller.enqueue((await message.text()).toUpperCase());
        },
      });
      const piped = watch(connection.readable.pipeThrough(upper).pipeTo(connection.writable));
      peer.say(...texts);
      while (connection.stats.messagesSent < texts.length) await settle();
      await settle();
      assert.deepEqual(peer.said, texts.map((text) => `1:${text.toUpperCase()}`));
      goodbye(peer);
      await connection.closed;
      await settle();
      assert.equal(piped.state, "resolved");
    });

    it("a message's own stream pipes, tees and decodes like any other", async () => {
      const { connection, peer } = openStream({ role, memory: { chunkSize: 5 } });
      const text = "caf\u00e9 \u20ac \u{1f600} ".repeat(20);
      peer.say(text, text, text);
      let piped = "";
      await (await connection.receive()).stream().pipeThrough(new TextDecoderStream())
        .pipeTo(new WritableStream({ write: (part): void => void (piped += part) }));
      assert.equal(piped, text);
      const both = (await connection.receive()).stream().tee();
      assert.deepEqual(await Promise.all(both.map((each) => new Response(each).text())), [
        text,
        text,
      ]);
      const blob = await new Response((await connection.receive()).stream()).blob();
      assert.equal(await blob.text(), text);
      connection.terminate();
    });

    it("a pipe of a message's stream that is aborted discards the rest, and the next one comes", async () => {
      const { connection, peer } = openStream({ role, memory: { chunkSize: 100 } });
      peer.write(peer.frame(0x82, pattern(10_000)), peer.frame(0x81, "next"));
      const controller = new AbortController();
      const reason = new Error("enough");
      let chunks = 0;
      const piped = (await connection.receive()).stream().pipeTo(
        new WritableStream({
          write(): void {
            if (++chunks === 3) controller.abort(reason);
          },
        }),
        { signal: controller.signal },
      );
      await assert.rejects(piped, reason);
      assert.ok(chunks < 10);
      assert.equal(await (await connection.receive()).text(), "next");
      connection.terminate();
    });

    it("tee asks ahead, which discards what is left of the message both branches were given", async () => {
      const { connection, peer } = openStream({ role });
      const [one, other] = connection.readable.tee().map((each) => each.getReader());
      peer.say("once");
      const { value: first } = await one.read();
      const { value: second } = await other.read();
      assert.equal(first, second);
      await settle();
      await assert.rejects(first!.text(), { name: "AbortError" });
      connection.terminate();
      await Promise.allSettled([one.read(), other.read()]);
    });
  });

  describe(`pipes of whole messages, as ${role}`, () => {
    it("pipeThrough and back", async () => {
      const { connection, peer } = open({ role });
      const upper = new TransformStream<SendData, string>({
        transform: (text, controller): void => controller.enqueue(String(text).toUpperCase()),
      });
      const piped = watch(connection.readable.pipeThrough(upper).pipeTo(connection.writable));
      peer.say(...texts);
      while (connection.stats.messagesSent < texts.length) await settle();
      goodbye(peer);
      await connection.closed;
      await settle();
      assert.equal(piped.state, "resolved");
      assert.deepEqual(peer.said.slice(0, -1), texts.map((text) => `1:${text.toUpperCase()}`));
    });

    it("tee: both branches get all; cancelling one changes nothing, both close with 1000", async () => {
      const { connection, peer } = open({ role });
      const [one, other] = connection.readable.tee();
      assert.equal(connection.readable.locked, true);
      const readers = [one.getReader(), other.getReader()];
      peer.say("a", "b");
      for (const text of ["a", "b"]) {
        for (const reader of readers) assert.equal((await reader.read()).value, text);
      }
      const cancelled = watch(readers[0].cancel());
      await settle();
      assert.equal(connection.readyState, 1);
      peer.say("c");
      assert.equal((await readers[1].read()).value, "c");
      await readers[1].cancel();
      await settle();
      assert.deepEqual([cancelled.state, peer.said], ["resolved", ["8:1000"]]);
      connection.terminate();
    });

    it("tee ends and fails in both branches", async () => {
      for (const code of [1000, 4000]) {
        const { connection, peer } = open({ role });
        const results = connection.readable.tee().map((each) => watch(Array.fromAsync(each)));
        peer.say("a");
        await settle();
        goodbye(peer, code);
        await connection.closed;
        await settle();
        for (const { value, reason } of results) {
          if (code === 1000) assert.deepEqual(value, ["a"]);
          else assert.ok(reason instanceof ConnectionClosedError);
        }
      }
    });

    it("pipeTo with a signal, from readable: the reason, Close 1000, and the destination aborted", async () => {
      const { connection, peer } = open({ role });
      const controller = new AbortController(), reason = new Error("enough");
      let aborted: unknown;
      const sink = new WritableStream({ abort: (why): void => void (aborted = why) });
      const piped = watch(connection.readable.pipeTo(sink, { signal: controller.signal }));
      peer.say("a");
      await settle();
      controller.abort(reason);
      await settle();
      assert.deepEqual([piped.reason, aborted, peer.said], [reason, reason, ["8:1000"]]);
      connection.terminate();
    });

    it("with preventCancel it goes on where the pipe stopped, and no message is lost", async () => {
      const { connection, peer } = open({ role });
      const controller = new AbortController();
      const got: unknown[] = [];
      const sink = new WritableStream({ write: (data): void => void got.push(data) });
      const { readable } = connection;
      const { signal } = controller;
      const piped = watch(readable.pipeTo(sink, { signal, preventCancel: true }));
      peer.say("a");
      await settle();
      controller.abort();
      await settle();
      assert.equal(piped.state, "rejected");
      assert.equal(connection.readyState, 1);
      peer.say("b", "c");
      const reader = readable.getReader();
      while (got.length < 3) got.push((await reader.read()).value);
      assert.deepEqual(got, ["a", "b", "c"]);
      connection.terminate();
      await assert.rejects(reader.read(), ConnectionClosedError);
    });

    it("pipeTo with a signal, to writable: 1011, or with preventAbort it can still be written", async () => {
      for (const preventAbort of [false, true]) {
        const { connection, peer } = open({ role });
        const controller = new AbortController(), reason = new Error("enough");
        const source = new Source("a");
        const { signal } = controller;
        const piped = watch(source.stream.pipeTo(connection.writable, { signal, preventAbort }));
        await settle();
        controller.abort(reason);
        await settle();
        assert.equal(piped.reason, reason);
        assert.deepEqual(source.cancelled, [reason]);
        if (preventAbort) {
          const writer = connection.writable.getWriter();
          await writer.write("b");
          await settle();
        }
        assert.deepEqual(peer.said, ["1:a", preventAbort ? "1:b" : "8:1011"]);
        connection.terminate();
      }
    });

    it("pipeTo to writable closes with 1000 behind the last; with preventClose it stays open", async () => {
      for (const preventClose of [false, true]) {
        const { connection, peer } = open({ role });
        const piped = watch(from<SendData>("a", "b").pipeTo(connection.writable, { preventClose }));
        await settle();
        assert.deepEqual(peer.said, ["1:a", "1:b", ...(preventClose ? [] : ["8:1000"])]);
        assert.equal(piped.state, preventClose ? "resolved" : "pending");
        goodbye(peer);
        await connection.closed;
        await settle();
        assert.equal(piped.state, "resolved");
      }
    });

    it("pipeTo reads no more from its source than the peer takes", async () => {
      const { connection, peer } = open({ role, sendHighWaterMark: 10, memory: { capacity: 16 } });
      peer.transport.pause();
      const source = new Source(...texts).end();
      const piped = watch(source.stream.pipeTo(connection.writable));
      await settle();
      assert.ok(source.reads < 6, `${source.reads}`);
      peer.transport.resume();
      while (peer.said.length < texts.length + 1) await settle();
      assert.deepEqual(peer.said, [...texts.map((text) => `1:${text}`), "8:1000"]);
      goodbye(peer);
      await connection.closed;
      await settle();
      assert.equal(piped.state, "resolved");
    });

    it("cancel with a read pending: the read is done, and Close 1000 leaves", async () => {
      const { connection, peer } = open({ role });
      const reader = connection.readable.getReader();
      const read = reader.read();
      await reader.cancel();
      assert.deepEqual(await read, { done: true, value: undefined });
      await reader.closed;
      await settle();
      assert.deepEqual(peer.said, ["8:1000"]);
      connection.terminate();
    });

    it("a lock can be handed on; leaving a loop with preventCancel does not close", async () => {
      const { connection, peer } = open({ role });
      peer.say("a", "b", "c");
      const reader = connection.readable.getReader();
      assert.equal((await reader.read()).value, "a");
      reader.releaseLock();
      for await (const message of connection.readable.values({ preventCancel: true })) {
        assert.equal(message, "b");
        break;
      }
      for await (const message of connection.readable) {
        assert.equal(message, "c");
        break;
      }
      await settle();
      assert.deepEqual(peer.said, ["8:1000"]);
      connection.terminate();
    });
  });

  describe(`writing a source, as ${role}`, () => {
    it("a write is done when all of it is encoded, and the next one follows it", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      const source = new Source("a");
      assert.equal(writer.desiredSize, 1);
      const fates = [watch(writer.write(source.stream)), watch(writer.write("next"))];
      await settle();
      assert.ok(writer.desiredSize! <= 0);
      assert.deepEqual(fates.map(({ state }) => state), ["pending", "pending"]);
      source.give("b").end();
      await settle();
      assert.deepEqual(fates.map(({ state }) => state), ["resolved", "resolved"]);
      assert.equal(writer.desiredSize, 1);
      await writer.write(new Blob(["blob"]));
      await settle();
      assert.deepEqual(peer.said, ["1:ab", "1:next", "2:blob"]);
      connection.terminate();
    });

    it("closing waits behind it", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      const source = new Source("a");
      const fates = [watch(writer.write(source)), watch(writer.close())];
      await settle();
      assert.equal(connection.readyState, 1);
      source.end();
      await settle();
      assert.deepEqual(peer.said, ["1:a", "8:1000"]);
      goodbye(peer);
      await connection.closed;
      await settle();
      assert.deepEqual(fates.map(({ state }) => state), ["resolved", "resolved"]);
    });

    it("a source that fails errors the stream; if nothing was sent, the connection goes on", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      const error = new Error("source");
      await assert.rejects(writer.write(new Source().fail(error)), error);
      await assert.rejects(writer.closed, error);
      connection.send("open");
      await settle();
      assert.deepEqual(peer.said, ["1:open"]);
      connection.terminate();
    });

    it("aborting in the middle cancels the source and closes with 1011, without waiting for it", async () => {
      for (const begun of [false, true]) {
        const { connection, peer, clock } = open({ role });
        const writer = connection.writable.getWriter();
        const source = new Source("a"), reason = new Error("enough");
        const written = watch(writer.write(source));
        await settle();
        if (begun) clock.advance(10);
        await settle();
        const aborted = watch(writer.abort(reason));
        await settle();
        assert.deepEqual([written.state, aborted.state], ["rejected", "resolved"]);
        assert.equal(source.cancelled.length, 1);
        assert.deepEqual(peer.said, begun ? ["1:a", "8:1011"] : ["8:1011"]);
        connection.terminate();
        await settle();
        assert.equal(clock.timers, 0);
      }
    });

    it("the connection's end in the middle errors the write and the stream", async () => {
      const { connection, peer } = open({ role });
      const writer = connection.writable.getWriter();
      const written = watch(writer.write(new Source("a")));
      const closed = watch(writer.closed);
      await settle();
      peer.transport.close();
      await connection.closed;
      await settle();
      await settle();
      assert.ok(written.reason instanceof ConnectionClosedError);
      assert.ok(closed.reason instanceof ConnectionClosedError);
    });
  });
}
