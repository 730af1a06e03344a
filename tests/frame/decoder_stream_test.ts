import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decoderStream } from "../../lib/frame/decoder_stream.ts";

/** Items are numbers; an input is a list of them, decoded two at a time; a negative one is bad. */
function twoByTwo(): ReturnType<typeof decoderStream<number[], number>> & { steps: () => number } {
  let steps = 0, at = 0, open = false;
  const pair = decoderStream<number[], number>((emit) => ({
    step(input): boolean {
      steps++;
      for (let i = 0; i < 2 && at < input.length; i++) {
        const item = input[at++];
        if (item < 0) throw new Error(`bad ${item}`);
        open = item === 0;
        if (!open) emit(item);
      }
      if (at < input.length) return false;
      at = 0;
      return true;
    },
    end(): void {
      if (open) throw new Error("open end");
    },
  }));
  return { ...pair, steps: () => steps };
}

/** Whether a promise is settled after all that is ready has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  for (let i = 0; i < 50; i++) await Promise.resolve();
  return done;
}

describe("pair", () => {
  it("returns items in order, and ends when the input ends", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const written = [[1, 2, 3], [], [4], [5, 6]].map((input) => writer.write(input));
    void writer.close();
    const items: number[] = [];
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      items.push(next.value);
    }
    assert.deepEqual(items, [1, 2, 3, 4, 5, 6]);
    await Promise.all(written);
    await writer.closed;
  });

  it("decodes nothing before somebody reads, and then a batch a pull", async () => {
    const { readable, writable, steps } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const written = writer.write([1, 2, 3, 4, 5]);
    assert.equal(await settled(written), false);
    assert.equal(steps(), 0);
    assert.equal((await reader.read()).value, 1);
    assert.equal(await settled(written), false);
    assert.equal(steps(), 1);
    assert.equal((await reader.read()).value, 2);
    assert.equal((await reader.read()).value, 3);
    assert.equal(steps(), 2);
    assert.equal(await settled(written), false);
    await reader.read();
    assert.equal((await reader.read()).value, 5);
    assert.equal(await settled(written), true, "a write settles when its chunk is used up");
    await reader.cancel();
  });

  it("a violation is raised only after all good items before it were read", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const written = writer.write([1, 2, 3, -4, 5]);
    for (const item of [1, 2, 3]) assert.equal((await reader.read()).value, item);
    await assert.rejects(reader.read(), /bad -4/);
    await written;
    await assert.rejects(writer.closed, /bad -4/);
    await assert.rejects(writer.write([6]), /bad -4/);
  });

  it("an end inside something is raised after the items before it", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    void writer.write([1, 0]);
    void writer.close().catch(() => {});
    assert.equal((await reader.read()).value, 1);
    await assert.rejects(reader.read(), /open end/);
  });

  it("input that returns no item is used up without waiting for another read", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const read = reader.read();
    for (let i = 0; i < 5; i++) await writer.write([0, 0, 0]);
    await writer.write([7]);
    assert.equal((await read).value, 7);
    await writer.close();
    assert.equal((await reader.read()).done, true);
  });

  it("cancelling settles the write at hand and refuses the next", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const written = writer.write([1, 2, 3]);
    await reader.read();
    const reason = new Error("enough");
    await reader.cancel(reason);
    assert.equal(await settled(written), true);
    await assert.rejects(writer.write([4]), reason);
    await assert.rejects(writer.closed, reason);
  });

  it("aborting rejects a waiting read with the reason", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const reason = new Error("no more");
    const rejected = assert.rejects(reader.read(), reason);
    await writer.abort(reason);
    await rejected;
    await assert.rejects(writer.closed, reason);
  });

  it("aborting while a chunk is half read lets the rest of it be read first", async () => {
    const { readable, writable } = twoByTwo();
    const writer = writable.getWriter(), reader = readable.getReader();
    const written = writer.write([1, 2, 3]);
    assert.equal((await reader.read()).value, 1);
    const reason = new Error("no more");
    const aborted = writer.abort(reason);
    const ended = assert.rejects(writer.closed, reason);
    assert.equal(await settled(aborted), false);
    assert.equal((await reader.read()).value, 2);
    assert.equal((await reader.read()).value, 3);
    await Promise.all([assert.rejects(reader.read(), reason), written, aborted, ended]);
  });
});
