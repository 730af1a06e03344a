import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type DecoderOwner, DecoderPool } from "../../lib/protocol/decoder_pool.ts";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { Halving } from "../message/toy_extension.ts";

/** The pool for options that are read anew, as each connection may do. */
const poolFor = (options: ConnectionOptions = {}, role: Role = "server"): DecoderPool =>
  DecoderPool.of(readConnectionOptions(options), { role });

const nobody = {} as DecoderOwner;

describe("the pools of decoders", () => {
  it("are found by the options' values: what one connection gave back another is lent", () => {
    const pool = poolFor();
    assert.equal(poolFor({ pingInterval: 1, sendTimeout: 2, maxBufferedAmount: 3 }), pool);
    const decoder = pool.acquire(nobody);
    pool.release(decoder);
    assert.equal(poolFor().acquire(nobody), decoder);
  });

  it("are others for each value that a decoder depends on, and for each role", () => {
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

  it("are forgotten when many others were asked for since, and serve on who has them", () => {
    const first = poolFor({ maxFragments: 1001 }), kept = poolFor({ maxFragments: 1002 });
    const decoder = first.acquire(nobody);
    for (let other = 1; other <= 1000; other++) {
      poolFor({ maxMessageSize: other });
      assert.equal(poolFor({ maxFragments: 1002 }), kept); // it is asked for again and again
    }
    assert.notEqual(poolFor({ maxFragments: 1001 }), first);
    first.release(decoder);
    assert.equal(first.acquire(nobody), decoder);
  });
});
