/** What a connection sends where permessage-deflate is agreed, and what it counts. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { createInflateRaw } from "node:zlib";
import { randomBytes, tradesJson } from "../deflate/corpus.ts";
import { zlibInflated, zlibMessages } from "../deflate/zlib.ts";
import {
  FIN,
  FORGETFUL,
  HELLO,
  messagesOf,
  openCompressed,
  PLAIN,
  type SentMessage,
  WHOLE_BINARY,
} from "./compression_support.ts";
import { Source } from "./test_sources.ts";
import { bytesOf, join, open, ROLES, settle, textOf } from "./support.ts";

/** The payload of a message as it came, all fragments. */
const payloadOf = ({ frames }: SentMessage): Uint8Array =>
  join(...frames.map(({ payload }) => payload));

/** The content of a message that stands for itself, inflated by zlib. */
function contentOf(message: SentMessage): Uint8Array | undefined {
  if (!message.compressed) return payloadOf(message);
  const inflated = zlibInflated(payloadOf(message));
  return inflated && new Uint8Array(inflated);
}

/** Room for many fragments, which otherwise wait for the peer. */
const WIDE = { memory: { capacity: 1 << 22 } };
const json = (index: number): string => textOf(tradesJson(index, 110));

for (const role of ROLES) {
  const other = role === "server" ? "client" : "server";

  describe(`sending with compression, as ${role}`, () => {
    it("6: RSV1 is set on a compressed message, and on its first frame only", async () => {
      const { connection, peer } = openCompressed({ role, ...WIDE });
      connection.send(json(1));
      connection.send(tradesJson(2, 500));
      await connection.send(new Source(tradesJson(3, 100_000), tradesJson(4, 100_000)).end());
      await settle();
      const messages = messagesOf(peer.frames);
      assert.deepEqual(messages.map(({ compressed, type }) => [compressed, type]), [
        [true, "text"],
        [true, "binary"],
        [true, "binary"],
      ]);
      const { frames } = messages[2];
      assert.ok(frames.length > 1);
      assert.ok(frames.every(({ first }, i) => (first & 0x70) === (i === 0 ? 0x40 : 0)));
    });

    it("7.2.1: what is sent without context takeover inflates by itself", async () => {
      const { connection, peer } = openCompressed({
        role,
        agreement: FORGETFUL,
        threshold: 0,
        ...WIDE,
      });
      const contents = [tradesJson(1, 300), tradesJson(1, 300), new Uint8Array(0), bytesOf("x")];
      for (const content of contents) connection.send(content);
      await connection.send(new Source(tradesJson(1, 70_000), tradesJson(2, 50)).end());
      await settle();
      contents.push(join(tradesJson(1, 70_000), tradesJson(2, 50)));
      const messages = messagesOf(peer.frames);
      assert.deepEqual(messages.map(contentOf), contents.map((each) => new Uint8Array(each)));
      assert.ok(messages.every(({ compressed }) => compressed));
    });

    it("7.2.3.6: a message of nothing is one byte, 00", async () => {
      const { connection, peer } = openCompressed({ role, threshold: 0 });
      connection.send("");
      await connection.send(new Source(new Uint8Array(0)).end());
      await settle();
      const frames = peer.frames.map(({ first, payload }) => [first, ...payload]);
      assert.deepEqual(frames, [[0xc1, 0], [0xc2, 0]]);
    });

    it("7.1.1: a message is smaller by what was sent before it, unless this end takes nothing over", async () => {
      const sizes = async (agreement: typeof PLAIN): Promise<number[]> => {
        const { connection, peer } = openCompressed({ role, agreement, threshold: 0 });
        for (let at = 0; at < 3; at++) connection.send(json(1));
        await settle();
        return messagesOf(peer.frames).map((each) => payloadOf(each).length);
      };
      const [first, second, third] = await sizes(PLAIN);
      assert.ok(second < first / 5 && third < first / 5);
      assert.deepEqual(await sizes(FORGETFUL), [first, first, first]);
      // What the other end may do is no concern of this one's.
      const theirs = { ...PLAIN, [`${other}NoContextTakeover`]: true };
      assert.deepEqual(await sizes(theirs), [first, second, third]);
    });

    it("what is shorter than 64 bytes, or 256 without context takeover, is sent as it is", async () => {
      const cases = [
        { threshold: undefined, agreement: PLAIN, from: 64 },
        { threshold: undefined, agreement: FORGETFUL, from: 256 },
        { threshold: 300, agreement: PLAIN, from: 300 },
        { threshold: 10, agreement: FORGETFUL, from: 10 },
      ];
      for (const { from, ...options } of cases) {
        const { connection, peer } = openCompressed({ role, ...options });
        connection.send("a".repeat(from - 1));
        connection.send("a".repeat(from));
        // It counts what is sent: these have three bytes each.
        connection.send("€".repeat(Math.floor((from - 1) / 3)));
        connection.send("€".repeat(Math.ceil(from / 3)));
        await settle();
        const compressed = messagesOf(peer.frames).map((each) => each.compressed);
        assert.deepEqual(compressed, [false, true, false, true], `${from}`);
      }
    });

    it("a threshold of Infinity compresses nothing, and still takes what is compressed", async () => {
      const { connection, peer } = openCompressed({ role, threshold: Infinity, ...WIDE });
      connection.send(tradesJson(1, 10_000));
      await connection.send(new Source(tradesJson(1, 10_000)).end());
      peer.write(peer.frame(WHOLE_BINARY, HELLO));
      assert.deepEqual(await connection.receive(), bytesOf("Hello"));
      assert.ok(messagesOf(peer.frames).every(({ compressed }) => !compressed));
      assert.equal(connection.stats.compression?.sentDecoded, 0);
    });

    it("{ compress: false } sends a message as it is, whole, streamed, or behind one under way", async () => {
      const { connection, peer } = openCompressed({ role, ...WIDE });
      const secret = tradesJson(1, 200);
      const source = new Source(tradesJson(2, 200));
      connection.send(secret, { compress: false });
      connection.send(secret.buffer, { compress: false });
      await connection.send(new Source(secret).end(), { compress: false });
      await connection.send(new Blob([new Uint8Array(secret)]), { compress: false });
      const streamed = connection.send(source);
      connection.send(secret, { compress: false });
      connection.send(secret);
      connection.send(secret, { compress: true });
      source.end();
      await streamed;
      await settle();
      const messages = messagesOf(peer.frames);
      const compressed = messages.map((each) => each.compressed);
      assert.deepEqual(compressed, [false, false, false, false, true, false, true, true]);
      for (const each of messages.filter((each) => !each.compressed)) {
        assert.deepEqual(payloadOf(each), new Uint8Array(secret));
      }
      // What was kept out is in no window either: the first that is compressed is as large as alone.
      const alone = openCompressed({ role });
      alone.connection.send(tradesJson(2, 200));
      alone.connection.send(secret);
      await settle();
      const sizes = messagesOf(alone.peer.frames).map((each) => payloadOf(each).length);
      assert.equal(payloadOf(messages[6]).length, sizes[1]);
    });

    it("a streamed message is compressed as it streams: what can be sent is, before its end", async () => {
      const { connection, peer } = openCompressed({ role, ...WIDE });
      const parts = [1, 2, 3, 4].map((seed) => randomBytes(65_536, seed, 20));
      const source = new Source(parts[0], parts[1]);
      const sent = connection.send(source, { type: "binary" });
      await settle();
      const early = messagesOf(peer.frames)[0].frames;
      const size = early.reduce((sum, { payload }) => sum + payload.length, 0);
      // 20 different bytes: about 4.4 bits each.
      assert.ok(size > 32_768 && early.every(({ first }) => (first & FIN) === 0), `${size}`);
      source.give(parts[2], parts[3]).end();
      await sent;
      await settle();
      const [message] = messagesOf(peer.frames);
      assert.deepEqual(contentOf(message), join(...parts));
      assert.ok(payloadOf(message).length < 0.65 * 4 * 65_536);
      assert.equal((message.frames.at(-1)?.first ?? 0) & FIN, FIN);
    });

    it("control frames between the fragments of a compressed message are not compressed", async () => {
      const { connection, peer } = openCompressed({ role, ...WIDE });
      const source = new Source(randomBytes(65_536, 1));
      const sent = connection.send(source);
      await settle();
      const pong = connection.ping();
      peer.write(
        peer.frame(0x89, "a ping that has more than sixty-four bytes, the threshold of the rest"),
      );
      await settle();
      const ping = peer.frames.find(({ opcode }) => opcode === 9);
      assert.deepEqual(ping?.first, 0x89);
      peer.write(peer.frame(0x8a, ping?.payload));
      await pong;
      source.give(tradesJson(1, 1000)).end();
      await sent;
      await settle();
      const firsts = peer.frames.map(({ first }) => first);
      assert.equal(firsts.filter((first) => (first & 8) !== 0).length, 2);
      assert.ok(firsts.every((first) => (first & 8) === 0 || first === 0x89 || first === 0x8a));
      const expected = join(randomBytes(65_536, 1), tradesJson(1, 1000));
      assert.deepEqual(contentOf(messagesOf(peer.frames)[0]), expected);
    });

    it("stats tell bytes before and after compression, of what was compressed", async () => {
      const { connection, peer } = openCompressed({ role, ...WIDE });
      const none = { receivedEncoded: 0, receivedDecoded: 0, sentDecoded: 0, sentEncoded: 0 };
      const { compression } = connection.stats;
      assert.deepEqual(compression, none);
      connection.send("short");
      connection.send(tradesJson(1, 500), { compress: false });
      peer.say("not compressed");
      await settle();
      assert.deepEqual(connection.stats.compression, none);
      connection.send(tradesJson(1, 500));
      await connection.send(new Source(tradesJson(2, 90_000)).end());
      peer.write(peer.frame(WHOLE_BINARY, HELLO), peer.frame(WHOLE_BINARY, HELLO));
      await settle();
      const size = messagesOf(peer.frames).filter((each) => each.compressed)
        .reduce((sum, each) => sum + payloadOf(each).length, 0);
      assert.deepEqual(connection.stats.compression, {
        receivedEncoded: 2 * HELLO.length,
        receivedDecoded: 10,
        sentDecoded: tradesJson(1, 500).length + tradesJson(2, 90_000).length,
        sentEncoded: size,
      });
      assert.deepEqual(compression, none, "a picture of a moment");
      assert.equal("compression" in open({ role }).connection.stats, false);
    });

    it("`bufferedAmount` counts what has been compressed, not what it was", async () => {
      const { connection } = openCompressed({
        role,
        memory: { capacity: 16 },
        sendHighWaterMark: 1000,
      });
      connection.send(new Uint8Array(64));
      await settle();
      assert.equal(connection.send(new Uint8Array(100_000)), true);
      assert.ok(connection.bufferedAmount < 1000);
      assert.equal(connection.send(randomBytes(2000, 1)), true);
      assert.ok(connection.bufferedAmount > 2000);
      assert.equal(connection.send(""), false);
    });

    it("threat 51: windows of 8 bits each way, against a zlib that is told 8 and uses 9", async () => {
      const agreement = {
        ...PLAIN,
        serverMaxWindowBits: 8,
        clientMaxWindowBits: 8,
        header: "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
      };
      const part = randomBytes(300, 1);
      const contents = [
        new Uint8Array(0),
        bytesOf("x"),
        part,
        part, // 300 back: in reach of 9 bits, and not of 8
        join(part, part, part.subarray(0, 200), part.subarray(0, 200)),
        ...Array.from({ length: 50 }, (_, i) => new Uint8Array(tradesJson(i, 110))),
        new Uint8Array(tradesJson(7, 65_536)),
      ];
      const packed = await zlibMessages(contents, { windowBits: 8 });
      const { connection, peer } = openCompressed({ role, agreement, threshold: 0, ...WIDE });
      for (const [at, content] of contents.entries()) {
        peer.write(peer.frame(WHOLE_BINARY, packed[at]));
        const received = await connection.receive();
        assert.deepEqual(received, content);
        connection.send(received);
      }
      await settle();
      const { receivedEncoded = 0, receivedDecoded = 0 } = connection.stats.compression ?? {};
      assert.ok(receivedEncoded < receivedDecoded / 2);
      const answers = messagesOf(peer.frames);
      assert.ok(payloadOf(answers[3]).length >= 300);
      assert.deepEqual(await inflatedByZlib(answers.map(payloadOf), 8), contents);
    });
  });
}

/** Messages that share a context, inflated by one zlib with this window. */
async function inflatedByZlib(
  payloads: readonly Uint8Array[],
  windowBits: number,
): Promise<Uint8Array[]> {
  const inflate = createInflateRaw({ windowBits });
  let gathered: Uint8Array[] = [];
  inflate.on("data", (piece: Uint8Array) => gathered.push(piece));
  const failed = new Promise<never>((_, reject) => inflate.once("error", reject));
  failed.catch(() => {});
  const all: Uint8Array[] = [];
  for (const payload of payloads) {
    gathered = [];
    const bytes = join(payload, bytesOf([0x00, 0x00, 0xff, 0xff]));
    const written = new Promise<void>((done) => inflate.write(bytes, () => done()));
    await Promise.race([written, failed]);
    await Promise.race([new Promise<void>((done) => inflate.flush(() => done())), failed]);
    all.push(join(...gathered));
  }
  inflate.close();
  return all;
}
