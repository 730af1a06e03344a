import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fromByteStream } from "../../lib/client/from_byte_stream.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";

type Bytes = TransformStream<Uint8Array, Uint8Array>;

function pair(options: Partial<Parameters<typeof fromByteStream>[0]> = {}): {
  client: WebSocketConnection;
  server: WebSocketConnection;
} {
  const up: Bytes = new TransformStream(), down: Bytes = new TransformStream();
  return {
    client: fromByteStream({
      ...options,
      readable: down.readable,
      writable: up.writable,
      role: "client",
    }),
    server: fromByteStream({
      readable: up.readable,
      writable: down.writable,
      role: "server",
      websocket: { message: (connection, data) => void connection.send(data) },
    }),
  };
}

describe("fromByteStream", () => {
  it("makes an open connection of each end, with what was agreed", async () => {
    const { client, server } = pair({ protocol: "chat", url: "wss://example.com/h2" });
    assert.deepEqual([client.protocol, client.url, client.request], [
      "chat",
      "wss://example.com/h2",
      undefined,
    ]);
    for (let at = 0; at < 100; at++) client.send(`${at}`);
    for (let at = 0; at < 100; at++) assert.equal(await client.receive(), `${at}`);
    server.close({ closeCode: 1001 });
    const [here, there] = await Promise.all([client.closed, server.closed]);
    assert.deepEqual([here.closeCode, here.wasClean, there.wasClean], [1001, true, true]);
  });

  it("either end may close", async () => {
    const { client, server } = pair();
    client.close();
    const [here, there] = await Promise.all([client.closed, server.closed]);
    assert.deepEqual([here.wasClean, there.wasClean], [true, true]);
    assert.deepEqual([here.initiator, there.initiator], ["local", "remote"]);
  });

  it("checks its options before it locks the streams", () => {
    const up: Bytes = new TransformStream(), down: Bytes = new TransformStream();
    const streams = { readable: down.readable, writable: up.writable };
    assert.throws(
      () => fromByteStream({ ...streams, role: "client", maxFrameSize: -1 }),
      RangeError,
    );
    assert.equal(streams.readable.locked, false);
    assert.equal(streams.writable.locked, false);
  });
});
