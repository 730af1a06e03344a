/** How many frames of ours lie between a chunk and the handler, and between `send` and the socket. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import process from "node:process";
import { OutputBuffer } from "../../lib/codec.ts";
import { connect, type WebSocketConnection } from "../../mod.ts";
import { listen } from "../../lib/server/mod.ts";
import { ownRuntime } from "../support/runtimes.ts";

/** Returns our own frames of the stack, the innermost first. */
function ownFrames(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack.split("\n").filter((line) => /[\\/]lib[\\/]\w+[\\/]/.test(line))
    .map((line) => line.trim().replace(/^at (async )?/, "").replace(/\(.*[\\/](lib[\\/])/, "($1"));
}

const skip = ownRuntime === "node" ? false : "stacks are read on Node";

describe("the call chains", { skip }, () => {
  it("from a chunk to the handler are at most 9 frames", async () => {
    const called = Promise.withResolvers<string[]>();
    await using server = await listen({
      port: 0,
      websocket: { message: () => called.resolve(ownFrames()) },
    });
    await using connection = await connect(`ws://localhost:${server.address.port}`);
    connection.send("Hello");
    const frames = await called.promise;
    assert.ok(frames.length > 4 && frames.length <= 9, frames.join("\n"));
  });

  it("from send to the output buffer are at most 6 frames, for text and for bytes", async () => {
    const { reserve } = OutputBuffer.prototype;
    await using server = await listen({ port: 0, websocket: {} });
    await using connection: WebSocketConnection = await connect(
      `ws://localhost:${server.address.port}`,
    );
    for (const data of ["Hello", new Uint8Array(100)]) {
      let frames: string[] = [];
      OutputBuffer.prototype.reserve = function (size): number {
        frames = ownFrames();
        return reserve.call(this, size);
      };
      try {
        connection.send(data);
      } finally {
        OutputBuffer.prototype.reserve = reserve;
      }
      assert.ok(frames.length > 2 && frames.length <= 6, frames.join("\n"));
    }
  });

  it("from the flush to the socket's write are at most 3 frames", async () => {
    const { Socket } = process.getBuiltinModule("node:net");
    const { write } = Socket.prototype;
    await using server = await listen({ port: 0, websocket: {} });
    await using connection = await connect(`ws://localhost:${server.address.port}`);
    let frames: string[] = [];
    Socket.prototype.write = function (this: unknown, ...given: unknown[]): boolean {
      frames = ownFrames();
      return Reflect.apply(write, this, given) as boolean;
    } as typeof write;
    try {
      connection.send("Hello");
      for (let turn = 0; turn < 20 && frames.length === 0; turn++) await undefined;
    } finally {
      Socket.prototype.write = write;
    }
    const flush = frames.findIndex((frame) => /\bflush\b/.test(frame));
    assert.ok(flush >= 0 && flush + 1 <= 3, frames.join("\n"));
  });
});
