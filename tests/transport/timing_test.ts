import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { startLinger } from "../../lib/transport/timing.ts";

describe("lingering", () => {
  it("time in which the event loop stood still does not count", async () => {
    const called = Promise.withResolvers<void>();
    let over = false;
    startLinger(() => {
      over = true;
      called.resolve();
    });
    for (const end = performance.now() + 1_500; performance.now() < end;);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(over, false); // it has half a second more
    await called.promise;
  });

  it("calls nothing back once it is cancelled", async () => {
    const linger = startLinger(() => assert.fail("called"));
    linger.cancel();
    assert.equal(linger.pending, false);
    await new Promise((resolve) => setTimeout(resolve, 0));
  });
});
