import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { MessageQueue } from "../../lib/connection/message_queue.ts";
import type { MessageData } from "../../lib/message/message.ts";

function setUp(highWaterMark = 100): { inbox: MessageQueue<MessageData>; log: string[] } {
  const log: string[] = [];
  return {
    inbox: new MessageQueue(highWaterMark, {
      onFull: (): void => void log.push("full"),
      onRoom: (): void => void log.push("room"),
    }),
    log,
  };
}

describe("the message queue", () => {
  it("delivers messages in the order in which they came, empty ones too", () => {
    const { inbox } = setUp();
    const binary = new Uint8Array([1]);
    for (const message of ["a", "", binary]) inbox.push(message);
    assert.equal(inbox.length, 3);
    assert.deepEqual([inbox.take(), inbox.take(), inbox.take(), inbox.take()], [
      "a",
      "",
      binary,
      undefined,
    ]);
    assert.equal(inbox.length, 0);
  });

  it("is full past the high-water mark, not at it; each message counts 256 bytes more", () => {
    const { inbox, log } = setUp(10 + 256);
    inbox.push("x".repeat(10));
    assert.deepEqual([inbox.full, inbox.size, log], [false, 266, []]);
    inbox.push("");
    assert.deepEqual([inbox.full, inbox.size, log], [true, 522, ["full"]]);
  });

  it("says so again for all that is added while it is full", () => {
    const { inbox, log } = setUp(10);
    inbox.push("");
    inbox.push("");
    inbox.charge(1);
    assert.deepEqual(log, ["full", "full", "full"]);
  });

  it("has no limit of messages: of empty ones 4,096 fit into 1 MiB", () => {
    const { inbox, log } = setUp(1 << 20);
    for (let at = 0; at < 4096; at++) inbox.push("");
    assert.deepEqual(log, []);
    inbox.push("");
    assert.deepEqual(log, ["full"]);
  });

  it("has room again when half is taken", () => {
    const { inbox, log } = setUp(4 * 259);
    for (let at = 0; at < 5; at++) inbox.push("xyz");
    inbox.take();
    inbox.take();
    assert.deepEqual([inbox.full, log], [true, ["full"]]);
    inbox.take();
    assert.deepEqual([inbox.full, log], [false, ["full", "room"]]);
  });

  it("with a mark of 0 every message fills it, and it has room when all are taken", () => {
    const { inbox, log } = setUp(0);
    inbox.push("");
    inbox.take();
    assert.deepEqual(log, ["full", "room"]);
  });

  it("forgets what was taken in a long run that never empties it", () => {
    const { inbox } = setUp(Infinity);
    inbox.push("0");
    for (let at = 1; at <= 5000; at++) {
      inbox.push(`${at}`);
      assert.equal(inbox.take(), `${at - 1}`);
    }
    assert.equal(inbox.length, 1);
  });

  it("hands a message to waiters, first come first served, and keeps none of it", async () => {
    const { inbox } = setUp();
    const both = [inbox.wait(undefined), inbox.wait(undefined)];
    inbox.push("a");
    inbox.push("b");
    assert.equal(inbox.length, 0);
    assert.deepEqual(await Promise.all(both), ["a", "b"]);
  });

  it("passes over who has given up", async () => {
    const { inbox } = setUp();
    const controller = new AbortController();
    const first = inbox.wait(controller.signal), second = inbox.wait(undefined);
    const reason = new Error("enough");
    controller.abort(reason);
    inbox.push("a");
    await assert.rejects(first, reason);
    assert.equal(await second, "a");
  });

  it("does not wait with a signal that is aborted already", async () => {
    const { inbox } = setUp();
    const reason = new Error("no");
    await assert.rejects(inbox.wait(AbortSignal.abort(reason)), reason);
    inbox.push("a");
    assert.equal(inbox.take(), "a");
  });

  it("releases the signal of a waiter that was served", async () => {
    const { inbox } = setUp();
    const controller = new AbortController();
    const served = inbox.wait(controller.signal);
    inbox.push("a");
    controller.abort();
    assert.equal(await served, "a");
  });

  it("notifies all waiters of the end, and lets what waits be taken", async () => {
    const { inbox } = setUp();
    const waiting = [inbox.wait(undefined), inbox.wait(new AbortController().signal)];
    inbox.end();
    assert.deepEqual(await Promise.all(waiting), [undefined, undefined]);
    assert.equal(await inbox.wait(undefined), undefined);

    const other = setUp().inbox;
    other.push("last");
    other.end();
    assert.equal(other.take(), "last");
  });
});
