/**
 * What observes all clients of this program.
 *
 * @module
 */
import { Watchers } from "../connection/watcher.ts";

/** The watchers of all connections that `connect` makes. */
export const clients: Watchers = /* @__PURE__ */ new Watchers();
