import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { systemClock } from "../../lib/protocol/clock.ts";
import { CallbackTimer, ReadingTimer, Timers } from "../../lib/link/timers.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";

function setUp(): { clock: VirtualClock; deadlines: Timers; log: string[] } {
  const clock = new VirtualClock();
  return { clock, deadlines: Timers.of(clock), log: [] };
}

describe("deadlines", () => {
  it("fire once, at their time and not before", () => {
    const { clock, deadlines, log } = setUp();
    const deadline = new ReadingTimer(() => log.push("due"));
    deadlines.set(deadline, 100);
    assert.ok(deadline.pending);
    clock.advance(99);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual(log, ["due"]);
    assert.ok(!deadline.pending);
    clock.advance(1000);
    assert.deepEqual(log, ["due"]);
  });

  it("share one timer for each span, and leave none when all are taken back", () => {
    const { clock, deadlines } = setUp();
    const all = Array.from({ length: 100 }, () => new ReadingTimer(() => {}));
    for (const deadline of all) deadlines.set(deadline, 100);
    assert.equal(clock.timers, 1);
    deadlines.set(new ReadingTimer(() => {}), 50);
    assert.equal(clock.timers, 2);
    clock.advance(50);
    for (const deadline of all) deadline.cancel();
    assert.equal(clock.timers, 0);
  });

  it("fire in the order in which they are due, whichever is taken back between", () => {
    const { clock, deadlines, log } = setUp();
    const made = ["a", "b", "c", "d"].map((name) => new ReadingTimer(() => log.push(name)));
    for (const deadline of made) {
      deadlines.set(deadline, 10);
      clock.advance(1);
    }
    made[0].cancel();
    made[2].cancel();
    clock.advance(20);
    assert.deepEqual(log, ["b", "d"]);
    assert.equal(clock.timers, 0);
  });

  it("start anew when set again", () => {
    const { clock, deadlines, log } = setUp();
    const deadline = new ReadingTimer(() => log.push(`${clock.now()}`));
    deadlines.set(deadline, 100);
    clock.advance(60);
    deadlines.set(deadline, 100);
    clock.advance(60);
    assert.deepEqual(log, []);
    clock.advance(40);
    assert.deepEqual(log, ["160"]);
  });

  it("are in time though one before them sets itself anew when it fires", () => {
    const clock = new VirtualClock(), deadlines = Timers.of(clock);
    const log: string[] = [];
    const again = new ReadingTimer(() => {
      log.push(`again ${clock.now()}`);
      deadlines.set(again, 100);
    });
    deadlines.set(again, 100);
    clock.advance(10);
    deadlines.set(new ReadingTimer(() => log.push(`other ${clock.now()}`)), 100);
    clock.advance(100);
    assert.deepEqual(log, ["again 100", "other 110"]);
    clock.advance(90);
    assert.deepEqual(log, ["again 100", "other 110", "again 200"]);
    again.cancel();
    assert.equal(clock.timers, 0);
  });

  it("go on though what one of them calls throws", () => {
    const clock = new VirtualClock(), deadlines = Timers.of(clock);
    let called = false;
    deadlines.set(
      new ReadingTimer(() => {
        throw new Error("thrown");
      }),
      100,
    );
    deadlines.set(new ReadingTimer(() => void (called = true)), 100);
    assert.throws(() => clock.advance(100), /thrown/);
    clock.advance(1);
    assert.ok(called);
  });

  it("can be set again, and others taken back, by what they call", () => {
    const { clock, deadlines, log } = setUp();
    const other = new ReadingTimer(() => log.push("other"));
    const again = new ReadingTimer(() => {
      log.push(`${clock.now()}`);
      other.cancel();
      if (clock.now() < 30) deadlines.set(again, 10);
    });
    deadlines.set(again, 10);
    deadlines.set(other, 10);
    clock.advance(100);
    assert.deepEqual(log, ["10", "20", "30"]);
    assert.equal(clock.timers, 0);
  });

  it("are only taken back for Infinity", () => {
    const { clock, deadlines, log } = setUp();
    const deadline = new ReadingTimer(() => log.push("due"));
    deadlines.set(deadline, 10);
    deadlines.set(deadline, Infinity);
    assert.ok(!deadline.pending);
    clock.advance(1e9);
    assert.deepEqual(log, []);
  });

  it("bear a timer that fires a fraction of a millisecond early", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push("due")), 10);
    deadlines.set(new ReadingTimer(() => log.push("later")), 10.25);
    clock.advance(9.9);
    assert.deepEqual(log, []);
    clock.advance(0.1);
    assert.deepEqual(log, ["due"]);
    clock.advance(0.25);
    assert.deepEqual(log, ["due", "later"]);
  });

  it("are forgotten with their span: no queue is kept for a time that nothing waits for", () => {
    const { clock, deadlines } = setUp();
    const deadline = new ReadingTimer(() => {}), timer = new CallbackTimer(() => {});
    for (let span = 1; span <= 1000; span++) {
      deadlines.set(deadline, span);
      deadlines.set(timer, span + 0.5);
      assert.equal(deadlines.spans, 2);
    }
    timer.cancel();
    assert.equal(deadlines.spans, 1);
    clock.advance(1000);
    assert.equal(deadlines.spans, 0);
    assert.equal(clock.timers, 0);
  });

  it("keep their queue while one of them sets itself anew in it", () => {
    const { clock, deadlines, log } = setUp();
    const again = new CallbackTimer(() => {
      log.push(`${clock.now()}`);
      if (clock.now() < 30) deadlines.set(again, 10);
    });
    deadlines.set(again, 10);
    clock.advance(20);
    assert.equal(deadlines.spans, 1);
    clock.advance(20);
    assert.deepEqual(log, ["10", "20", "30"]);
    assert.equal(deadlines.spans, 0);
  });

  it("are one set for each clock", () => {
    const clock = new VirtualClock();
    assert.equal(Timers.of(clock), Timers.of(clock));
    assert.notEqual(Timers.of(clock), Timers.of(new VirtualClock()));
  });
});

