import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fromByteStream } from "../../lib/client/from_byte_stream.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { accept } from "../../lib/server/accept.ts";
import { bytesOf, frame, join, textOf } from "../connection/support.ts";
import { REQUEST } from "./support.ts";

interface Duplex {
  /** For `accept`. */
  server: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> };
  writer: WritableStreamDefaultWriter<Uint8Array>;
  reader: ReadableStreamDefaultReader<Uint8Array>;
  down: TransformStream<Uint8Array, Uint8Array>;
  up: TransformStream<Uint8Array, Uint8Array>;
}

function duplex(): Duplex {
  const strategy = { highWaterMark: 64 };
  const up = new TransformStream<Uint8Array, Uint8Array>({}, strategy);
  const down = new TransformStream<Uint8Array, Uint8Array>({}, strategy);
  return {
    server: { readable: up.readable, writable: down.writable },
    writer: up.writable.getWriter(),
    reader: down.readable.getReader(),
    up,
    down,
  };
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return textOf(join(...chunks));
    chunks.push(value);
  }
}

describe("accept", () => {
  it("opens a connection on a byte stream; bytes behind the head are its first", async () => {
    const { server, writer, reader } = duplex();
    const accepting = accept(server);
    void writer.write(join(bytesOf(REQUEST), frame(0x81, "one", { masked: true })));
    const connection = await accepting;
    assert.match(textOf((await reader.read()).value ?? bytesOf("")), /^HTTP\/1.1 101 /);
    assert.equal(await connection.receive(), "one");
    connection.send("two");
    assert.equal(textOf((await reader.read()).value?.subarray(2) ?? bytesOf("")), "two");
    connection.terminate();
    await connection.closed;
    await Promise.allSettled([reader.closed, writer.closed]);
  });

  it("talks to fromByteStream, once the handshake is over, until both have closed", async () => {
    const { server, writer, reader, up, down } = duplex();
    const accepting = accept(server);
    await writer.write(bytesOf(REQUEST));
    const connection = await accepting;
    await reader.read();
    writer.releaseLock();
    reader.releaseLock();
    const client = fromByteStream({
      readable: down.readable,
      writable: up.writable,
      role: "client",
    });
    client.send("ping");
    assert.equal(await connection.receive(), "ping");
    connection.send("pong");
    assert.equal(await client.receive(), "pong");
    client.close({ closeCode: 3000, reason: "done" });
    const [here, there] = await Promise.all([connection.closed, client.closed]);
    assert.deepEqual([here.wasClean, here.received], [true, { closeCode: 3000, reason: "done" }]);
    assert.deepEqual([there.wasClean, there.received?.closeCode], [true, 3000]);
  });

  it("rejects with the HandshakeError once the peer has been told", async () => {
    const { server, writer, reader } = duplex();
    const accepting = assert.rejects(
      accept(server, { origins: ["https://a.example"] }),
      (error) => {
        assert.ok(error instanceof HandshakeError);
        return error.status === 403;
      },
    );
    await writer.write(
      bytesOf(REQUEST.replace("Upgrade: ", "Origin: https://b.example\r\nUpgrade: ")),
    );
    const answer = readAll(reader);
    await writer.close();
    assert.match(await answer, /^HTTP\/1.1 403 /);
    await accepting;
  });

  it("cancels the body of a refusal when the stream fails, and rejects", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
      cancel: () => void (cancelled = true),
    });
    const { server, writer, reader } = duplex();
    const refused = assert.rejects(
      accept(server, { handshake: () => new Response(body, { status: 401 }) }),
      (error) => error instanceof HandshakeError && error.status === 401,
    );
    await writer.write(bytesOf(REQUEST));
    assert.match(textOf((await reader.read()).value ?? bytesOf("")), /^HTTP\/1.1 401 /);
    for (let i = 0; i < 100; i++) assert.equal((await reader.read()).done, false);
    await reader.cancel();
    await refused;
    assert.equal(cancelled, true);
    writer.closed.catch(() => {});
  });

  it("rejects when the stream fails or ends first", async () => {
    const failing = duplex();
    const refused = assert.rejects(accept(failing.server), TransportError);
    void failing.writer.abort(new Error("broken")).catch(() => {});
    await refused;
    failing.reader.closed.catch(() => {});

    const ending = duplex();
    ending.reader.closed.catch(() => {});
    const ended = assert.rejects(accept(ending.server), { name: "AbortError" });
    await ending.writer.close();
    await ended;
  });

  it("rejects an unknown option, and leaves the streams alone", async () => {
    const { server } = duplex();
    await assert.rejects(accept(server, { maxMessageSize: -1 }), RangeError);
    await assert.rejects(accept(server, { protocols: ["a b"] }), TypeError);
    await assert.rejects(accept(server, { onError: 1 as unknown as () => void }), TypeError);
    assert.equal(server.readable.locked, false);
  });
});
