/** The frames and messages that an observer sees, beside a raw peer that knows what has passed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  observe,
  type ObservedFrame,
  type ObservedMessage,
  type Observer,
} from "../../lib/inspect/mod.ts";
import { pair, settle } from "../../lib/testing/mod.ts";
import { rawFrame, type RawFrameInit } from "../../lib/testing/raw_frame.ts";
import { fromWebSocket } from "../../mod.ts";
import { ROLES } from "../connection/support.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";
import { deflated, exchangeHttp2, openRaw } from "../support/raw_pair.ts";

const options = { timeout: 60_000 };
const CLOSE_1000 = Uint8Array.of(3, 232);

/** An observer that keeps what it sees: content as text or numbers. */
class Keeping implements Observer {
  readonly frames: ObservedFrame[] = [];
  readonly messages: (Omit<ObservedMessage, "data"> & { data: string | number[] })[] = [];
  readonly order: string[] = [];

  frame(event: ObservedFrame): void {
    this.frames.push(event);
    this.order.push(`${event.direction} frame ${event.opcode}`);
  }

  message(event: ObservedMessage): void {
    const { data } = event;
    this.messages.push({ ...event, data: typeof data === "string" ? data : [...data] });
    this.order.push(`${event.direction} message`);
  }
}

/** What an event says of the frame as such. */
function facts({ connection: _, time: __, payload, ...rest }: ObservedFrame): unknown {
  return { ...rest, payload: payload && [...payload] };
}

/** The same of a frame that the peer has sent. */
function sentByPeer(
  frame: RawFrameInit,
  of: { masked: boolean; message?: number; fragment?: number; decodedSize?: number },
): unknown {
  const { fin = true, rsv = 0, payload = "" } = frame, isText = typeof payload === "string";
  const { opcode = isText ? 1 : 2 } = frame, isControl = opcode >= 8;
  const bytes = isText ? new TextEncoder().encode(payload) : payload;
  return {
    direction: "received",
    opcode,
    fin,
    rsv,
    masked: of.masked,
    headerSize: rawFrame(frame, of.masked).length - bytes.length,
    payloadSize: bytes.length,
    decodedSize: of.decodedSize ?? bytes.length,
    message: of.message,
    fragment: of.fragment,
    payload: isControl ? [...bytes] : undefined,
    closeCode: opcode === 8 ? bytes[0] << 8 | bytes[1] : undefined,
    initiator: opcode === 8 ? "remote" : undefined,
  };
}

