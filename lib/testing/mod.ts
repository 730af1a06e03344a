/**
 * Tests without sockets and without real time: two connected ends in memory, a clock that the test moves,
 * and a network with faults. For `deno test`, `bun test`, `node --test` and any other runner.
 *
 * @module
 */
export { settle, VirtualClock } from "./clock.ts";
export { Network, type NetworkOptions } from "./network.ts";
export { type EndOptions, type Pair, pair, type PairOptions } from "./pair.ts";
