import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Frame } from "../../lib/frame/frame.ts";
import { FrameDecoderStream, FrameEncoderStream } from "../../lib/frame/streams.ts";
import type { Message } from "../../lib/message/message.ts";
import { MessageDecoderStream, MessageEncoderStream } from "../../lib/message/streams.ts";
import { hex } from "../frame/notation.ts";
import { binary, close, ping, pong, text } from "../frame/table.ts";
import { collect, streamOf } from "./decode.ts";

function decoded(frames: readonly Frame[], options = {}): ReadableStream<Message> {
  return streamOf(frames).pipeThrough(new MessageDecoderStream(options));
}

function framesOf(messages: readonly Message[], fragmentSize?: number): Promise<Frame[]> {
  return collect(streamOf(messages).pipeThrough(new MessageEncoderStream({ fragmentSize })));
}

describe("MessageDecoderStream", () => {
  it("delivers messages, and control frames where they stood between fragments", async () => {
    const frames: Frame[] = [
      { opcode: 1, fin: false, payload: hex("'Hel'") },
      { opcode: 9, payload: hex("01") },
      { opcode: 10, payload: hex("") },
      { opcode: 0, payload: hex("'lo'") },
      { opcode: 2, payload: hex("02") },
      { opcode: 8, payload: hex("03 e8 'Bye'") },
    ];
    const expected = [ping("01"), pong(""), text("Hello"), binary("02"), close(1000, "Bye")];
    assert.deepEqual(await collect(decoded(frames)), expected);
  });

  it("the messages before a violation come first, and then the error", async () => {
    const reader = decoded([
      { opcode: 1, payload: hex("'a'") },
      { opcode: 1, payload: hex("'b'") },
      { opcode: 0, payload: hex("'c'") },
      { opcode: 1, payload: hex("'d'") },
    ]).getReader();
    assert.deepEqual((await reader.read()).value, text("a"));
    assert.deepEqual((await reader.read()).value, text("b"));
    await assert.rejects(reader.read(), { code: "CONTINUATION_UNEXPECTED" });
  });

  it("frames that end inside a message are an error, after the good messages", async () => {
    const reader = decoded([
      { opcode: 1, payload: hex("'a'") },
      { opcode: 1, fin: false, payload: hex("'b'") },
    ]).getReader();
    assert.deepEqual((await reader.read()).value, text("a"));
    await assert.rejects(reader.read(), {
      code: "TRUNCATED",
      message: "Cannot decode message: the input ended inside it",
    });
  });

  it("5.5.1: after a Close nothing more comes, and an unfinished message is no error", async () => {
    const frames: Frame[] = [
      { opcode: 1, fin: false, payload: hex("'a'") },
      { opcode: 8, payload: hex("") },
      { opcode: 1, payload: hex("'b'") },
      { opcode: 2, fin: false, payload: hex("01") },
    ];
    assert.deepEqual(await collect(decoded(frames)), [close(1005)]);
  });

  it("frames that section 5 forbids, made by hand, are a TypeError", async () => {
    await assert.rejects(
      collect(decoded([{ opcode: 9, fin: false, payload: hex("") }])),
      TypeError,
    );
    const reserved = { opcode: 3, payload: hex("") } as unknown as Frame;
    await assert.rejects(collect(decoded([reserved])), TypeError);
  });

  it("limits hold", async () => {
    const frames: Frame[] = [{ opcode: 2, payload: hex("01x3") }];
    assert.deepEqual(await collect(decoded(frames, { maxMessageSize: 3 })), [binary("01x3")]);
    await assert.rejects(collect(decoded(frames, { maxMessageSize: 2 })), { name: "LimitError" });
    assert.throws(() => new MessageDecoderStream({ maxMessageSize: NaN }), RangeError);
    assert.throws(() => new MessageDecoderStream({ maxFragments: -1 }), RangeError);
  });

  it("a message does not share memory with its frame", async () => {
    const frame: Frame = { opcode: 2, payload: hex("01 02") };
    const [message] = await collect(decoded([frame]));
    frame.payload.fill(0);
    assert.deepEqual(message, binary("01 02"));
  });
});

describe("MessageEncoderStream", () => {
  it("returns one frame a message", async () => {
    const messages = [
      text("a\u20ac"),
      binary("01"),
      text(""),
      ping("02"),
      pong(""),
      close(1000, "Bye"),
      close(1005),
    ];
    assert.deepEqual(await framesOf(messages), [
      { fin: true, opcode: 1, payload: hex("61 e2 82 ac") },
      { fin: true, opcode: 2, payload: hex("01") },
      { fin: true, opcode: 1, payload: hex("") },
      { opcode: 9, payload: hex("02") },
      { opcode: 10, payload: hex("") },
      { opcode: 8, payload: hex("03 e8 'Bye'") },
      { opcode: 8, payload: hex("") },
    ]);
  });

  it("5.4: cuts longer messages into fragments of fragmentSize, and no others", async () => {
    const cutUp = async (message: Message): Promise<[number, boolean | undefined, number][]> => {
      const frames = await framesOf([message], 4);
      return frames.map(({ opcode, fin, payload }) => [opcode, fin, payload.length]);
    };
    assert.deepEqual(await cutUp(text("abc")), [[1, true, 3]]);
    assert.deepEqual(await cutUp(text("abcd")), [[1, true, 4]]);
    assert.deepEqual(await cutUp(text("abcde")), [[1, false, 4], [0, true, 1]]);
    assert.deepEqual(await cutUp(binary("01x12")), [[2, false, 4], [0, false, 4], [0, true, 4]]);
    assert.deepEqual(await cutUp(binary("")), [[2, true, 0]]);
    assert.deepEqual(await cutUp(ping("01x9")), [[9, undefined, 9]]);
  });

  it("what may not be sent errors it: long pings, unlawful codes, long reasons", async () => {
    await assert.rejects(framesOf([ping("01x126")]), RangeError);
    await assert.rejects(framesOf([{ type: "pong", data: 5 } as unknown as Message]), TypeError);
    await assert.rejects(framesOf([close(1006)]), RangeError);
    await assert.rejects(framesOf([close(1000, "a".repeat(124))]), RangeError);
  });

  it("fragmentSize is a whole number from 1", () => {
    for (const fragmentSize of [0, -1, 1.5, NaN]) {
      assert.throws(() => new MessageEncoderStream({ fragmentSize }), RangeError);
    }
    assert.throws(
      () => new MessageEncoderStream({ fragmentSize: "4" as unknown as number }),
      TypeError,
    );
  });

  it("through all four streams a message comes out as it went in", async () => {
    const messages = [
      text("\ufeffa\u20ac\u{1f600}".repeat(40)),
      binary("00x300"),
      ping("01"),
      text(""),
      close(4000, "x"),
    ];
    for (const [sender, role] of [["client", "server"], ["server", "client"]] as const) {
      for (const fragmentSize of [1, 7, 125, undefined]) {
        const out = streamOf(messages)
          .pipeThrough(new MessageEncoderStream({ fragmentSize }))
          .pipeThrough(new FrameEncoderStream({ role: sender }))
          .pipeThrough(new FrameDecoderStream({ role }))
          .pipeThrough(new MessageDecoderStream());
        assert.deepEqual(await collect(out), messages);
      }
    }
  });
});