for (const role of ROLES) {
  const masked = role === "server";

  describe(`the frames that are received, as ${role}`, () => {
    for (const chunkSize of [Infinity, 1]) {
      for (const messages of ["whole", "stream"] as const) {
        const how = `${chunkSize === 1 ? "split everywhere" : "in one chunk"}, ${messages}`;
        it(`every field is that of the wire: ${how}`, options, async () => {
          const { connection, peer } = await openRaw(role, { chunkSize, messages });
          connection.discard();
          const seen = new Keeping();
          using _observation = observe(connection, seen);
          const script: [RawFrameInit, { message?: number; fragment?: number }][] = [
            [{ payload: "" }, { message: 1, fragment: 1 }],
            [{ payload: new Uint8Array(126) }, { message: 2, fragment: 1 }],
            [{ payload: "a", fin: false }, { message: 3, fragment: 1 }],
            [{ opcode: 9, payload: "ping" }, {}],
            [{ opcode: 0, payload: "", fin: false }, { message: 3, fragment: 2 }],
            [{ opcode: 0, payload: "b" }, { message: 3, fragment: 3 }],
            [{ opcode: 10, payload: "" }, {}],
            [{ payload: "x".repeat(chunkSize === 1 ? 300 : 70_000) }, { message: 4, fragment: 1 }],
            [{ opcode: 8, payload: CLOSE_1000 }, {}],
          ];
          for (const [frame] of script) peer.send(frame);
          await settle();
          const received = seen.frames.filter(({ direction }) => direction === "received");
          assert.deepEqual(
            received.map(facts),
            script.map(([frame, of]) => sentByPeer(frame, { masked, ...of })),
          );
          const kept = seen.messages.filter(({ direction }) => direction === "received");
          assert.deepEqual(
            kept.map(({ message, type, size, isComplete }) => [message, type, size, isComplete]),
            [
              [1, "text", 0, true],
              [2, "binary", 126, true],
              [3, "text", 2, true],
              [
                4,
                "text",
                chunkSize === 1 ? 300 : 70_000,
                chunkSize === 1 || messages === "whole",
              ],
            ],
          );
          assert.deepEqual(kept[2].data, "ab");
          connection.terminate();
        });
      }
    }

    for (const messages of ["whole", "stream"] as const) {
      it(`of compressed ones, the size before and after: ${messages}`, options, async () => {
        const { connection, peer } = await openRaw(role, { perMessageDeflate: true, messages });
        connection.discard();
        const seen = new Keeping();
        using _observation = observe(connection, seen);
        const text = "to be or not to be, ".repeat(100), payload = deflated(text);
        const whole: RawFrameInit = { payload, opcode: 1, rsv: 0x40 };
        const parts: RawFrameInit[] = [
          { payload: payload.subarray(0, 9), opcode: 1, rsv: 0x40, fin: false },
          { payload: payload.subarray(9), opcode: 0 },
        ];
        for (const frame of [whole, ...parts, { payload: "plain" }]) peer.send(frame);
        await settle();
        const of = { masked, message: 1, fragment: 1, decodedSize: text.length };
        if (messages === "stream") {
          // What is discarded is not inflated.
          assert.deepEqual(seen.frames.map(({ payloadSize }) => payloadSize), [
            payload.length,
            9,
            payload.length - 9,
            5,
          ]);
        } else {
          assert.deepEqual(facts(seen.frames[0]), sentByPeer(whole, of));
          const [, first, second, plain] = seen.frames;
          assert.equal(first.decodedSize! + second.decodedSize!, text.length);
          assert.deepEqual([first.rsv, second.rsv, first.fragment, second.fragment], [64, 0, 1, 2]);
          assert.deepEqual([plain.decodedSize, plain.message], [5, 3]);
          assert.deepEqual(seen.messages.map(({ data }) => data), [text, text, "plain"]);
        }
        connection.terminate();
      });
    }

    it(
      "one that breaks a rule of messages is shown, then the Close that names it",
      options,
      async () => {
        const { connection, peer } = await openRaw(role);
        connection.discard();
        const seen = new Keeping();
        using _observation = observe(connection, seen);
        peer.send({ payload: "good" });
        peer.send({ opcode: 0, payload: "continues nothing" });
        await settle();
        assert.deepEqual(seen.order, [
          "received frame 1",
          "received message",
          "received frame 0",
          "sent frame 8",
        ]);
        const close = seen.frames.at(-1)!;
        assert.deepEqual([close.closeCode, close.initiator], [1002, "local"]);
        connection.terminate();
      },
    );
  });

  describe(`the frames that are sent, as ${role}`, () => {
    for (const perMessageDeflate of [false, true]) {
      const how = perMessageDeflate ? "compressed" : "plain";
      it(`every field is that of the wire: ${how}`, options, async () => {
        const { connection, peer } = await openRaw(role, { perMessageDeflate });
        connection.discard();
        const seen = new Keeping();
        using _observation = observe(connection, seen);
        const texts = ["", "a", "b".repeat(200), "ü".repeat(40_000)];
        for (const text of texts) connection.send(text);
        connection.send(new Uint8Array(100_000));
        connection.send("as it is", { compress: false });
        await connection.send(ReadableStream.from(["one, ", "two"]), { type: "text" });
        void connection.ping().catch(() => {});
        peer.send({ opcode: 9, payload: "answer me" });
        await settle();
        connection.close(4001, "enough");
        await peer.drain();
        const sent = seen.frames.filter(({ direction }) => direction === "sent");
        const onWire = peer.frames.map(({ fin, rsv, opcode, mask, headerSize, payload }) => ({
          fin,
          rsv,
          opcode,
          masked: mask !== undefined,
          headerSize,
          payloadSize: payload.length,
          payload: opcode >= 8 ? [...payload] : undefined,
        }));
        assert.deepEqual(
          sent.map(({ fin, rsv, opcode, masked, headerSize, payloadSize, payload }) => ({
            fin,
            rsv,
            opcode,
            masked,
            headerSize,
            payloadSize,
            payload: payload && [...payload],
          })),
          onWire,
        );
        const data = sent.filter(({ opcode }) => opcode < 8);
        const sizes = [0, 1, 200, 80_000, 100_000, 8];
        assert.deepEqual(data.slice(0, 6).map(({ decodedSize }) => decodedSize), sizes);
        assert.equal(data.slice(6).reduce((sum, each) => sum + each.decodedSize!, 0), 8);
        assert.deepEqual(data.slice(0, 7).map(({ message }) => message), [1, 2, 3, 4, 5, 6, 7]);
        assert.deepEqual(
          data.slice(6).map(({ fragment }) => fragment),
          data.slice(6).map((_, at) => at + 1),
        );
        const close = sent.at(-1)!;
        assert.deepEqual([close.closeCode, close.initiator], [4001, "local"]);
        const messages = seen.messages.filter(({ direction }) => direction === "sent");
        assert.deepEqual(messages.map(({ message, size }) => [message, size]), [
          ...sizes.map((size, at) => [at + 1, size]),
          [7, 8],
        ]);
        assert.deepEqual([messages[3].data, messages[6].data], [texts[3], "one, two"]);
        connection.terminate();
      });
    }
  });
}

