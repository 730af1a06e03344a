import { afterEach, describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { DataSink } from "../../lib/message/decoder.ts";
import { type PingReceiver, Protocol } from "../../lib/protocol/protocol.ts";
import { PerMessageDeflate } from "../../lib/deflate/extension.ts";
import { type LimitError, ProtocolError } from "../../lib/errors.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import type { MessageExtension } from "../../lib/message/extension.ts";
import type { MessageData, MessageType } from "../../lib/message/message.ts";
import { canSend, isReading } from "../../lib/protocol/closing.ts";
import { zlibMessage } from "../deflate/zlib.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { PLAIN } from "../connection/compression_support.ts";
import { isPattern, pattern } from "../connection/test_sources.ts";
import {
  BINARY,
  CLOSE,
  closePayload,
  frame,
  join,
  PING,
  readFrames,
  ROLES,
  TEXT,
  textOf,
} from "../connection/support.ts";

/** What a test may replace of it. */
type Sink = Required<DataSink> & PingReceiver;

interface Setup {
  protocol: Protocol;
  sink: Sink;
  log: string[];
  errors: (ProtocolError | LimitError)[];
  clock: VirtualClock;
  from(first: number, data?: string | Uint8Array | readonly number[]): Uint8Array;
  out(): string[];
}

/** What a test left in the memory that all outputs share would concern the tests after it. */
const made: Protocol[] = [];
afterEach(() => {
  for (const { output } of made.splice(0)) output.release();
});

function setUp(
  role: Role,
  options: ConnectionOptions = {},
  react?: (what: string) => void,
  extension?: MessageExtension,
): Setup {
  const log: string[] = [], errors: (ProtocolError | LimitError)[] = [];
  const clock = new VirtualClock();
  const tell = (what: string): void => {
    log.push(what);
    react?.(what);
  };
  const resolved = readConnectionOptions({ ...options, clock });
  const extensions = extension === undefined ? [] : [extension];
  const protocol = new Protocol({ role, extensions, options: resolved }, {
    onClosing(error): void {
      protocol.answer();
      if (error !== undefined) errors.push(error);
      tell(error === undefined ? "close" : `failed ${error.closeCode}`);
    },
  });
  const sink: Sink = {
    onMessage: (data: MessageData): void =>
      tell(`message ${typeof data === "string" ? data : `[${data}]`}`),
    onMessageStart: (type: MessageType, length?: number): void => tell(`start ${type} ${length}`),
    onMessageData: (piece: Uint8Array): void => tell(`data ${textOf(piece)}`),
    onMessageEnd: (): void => tell("end"),
    onPing: (payload: Uint8Array): void => tell(`ping ${textOf(payload)}`),
    onPong: (payload: Uint8Array): void => tell(`pong ${textOf(payload)}`),
  };
  protocol.start(sink, sink);
  made.push(protocol);
  return {
    protocol,
    sink,
    log,
    errors,
    clock,
    from: (first, data = "") => frame(first, data, { masked: role === "server" }),
    out: () =>
      readFrames(protocol.output.take()).map(({ first, payload }) =>
        `${first.toString(16)} ${
          first === 0x88 && payload.length > 0 ? payload[0] << 8 | payload[1] : textOf(payload)
        }`
      ),
  };
}

for (const role of ROLES) {
  describe(`the protocol of a ${role}`, () => {
    it("delivers messages, answers pings, passes pongs on", () => {
      const { protocol, from, log, out } = setUp(role);
      const bytes = join(from(0x81, "a"), from(0x89, "p"), from(0x82, [1, 2]), from(0x8a, "q"));
      assert.equal(protocol.receive(bytes), bytes.length);
      assert.deepEqual(log, ["message a", "ping p", "message [1,2]", "pong q"]);
      assert.deepEqual(out(), ["8a p"]);
    });

    it("encodes messages, pings and one Close, and answers pings behind it (5.5.1, 5.5.2)", () => {
      const { protocol, from, log, out } = setUp(role);
      protocol.encoder.message("text");
      protocol.encoder.message(new Uint8Array([65]));
      protocol.encoder.ping(new Uint8Array([66]));
      assert.ok(canSend(protocol.state));
      protocol.close({ closeCode: 1001, reason: "" });
      assert.ok(!canSend(protocol.state) && protocol.closedFirst && isReading(protocol.state));
      protocol.close({ closeCode: 1000, reason: "" });
      protocol.receive(from(0x80 | PING, "late"));
      assert.deepEqual(out(), ["81 text", "82 A", "89 B", "88 1001", "8a late"]);
      assert.deepEqual(log, ["ping late"]);
      assert.deepEqual(protocol.closeSent, { closeCode: 1001, reason: "" });
    });

    it("answers a Close with its code, once, and drops what follows (5.5.1)", () => {
      for (const [payload, code] of [[closePayload(4321, "why"), 4321], [[], 1005]] as const) {
        const { protocol, from, log, out } = setUp(role);
        const bytes = join(from(0x88, payload), from(0x81, "late"), from(0x88, payload));
        assert.equal(protocol.receive(bytes), bytes.length);
        assert.equal(protocol.receive(bytes), bytes.length);
        assert.deepEqual(log, ["close"]);
        assert.deepEqual(out(), [`88 ${code === 1005 ? "" : code}`]);
        assert.ok(!isReading(protocol.state) && !protocol.closedFirst);
        assert.equal(protocol.closeReceived?.closeCode, code);
      }
    });

    it("does not answer a Close that answers its own", () => {
      const { protocol, from, out } = setUp(role);
      protocol.close({ closeCode: 1000, reason: "" });
      protocol.receive(from(0x88, closePayload(1000)));
      assert.deepEqual(out(), ["88 1000"]);
      assert.ok(protocol.closedFirst && !isReading(protocol.state));
    });

    it("delivers what came before a violation, nothing after it, in one chunk or several", () => {
      const { protocol, from, log, errors, out } = setUp(role);
      const bytes = join(from(0x81, "good"), from(0x83, "bad"), from(0x81, "after"));
      assert.equal(protocol.receive(bytes), bytes.length);
      protocol.receive(from(0x81, "later"));
      protocol.receive(from(0x89, "later"));
      assert.deepEqual(log, ["message good", "failed 1002"]);
      assert.equal(errors[0].code, "RESERVED_OPCODE");
      assert.deepEqual(out(), ["88 1002"]);
    });

    it("sends no second Close for a violation, and reports the first error only", () => {
      const { protocol, from, log, out } = setUp(role);
      protocol.close({ closeCode: 1000, reason: "" });
      protocol.receive(from(0x83));
      assert.deepEqual(log, ["failed 1002"]);
      assert.deepEqual(out(), ["88 1000"]);
    });

    it("stops after the message at hand, and goes on from there", () => {
      const { protocol, from, log } = setUp(role, {}, (what) => {
        if (what === "message one") protocol.stopReading();
      });
      const first = from(0x81, "one"), bytes = join(first, from(0x81, "two"), from(0x89, "p"));
      assert.equal(protocol.receive(bytes), first.length);
      assert.deepEqual(log, ["message one"]);
      assert.equal(protocol.receive(bytes, first.length), bytes.length);
      assert.deepEqual(log, ["message one", "message two", "ping p"]);
    });

    it("stops within a message in pieces after 64 KiB at most, compressed or not, and goes on", () => {
      const content = pattern(1_000_000);
      const compressed = [0xc2, zlibMessage(content, { level: 9 })] as const;
      const stored = [0xc2, zlibMessage(content, { level: 0 })] as const;
      for (const [first, payload] of [[0x82, content], compressed, stored] as const) {
        for (const before of [0, 100_000, 150_000]) {
          const extension = new PerMessageDeflate({ role, agreement: PLAIN, level: 6 });
          let got = 0, mark = before, ends = 0;
          const { protocol, sink, from, log, out } = setUp(
            role,
            { messages: "stream" },
            undefined,
            extension,
          );
          sink.onMessageData = (piece: Uint8Array): void => {
            assert.ok(isPattern(piece, got));
            got += piece.length;
            if (got > mark) protocol.stopReading();
          };
          sink.onMessageEnd = (): void => void ends++;
          const bytes = join(from(first, payload), from(0x89, "p"));
          let at = 0, calls = 0;
          while (at < bytes.length) {
            const next = protocol.receive(bytes, at);
            assert.ok(next > at && got <= mark + 65_536, `${got - mark} past the mark`);
            at = next;
            calls++;
            assert.equal(ends, got === content.length ? 1 : 0);
            mark = got + 100_000;
          }
          assert.ok(calls >= 6);
          assert.deepEqual(log.slice(1), ["ping p"]);
          assert.deepEqual(out(), ["8a p"]);
        }
      }
    });

    it("stops within a message in pieces for good when it fails, and hands nothing more on", () => {
      const extension = new PerMessageDeflate({ role, agreement: PLAIN, level: 6 });
      const { protocol, sink, from, log, out } = setUp(
        role,
        { messages: "stream" },
        undefined,
        extension,
      );
      const why = new ProtocolError("TRUNCATED", "Cannot go on");
      let pieces = 0;
      sink.onMessageData = (): void => {
        pieces++;
        protocol.fail(why);
      };
      const bytes = from(0xc2, zlibMessage(new Uint8Array(1 << 20)));
      assert.equal(protocol.receive(bytes), bytes.length);
      assert.equal(protocol.receive(bytes), bytes.length);
      assert.equal(pieces, 1);
      assert.deepEqual(log, ["start binary undefined"]);
      assert.deepEqual(out(), ["88 1002"]);
    });

    it("closes with 1007 for bad text, 1009 for size, 1008 for fragments", () => {
      const cases: [ConnectionOptions, number, (from: Setup["from"]) => Uint8Array, string][] = [
        [{}, 1007, (from) => from(0x81, [0xff]), "INVALID_UTF8"],
        [{}, 1007, (from) => from(0x88, [3, 232, 0xff]), "CLOSE_REASON_UTF8"],
        [{}, 1002, (from) => from(0x88, [3]), "CLOSE_PAYLOAD_LENGTH"],
        [{}, 1002, (from) => from(0x88, closePayload(1005)), "CLOSE_CODE_INVALID"],
        [{ maxMessageSize: 3 }, 1009, (from) => from(0x82, [1, 2, 3, 4]), "LIMIT_EXCEEDED"],
        [{ maxFrameSize: 3 }, 1009, (from) => from(0x82, [1, 2, 3, 4]), "LIMIT_EXCEEDED"],
        [
          { maxFragments: 1 },
          1008,
          (from) => join(from(BINARY, [1]), from(0x80, [2])),
          "LIMIT_EXCEEDED",
        ],
      ];
      for (const [options, code, bytes, name] of cases) {
        const { protocol, from, errors, log, out } = setUp(role, options);
        protocol.receive(bytes(from));
        assert.deepEqual(log, [`failed ${code}`]);
        assert.equal(errors[0].code, name);
        assert.deepEqual(out(), [`88 ${code}`]);
      }
    });

    it("answers maxPingsPerSecond pings, and closes with 1008 for one more", () => {
      const { protocol, from, errors, clock, out } = setUp(role, { maxPingsPerSecond: 3 });
      const three = join(...[1, 2, 3].map(() => from(0x89)));
      protocol.receive(three);
      clock.advance(999);
      assert.equal(out().length, 3);
      clock.advance(1);
      protocol.receive(three);
      assert.equal(errors.length, 0);
      protocol.receive(from(0x89));
      assert.deepEqual(
        errors.map((error) => [error.closeCode, (error as LimitError).option]),
        [[1008, "maxPingsPerSecond"]],
      );
      assert.deepEqual(out(), ["8a ", "8a ", "8a ", "88 1008"]);
    });

    it("pongs only the newest ping while the way out is blocked (5.5.3)", () => {
      const { protocol, from, log, out } = setUp(role);
      protocol.setBlocked(true);
      protocol.receive(join(...["a", "b", "c"].map((text) => from(0x89, text))));
      assert.equal(protocol.output.length, 0);
      assert.equal(log.length, 3);
      protocol.setBlocked(false);
      assert.deepEqual(out(), ["8a c"]);
      protocol.setBlocked(true);
      protocol.setBlocked(false);
      assert.equal(protocol.output.length, 0);
    });

    it("an owed pong has the ping's payload, whatever is done with what the sink was given", () => {
      const { protocol, sink, from, out } = setUp(role);
      sink.onPing = (payload: Uint8Array): void => void payload.fill(0x78);
      protocol.setBlocked(true);
      protocol.receive(from(0x89, "owed"));
      protocol.setBlocked(false);
      protocol.receive(from(0x89, "at once"));
      assert.deepEqual(out(), ["8a owed", "8a at once"]);
    });

    it("shares no decoder with another connection while a frame or message has not ended", () => {
      const one = setUp(role), two = setUp(role);
      const message = join(one.from(0x01, "ab"), one.from(0x80, "cd"));
      for (let at = 1; at < message.length; at++) {
        one.protocol.receive(message.subarray(0, at));
        two.protocol.receive(two.from(0x81, "other"));
        one.protocol.receive(message.subarray(at));
        assert.deepEqual([one.log.pop(), two.log.pop()], ["message abcd", "message other"]);
      }
      assert.deepEqual([one.errors, two.errors], [[], []]);
    });

    it("fails once", () => {
      const { protocol, log, out } = setUp(role);
      for (let at = 0; at < 2; at++) protocol.fail(new ProtocolError("TRUNCATED", `${at}`));
      assert.deepEqual(log, []);
      assert.deepEqual(out(), ["88 1002"]);
    });

    it("sends an owed pong behind its own Close, not once the peer's has come (5.5.2)", () => {
      for (const closes of [false, true]) {
        const { protocol, from, out } = setUp(role);
        protocol.setBlocked(true);
        protocol.receive(from(0x89, "a"));
        protocol.close({ closeCode: 1000, reason: "" });
        if (closes) protocol.receive(from(0x88, closePayload(1000)));
        protocol.setBlocked(false);
        assert.deepEqual(out(), ["88 1000", ...(closes ? [] : ["8a a"])]);
      }
    });

    it("sends what fits of an error's text as the reason, and masks as its role must", () => {
      const { protocol, from } = setUp(role);
      protocol.receive(from(TEXT, "begun"));
      protocol.receive(from(0x80 | TEXT, "again"));
      const [close] = readFrames(protocol.output.take());
      assert.equal(close.first, 0x80 | CLOSE);
      assert.equal(close.masked, role === "client");
      assert.ok(close.payload.length > 2 && close.payload.length <= 125);
      assert.match(textOf(close.payload.subarray(2)), /new message/);
    });

    it("lets what the sink throws through: it is no fault of the peer's", () => {
      const { protocol, from, log } = setUp(role, {}, () => {
        throw new TypeError("a bug");
      });
      assert.throws(() => protocol.receive(from(0x81, "a")), /a bug/);
      assert.deepEqual(log, ["message a"]);
    });
  });
}
