import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { DecoderPool } from "../../lib/protocol/decoder_pool.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { Halving } from "../message/toy_extension.ts";

/** The pool for options that are read anew, as each connection may do. */
const poolFor = (options: ConnectionOptions = {}, role: Role = "server"): DecoderPool =>
  DecoderPool.of(readConnectionOptions(options), { role });

const sink = { onMessage(): void {}, onPing(): void {}, onPong(): void {}, onClose(): void {} };

describe("the pools of decoders", () => {
  it("are found by the options' values: what one connection has released another acquires", () => {
    const pool = poolFor();
    assert.equal(poolFor({ pingInterval: 1, sendTimeout: 2, maxBufferedAmount: 3 }), pool);
    const decoder = pool.acquire(sink, sink);
    pool.release(decoder);
    assert.equal(poolFor().acquire(sink, sink), decoder);
  });

  it("differ for each value that a decoder depends on, and for each role", () => {
    const pools = [
      poolFor(),
      poolFor({}, "client"),
      poolFor({ messages: "stream" }),
      poolFor({ maxFrameSize: 1 }),
      poolFor({ maxMessageSize: 1 }),
      poolFor({ maxMessageSize: 1, maxFrameSize: 2 }),
      poolFor({ maxFragments: 1 }),
    ];
    assert.equal(new Set(pools).size, pools.length);
  });

  it("are each connection's own where an extension was agreed on", () => {
    const options = readConnectionOptions({});
    const end = { role: "server" as const, extension: new Halving() };
    assert.notEqual(DecoderPool.of(options, end), DecoderPool.of(options, end));
    assert.notEqual(DecoderPool.of(options, end), poolFor());
  });

  it("are dropped when many others were used since, and still serve connections that have them", () => {
    const first = poolFor({ maxFragments: 1001 }), kept = poolFor({ maxFragments: 1002 });
    const decoder = first.acquire(sink, sink);
    for (let other = 1; other <= 1000; other++) {
      poolFor({ maxMessageSize: other });
      assert.equal(poolFor({ maxFragments: 1002 }), kept); // it is asked for again and again
    }
    assert.notEqual(poolFor({ maxFragments: 1001 }), first);
    first.release(decoder);
    assert.equal(first.acquire(sink, sink), decoder);
  });
});