describe("the order in which they are shown", () => {
  it("what answers a message comes behind it, and a pong behind its ping", options, async () => {
    const { client, server } = pair({
      server: { websocket: { message: (own, data) => void own.send(`You said ${data}`) } },
    });
    const seen = new Keeping();
    using _observation = observe(server, seen);
    client.send("one");
    client.send("two");
    void client.ping().catch(() => {});
    client.discard();
    await settle();
    const exchange = ["received frame 1", "received message", "sent frame 1", "sent message"];
    assert.deepEqual(seen.order, [
      ...exchange,
      ...exchange,
      "received frame 9",
      "sent frame 10",
    ]);
    client.terminate();
  });

  it(
    "an observer that begins in a handler sees the next frame of the same chunk",
    options,
    async () => {
      const seen = new Keeping();
      const { client, server } = pair({
        server: {
          websocket: {
            message(own, data): void {
              if (data === "begin") observe(own, seen);
            },
          },
        },
      });
      for (const text of ["before", "begin", "first", "second"]) client.send(text);
      await settle();
      assert.deepEqual(seen.messages.map(({ data }) => data), ["first", "second"]);
      assert.equal(server.stats.messagesReceived, 4);
      client.terminate();
    },
  );

  it("one that begins in the middle of a message sees the rest of it", options, async () => {
    const { connection, peer } = await openRaw("server");
    connection.discard();
    peer.send({ payload: "a", fin: false });
    peer.send({ payload: "b".repeat(10), opcode: 0, fin: false, announced: 10 });
    await settle();
    const seen = new Keeping();
    using _observation = observe(connection, seen);
    peer.send({ payload: "c", opcode: 0 });
    peer.send({ payload: "next" });
    await settle();
    assert.deepEqual(
      seen.frames.map(({ opcode, message, fragment }) => [opcode, message, fragment]),
      [[0, 1, 1], [1, 2, 1]],
    );
    assert.deepEqual(seen.messages.map(({ data }) => data), [`a${"b".repeat(10)}c`, "next"]);
    connection.terminate();
  });
});

describe("an observer that acts within its handlers", () => {
  it("one that sends: what it sends is shown behind what it was called with", options, () => {
    const { client, server } = pair(), seen = new Keeping();
    server.discard();
    let sends = true;
    const frame = seen.frame.bind(seen);
    seen.frame = (event): void => {
      frame(event);
      if (sends) client.send("second");
      sends = false;
    };
    using _observation = observe(client, seen);
    client.send("first");
    assert.deepEqual(seen.messages.map(({ message, data }) => [message, data]), [
      [1, "first"],
      [2, "second"],
    ]);
    assert.deepEqual(seen.frames.map(({ message }) => message), [1, 2]);
    client.terminate();
  });

  it("one that is replaced by another: that one sees what comes next", options, () => {
    const { client, server } = pair(), seen = new Keeping();
    server.discard();
    let observation = observe(client, {
      frame(): void {
        observation.stop();
        observation = observe(client, seen);
      },
    });
    for (const text of ["a", "b", "c"]) client.send(text);
    assert.deepEqual(seen.frames.map(({ message }) => message), [1, 2]);
    assert.deepEqual(seen.messages.map(({ message, data }) => [message, data]), [[1, "b"], [
      2,
      "c",
    ]]);
    client.terminate();
  });
});

