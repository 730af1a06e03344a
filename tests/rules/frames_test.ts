/** Rules of RFC 6455 sections 5 and 7.1.7 on an open connection, in both roles. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { randomMask } from "../../lib/frame/mask.ts";
import { ProtocolError } from "../../lib/errors.ts";
import { type Message, MessageEncoderStream } from "../../lib/codec.ts";
import {
  bytesOf,
  closePayload,
  frame,
  open,
  readFrames,
  ROLES,
  settle,
} from "../connection/support.ts";

for (const role of ROLES) {
  describe(`an open connection, as ${role}`, () => {
    it("5.1: a client masks all that it sends, a server nothing", async () => {
      const { connection, link, peer } = open({ role });
      connection.send("text");
      connection.send("");
      connection.send(new Uint8Array(70_000));
      link.ping(bytesOf("ping"));
      peer.write(peer.frame(0x89, "pong"));
      await settle();
      connection.close({ closeCode: 1001, reason: "reason" });
      await settle();
      const { frames } = peer;
      assert.deepEqual(frames.map(({ opcode }) => opcode).sort(), [1, 1, 10, 2, 8, 9].sort());
      for (const { opcode, masked } of frames) assert.equal(masked, role === "client", `${opcode}`);
      connection.terminate();
    });

    it("5.1: a frame masked for the other role closes the connection with 1002", async () => {
      const code = role === "server" ? "MASK_REQUIRED" : "MASK_FORBIDDEN";
      for (const first of [0x81, 0x89, 0x88]) {
        const { connection, peer } = open({ role });
        peer.write(frame(first, "", { masked: !peer.masked }));
        await settle();
        assert.deepEqual(peer.closeCodes, [1002]);
        assert.ok(peer.ended);
        peer.transport.closeWrite();
        const { error } = await connection.closed;
        assert.ok(error instanceof ProtocolError);
        assert.equal(error.code, code);
      }
    });

    it("5.4: a ping between fragments is answered before the message is complete", async () => {
      const { connection, peer } = open({ role });
      peer.write(peer.frame(0x01, "Hel"), peer.frame(0x89, "still there?"));
      await settle();
      assert.deepEqual(peer.said, ["10:still there?"]);
      assert.equal(connection.stats.messagesReceived, 0);
      peer.write(peer.frame(0x80, "lo"));
      assert.equal(await connection.receive(), "Hello");
      connection.terminate();
    });

    it("5.5: pings of 125 bytes leave, of 126 bytes do not", async () => {
      const { connection, link, peer } = open({ role });
      link.ping(new Uint8Array(125));
      assert.throws(() => link.ping(new Uint8Array(126)), RangeError);
      await settle();
      assert.deepEqual(peer.frames.map(({ payload }) => payload.length), [125]);
      connection.terminate();
    });

    it("5.5.3: a pong has the data of its ping, whatever bytes they are", async () => {
      const { connection, peer } = open({ role });
      const payloads = [0, 1, 4, 125].map((size) =>
        new Uint8Array(size).map((_, i) => 251 + 7 * i)
      );
      for (const payload of payloads) peer.write(peer.frame(0x89, payload));
      await settle();
      assert.deepEqual(peer.frames.map(({ opcode }) => opcode), payloads.map(() => 10));
      assert.deepEqual(peer.frames.map(({ payload }) => [...payload]), payloads.map((p) => [...p]));
      connection.terminate();
    });

    it("7.1.1: what stands behind the peer's Close changes nothing, lawful or not", async () => {
      const behind = [[0x83, 0x80, 0, 0, 0, 0], [0xff, 0xff, 0xff], [0x88, 0x01, 0x00], [0x81]];
      for (const bytes of behind) {
        const { connection, peer } = open({ role });
        peer.write(peer.frame(0x88, closePayload(1001, "bye")), bytesOf(bytes));
        if (role === "client") peer.write(bytesOf(bytes));
        peer.transport.closeWrite();
        assert.deepEqual(await connection.closed, {
          closeCode: 1001,
          reason: "bye",
          wasClean: true,
          sent: { closeCode: 1001, reason: "" },
          received: { closeCode: 1001, reason: "bye" },
          initiator: "remote",
          error: undefined,
        });
        assert.deepEqual(peer.said, ["8:1001"]);
        assert.equal(connection.stats.messagesReceived, 0);
      }
    });

    it("7.1.7: after a violation neither a ping nor a Close of the peer's is taken", async () => {
      const { connection, peer } = open({ role });
      peer.write(peer.frame(0x83), peer.frame(0x89, "same chunk"));
      await settle();
      peer.write(peer.frame(0x89, "later"));
      peer.sayClose(1000, "bye");
      await settle();
      assert.deepEqual(peer.frames.map(({ opcode }) => opcode), [8]);
      assert.deepEqual(peer.closeCodes, [1002]);
      peer.transport.closeWrite();
      const { received, closeCode, wasClean } = await connection.closed;
      assert.deepEqual([received, closeCode, wasClean], [undefined, 1006, false]);
    });
  });
}

describe("what leaves", () => {
  it("5.3: keys come from randomMask, unless told otherwise", async () => {
    assert.equal(readConnectionOptions({}).mask, randomMask);
    const encoder = new FrameEncoder({ role: "client" });
    for (let count = 0; count < 8; count++) encoder.encode(0x82, new Uint8Array(4));
    // The payload is zeros, so each frame's last four bytes are its key.
    const frames = encoder.output.take();
    const keys = [...Array(8).keys()].map((at) => frames.slice(at * 10 + 2, at * 10 + 6).join());
    assert.equal(new Set(keys).size, 8);

    const { connection, peer } = open({ role: "client", mask: () => 0x3d21fa37 });
    connection.send("Hello");
    await settle();
    assert.deepEqual([...peer.bytes], [
      ...[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d],
      ...[0x7f, 0x9f, 0x4d, 0x51, 0x58],
    ]);
    connection.terminate();
  });

  it("5.4: fragments leave in order, and the next message behind the last of them", async () => {
    const messages: Message[] = [
      { type: "text", data: "abcde" },
      { type: "ping", data: new Uint8Array([1, 2, 3]) },
      { type: "binary", data: new Uint8Array([1, 2, 3]) },
      { type: "text", data: "" },
    ];
    for (const role of ROLES) {
      const encoder = new FrameEncoder({ role });
      const frames = ReadableStream.from(messages).pipeThrough(
        new MessageEncoderStream({ fragmentSize: 2 }),
      );
      for await (const { fin = true, opcode, payload } of frames) {
        encoder.encode((fin ? 0x80 : 0) | opcode, payload);
      }
      const left = readFrames(encoder.output.take());
      assert.deepEqual(left.map(({ first, payload }) => [first, ...payload]), [
        [0x01, 97, 98],
        [0x00, 99, 100],
        [0x80, 101],
        [0x89, 1, 2, 3],
        [0x02, 1, 2],
        [0x80, 3],
        [0x81],
      ]);
    }
  });

  it("5.5.1: a Close's code is two bytes, the higher first", async () => {
    for (const role of ROLES) {
      const { connection, peer } = open({ role });
      connection.close({ closeCode: 4660, reason: "é" });
      await settle();
      assert.deepEqual(peer.frames.map(({ payload }) => [...payload]), [[
        ...closePayload(0x1234),
        0xc3,
        0xa9,
      ]]);
      connection.terminate();
    }
  });
});
