/**
 * Whether this platform has sockets, without the modules that use them.
 *
 * @module
 */
import { findBun } from "./bun_api.ts";
import { findDeno } from "./deno_api.ts";
import { findNode } from "./node_api.ts";

/** Whether this runtime has sockets; a browser has none. */
export function hasSockets(): boolean {
  return (findDeno() ?? findBun() ?? findNode()) !== undefined;
}
