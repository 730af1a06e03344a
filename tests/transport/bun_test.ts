/** Bun's sockets as transports, over a socket of which the test says what it takes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import type { Transport } from "../../lib/link/transport.ts";
import { listenBun } from "../../lib/transport/bun.ts";
import type { BunLike, BunSocket, BunSocketHandler } from "../../lib/transport/bun_api.ts";

/** A transport over a socket that takes only part of each write. */
async function over(takes: number[]): Promise<{
  transport: Transport;
  taken: number[];
  drain(): void;
}> {
  const taken: number[] = [];
  let handler!: BunSocketHandler<unknown>, data: unknown;
  const bun = {
    listen(options: { socket: BunSocketHandler<unknown>; data: unknown }) {
      handler = options.socket;
      data = options.data;
      return { hostname: "127.0.0.1", port: 1, stop() {} };
    },
  } as unknown as BunLike;
  const connected = Promise.withResolvers<Transport>();
  await listenBun(bun, { port: 0 }, { onConnection: connected.resolve, onError: assert.fail });
  const socket = {
    data,
    write(bytes: Uint8Array): number {
      const size = Math.min(takes.shift() ?? Infinity, bytes.length);
      taken.push(...bytes.subarray(0, size));
      return size;
    },
    setNoDelay: () => true,
    pause() {},
    resume() {},
    terminate() {},
    close() {},
    shutdown() {},
  } as unknown as BunSocket<unknown>;
  handler.open(socket);
  const transport = await connected.promise;
  transport.start({ onData() {}, onDrain() {}, onEnd() {}, onClose() {} });
  return { transport, taken, drain: () => handler.drain(socket) };
}

describe("a transport over Bun's socket", () => {
  it("copies what the socket does not take, whatever kind of Uint8Array it is given", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([1, 2, 3]);
    for (const bytes of [Uint8Array.of(1, 2, 3), Buffer.of(1, 2, 3), shared]) {
      const { transport, taken, drain } = await over([1]);
      assert.equal(transport.write(bytes).more, false);
      bytes.fill(9);
      drain();
      assert.deepEqual(taken, [1, 2, 3], bytes.constructor.name);
    }
  });
});
