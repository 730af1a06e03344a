/**
 * Tests without sockets and without real time: two connected ends in memory, a clock that the test moves,
 * and a network with faults. For `deno test`, `bun test`, `node --test` and any other runner.
 *
 * @module
 */
export { ExpectationError, expectClosed, expectMessage, expectSoon } from "./assertions.ts";
export { settle, VirtualClock } from "./clock.ts";
export type { NetworkOptions } from "./conditions.ts";
export { Network } from "./network.ts";
export type { NetworkLink } from "./network_link.ts";
export { type EndOptions, type Pair, pair, type PairOptions } from "./pair.ts";
export type { Range } from "./random.ts";
export type { RawFrame, RawFrameInit } from "./raw_frame.ts";
export { type RawListener, RawPeer, type RawUpgradeOptions } from "./raw_peer.ts";
