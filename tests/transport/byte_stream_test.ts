import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { TransportError } from "../../lib/errors.ts";
import { fromByteStreamPair } from "../../lib/transport/byte_stream.ts";
import { End, pattern, transportSuite } from "./suite.ts";

transportSuite({
  name: "byte streams",
  halfClose: true,
  open() {
    const there = new TransformStream<Uint8Array, Uint8Array>();
    const back = new TransformStream<Uint8Array, Uint8Array>();
    return Promise.resolve({
      client: fromByteStreamPair({ readable: back.readable, writable: there.writable }),
      server: fromByteStreamPair({ readable: there.readable, writable: back.writable }),
      dispose() {},
    });
  },
});

describe("a transport over byte streams", () => {
  it("writes a copy, whatever kind of Uint8Array it is given", async () => {
    const chunks: Uint8Array[] = [];
    const transport = fromByteStreamPair({
      readable: new ReadableStream(),
      writable: new WritableStream({ write: (chunk) => void chunks.push(chunk) }),
    });
    const given = [
      Uint8Array.of(1),
      Buffer.of(1),
      new Uint8Array(new SharedArrayBuffer(1)).fill(1),
    ];
    for (const bytes of given) {
      transport.write(bytes);
      bytes.fill(9);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(chunks.map((chunk) => [...chunk]), [[1], [1], [1]]);
    assert.ok(chunks.every(({ buffer }) => buffer instanceof ArrayBuffer));
    transport.close();
  });

  it("fails on a chunk whose memory is gone, in place of losing it", async () => {
    const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller): void {
        const chunk = new Uint8Array(3);
        structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
        controller.enqueue(chunk);
      },
    });
    const end = new End(fromByteStreamPair({ readable, writable: new WritableStream() })).start();
    await end.untilClosed();
    assert.match(String(end.error), /the memory of the data is gone/);
  });

  it("is not made of something else", () => {
    const { readable, writable } = new TransformStream();
    const wrong: [unknown, RegExp][] = [
      [undefined, /it must be an object with readable and writable, got undefined/],
      [null, /it must be an object .*got null/],
      [{ writable }, /readable must be a ReadableStream, got undefined/],
      [{ readable: writable, writable }, /readable must be a ReadableStream, got WritableStream/],
      [{ readable }, /writable must be a WritableStream, got undefined/],
    ];
    for (const [pair, message] of wrong) {
      assert.throws(() => fromByteStreamPair(pair as never), { name: "TypeError", message });
    }
    assert.equal(readable.locked || writable.locked, false);
  });

  it("fails with the readable's error as cause", async () => {
    const cause = new Error("the channel broke");
    const readable = new ReadableStream<Uint8Array>({
      start(controller): void {
        controller.enqueue(pattern(0, 3));
      },
      pull(controller): void {
        controller.error(cause);
      },
    });
    const end = new End(fromByteStreamPair({ readable, writable: new WritableStream() })).start();
    await end.untilClosed();
    assert.equal(end.received, 3);
    assert.ok(end.error instanceof TransportError);
    assert.equal(end.error.cause, cause);
    end.check();
  });

  it("fails with the writable's error as cause, and cancels the readable", async () => {
    const cause = new Error("the channel broke");
    let cancelled = false;
    const readable = new ReadableStream<Uint8Array>({
      cancel(): void {
        cancelled = true;
      },
    });
    const writable = new WritableStream<Uint8Array>({
      write(): void {
        throw cause;
      },
    });
    const end = new End(fromByteStreamPair({ readable, writable })).start();
    end.write(pattern(0, 3));
    await end.untilClosed();
    assert.ok(end.error instanceof TransportError);
    assert.equal(end.error.cause, cause);
    assert.equal(cancelled, true);
    end.check();
  });

  it("fails on a chunk that is no bytes", async () => {
    const readable = new ReadableStream<Uint8Array>({
      start(controller): void {
        controller.enqueue("text" as unknown as Uint8Array);
      },
    });
    const end = new End(fromByteStreamPair({ readable, writable: new WritableStream() })).start();
    await end.untilClosed();
    assert.match(String(end.error?.message), /a chunk is no Uint8Array$/);
    end.check();
  });

  it("closes after a while where closeWrite never settles", async () => {
    const writable = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
    const end = new End(fromByteStreamPair({ readable: new ReadableStream(), writable })).start();
    end.write(pattern(0, 3));
    end.endWrite();
    end.drop();
    await end.untilClosed();
    assert.equal(end.error, undefined);
    end.check();
  });

  it("knows the address it was given, and refuses locked streams", () => {
    const remoteAddress = { transport: "stream", hostname: "peer", port: 0 } as const;
    const readable = new ReadableStream<Uint8Array>();
    const writable = new WritableStream<Uint8Array>();
    const transport = fromByteStreamPair({ readable, writable, remoteAddress });
    assert.equal(transport.remoteAddress, remoteAddress);
    assert.throws(() => fromByteStreamPair({ readable, writable }), TypeError);
    transport.close();
  });
});
