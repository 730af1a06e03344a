import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PerMessageDeflate } from "../../lib/deflate/extension.ts";
import type { DeflateAgreement } from "../../lib/deflate/negotiation.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { Message } from "../../lib/message/message.ts";
import { framesBytes, hex, join } from "../frame/notation.ts";
import { ping, text } from "../frame/table.ts";
import { fuzzRuns } from "../handshake/support.ts";
import { byteByByte, cut, throughCores } from "../message/decode.ts";
import { CORPUS, randomBytes, SEQUENCES, tradesJson } from "./corpus.ts";
import { closeCodeOf } from "./decode.ts";

const PLAIN: DeflateAgreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  header: "permessage-deflate",
};
const ROLES: readonly Role[] = ["server", "client"];
const other = (role: Role): Role => role === "server" ? "client" : "server";

function make(
  role: Role,
  agreement: Partial<DeflateAgreement> = {},
  rest: { level?: number; threshold?: number } = {},
): PerMessageDeflate {
  return new PerMessageDeflate({
    role,
    agreement: { ...PLAIN, ...agreement },
    level: 6,
    threshold: 0,
    ...rest,
  });
}

/** What a message is encoded to. */
function encode(extension: PerMessageDeflate, pieces: readonly Uint8Array[]): Uint8Array {
  const given: Uint8Array[] = [];
  pieces.forEach((piece, i) =>
    extension.encode(piece, i === pieces.length - 1, (bytes) => void given.push(bytes.slice()))
  );
  return join(given);
}

/** What a message is decoded to. */
function decode(extension: PerMessageDeflate, pieces: readonly Uint8Array[]): Uint8Array {
  const given: Uint8Array[] = [];
  pieces.forEach((piece, i) =>
    extension.decode(
      piece,
      i === pieces.length - 1,
      Infinity,
      (bytes) => void given.push(bytes.slice()),
    )
  );
  return join(given);
}

const HELLO = hex("'Hello'");

