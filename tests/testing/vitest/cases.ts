/** The same cases under vitest, with its fake timers too. */
import { afterEach, describe, it, vi } from "vitest";
import { cases } from "../cases.ts";

describe("tests without sockets", () => {
  for (const [name, run] of cases) it(name, { timeout: 60_000 }, run);
});

describe("tests without sockets, with fake timers", () => {
  afterEach(() => void vi.useRealTimers());
  for (const [name, run] of cases) {
    it(name, { timeout: 60_000 }, async () => {
      vi.useFakeTimers();
      await run();
    });
  }
});