describe("an observer that begins in the middle", () => {
  it("of a frame: the message is counted, and the next has the next number", options, async () => {
    const { connection, peer } = await openRaw("server");
    connection.discard();
    const frame = rawFrame({ payload: new Uint8Array(100) }, true);
    peer.write(frame.subarray(0, 50));
    await settle();
    const seen = new Keeping();
    using _observation = observe(connection, seen);
    peer.write(frame.subarray(50));
    peer.send({ payload: "next" });
    await settle();
    assert.deepEqual(seen.messages.map(({ message }) => message), [1, 2]);
    assert.deepEqual(seen.frames.map(({ message }) => message), [2]);
    connection.terminate();
  });

  it("of a compressed message: its sizes before compression are not known", options, async () => {
    const { connection, peer } = await openRaw("server", { perMessageDeflate: true });
    connection.discard();
    const payload = deflated("to be or not to be, ".repeat(100));
    peer.send({ payload: payload.subarray(0, 9), opcode: 1, rsv: 0x40, fin: false });
    await settle();
    const seen = new Keeping();
    using _observation = observe(connection, seen);
    peer.send({ payload: payload.subarray(9), opcode: 0 });
    peer.send({ payload: "plain" });
    await settle();
    assert.deepEqual(seen.frames.map(({ decodedSize }) => decodedSize), [undefined, 5]);
    connection.terminate();
  });

  it("of closing: who began is known", options, async () => {
    for (const initiator of ["local", "remote"] as const) {
      const { client, server } = pair(), seen = new Keeping();
      client.discard();
      if (initiator === "local") client.close(4000);
      else {
        client.pause();
        server.close(4000);
        await settle();
        client.resume();
      }
      using _observation = observe(client, seen);
      await client.closed;
      assert.deepEqual(
        seen.frames.map((frame) => frame.initiator),
        seen.frames.map(() => initiator),
      );
      assert.ok(seen.frames.length > 0);
    }
  });
});

describe("a tap", () => {
  for (const role of ROLES) {
    it(`changes no byte on the wire, as ${role}`, options, async () => {
      const wire = async (isObserved: boolean): Promise<unknown> => {
        const { connection, peer } = await openRaw(role, {
          perMessageDeflate: true,
          mask: () => 0x01020304,
        });
        connection.discard();
        using _observation = observe(connection, isObserved ? new Keeping() : {});
        for (let size = 0; size < 100_000; size = size * 3 + 1) {
          connection.send("x".repeat(size));
          connection.send(new Uint8Array(size), { compress: false });
          peer.send({ payload: "y".repeat(size % 1000) });
          peer.send({ payload: `${size}`, opcode: 9 });
        }
        await connection.send(ReadableStream.from(["one, ", "two"]), { type: "text" });
        await peer.drain();
        connection.close(4000, "done");
        await peer.drain();
        connection.terminate();
        return peer.frames;
      };
      assert.deepEqual(await wire(true), await wire(false));
    });
  }

  it("is gone with its last observer", options, async () => {
    const { client, server } = pair();
    server.discard();
    const one = new Keeping(), other = new Keeping();
    const first = observe(client, one), second = observe(client, other);
    client.send("both");
    first.stop();
    client.send("the second");
    second.stop();
    second.stop();
    client.send("none");
    assert.deepEqual(one.messages.map(({ data }) => data), ["both"]);
    assert.deepEqual(other.messages.map(({ data }) => data), ["both", "the second"]);
    client.terminate();
    await client.closed;
  });
});

describe("frames over HTTP/2", () => {
  it("are those of the stream", options, async () => {
    const seen = new Keeping();
    const frames: RawFrameInit[] = [
      { payload: "Hello" },
      { opcode: 9, payload: "?" },
      { opcode: 8, payload: CLOSE_1000 },
    ];
    const { answers } = await exchangeHttp2(frames, (connection) => void observe(connection, seen));
    const of = { message: 1, fragment: 1 };
    assert.deepEqual(
      seen.frames.filter(({ direction }) => direction === "received").map(facts),
      frames.map((frame, at) => sentByPeer(frame, { masked: true, ...at === 0 && of })),
    );
    assert.deepEqual(
      seen.frames.filter(({ direction }) => direction === "sent").map(
        ({ opcode, headerSize, payloadSize }) => [opcode, headerSize, payloadSize],
      ),
      answers.map(({ opcode, headerSize, payload }) => [opcode, headerSize, payload.length]),
    );
  });
});

describe("a platform's WebSocket", () => {
  it("shows messages, and no frames", options, async () => {
    const socket = new FakeWebSocket(), seen = new Keeping();
    const connection = await fromWebSocket(socket);
    connection.discard();
    using _observation = observe(connection, seen);
    connection.send("out");
    socket.says("in", Uint8Array.of(1, 2).buffer);
    assert.deepEqual(seen.order, ["sent message", "received message", "received message"]);
    assert.deepEqual(seen.messages.map(({ data }) => data), ["out", "in", [1, 2]]);
    connection.terminate();
  });
});
