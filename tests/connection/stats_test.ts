/** What `connection.stats` counts, beside a raw peer that knows what has passed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pair, settle } from "../../lib/testing/mod.ts";
import { fromWebSocket, type WebSocketConnection } from "../../mod.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";
import { deflated, exchangeHttp2, openRaw } from "../support/raw_pair.ts";
import { ROLES } from "./support.ts";

const options = { timeout: 60_000 };

for (const role of ROLES) {
  describe(`stats, as ${role}`, () => {
    for (const chunkSize of [Infinity, 1]) {
      for (const messages of ["whole", "stream"] as const) {
        const how = `${chunkSize === 1 ? "split everywhere" : "in one chunk"}, ${messages}`;
        it(`frames and bytes are those of the wire: ${how}`, options, async () => {
          const { connection, peer } = await openRaw(role, { chunkSize, messages });
          connection.discard();
          const sizes = [0, 1, 125, 126, ...chunkSize === 1 ? [] : [65_535, 65_536, 200_000]];
          for (const size of sizes) {
            connection.send("x".repeat(size));
            connection.send(new Uint8Array(size));
            peer.send({ payload: "x".repeat(size) });
          }
          const parts = ["one, ", "two, ", "three"];
          await connection.send(ReadableStream.from(parts), { type: "text" });
          peer.send({ payload: "a", fin: false });
          peer.send({ payload: "ping", opcode: 9 });
          peer.send({ payload: "", opcode: 0, fin: false });
          peer.send({ payload: "b", opcode: 0 });
          peer.send({ payload: "pong", opcode: 10 });
          await peer.drain();
          peer.compare(connection.stats);
          const { messagesReceived, messagesSent } = connection.stats;
          assert.deepEqual([messagesReceived, messagesSent], [
            sizes.length + 1,
            2 * sizes.length + 1,
          ]);
          peer.send({ opcode: 8, payload: Uint8Array.of(3, 232) });
          await peer.drain();
          peer.compare(connection.stats);
          connection.terminate();
          await connection.closed;
          peer.compare(connection.stats);
        });
      }
    }

    it(
      "compressed messages are counted as they are on the wire, and before it",
      options,
      async () => {
        const { connection, peer } = await openRaw(role, { perMessageDeflate: true });
        connection.discard();
        const text = "to be or not to be, ".repeat(500);
        const payload = deflated(text);
        peer.send({ payload, opcode: 1, rsv: 0x40 });
        peer.send({ payload: payload.subarray(0, 10), opcode: 1, rsv: 0x40, fin: false });
        peer.send({ payload: payload.subarray(10), opcode: 0 });
        connection.send(text);
        connection.send("plain", { compress: false });
        await peer.drain();
        peer.compare(connection.stats);
        const { compression, bytesSent } = connection.stats;
        assert.deepEqual(
          [compression!.receivedEncoded, compression!.receivedDecoded, compression!.sentDecoded],
          [2 * payload.length, 2 * text.length, text.length],
        );
        const headers = role === "client" ? 6 + 6 : 2 + 2;
        assert.equal(bytesSent, compression!.sentEncoded + headers + "plain".length);
        connection.terminate();
      },
    );

    it("a handler sees the frame that it is called for, and not the next", options, async () => {
      const seen: (number | undefined)[] = [];
      const { client, server } = pair({
        [role]: {
          websocket: {
            message: (own: WebSocketConnection) => void seen.push(own.stats.framesReceived),
          },
        },
      });
      const other = role === "client" ? server : client;
      for (const text of ["a", "b", "c"]) other.send(text);
      await settle();
      assert.deepEqual(seen, [1, 2, 3]);
      client.terminate();
    });

    it("a frame that breaks a rule, or that is not complete, does not count", options, async () => {
      const { connection, peer } = await openRaw(role);
      connection.discard();
      peer.send({ payload: "good" });
      peer.send({ payload: "cut off", announced: 100 });
      await settle();
      assert.equal(connection.stats.framesReceived, 1);
      connection.terminate();
      const broken = await openRaw(role);
      broken.connection.discard();
      broken.peer.send({ payload: "good" });
      broken.peer.send({ payload: "bad", rsv: 0x20 });
      await settle();
      assert.equal(broken.connection.stats.framesReceived, 1);
      assert.equal(broken.connection.stats.framesSent, 1, "the Close");
      broken.connection.terminate();
    });

    it("round trips are those of the keepalive and of ping, and smoothed", options, async () => {
      const { client, server, clock } = pair({
        [role]: { pingInterval: 1_000 },
        [role === "client" ? "server" : "client"]: { pingInterval: Infinity },
        latency: 20,
      });
      const own = role === "client" ? client : server;
      for (const each of [client, server]) each.discard();
      assert.deepEqual([own.stats.roundTrip, own.stats.smoothedRoundTrip], [undefined, undefined]);
      await clock.pass(1_100);
      assert.deepEqual([own.stats.roundTrip, own.stats.smoothedRoundTrip], [40, 40]);
      const pinging = own.ping();
      clock.stall(80); // the way back takes 80 ms more
      assert.equal(await clock.until(pinging), 120);
      assert.deepEqual([own.stats.roundTrip, own.stats.smoothedRoundTrip], [120, 50]);
      client.terminate();
    });

    it("a round trip during which reading was paused does not count", options, async () => {
      const { client, server, clock } = pair({
        [role]: { pingInterval: 1_000 },
        latency: 20,
      });
      const own = role === "client" ? client : server;
      (own === client ? server : client).discard();
      const pinging = own.ping();
      own.pause();
      await clock.pass(5_000);
      own.resume();
      own.discard();
      await clock.until(pinging);
      assert.equal(own.stats.roundTrip, undefined);
      await clock.pass(2_000);
      assert.equal(own.stats.roundTrip, 40);
      client.terminate();
    });

    it(
      "empty pongs that nobody asked for, or of two pings, are not measured",
      options,
      async () => {
        const { connection, peer, network } = await openRaw(role);
        connection.discard();
        peer.send({ opcode: 10, payload: "" });
        await settle();
        assert.equal(connection.stats.roundTrip, undefined);
        await network.clock.pass(21_000);
        peer.send({ opcode: 10, payload: "" });
        peer.send({ opcode: 10, payload: "" });
        await network.clock.pass(0);
        assert.equal(connection.stats.roundTrip, 1_000, "the first of them answers the keepalive");
        peer.send({ payload: "a sign of life, and no pong" });
        await network.clock.pass(20_000);
        peer.send({ payload: "another one" });
        await network.clock.pass(20_000);
        peer.send({ opcode: 10, payload: "" });
        await network.clock.pass(0);
        assert.equal(connection.stats.roundTrip, 1_000, "it answers the first or the second");
        connection.terminate();
      },
    );

    it("the time open, paused and held back", options, async () => {
      const { client, server, clock, network } = pair({ capacity: 1_000 });
      const own = role === "client" ? client : server;
      (own === client ? server : client).discard();
      await clock.pass(100);
      own.pause();
      own.pause();
      await clock.pass(30);
      assert.equal(own.stats.pausedTime, 30);
      own.resume();
      await clock.pass(10);
      own.pause();
      await clock.pass(5);
      own.resume();
      own.discard();
      network.stall(50);
      own.send(new Uint8Array(10_000));
      await clock.pass(20);
      assert.equal(own.stats.bufferedTime, 20);
      await clock.pass(100);
      const { openTime, pausedTime, bufferedTime } = own.stats;
      assert.deepEqual({ openTime, pausedTime, bufferedTime }, {
        openTime: 265,
        pausedTime: 35,
        bufferedTime: 50,
      });
      own.terminate();
      await clock.pass(1_000);
      assert.equal(own.stats.openTime, 265, "it stands still after the end");
    });
  });
}

describe("stats over HTTP/2", () => {
  it(
    "frames and bytes are those of the stream, without the frames of HTTP/2",
    options,
    async () => {
      const { connection, sent, received, answers } = await exchangeHttp2([
        { payload: "Hello" },
        { payload: "He", fin: false },
        { opcode: 9, payload: "?" },
        { opcode: 0, payload: "llo" },
        { opcode: 8, payload: Uint8Array.of(3, 232) },
      ]);
      const { stats } = connection;
      assert.deepEqual(
        [stats.framesReceived, stats.bytesReceived, stats.framesSent, stats.bytesSent],
        [5, sent.reduce((sum, { length }) => sum + length, 0), answers.length, received.length],
      );
      assert.equal(answers.length, 4);
    },
  );
});

describe("stats of a platform's WebSocket", () => {
  it("has messages and times, and says what it cannot see", options, async () => {
    const socket = new FakeWebSocket();
    const connection = await fromWebSocket(socket);
    connection.discard();
    connection.send("Hello");
    socket.says("Hi");
    const { openTime, pausedTime, ...counts } = connection.stats;
    assert.ok(openTime >= 0 && pausedTime === 0);
    assert.deepEqual(counts, {
      messagesReceived: 1,
      messagesSent: 1,
      bytesReceived: undefined,
      bytesSent: undefined,
      framesReceived: undefined,
      framesSent: undefined,
      bufferedTime: undefined,
      roundTrip: undefined,
      smoothedRoundTrip: undefined,
    });
    connection.terminate();
  });
});
