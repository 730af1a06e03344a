import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import type { CloseInfo } from "../../lib/errors.ts";
import { TransportError } from "../../lib/errors.ts";
import { bytesOf, join, readFrames, textOf } from "../connection/support.ts";
import { KINDS, Rig } from "./node_http_support.ts";
import { until } from "../support/until.ts";
import { requestText } from "../support/opening.ts";

const MIB = 1 << 20;
const slow = { timeout: 60_000 };

/** The frames behind the head of the answer. */
function framesOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(textOf(bytes).indexOf("\r\n\r\n") + 4);
}

for (const kind of KINDS) {
  describe(`upgrade behind node:${kind}`, () => {
    it("is our own protocol, on the port that serves pages", async () => {
      await using rig = await Rig.start(kind, {
        perMessageDeflate: { threshold: 0 },
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      if (kind === "http") {
        const page = await fetch(`http://127.0.0.1:${rig.port}/page`);
        assert.equal(await page.text(), "page /page");
      }
      await using client = await rig.connect("/chat?room=1", { perMessageDeflate: true });
      for (const data of ["", "Grüße", Uint8Array.of(0, 255), new Uint8Array(MIB).fill(7)]) {
        client.send(data);
        assert.deepEqual(await client.receive(), data);
      }
      assert.ok(await client.ping() >= 0);
      const connection = await rig.opened();
      assert.deepEqual(Object.values(connection.capabilities), [true, true, true, true, true]);
      assert.match(connection.extensions, /^permessage-deflate/);
      const scheme = kind === "http" ? "" : "s";
      assert.equal(connection.url, `ws${scheme}://localhost:${rig.port}/chat?room=1`);
      assert.equal(connection.request?.url, `http${scheme}://localhost:${rig.port}/chat?room=1`);
      assert.match(connection.remoteAddress?.hostname ?? "", /127\.0\.0\.1$|^::1$/);
      assert.ok(connection.remoteAddress!.port > 0);
      assert.ok(await connection.ping() >= 0);
      assert.deepEqual(rig.errors, []);
    });

    it("threat 50: bytes behind the head are the connection's first, with a slow hook as well", async () => {
      for (const handshake of [undefined, () => Promise.resolve(undefined)]) {
        const got: unknown[] = [];
        await using rig = await Rig.start(kind, {
          ...(handshake === undefined ? {} : { handshake }),
          websocket: { message: (_connection, data) => void got.push(data) },
        });
        const peer = await rig.dial();
        const first = peer.frame(0x81, "one");
        peer.write(bytesOf(requestText()), first, peer.frame(0x81, "two").subarray(0, 4));
        await until("the upgrade", () => rig.given.length === 1);
        peer.write(peer.frame(0x81, "two").subarray(4));
        await until("two messages", () => got.length === 2);
        assert.deepEqual(got, ["one", "two"]);
        peer.transport.close();
      }
    });

    it("close codes and reasons pass both ways", async () => {
      const infos: CloseInfo[] = [];
      await using rig = await Rig.start(kind, {
        websocket: {
          message: (connection) => connection.close({ closeCode: 1001, reason: "ü".repeat(61) }),
          close: (_connection, info) => void infos.push(info),
        },
      });
      const first = await rig.connect();
      first.close({ closeCode: 4999, reason: "bye" });
      assert.deepEqual((await first.closed).wasClean, true);
      const second = await rig.connect();
      second.send("");
      const { closeCode, reason, wasClean, initiator } = await second.closed;
      assert.deepEqual([closeCode, reason, wasClean, initiator], [
        1001,
        "ü".repeat(61),
        true,
        "remote",
      ]);
      await until("both ends", () => infos.length === 2);
      assert.deepEqual(infos.map((each) => each.closeCode), [4999, 1001]);
      assert.deepEqual(rig.errors, []);
    });

    it("1009 reaches a peer that is still sending", slow, async () => {
      await using rig = await Rig.start(kind, { maxMessageSize: 1024, websocket: {} });
      const client = await rig.connect("/", { maxBufferedAmount: Infinity });
      client.send(new Uint8Array(4 * MIB));
      assert.equal((await client.closed).closeCode, 1009);
    });

    it("pausing stops the peer, and nothing is lost", slow, async () => {
      await using rig = await Rig.start(kind, { maxBufferedAmount: Infinity });
      const client = await rig.connect("/", { sendTimeout: Infinity, maxBufferedAmount: Infinity });
      const connection = await rig.opened();
      // Three times what the buffers of a machine hold between two sockets.
      const message = new Uint8Array(MIB), count = 48;
      for (let i = 0; i < count; i++) client.send(message.fill(i));
      let left = Infinity;
      // What the system takes it takes at once: when nothing more goes out, the buffers are full.
      while (client.bufferedAmount < left) {
        left = client.bufferedAmount;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      assert.ok(left > count / 4 * MIB, `${left} bytes left of ${count} MiB`);
      for (let i = 0; i < count; i++) {
        const data = await connection.receive() as Uint8Array;
        assert.deepEqual([data.length, data[0], data[MIB - 1]], [MIB, i, i]);
      }
      client.terminate();
    });

    it(
      "the end of a peer that half-closes behind its data comes after all of it",
      slow,
      async () => {
        const messages = 64, size = 64 * 1024;
        await using rig = await Rig.start(kind);
        const peer = await rig.dial();
        peer.write(bytesOf(requestText()));
        const connection = await rig.opened();
        const frame = peer.frame(0x82, new Uint8Array(size));
        peer.write(...Array.from({ length: messages }, () => frame));
        peer.transport.closeWrite();
        let got = 0;
        await assert.rejects(async () => {
          for await (const message of connection) {
            got += message.length;
            await new Promise((resolve) => setTimeout(resolve)); // so that reading stops and goes on
          }
        });
        const { closeCode, error } = await connection.closed;
        assert.deepEqual([got, closeCode], [messages * size, 1006]);
        assert.ok(error instanceof TransportError);
        assert.equal(error.code, "CONNECTION_ENDED");
        await until("the server's end", () => peer.ended || peer.closed);
        peer.transport.close();
      },
    );

    it("a peer that closes and half-closes still gets all that was sent", slow, async () => {
      await using rig = await Rig.start(kind);
      const peer = await rig.dial();
      peer.write(bytesOf(requestText()));
      const connection = await rig.opened();
      await until("the answer", () => peer.bytes.length > 0);
      peer.transport.pause();
      for (let i = 0; i < 8; i++) connection.send(new Uint8Array(2 * MIB));
      assert.ok(connection.bufferedAmount > 0);
      peer.sayClose(1000, "bye");
      peer.transport.closeWrite();
      await until("the peer's end", () => rig.sockets[0].readableEnded);
      peer.transport.resume();
      const { wasClean, error } = await connection.closed;
      assert.deepEqual([wasClean, error], [true, undefined]);
      await until("the server's end", () => peer.ended || peer.closed);
      const frames = readFrames(framesOf(peer.bytes));
      assert.deepEqual(frames.map(({ opcode }) => opcode), [...Array(8).fill(2), 8]);
      peer.transport.close();
    });

    it("the server's timeouts do not concern it", async () => {
      await using rig = await Rig.start(kind, {
        before: (socket) => socket.setTimeout(40, () => socket.destroy()),
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      rig.server.setTimeout(40, (socket: { destroy(): void }) => socket.destroy());
      await using client = await rig.connect();
      await new Promise((resolve) => setTimeout(resolve, 200));
      client.send("still here");
      assert.equal(await client.receive(), "still here");
    });

    it("outlives server.close(), which waits for it", async () => {
      await using rig = await Rig.start(kind, {
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      const client = await rig.connect();
      const connection = await rig.opened();
      let closed = false;
      rig.server.close(() => closed = true);
      client.send("still here");
      assert.equal(await client.receive(), "still here");
      assert.equal(closed, false);
      connection.close({ closeCode: 1001 });
      assert.equal((await client.closed).closeCode, 1001);
      await until("the server's close", () => closed);
    });

    it("messages of any size pass in pieces", slow, async () => {
      const sizes: number[] = [];
      await using rig = await Rig.start(kind);
      rig.server.removeAllListeners("upgrade");
      rig.server.on("upgrade", (request, socket, head) => {
        upgrade(request, socket, head, {
          messages: "stream",
          websocket: {
            async message(connection, message) {
              let size = 0;
              for await (const piece of message.stream()) size += piece.length;
              sizes.push(size);
              connection.send("done");
            },
          },
        });
      });
      await using client = await rig.connect("/", { maxBufferedAmount: Infinity });
      client.send(new Uint8Array(24 * MIB)); // more than maxMessageSize is by default
      assert.equal(await client.receive(), "done");
      assert.deepEqual(sizes, [24 * MIB]);
    });

    it("a peer that resets causes 1006 with the error, and no more", async () => {
      const infos: CloseInfo[] = [];
      await using rig = await Rig.start(kind, {
        websocket: { close: (_connection, info) => void infos.push(info) },
      });
      const peer = await rig.dial();
      peer.write(bytesOf(requestText()));
      await rig.opened();
      rig.sockets[0].destroy(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
      await until("close", () => infos.length === 1);
      assert.equal(infos[0].closeCode, 1006);
      assert.ok(infos[0].error instanceof TransportError);
      assert.deepEqual(rig.errors, []);
      peer.transport.close();
    });

    it("frames go out in one write for one read", async () => {
      let written = 0;
      await using rig = await Rig.start(kind, {
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      const peer = await rig.dial();
      peer.write(bytesOf(requestText()));
      await rig.opened();
      const [socket] = rig.sockets;
      const { write } = socket;
      socket.write = ((bytes: Uint8Array) => {
        written++;
        return write.call(socket, bytes);
      }) as typeof socket.write;
      peer.say(...Array.from({ length: 20 }, (_, at) => `message ${at}`));
      const expected = join(...Array.from({ length: 20 }, (_, at) => {
        const text = `message ${at}`;
        return join(Uint8Array.of(0x81, text.length), bytesOf(text));
      }));
      await until("the echo", () => framesOf(peer.bytes).length === expected.length);
      assert.deepEqual(framesOf(peer.bytes), expected);
      assert.equal(written, 1);
      peer.transport.close();
    });
  });
}
