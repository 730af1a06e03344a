/** The cases that people ask of mocks, under this runner. */
import { describe, it } from "node:test";
import { cases } from "./cases.ts";

describe("tests without sockets", () => {
  for (const [name, run] of cases) it(name, { timeout: 60_000 }, run);
});
