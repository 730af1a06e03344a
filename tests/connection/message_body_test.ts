import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type BodyAccount, MessageBody } from "../../lib/connection/message_body.ts";
import { bytesOf, join } from "./support.ts";
import { pattern, watch } from "./test_sources.ts";

/** Sums up what waits. */
class Account implements BodyAccount {
  waiting = 0;
  most = 0;

  charge(size: number): void {
    assert.ok(size > 0);
    this.waiting += size;
    this.most = Math.max(this.most, this.waiting);
  }
  discharge(size: number): void {
    this.waiting -= size;
    assert.ok(this.waiting >= 0);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("the content of a message in pieces", () => {
  it("is read in its order, and ends with undefined, again and again", async () => {
    const account = new Account(), body = new MessageBody(account);
    const big = [pattern(40_000), pattern(40_000, 1), pattern(40_000, 2)];
    for (const piece of big) body.push(piece);
    body.end();
    assert.equal(account.waiting, 120_000);
    for (const piece of big) assert.deepEqual(await body.read(), piece);
    assert.equal(account.waiting, 0);
    assert.equal(await body.read(), undefined);
    assert.equal(await body.read(), undefined);
  });

  it("small pieces that wait are joined, up to 64 KiB", async () => {
    const account = new Account(), body = new MessageBody(account);
    for (let at = 0; at < 100_000; at++) body.push(new Uint8Array([at & 255]));
    body.end();
    assert.equal(account.waiting, 100_000);
    const first = await body.read(), second = await body.read();
    assert.deepEqual([first?.length, second?.length], [65_536, 100_000 - 65_536]);
    for (const [at, byte] of join(first!, second!).entries()) {
      if (byte !== (at & 255)) assert.fail(`byte ${at}`);
    }
    assert.equal(await body.read(), undefined);
  });

  it("what is read belongs to the reader: no later piece is joined to it, no memory is shared", async () => {
    const body = new MessageBody(new Account());
    // Three are joined in memory that has room for a fourth: it must not stay there.
    for (let at = 1; at <= 3; at++) body.push(bytesOf([at]));
    const first = (await body.read())!;
    for (let at = 4; at <= 6; at++) body.push(bytesOf([at]));
    const second = (await body.read())!;
    assert.deepEqual([first, second], [bytesOf([1, 2, 3]), bytesOf([4, 5, 6])]);
    for (const each of [first, second]) assert.equal(each.buffer.byteLength, each.length);
    assert.notEqual(first.buffer, second.buffer);
  });

  it("a reader who waits gets the next piece at once, and nothing is charged for it", async () => {
    const account = new Account(), body = new MessageBody(account);
    const read = body.read();
    body.push(bytesOf([1]));
    body.push(bytesOf([2]));
    assert.deepEqual(await read, bytesOf([1]));
    assert.equal(account.most, 1);
    assert.deepEqual(await body.read(), bytesOf([2]));
    const last = body.read();
    body.end();
    assert.equal(await last, undefined);
  });

  it("when it fails, what waits is read before the error", async () => {
    const account = new Account(), body = new MessageBody(account);
    body.push(bytesOf([1]));
    body.fail(new Error("first"));
    body.fail(new Error("second"));
    assert.deepEqual(await body.read(), bytesOf([1]));
    await assert.rejects(body.read(), /first/);
    await assert.rejects(body.read(), /first/);
    assert.equal(account.waiting, 0);
    const waiting = new MessageBody(account), read = watch(waiting.read());
    waiting.fail(new Error("third"));
    await settled();
    assert.match(String(read.reason), /third/);
  });

  it("once it has ended it cannot fail", async () => {
    const body = new MessageBody(new Account());
    body.push(bytesOf([1]));
    body.end();
    body.fail(new Error("late"));
    assert.deepEqual(await body.read(), bytesOf([1]));
    assert.equal(await body.read(), undefined);
  });

  it("discarded, it returns what it was charged, takes no more, and reading rejects", async () => {
    for (const [waits, ends] of [[true, false], [true, true], [false, false]]) {
      const account = new Account(), body = new MessageBody(account);
      if (waits) body.push(bytesOf([1, 2, 3]));
      if (ends) body.end();
      body.discard(new Error("discarded"));
      assert.equal(account.waiting, 0);
      body.push(bytesOf([4]));
      body.end();
      assert.equal(account.waiting, 0);
      assert.ok(body.discarded);
      await assert.rejects(body.read(), /discarded/);
      body.discard(new Error("again"));
      await assert.rejects(body.read(), /discarded/);
    }
  });

  it("discarded while it is read: rejects with an AbortError where no reason is given", async () => {
    const body = new MessageBody(new Account());
    const read = watch(body.read());
    body.discard();
    await settled();
    assert.equal((read.reason as Error).name, "AbortError");
  });

  it("discarded when all of it was read, it still ends", async () => {
    const body = new MessageBody(new Account());
    body.push(bytesOf([1]));
    body.end();
    assert.deepEqual(await body.read(), bytesOf([1]));
    body.discard();
    assert.equal(await body.read(), undefined);
  });

  it("any order of pushes and reads delivers all bytes once, and the account is even", async () => {
    const step = fc.oneof(
      fc.constant("read" as const),
      fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(30_000, 65_535, 65_536, 70_000)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const account = new Account(), body = new MessageBody(account);
        const read: Uint8Array[] = [];
        const take = async (): Promise<boolean> => {
          const piece = await body.read();
          if (piece !== undefined) read.push(piece);
          return piece !== undefined;
        };
        let pushed = 0, reading: Promise<boolean> | undefined;
        for (const each of steps) {
          if (each === "read") {
            if (account.waiting > 0) await take();
            else reading ??= take();
          } else {
            body.push(pattern(each, pushed));
            pushed += each;
            await reading;
            reading = undefined;
          }
        }
        body.end();
        await reading;
        while (await take());
        const joined = join(...read), expected = pattern(pushed);
        assert.equal(joined.length, pushed);
        assert.equal(joined.findIndex((byte, at) => byte !== expected[at]), -1);
        assert.equal(account.waiting, 0);
      }),
      { numRuns: 100 },
    );
  });
});