describe("deadlines and the event loop", () => {
  /** Lets `callback` run in the second turn of the event loop after `ms`. */
  function inATurn(clock: VirtualClock, ms: number, callback: () => void): void {
    clock.setTimer(ms, () => clock.setTimer(0, callback));
  }

  it("what arrives in time, and is read only after it, cancels the deadline", () => {
    const { clock, deadlines, log } = setUp();
    const deadline = new ReadingTimer(() => log.push("late"));
    deadlines.set(deadline, 100);
    inATurn(clock, 100, () => deadline.cancel());
    clock.advance(1000);
    assert.deepEqual(log, []);
    assert.deepEqual([clock.timers, deadlines.spans], [0, 0]);
  });

  it("a deadline that is taken back in such a turn leaves no timer", () => {
    const { clock, deadlines } = setUp();
    const deadline = new ReadingTimer(() => {});
    deadlines.set(deadline, 100);
    inATurn(clock, 100, () => {
      deadline.cancel();
      assert.equal(clock.timers, 0);
      deadlines.set(deadline, 100);
    });
    clock.advance(199);
    assert.ok(deadline.pending);
    clock.advance(1);
    assert.ok(!deadline.pending);
  });

  it("a timer for something to be done waits for nothing", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new CallbackTimer(() => log.push("done")), 100);
    clock.setTimer(100, () => log.push("next"));
    clock.advance(100);
    assert.deepEqual(log, ["done", "next"]);
  });

  it("what stands behind a deadline in its queue is in time", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push(`deadline ${clock.now()}`)), 100);
    deadlines.set(new CallbackTimer(() => log.push(`timer ${clock.now()}`)), 100);
    clock.advance(10);
    deadlines.set(new ReadingTimer(() => log.push(`second ${clock.now()}`)), 100);
    clock.advance(100);
    assert.deepEqual(log, ["deadline 100", "timer 100", "second 110"]);
  });

  it("the time in which the loop stood still is given back", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push(`${clock.now()}`)), 1000);
    clock.advance(900);
    clock.stall(400); // 100 of them before it was due: only what a late timer shows is known
    clock.advance(299);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual(log, ["1600"]);
    assert.deepEqual([clock.timers, deadlines.spans], [0, 0]);
  });

  it("a standstill that any timer shows is given back to all that waited", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push(`${clock.now()}`)), 1000);
    deadlines.set(new CallbackTimer(() => {}), 100);
    deadlines.set(new CallbackTimer(() => {}), 200);
    clock.stall(500);
    clock.advance(0);
    const later = new ReadingTimer(() => log.push(`later ${clock.now()}`));
    deadlines.set(later, 1000);
    clock.advance(2000);
    assert.deepEqual(log, ["1400", "later 1500"]);
  });

  it("timers that are some milliseconds late show no standstill", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push(`${clock.now()}`)), 100);
    clock.stall(140);
    clock.advance(0);
    assert.deepEqual(log, ["140"]);
  });

  it("a loop that is always busy: a deadline gets no more than its span once more", () => {
    const { clock, deadlines, log } = setUp();
    deadlines.set(new ReadingTimer(() => log.push("due")), 100);
    let rounds = 0;
    while (log.length === 0 && rounds < 100) {
      clock.stall(60);
      clock.advance(0);
      rounds++;
    }
    assert.ok(rounds * 60 <= 200 + 2 * 60, `${rounds} rounds`);
  });

  it("a deadline that is set anew has its span once more for another standstill", () => {
    const { clock, deadlines, log } = setUp();
    const deadline = new ReadingTimer(() => log.push(`${clock.now()}`));
    for (const end of [400, 800]) {
      deadlines.set(deadline, 100);
      clock.stall(300);
      clock.advance(99);
      assert.ok(deadline.pending);
      clock.advance(1);
      assert.equal(log.at(-1), `${end}`);
    }
  });
});

describe("the system's clock", () => {
  it("never goes back, and calls back", async () => {
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.setTimer(1, resolve));
    assert.ok(systemClock.now() >= before);
  });

  it("does not call back what is taken back, nor at once what is weeks away", async () => {
    const called: string[] = [];
    systemClock.clearTimer(systemClock.setTimer(0, () => called.push("cleared")));
    const weeks = systemClock.setTimer(2 ** 33, () => called.push("weeks"));
    await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
    systemClock.clearTimer(weeks);
    assert.deepEqual(called, []);
  });
});
