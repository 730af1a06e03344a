import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { TransportSink } from "../../lib/link/transport.ts";
import { TransportError } from "../../lib/errors.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { pattern, transportSuite } from "./suite.ts";

for (const copies of [false, true]) {
  transportSuite({
    name: copies ? "memory that copies" : "memory",
    halfClose: true,
    open: () => Promise.resolve({ ...memoryTransportPair({ copies }), dispose() {} }),
  });
}

transportSuite({
  name: "memory in odd chunks",
  halfClose: true,
  open: () =>
    Promise.resolve({
      ...memoryTransportPair({ chunkSize: 16_381, capacity: 40_009 }),
      dispose() {},
    }),
});

/** A sink that writes down what it hears. */
function recorder(events: string[], name: string): TransportSink {
  return {
    onData: (chunk) => events.push(`${name} data ${chunk.join(" ")}`),
    onDrain: () => events.push(`${name} drain`),
    onEnd: () => events.push(`${name} end`),
    onClose: (error) =>
      events.push(`${name} close${error instanceof TransportError ? ` ${error.code}` : ""}`),
  };
}

describe("memory transports turned by hand", () => {
  it("do nothing until they are stepped, and then one event at a time", () => {
    const events: string[] = [];
    const { client, server, step } = memoryTransportPair({ manual: true });
    client.start(recorder(events, "client"));
    server.start(recorder(events, "server"));
    client.write(Uint8Array.of(1, 2));
    client.write(Uint8Array.of(3));
    server.write(Uint8Array.of(9));
    client.closeWrite();
    assert.deepEqual(events, []);
    const seen: number[] = [];
    while (step()) seen.push(events.length);
    assert.deepEqual(events, [
      "server data 1 2",
      "client data 9",
      "server data 3",
      "server end",
    ]);
    assert.deepEqual(seen, [1, 2, 3, 4]);
    server.closeWrite();
    while (step());
    assert.deepEqual(events.slice(4), ["client end", "server close", "client close"]);
  });

  it("give the same events for the same calls", () => {
    const run = (): string[] => {
      const events: string[] = [];
      const pair = memoryTransportPair({ manual: true, capacity: 7, chunkSize: 3 });
      pair.client.start(recorder(events, "client"));
      pair.server.start(recorder(events, "server"));
      for (let i = 0; i < 5; i++) pair.client.write(pattern(i * 4, 4));
      pair.server.write(pattern(0, 20));
      pair.client.closeWrite();
      while (pair.step());
      pair.server.close();
      while (pair.step());
      return events;
    };
    assert.deepEqual(run(), run());
    assert.ok(run().length > 10);
  });

  it("hold at most capacity, and drain once what was written is taken", () => {
    const events: string[] = [];
    const { client, server, step } = memoryTransportPair({ manual: true, capacity: 4 });
    client.start(recorder(events, "client"));
    server.start(recorder(events, "server"));
    assert.equal(client.write(Uint8Array.of(1, 2, 3)).more, true);
    assert.equal(client.bufferedAmount, 0);
    assert.equal(client.write(Uint8Array.of(4, 5, 6)).more, false);
    assert.equal(client.bufferedAmount, 2);
    while (step());
    assert.equal(client.bufferedAmount, 0);
    assert.deepEqual(events, [
      "server data 1 2 3",
      "server data 4",
      "client drain",
      "server data 5 6",
    ]);
    assert.equal(client.write(Uint8Array.of(7)).more, true);
  });

  it("use a delivered chunk's memory again, as sockets do", () => {
    const { client, server, step } = memoryTransportPair({ manual: true });
    let kept: Uint8Array = new Uint8Array(0);
    server.start({
      onData(chunk): void {
        assert.deepEqual([...chunk], [1, 2, 3]);
        kept = chunk;
      },
      onDrain() {},
      onEnd() {},
      onClose() {},
    });
    const written = Uint8Array.of(1, 2, 3);
    client.write(written);
    while (step());
    assert.notDeepEqual([...kept], [1, 2, 3]);
    assert.deepEqual([...written], [1, 2, 3]);
  });

  it("copy on write only where they say so", () => {
    for (const copies of [false, true]) {
      const events: string[] = [];
      const { client, server, step } = memoryTransportPair({ manual: true, copies });
      server.start(recorder(events, "server"));
      const bytes = Uint8Array.of(1);
      client.write(bytes);
      bytes[0] = 2;
      while (step());
      assert.deepEqual(events, [copies ? "server data 1" : "server data 2"]);
    }
  });

  it("reset a peer that writes to a closed end", () => {
    const events: string[] = [];
    const { client, server, step } = memoryTransportPair({ manual: true });
    client.start(recorder(events, "client"));
    server.start(recorder(events, "server"));
    server.closeWrite();
    server.close();
    while (step());
    assert.deepEqual(events, ["client end", "server close"]);
    client.write(Uint8Array.of(1));
    while (step());
    assert.deepEqual(events.slice(2), ["client close CONNECTION_RESET"]);
  });

  it("refuse a capacity or chunk size of nothing", () => {
    for (const size of [0, -1, 1.5, NaN]) {
      assert.throws(() => memoryTransportPair({ capacity: size }), RangeError);
      assert.throws(() => memoryTransportPair({ chunkSize: size }), RangeError);
    }
  });
});
