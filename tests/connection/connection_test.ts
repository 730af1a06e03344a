import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ConnectionClosedError, TransportError } from "../../lib/errors.ts";
import type { MessageData } from "../../lib/message/message.ts";
import type { SendData } from "../../lib/connection/send_data.ts";
import { goneMemory, memoryKinds } from "../support/memory.ts";
import { BINARY, bytesOf, open, ROLES, settle, TEXT } from "./support.ts";

for (const role of ROLES) {
  describe(`send, as ${role}`, () => {
    it("takes a string as text, all else as binary: the view's bytes, no more", async () => {
      const memory = new Uint8Array([9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]);
      const shared = new SharedArrayBuffer(4);
      new Uint8Array(shared).set([1, 2, 3, 4]);
      const cases: [SendData, number, number[]][] = [
        ["é", TEXT, [0xc3, 0xa9]],
        ["", TEXT, []],
        ["\ud800", TEXT, [0xef, 0xbf, 0xbd]],
        [new Uint8Array(0), BINARY, []],
        [memory.subarray(2, 6), BINARY, [1, 2, 3, 4]],
        [memory.buffer.slice(2, 5), BINARY, [1, 2, 3]],
        [new DataView(memory.buffer, 3, 2), BINARY, [2, 3]],
        [new Uint16Array(memory.buffer, 2, 2), BINARY, [1, 2, 3, 4]],
        [new Float64Array(1), BINARY, [0, 0, 0, 0, 0, 0, 0, 0]],
        [new BigInt64Array([1n]), BINARY, [1, 0, 0, 0, 0, 0, 0, 0]],
        [new Uint8ClampedArray([300]), BINARY, [255]],
        [shared, BINARY, [1, 2, 3, 4]],
        [new Uint8Array(shared, 1, 2), BINARY, [2, 3]],
        [new DataView(shared, 3), BINARY, [4]],
      ];
      const { connection, peer } = open({ role });
      for (const [data] of cases) assert.equal(connection.send(data), true);
      await settle();
      assert.deepEqual(
        peer.frames.map(({ first, payload }) => [first, [...payload]]),
        cases.map(([, opcode, bytes]) => [0x80 | opcode, bytes]),
      );
      assert.ok(peer.frames.every(({ masked }) => masked === (role === "client")));
      connection.terminate();
    });

    it("anything else is a TypeError; nothing is sent, the connection stays open", async () => {
      const { connection, peer } = open({ role });
      for (const data of [undefined, null, 1, 1n, true, {}, [1], () => {}]) {
        assert.throws(() => connection.send(data as unknown as SendData), TypeError);
      }
      assert.deepEqual(connection.stats.messagesSent, 0);
      assert.equal(connection.readyState, 1);
      connection.send("x");
      await settle();
      assert.deepEqual(peer.said, ["1:x"]);
      connection.terminate();
    });

    it("takes memory of every kind: shared, resizable, in any view", async () => {
      const { connection, peer } = open({ role });
      const kinds = memoryKinds();
      for (const [, data] of kinds) assert.equal(connection.send(data), true);
      await settle();
      assert.equal(peer.frames.length, kinds.length);
      kinds.forEach(([name], i) => {
        assert.deepEqual([...peer.frames[i].payload], [1, 2, 3, 4, 5, 6, 7, 8], name);
      });
      connection.terminate();
    });

    it("memory that is gone is a TypeError, of a whole message or of a source", async () => {
      for (const [name, data] of goneMemory()) {
        const { connection, peer } = open({ role });
        const error = {
          name: "TypeError",
          message: /^Cannot send: the memory of the data is gone/,
        };
        assert.throws(() => connection.send(data), error, name);
        await assert.rejects(
          connection.send(async function* () {
            yield data;
          }()),
          error,
          name,
        );
        const writer = connection.writable.getWriter();
        writer.closed.catch(() => {});
        await assert.rejects(writer.write(data), error, name);
        assert.equal(connection.stats.messagesSent, 0);
        connection.send("x");
        await settle();
        assert.deepEqual(peer.said, ["1:x"], name);
        connection.terminate();
      }
    });

    it("neither keeps nor changes the caller's memory", async () => {
      for (const size of [10, 200_000]) {
        const { connection, peer } = open({ role, memory: { capacity: 1 << 20 } });
        const data = new Uint8Array(size).fill(7);
        connection.send(data);
        assert.ok(data.every((byte) => byte === 7));
        data.fill(8);
        await settle();
        assert.ok(peer.frames[0].payload.every((byte) => byte === 7));
        connection.terminate();
      }
    });

    it("returns false once closing began, and does not throw", async () => {
      const { connection, peer } = open({ role });
      connection.close();
      assert.equal(connection.send("late"), false);
      peer.sayClose();
      peer.transport.closeWrite();
      await connection.closed;
      assert.equal(connection.send("later"), false);
      assert.equal(connection.stats.messagesSent, 0);
    });
  });

  describe(`receiving, as ${role}`, () => {
    it("receive() returns one message after the other, waiting for it if need be", async () => {
      const { connection, peer } = open({ role });
      peer.write(peer.frame(0x81, "a"), peer.frame(0x82, [1]), peer.frame(0x81));
      assert.equal(await connection.receive(), "a");
      assert.deepEqual(await connection.receive(), new Uint8Array([1]));
      assert.equal(await connection.receive(), "");
      const later = connection.receive();
      peer.say("b");
      assert.equal(await later, "b");
      connection.terminate();
    });

    it("concurrent receives are served in their order", async () => {
      const { connection, peer } = open({ role });
      const all = [connection.receive(), connection.receive(), connection.receive()];
      peer.say("a", "b", "c");
      assert.deepEqual(await Promise.all(all), ["a", "b", "c"]);
      connection.terminate();
    });

    it("receive({ signal }) ends with the signal's reason and takes no message with it", async () => {
      const { connection, peer } = open({ role });
      const controller = new AbortController(), reason = new Error("enough");
      const receiving = connection.receive({ signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(receiving, reason);
      peer.say("a");
      await settle();
      await assert.rejects(connection.receive({ signal: controller.signal }), reason);
      assert.equal(await connection.receive(), "a");
      connection.terminate();
    });

    it("receive() rejects once all is taken of a closed connection, whatever the code", async () => {
      const { connection, peer, clock } = open({ role });
      const { said } = peer;
      peer.say("last");
      peer.sayClose(1000, "bye");
      peer.transport.closeWrite();
      await settle();
      clock.advance(1000);
      await connection.closed;
      assert.equal(await connection.receive(), "last");
      await assert.rejects(connection.receive(), (error) => {
        assert.ok(error instanceof ConnectionClosedError);
        assert.deepEqual([error.closeCode, error.reason, error.wasClean], [1000, "bye", true]);
        return /1000: bye/.test(error.message);
      });
      assert.deepEqual(said, []);
    });

    it("a waiting receive() rejects when the connection closes", async () => {
      const { connection, peer } = open({ role });
      const both = [connection.receive(), connection.receive()];
      const refused = both.map((each) => assert.rejects(each, ConnectionClosedError));
      peer.transport.close();
      await Promise.all(refused);
    });

    it("iteration ends after 1000, 1001 and 1005, and throws after any other end", async () => {
      for (const code of [1000, 1001, 1005, 1002, 1011, 3000, 1006]) {
        const { connection, peer } = open({ role });
        peer.say("a", "b");
        if (code === 1005) peer.write(peer.frame(0x88));
        else if (code !== 1006) peer.sayClose(code);
        peer.transport.closeWrite();
        const got: MessageData[] = [];
        const loop = (async () => {
          for await (const message of connection) got.push(message);
        })();
        if (code <= 1001 || code === 1005) await loop;
        else {
          await assert.rejects(loop, (error) => {
            assert.ok(error instanceof ConnectionClosedError);
            if (code === 1006) assert.ok(error.cause instanceof TransportError);
            return error.closeCode === code;
          });
        }
        assert.deepEqual(got, ["a", "b"], `${code}`);
      }
    });

    it("leaving the loop does not close, and another goes on where it left", async () => {
      const { connection, peer } = open({ role });
      peer.say("a", "b", "c");
      for await (const message of connection) {
        assert.equal(message, "a");
        break;
      }
      assert.equal(connection.readyState, 1);
      for await (const message of connection) {
        assert.equal(message, "b");
        break;
      }
      assert.equal(await connection.receive(), "c");
      connection.terminate();
    });

    it("past receiveHighWaterMark decoding stops mid-chunk; nothing is lost", async () => {
      const { connection, peer, transport } = open({ role, receiveHighWaterMark: 16 * 256 });
      const texts = Array.from({ length: 100 }, (_, at) => `message ${at}`);
      peer.say(...texts);
      await settle();
      assert.ok(transport.paused);
      assert.equal(connection.stats.messagesReceived, 16);
      peer.say("last");
      for (const text of [...texts, "last"]) assert.equal(await connection.receive(), text);
      await settle();
      assert.equal(transport.paused, false);
      connection.terminate();
    });

    it("the mark is of the bytes of messages not taken, and 256 for each", async () => {
      const { connection, peer, transport } = open({ role, receiveHighWaterMark: 10 + 2 * 256 });
      peer.say("12345", "67890");
      await settle();
      assert.equal(transport.paused, false);
      peer.say("1", "2", "3");
      await settle();
      assert.ok(transport.paused);
      assert.equal(connection.stats.messagesReceived, 3);
      for (const text of ["12345", "67890", "1", "2", "3"]) {
        assert.equal(await connection.receive(), text);
      }
      connection.terminate();
    });

    it("reading goes on when half is taken, not at each message", async () => {
      const { connection, peer, transport } = open({ role, receiveHighWaterMark: 16 * 256 });
      peer.say(...Array.from({ length: 64 }, () => "x"));
      for (let at = 0; at < 64; at++) await connection.receive();
      await settle();
      assert.ok(transport.pauses > 0 && transport.pauses <= 64 / 8, `${transport.pauses} pauses`);
      connection.terminate();
    });

    it("a second way of reading is a TypeError that names the first", async () => {
      const { connection } = open({ role });
      void connection.receive().catch(() => {});
      assert.throws(() => connection.readable, { name: "TypeError", message: /iteration/ });
      connection[Symbol.asyncIterator]();
      connection.terminate();

      const streams = open({ role }).connection;
      const { readable } = streams;
      assert.equal(streams.readable, readable);
      assert.throws(() => streams[Symbol.asyncIterator](), {
        name: "TypeError",
        message: /streams/,
      });
      await assert.rejects(streams.receive(), TypeError);
      streams.terminate();

      const handled = open({ role, websocket: {} }).connection;
      await assert.rejects(handled.receive(), { name: "TypeError", message: /handlers/ });
      assert.throws(() => handled.readable, TypeError);
      assert.throws(() => handled[Symbol.asyncIterator](), TypeError);
      handled.terminate();
    });

    it("after terminate() nothing more comes, of what is in the chunk or on its way", async () => {
      const { connection, peer } = open({ role });
      const first = connection.receive();
      void first.then(() => connection.terminate());
      peer.say("a");
      assert.equal(await first, "a");
      peer.say("b");
      await settle();
      await assert.rejects(connection.receive(), ConnectionClosedError);
      assert.equal(connection.stats.messagesReceived, 1);
    });
  });
}

describe("a connection", () => {
  it("makes its request once, and has none as a client", () => {
    const { connection } = open();
    assert.equal(connection.request, undefined);
    assert.deepEqual([connection.url, connection.data, connection.protocol], [
      "ws://test/",
      undefined,
      "",
    ]);
    connection.terminate();
  });

  it("counts what has passed", async () => {
    const { connection, peer } = open();
    peer.say("a", "b");
    connection.send("c");
    await settle();
    const { messagesReceived, messagesSent } = connection.stats;
    assert.deepEqual([messagesReceived, messagesSent], [2, 1]);
    connection.terminate();
  });

  it("`closed` and `ready` raise nothing for who does not look at them", async () => {
    const raised: unknown[] = [];
    const listen = (event: PromiseRejectionEvent): void => void raised.push(event.reason);
    globalThis.addEventListener?.("unhandledrejection", listen);
    const { connection, peer } = open();
    void connection.readable;
    void connection.writable;
    void connection.ready;
    peer.write(bytesOf([0xff, 0xff]));
    await settle();
    peer.transport.close();
    await connection.closed;
    await settle();
    globalThis.removeEventListener?.("unhandledrejection", listen);
    assert.deepEqual(raised, []);
  });
});
