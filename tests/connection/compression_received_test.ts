/** What a connection makes of compressed messages, well formed or not. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { randomBytes, tradesJson } from "../deflate/corpus.ts";
import { zlibMessage } from "../deflate/zlib.ts";
import { withShortStrings } from "../message/short_strings.ts";
import {
  FIRST_BINARY,
  FIRST_TEXT,
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
import { bytesOf, join, open, pass, type Rig, ROLES, settle } from "./support.ts";

/** The connection fails with this code and no further message, and says so in a Close. */
async function failsWith(
  { connection, peer }: Rig,
  closeCode: number,
  kind: typeof ProtocolError | typeof LimitError,
): Promise<ProtocolError | LimitError> {
  await settle();
  assert.deepEqual(peer.closeCodes, [closeCode]);
  peer.say("not looked at");
  const late = assert.rejects(connection.receive(), { code: "CONNECTION_CLOSED" });
  await settle();
  peer.transport.close();
  await late;
  const { error } = await connection.closed;
  assert.ok(error instanceof kind, `${error}`);
  assert.equal(error.closeCode, closeCode);
  return error;
}

for (const role of ROLES) {
  describe(`receiving with compression, as ${role}`, () => {
    it("7.2.3.1, 7.2.3.2: the RFC's Hello, whole and in fragments, and again from its context", async () => {
      const { connection, peer } = openCompressed({ role, memory: { chunkSize: 1 } });
      peer.write(
        peer.frame(WHOLE_TEXT, HELLO),
        ...fragmentsOf(peer, FIRST_TEXT, bytesOf(HELLO), [3]),
        peer.frame(WHOLE_TEXT, HELLO_AGAIN),
        peer.frame(0x81, "as it is"),
        peer.frame(WHOLE_BINARY, HELLO_AGAIN),
      );
      for (const text of ["Hello", "Hello", "Hello", "as it is"]) {
        assert.equal(await connection.receive(), text);
      }
      assert.deepEqual(await connection.receive(), bytesOf("Hello"));
    });

    it("7.1.1: where no context is taken over, one from before cannot be reached: 1007", async () => {
      const rig = openCompressed({ role, agreement: FORGETFUL });
      rig.peer.write(
        rig.peer.frame(WHOLE_TEXT, HELLO),
        rig.peer.frame(WHOLE_TEXT, HELLO),
        rig.peer.frame(WHOLE_TEXT, HELLO_AGAIN),
      );
      for (let at = 0; at < 2; at++) assert.equal(await rig.connection.receive(), "Hello");
      const error = await failsWith(rig, 1007, ProtocolError);
      assert.equal(error.code, "EXTENSION_DATA");
    });

    it("a ping between fragments of a compressed message is answered at once, and disturbs nothing", async () => {
      const { connection, peer } = openCompressed({ role });
      const content = tradesJson(1, 3000);
      const [one, two, three] = fragmentsOf(peer, FIRST_BINARY, zlibMessage(content), [50, 200]);
      peer.write(one, peer.frame(0x89, "first"));
      await settle();
      assert.deepEqual(peer.said, ["10:first"]);
      peer.write(two, peer.frame(0x89, "second"), peer.frame(0x00), three);
      assert.deepEqual(await connection.receive(), new Uint8Array(content));
      assert.deepEqual(peer.said, ["10:first", "10:second"]);
    });

    it("threat 30: RSV1 where compression was not agreed on: 1002", async () => {
      for (const first of [WHOLE_TEXT, WHOLE_BINARY, FIRST_TEXT]) {
        const rig = open({ role });
        rig.peer.write(rig.peer.frame(0x81, "good"), rig.peer.frame(first, HELLO));
        assert.equal(await rig.connection.receive(), "good");
        const error = await failsWith(rig, 1002, ProtocolError);
        assert.equal(error.code, "RESERVED_BITS");
      }
    });

    it("threat 30: RSV1 on a continuation or a control frame, and RSV2 and 3 anywhere: 1002", async () => {
      const bad = [[0xc0], [0x40], [0xc9], [0xca], [0xc8], [0xa1], [0x91], [0xe1], [0xd1]];
      for (const [first] of bad) {
        for (const begun of [[], HELLO.slice(0, 3)]) {
          const rig = openCompressed({ role });
          if (begun.length > 0) rig.peer.write(rig.peer.frame(FIRST_TEXT, begun));
          rig.peer.write(rig.peer.frame(first, HELLO.slice(3)));
          const error = await failsWith(rig, 1002, ProtocolError);
          assert.equal(error.code, "RESERVED_BITS");
        }
      }
    });

    it("an orphan continuation right behind a compressed message: 1002, after the message", async () => {
      for (const orphan of [0x80, 0x00]) {
        const rig = openCompressed({ role });
        rig.peer.write(rig.peer.frame(WHOLE_TEXT, HELLO), rig.peer.frame(orphan, HELLO));
        assert.equal(await rig.connection.receive(), "Hello");
        const error = await failsWith(rig, 1002, ProtocolError);
        assert.equal(error.code, "CONTINUATION_UNEXPECTED");
      }
    });

    it("data that cannot be inflated: 1007, after the messages before it", async () => {
      const bad = [[0xff], [0x06], [0xf2, 0x48], [], [0x00, 0x01, 0x00, 0xff, 0xff]];
      for (const payload of bad) {
        for (const first of [WHOLE_TEXT, WHOLE_BINARY]) {
          const rig = openCompressed({ role });
          rig.peer.write(rig.peer.frame(WHOLE_TEXT, HELLO), rig.peer.frame(first, payload));
          assert.equal(await rig.connection.receive(), "Hello");
          const error = await failsWith(rig, 1007, ProtocolError);
          assert.equal(error.code, "EXTENSION_DATA");
        }
      }
    });

    it("text that is no UTF-8 once it is inflated: 1007, before its last fragment", async () => {
      const rig = openCompressed({ role });
      const content = join(bytesOf("fine, ".repeat(20)), bytesOf([0xff]), randomBytes(5000, 1));
      const payload = zlibMessage(content);
      rig.peer.write(fragmentsOf(rig.peer, FIRST_TEXT, payload, [2000])[0]);
      const error = await failsWith(rig, 1007, ProtocolError);
      assert.equal(error.code, "INVALID_UTF8");
    });

    it("threat 16: a limit passed only after inflation, in the second of three fragments: 1009", async () => {
      const content = join(randomBytes(100, 1), new Uint8Array(5000), randomBytes(100, 2));
      const payload = zlibMessage(content);
      for (const mode of ["whole", "stream"] as const) {
        const options = { role, maxMessageSize: 1000 };
        const rig = mode === "whole" ? openCompressed(options) : openCompressedStream(options);
        const [one, two] = fragmentsOf(rig.peer, FIRST_BINARY, payload, [105, payload.length - 90]);
        rig.peer.write(one);
        await settle();
        assert.deepEqual(rig.peer.frames, []);
        rig.peer.write(two);
        await settle();
        await pass(rig.clock, 1000);
        assert.deepEqual(rig.peer.closeCodes, [1009], mode);
        rig.peer.transport.close();
        const { error } = await rig.connection.closed;
        assert.ok(error instanceof LimitError && error.option === "maxMessageSize");
        assert.ok(error.limit === 1000 && error.actual > 1000);
      }
    });

    it("exactly the limit passes, one byte more does not, however little it shrinks", async () => {
      for (const content of [new Uint8Array(100_000), randomBytes(100_000, 1)]) {
        for (const level of [0, 1, 6]) {
          const payload = zlibMessage(content, { level });
          for (const offsets of [[], [99_990, 99_999]]) {
            const fits = openCompressed({ role, maxMessageSize: 100_000, memory: WIDE });
            fits.peer.write(...fragmentsOf(fits.peer, FIRST_BINARY, payload, offsets));
            assert.deepEqual(await fits.connection.receive(), new Uint8Array(content));
            const rig = openCompressed({ role, maxMessageSize: 99_999, memory: WIDE });
            rig.peer.write(...fragmentsOf(rig.peer, FIRST_BINARY, payload, offsets));
            const error = await failsWith(rig, 1009, LimitError);
            assert.ok(error instanceof LimitError && error.option === "maxMessageSize");
          }
        }
      }
    });

    it("text that the platform has no string for: 1009, whole, in fragments, compressed or not", async () => {
      const text = bytesOf("\u20ac".repeat(50)), payload = zlibMessage(text);
      await withShortStrings(140, "throws", async () => {
        for (let at = 0; at < 4; at++) {
          const rig = openCompressed({ role });
          const { peer } = rig;
          if (at === 0) peer.write(peer.frame(0x81, text));
          else if (at === 1) peer.write(...fragmentsOf(peer, 0x01, text, [70]));
          else if (at === 2) peer.write(peer.frame(WHOLE_TEXT, payload));
          else peer.write(...fragmentsOf(peer, FIRST_TEXT, payload, [3]));
          const error = await failsWith(rig, 1009, LimitError);
          assert.match(error.message, /cannot hold 150 bytes of text in one string/);
        }
        const { connection, peer } = openCompressedStream({ role });
        peer.write(peer.frame(WHOLE_TEXT, payload), peer.frame(0x82, [0xff]));
        await assert.rejects((await connection.receive()).text(), LimitError);
        await assert.rejects((await connection.receive()).text(), TypeError);
        connection.terminate();
      });
    });

    it("the largest limits there are can be set", async () => {
      for (const maxMessageSize of [Number.MAX_SAFE_INTEGER, Infinity]) {
        const { connection, peer } = openCompressed({ role, maxMessageSize });
        peer.write(peer.frame(WHOLE_TEXT, HELLO));
        assert.equal(await connection.receive(), "Hello");
      }
    });

    it("`maxFrameSize` is of the frame as it comes", async () => {
      const content = tradesJson(1, 5000), payload = zlibMessage(content);
      const fits = openCompressed({ role, maxFrameSize: payload.length });
      fits.peer.write(fits.peer.frame(WHOLE_BINARY, payload));
      assert.deepEqual(await fits.connection.receive(), new Uint8Array(content));
      const rig = openCompressed({ role, maxFrameSize: payload.length - 1 });
      rig.peer.write(rig.peer.frame(WHOLE_BINARY, payload));
      const error = await failsWith(rig, 1009, LimitError);
      assert.ok(error instanceof LimitError && error.option === "maxFrameSize");
    });

    it("threat 03: what inflates to more than a limit is not inflated further", async () => {
      const bomb = zlibMessage(new Uint8Array(16 << 20), { level: 9 });
      for (const offsets of [[], [100, 5000]]) {
        const rig = openCompressed({ role, maxMessageSize: 65_536 });
        rig.peer.write(...fragmentsOf(rig.peer, FIRST_BINARY, bomb, offsets));
        await failsWith(rig, 1009, LimitError);
        const { receivedDecoded = 0 } = rig.connection.stats.compression ?? {};
        assert.ok(receivedDecoded <= 65_536, `${receivedDecoded}`);
      }
    });

    it('with `messages: "stream"` a compressed message is read as it comes, its length not known', async () => {
      const { connection, peer } = openCompressedStream({ role });
      const content = tradesJson(1, 20_000), payload = zlibMessage(content);
      const parts = fragmentsOf(peer, FIRST_TEXT, payload, [payload.length >> 1]);
      peer.write(parts[0]);
      const message = await connection.receive();
      assert.deepEqual([message.type, message.announcedLength], ["text", undefined]);
      const reader = message.stream().getReader();
      let got = new Uint8Array(0);
      const read = async (): Promise<boolean> => {
        const { done, value } = await reader.read();
        if (!done) got = join(got, value);
        return done;
      };
      await read();
      assert.ok(got.length > 0, "before the rest has come");
      peer.write(parts[1], peer.frame(WHOLE_TEXT, zlibMessage(bytesOf("whole"))));
      while (!await read());
      assert.deepEqual(got, new Uint8Array(content));
      const whole = await connection.receive();
      assert.equal(whole.announcedLength, undefined);
      assert.equal(await whole.text(), "whole");
      peer.say("as it is");
      const plain = await connection.receive();
      assert.equal(plain.announcedLength, 8);
      assert.equal(await plain.text(), "as it is");
    });

    it('with `messages: "stream"` corrupt data fails what is being read, after what was good', async () => {
      const { connection, peer } = openCompressedStream({ role });
      peer.write(peer.frame(FIRST_TEXT, HELLO.slice(0, 6)));
      const message = await connection.receive();
      const reader = message.stream().getReader();
      const first = await reader.read();
      assert.ok(!first.done && first.value.length > 0);
      peer.write(peer.frame(0x80, [0xff, 0xff, 0xff, 0xff]));
      await settle();
      assert.deepEqual(peer.closeCodes, [1007]);
      peer.transport.close();
      await assert.rejects(async () => {
        while (!(await reader.read()).done);
      }, { code: "CONNECTION_CLOSED" });
      const { error } = await connection.closed;
      assert.ok(error instanceof ProtocolError && error.code === "EXTENSION_DATA");
    });

    it("reading stops at the high-water mark of what is inflated", async () => {
      const { connection, peer, transport } = openCompressed({
        role,
        receiveHighWaterMark: 50_000,
      });
      const payload = zlibMessage(new Uint8Array(40_000));
      const message = peer.frame(WHOLE_BINARY, payload);
      peer.write(message, message, message, message);
      await settle();
      assert.equal(transport.paused, true);
      const { receivedDecoded = 0 } = connection.stats.compression ?? {};
      assert.ok(receivedDecoded <= 120_000, `${receivedDecoded}`);
      for (let at = 0; at < 4; at++) {
        assert.equal((await connection.receive()).length, 40_000);
      }
    });

    it("terms hold for the right end: what this end may not do, the other may", async () => {
      const mine = { ...PLAIN, [`${role}NoContextTakeover`]: true, [`${role}MaxWindowBits`]: 8 };
      const half = randomBytes(600, 1);
      const { connection, peer } = openCompressed({ role, agreement: mine });
      peer.write(
        peer.frame(WHOLE_TEXT, HELLO),
        peer.frame(WHOLE_TEXT, HELLO_AGAIN),
        peer.frame(WHOLE_BINARY, zlibMessage(join(half, half))), // reaches back 600
      );
      assert.equal(await connection.receive(), "Hello");
      assert.equal(await connection.receive(), "Hello");
      assert.deepEqual(await connection.receive(), join(half, half));
    });
  });
}

const WIDE = { capacity: 1 << 20 };
