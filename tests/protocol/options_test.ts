import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ConnectionOptions } from "../../lib/protocol/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";

const DEFAULTS = {
  maxMessageSize: 16 * 1024 * 1024,
  maxFrameSize: 16 * 1024 * 1024,
  maxFragments: 131_072,
  maxPingsPerSecond: 100,
  sendHighWaterMark: 64 * 1024,
  maxBufferedAmount: 16 * 1024 * 1024,
  sendTimeout: 30_000,
  receiveHighWaterMark: 1024 * 1024,
  maxReceiveBuffered: 16 * 1024 * 1024,
  closeTimeout: 10_000,
  pingInterval: 20_000,
  pingTimeout: 20_000,
};
const NAMES = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];

describe("connection options", () => {
  it("have the documented defaults", () => {
    const { mask: _mask, clock: _clock, ...read } = readConnectionOptions({});
    assert.deepEqual(read, { ...DEFAULTS, messages: "whole", perMessageDeflate: undefined });
  });

  it("are what was given", () => {
    const given = Object.fromEntries(NAMES.map((name, at) => [name, at + 1]));
    const clock = new VirtualClock();
    const mask = (): number => 7;
    const perMessageDeflate = {
      level: 1,
      threshold: 2,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 9,
    };
    const all = { ...given, messages: "stream" as const, perMessageDeflate, clock, mask };
    assert.deepEqual(readConnectionOptions(all), all);
  });

  it("of messages in pieces have no limit of size unless it is given", () => {
    const { maxMessageSize, maxFrameSize, maxFragments } = readConnectionOptions({
      messages: "stream",
    });
    assert.deepEqual([maxMessageSize, maxFrameSize, maxFragments], [Infinity, Infinity, Infinity]);
    const limited = readConnectionOptions({ messages: "stream", maxMessageSize: 5 });
    assert.deepEqual([limited.maxMessageSize, limited.maxFrameSize], [5, 5]);
    assert.throws(
      () => readConnectionOptions({ messages: "pieces" as "stream" }),
      { name: "TypeError", message: /messages must be "whole" or "stream"/ },
    );
  });

  it("maxFrameSize follows maxMessageSize", () => {
    assert.equal(readConnectionOptions({ maxMessageSize: 5 }).maxFrameSize, 5);
  });

  it("may be Infinity, each of them", () => {
    for (const name of NAMES) {
      assert.equal(readConnectionOptions({ [name]: Infinity })[name], Infinity, name);
    }
  });

  it("past 2 GiB are taken as they are", () => {
    for (const name of NAMES) {
      assert.equal(readConnectionOptions({ [name]: 2 ** 32 + 1 })[name], 2 ** 32 + 1, name);
    }
  });

  it("that are NaN, negative or fractional are a RangeError that names the option", () => {
    for (const name of NAMES) {
      for (const value of [NaN, -1, 0.5, -Infinity]) {
        assert.throws(
          () => readConnectionOptions({ [name]: value }),
          (error) => error instanceof RangeError && error.message.includes(name),
          `${name} ${value}`,
        );
      }
    }
  });

  it("that are no numbers are a TypeError that names the option", () => {
    for (const name of NAMES) {
      for (const value of ["1", null, 1n, {}]) {
        assert.throws(
          () => readConnectionOptions({ [name]: value } as unknown as ConnectionOptions),
          (error) => error instanceof TypeError && error.message.includes(name),
        );
      }
    }
  });

  it("a mask or a clock of another kind is a TypeError that says what it must be", () => {
    for (const mask of [{}, null, 7, "random"]) {
      assert.throws(() => readConnectionOptions({ mask } as unknown as ConnectionOptions), {
        name: "TypeError",
        message: /^Cannot read options: mask must be a function, got /,
      });
    }
    const half = { now: (): number => 0, setTimer: (): void => {} };
    for (const clock of [{}, null, 7, half, { ...half, clearTimer: 1 }, () => 0]) {
      assert.throws(() => readConnectionOptions({ clock } as unknown as ConnectionOptions), {
        name: "TypeError",
        message: /^Cannot read options: clock must be an object with the methods now, setTimer and/,
      });
    }
    const clock = { ...half, clearTimer: (): void => {} };
    assert.equal(readConnectionOptions({ clock }).clock, clock);
    assert.ok(readConnectionOptions({ clock: undefined, mask: undefined }).clock !== undefined);
  });

  it("a pingInterval of 0 is refused, and told how to turn pings off", () => {
    assert.throws(() => readConnectionOptions({ pingInterval: 0 }), {
      name: "RangeError",
      message: /pingInterval.*Infinity/,
    });
  });
});

describe("options that are read again for each connection", () => {
  it("are one object as long as their values are the same", () => {
    const first = readConnectionOptions({ maxMessageSize: 77 });
    assert.equal(readConnectionOptions({ maxMessageSize: 77, pingInterval: 20_000 }), first);
    const other = readConnectionOptions({ maxMessageSize: 78 });
    assert.notEqual(other, first);
    assert.deepEqual([first.maxMessageSize, other.maxMessageSize], [77, 78]);
  });
});