describe("permessage-deflate", () => {
  it("7.2.3.1: Hello in one frame, and in two", () => {
    for (
      const frames of [["c1 07 | f2 48 cd c9 c9 07 00"], [
        "41 03 | f2 48 cd",
        "80 04 | c9 c9 07 00",
      ]]
    ) {
      for (const role of ROLES) {
        const bytes = framesBytes(frames, other(role));
        for (
          const chunks of [
            [bytes],
            byteByByte(bytes),
            ...[...bytes.keys()].map((at) => cut(bytes, [at])),
          ]
        ) {
          const extension = make(role);
          const { messages } = throughCores(chunks, { role, extension, allowedRsv: extension.rsv });
          assert.deepEqual(messages, [text("Hello")]);
        }
      }
    }
  });

  it("7.2.3.2: a context that is taken over, and one that is not", () => {
    for (const role of ROLES) {
      const side = other(role);
      const none = { [`${side}NoContextTakeover`]: true };
      const first = hex("f2 48 cd c9 c9 07 00"), second = hex("f2 00 11 00 00");
      const keeps = make(role);
      assert.deepEqual([decode(keeps, [first]), decode(keeps, [second])], [HELLO, HELLO]);
      // The other side's parameter changes nothing for this direction.
      const also = make(role, { [`${role}NoContextTakeover`]: true });
      assert.deepEqual([decode(also, [first]), decode(also, [second])], [HELLO, HELLO]);
      const forgets = make(role, none);
      assert.deepEqual([decode(forgets, [first]), decode(forgets, [first])], [HELLO, HELLO]);
      assert.equal(closeCodeOf(() => decode(forgets, [second])), 1007);
    }
  });

  it("7.1.1: what is sent without context takeover stands for itself", () => {
    const message = tradesJson(1, 300);
    for (const role of ROLES) {
      const keeps = make(role);
      const once = encode(keeps, [message]), again = encode(keeps, [message]);
      assert.ok(again.length * 4 < once.length, `${once.length}, then ${again.length}`);
      const forgets = make(role, { [`${role}NoContextTakeover`]: true });
      assert.deepEqual(encode(forgets, [message]), once);
      assert.deepEqual(encode(forgets, [message]), once);
      // The other side's parameter changes nothing for this direction.
      const also = make(role, { [`${other(role)}NoContextTakeover`]: true });
      assert.deepEqual([encode(also, [message]), encode(also, [message])], [once, again]);
    }
  });

  it("7.1.2: each side keeps to its own window", () => {
    const half = randomBytes(600, 1);
    const message = join([half, half]);
    for (const role of ROLES) {
      const small = make(role, { [`${role}MaxWindowBits`]: 9 });
      const large = make(role, { [`${other(role)}MaxWindowBits`]: 9 });
      assert.ok(encode(small, [message]).length > 1200);
      // And the inflater to the other's.
      const packed = encode(large, [message]);
      assert.ok(packed.length < 700);
      assert.equal(
        closeCodeOf(() => decode(make(role, { [`${other(role)}MaxWindowBits`]: 9 }), [packed])),
        1007,
      );
      assert.deepEqual(decode(make(role, { [`${role}MaxWindowBits`]: 9 }), [packed]), message);
    }
  });

  it("every sequence of messages comes back, from either role, with and without contexts", () => {
    for (const { name, messages } of SEQUENCES) {
      for (const role of ROLES) {
        for (const takeover of [true, false]) {
          const agreement = {
            serverNoContextTakeover: !takeover,
            clientNoContextTakeover: !takeover,
            serverMaxWindowBits: 11,
            clientMaxWindowBits: 13,
          };
          const sender = make(role, agreement), receiver = make(other(role), agreement);
          for (const message of messages) {
            const packed = encode(sender, [message]);
            assert.deepEqual(decode(receiver, [packed]), new Uint8Array(message), name);
          }
        }
      }
    }
  });

  it("a message is compressed as it streams, and comes back", () => {
    const message = tradesJson(1, 50_000);
    for (const noContext of [false, true]) {
      const agreement = { serverNoContextTakeover: noContext, clientNoContextTakeover: noContext };
      const sender = make("server", agreement), receiver = make("client", agreement);
      for (let round = 0; round < 2; round++) {
        const pieces = cut(message, [0, 1, 100, 20_000, 20_000, 49_999]);
        const packed = encode(sender, pieces);
        assert.ok(packed.length < message.length / 4);
        assert.deepEqual(decode(receiver, cut(packed, [3, 1000])), new Uint8Array(message));
      }
    }
  });

  it("what is shorter than the threshold is not wanted; by default 64 bytes, or 256 without context", () => {
    const agreement = { serverNoContextTakeover: true };
    const thresholds: [PerMessageDeflate, number][] = [
      [make("server", {}, { threshold: 1000 }), 1000],
      [make("server", {}, { threshold: undefined }), 64],
      [make("server", agreement, { threshold: undefined }), 256],
      [make("client", agreement, { threshold: undefined }), 64],
      [make("server", agreement, { threshold: 10 }), 10],
    ];
    for (const [extension, threshold] of thresholds) {
      assert.equal(extension.wants(threshold - 1), false);
      assert.equal(extension.wants(threshold), true);
      assert.equal(extension.wants(-1), true);
    }
    assert.equal(make("server").wants(0), true);
    const never = make("server", {}, { threshold: Infinity });
    assert.deepEqual([never.wants(1e9), never.wants(-1)], [false, false]);
  });

  it("each fragment can be inflated when it comes, with none of what follows", () => {
    for (const [level, takeover] of [[1, true], [6, false], [9, true]] as const) {
      const agreement = { serverNoContextTakeover: !takeover };
      const sender = make("server", agreement, { level }), receiver = make("client", agreement);
      const message = tradesJson(1, 3000);
      for (let again = 0; again < 2; again++) {
        let at = 0;
        for (const size of [1, 0, 20, 1000, message.length - 1021, 0]) {
          const part = message.subarray(at, at += size),
            final = at === message.length && size === 0;
          const coded: Uint8Array[] = [], plain: Uint8Array[] = [];
          sender.encode(part, final, (piece) => void coded.push(piece.slice()));
          receiver.decode(join(coded), final, Infinity, (piece) => void plain.push(piece.slice()));
          assert.deepEqual(join(plain), part.slice());
        }
      }
    }
  });

  it("a fragment that yields nothing makes no frame", () => {
    const extension = make("server"), receiver = make("client");
    const frames = new FrameEncoder({ role: "server" });
    const encoder = new MessageEncoder(frames, extension);
    encoder.begin("text");
    const parts = ["'H'", "'el'", "", "'l'", "'o'", ""].map((piece, i) => {
      encoder.fragment(hex(piece), i === 5);
      return frames.output.take();
    });
    assert.ok(parts.every(({ length }) => length !== 2));
    const wire = join(parts);
    assert.equal(wire[0] & 0x70, 0x40);
    const { messages } = throughCores([wire], {
      role: "client",
      extension: receiver,
      allowedRsv: 0x40,
    });
    assert.deepEqual(messages, [text("Hello")]);
  });

  it("it counts bytes before and after, each way", () => {
    const message = tradesJson(1, 1000);
    const sender = make("server"), receiver = make("client");
    let packed = 0;
    for (let i = 0; i < 3; i++) {
      const pieces = encode(sender, cut(message, [10]));
      packed += pieces.length;
      decode(receiver, cut(pieces, [1, 40]));
    }
    const size = 3 * message.length;
    assert.deepEqual(sender.bytes, {
      receivedEncoded: 0,
      receivedDecoded: 0,
      sentDecoded: size,
      sentEncoded: packed,
    });
    assert.deepEqual(receiver.bytes, {
      receivedEncoded: packed,
      receivedDecoded: size,
      sentDecoded: 0,
      sentEncoded: 0,
    });
  });

  it("contexts are made when they are needed", () => {
    const extension = make("server");
    assert.equal(extension.memory, 0);
    decode(extension, [hex("f2 48 cd c9 c9 07 00")]);
    assert.ok(extension.memory > 0 && extension.memory <= 1024);
    extension.release();
    assert.equal(extension.memory, 0);
  });

  it("without context takeover nothing is held between messages", () => {
    const agreement = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const extension = make("server", agreement);
    for (let i = 0; i < 3; i++) {
      const packed = encode(extension, [tradesJson(i, 2000)]);
      assert.equal(extension.memory, 0);
      extension.decode(packed.subarray(0, 50), false, Infinity, () => {});
      assert.ok(extension.memory > 0);
      extension.decode(packed.subarray(50), true, Infinity, () => {});
      assert.equal(extension.memory, 0);
    }
    // Ended half-way through a message, each way: what it held can be lent again.
    extension.decode(
      encode(extension, [tradesJson(0, 2000)]).subarray(0, 50),
      false,
      1e9,
      () => {},
    );
    extension.encode(tradesJson(0, 2000), false, () => {});
    extension.release();
    assert.equal(extension.memory, 0);
    const next = make("server", agreement);
    assert.deepEqual(decode(next, [encode(next, [HELLO])]), HELLO);
  });

  it("a context that fails, or whose connection ends while it works, is not used again", () => {
    const agreement = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const packed = encode(make("server", agreement), [tradesJson(1, 100_000)]);
    const one = make("client", agreement), two = make("client", agreement);
    let calls = 0;
    one.decode(packed, true, Infinity, () => {
      calls++;
      one.release();
      assert.deepEqual(decode(two, [hex("f2 48 cd c9 c9 07 00")]), HELLO);
    });
    assert.equal(calls, 1); // and nothing after the end
    assert.throws(() =>
      one.decode(packed, true, Infinity, () => {
        throw new RangeError("the sink's");
      }), RangeError);
    assert.equal(one.memory, 0);
    assert.deepEqual(decode(two, [packed]), new Uint8Array(tradesJson(1, 100_000)));
  });

  it("decoding stops where it is asked to, counts what it read, and goes on, with takeover or not", () => {
    const messages = [tradesJson(1, 100_000), tradesJson(2, 100_000)];
    for (const takeover of [true, false]) {
      const agreement = {
        serverNoContextTakeover: !takeover,
        clientNoContextTakeover: !takeover,
        serverMaxWindowBits: 10,
      };
      const sender = make("server", agreement), receiver = make("client", agreement);
      const packed = messages.map((message) => encode(sender, [message]));
      for (const [i, message] of messages.entries()) {
        const given: Uint8Array[] = [];
        const before = { ...receiver.bytes };
        let left = packed[i], stops = 0;
        for (;;) {
          const read = receiver.decode(left, true, Infinity, (piece) => {
            given.push(piece.slice());
            return false;
          });
          left = left.subarray(read);
          const { receivedEncoded, receivedDecoded } = receiver.bytes;
          assert.equal(receivedEncoded - before.receivedEncoded, packed[i].length - left.length);
          assert.equal(receivedDecoded - before.receivedDecoded, join(given).length);
          if (left.length === 0) break;
          stops++;
          // It is this connection's until its message ends.
          assert.ok(receiver.memory > 0);
          const other = make("client", agreement);
          assert.deepEqual(decode(other, [hex("f2 48 cd c9 c9 07 00")]), HELLO);
        }
        assert.ok(stops > 10);
        assert.deepEqual(join(given), new Uint8Array(message));
        assert.equal(receiver.memory > 0, takeover);
      }
    }
  });

  it("a context in which decoding stopped is reused empty when its connection has ended", () => {
    const agreement = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const packed = encode(make("server", agreement), [tradesJson(1, 100_000)]);
    for (let i = 0; i < 6; i++) {
      const ended = make("client", agreement);
      assert.ok(ended.decode(packed, true, Infinity, () => false) < packed.length);
      ended.release();
      assert.equal(ended.memory, 0);
      const next = make("client", agreement);
      assert.deepEqual(decode(next, [packed]), new Uint8Array(tradesJson(1, 100_000)));
    }
  });

  it("a thousand connections without takeover, half-way through a message, mix nothing", () => {
    const agreement = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const messages = Array.from({ length: 1000 }, (_, i) => tradesJson(i, 110 + i % 7 * 100));
    const packed = messages.map((message) => encode(make("server", agreement), [message]));
    const receivers = messages.map(() => make("client", agreement));
    const got: Uint8Array[][] = messages.map(() => []);
    for (let round = 0; round < 2; round++) {
      for (let at = 0; packed.some(({ length }) => at < length); at++) {
        for (const [i, bytes] of packed.entries()) {
          if (at >= bytes.length) continue;
          receivers[i].decode(
            bytes.subarray(at, at + 1),
            at === bytes.length - 1,
            Infinity,
            (piece) => void got[i].push(piece.slice()),
          );
        }
      }
      // Of the message before, or of anyone's, nothing can be reached.
      const match = hex("f2 00 11 00 00");
      for (const receiver of receivers.slice(0, 20)) {
        assert.equal(closeCodeOf(() => decode(receiver, [match])), 1007);
      }
    }
    messages.forEach((message, i) => {
      assert.deepEqual(join(got[i]), join([message, message]));
    });
  });

  it("a thousand senders without takeover, half-way through a message, mix nothing", () => {
    const agreement = { serverNoContextTakeover: true, clientNoContextTakeover: true };
    const messages = Array.from({ length: 1000 }, (_, i) => tradesJson(i, 110 + i % 5 * 100));
    const senders = messages.map(() => make("server", agreement));
    const packed: Uint8Array[][] = messages.map(() => []);
    for (let at = 0; messages.some(({ length }) => at < length); at += 50) {
      for (const [i, bytes] of messages.entries()) {
        if (at >= bytes.length) continue;
        senders[i].encode(
          bytes.subarray(at, at + 50),
          at + 50 >= bytes.length,
          (piece) => void packed[i].push(piece.slice()),
        );
      }
    }
    messages.forEach((message, i) => {
      assert.deepEqual(decode(make("client", agreement), packed[i]), new Uint8Array(message));
    });
  });

  it("messages through both codecs come back, compressed or not, with pings between", () => {
    const agreement = fc.record({
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: fc.integer({ min: 8, max: 15 }),
      clientMaxWindowBits: fc.integer({ min: 8, max: 15 }),
    });
    const parts = CORPUS.filter(({ bytes }) => bytes.length < 6000).map(({ bytes }) => bytes);
    const message = fc.record({
      bytes: fc.constantFrom(...parts),
      cuts: fc.array(fc.nat(6000), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...ROLES),
        agreement,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0, 64, Infinity),
        fc.array(message, { maxLength: 5 }),
        fc.array(fc.nat(20_000), { maxLength: 5 }),
        (role, agreed, level, threshold, messages, offsets) => {
          const sender = make(role, agreed, { level, threshold });
          const frames = new FrameEncoder({ role });
          const encoder = new MessageEncoder(frames, sender);
          const expected: Message[] = [];
          for (const { bytes, cuts } of messages) {
            const data = new Uint8Array(bytes);
            if (cuts.length === 0) encoder.message(data);
            else {
              encoder.begin("binary");
              const pieces = cut(data, cuts.map((at) => at % (data.length + 1)));
              pieces.forEach((piece, i) => {
                encoder.fragment(piece, i === pieces.length - 1);
                if (i === pieces.length - 1) return;
                encoder.ping(hex("01"));
                expected.push(ping("01"));
              });
            }
            expected.push({ type: "binary", data });
          }
          const wire = frames.output.take();
          const receiver = make(other(role), agreed);
          const outcome = throughCores(cut(wire, offsets.map((at) => at % (wire.length + 1))), {
            role: other(role),
            extension: receiver,
            allowedRsv: receiver.rsv,
          });
          assert.equal(outcome.error, undefined);
          assert.deepEqual(outcome.messages, expected);
        },
      ),
      { numRuns: Math.max(200, fuzzRuns() / 10) },
    );
  });
});
