/**
 * Keeps the streams of a session from waiting for each other in Bun. While one of them waits for the
 * peer's window, Bun holds back what is written to the others as well, until something comes in: so a
 * ping is sent, whose answer comes in.
 *
 * @module
 */
import { findBun } from "./bun_api.ts";
import type { Http2Session } from "./http2_api.ts";

const isBun = /* @__PURE__ */ (() => findBun() !== undefined)();

/** How many streams of a session wait, and whether its ping is under way. */
const queues = /* @__PURE__ */ new WeakMap<Http2Session, { waiting: number; pinged: boolean }>();

/** A stream has begun to wait for the peer's window, or need not wait any more. */
export function countWaiting(session: Http2Session | undefined, change: 1 | -1): void {
  if (!isBun || session === undefined) return;
  const queue = queues.get(session);
  if (queue === undefined) queues.set(session, { waiting: 1, pinged: false });
  else queue.waiting += change;
}

/** Something was written to a stream that does not wait itself. */
export function sendQueued(session: Http2Session | undefined): void {
  if (!isBun || session === undefined) return;
  const queue = queues.get(session);
  if (queue === undefined || queue.waiting === 0 || queue.pinged) return;
  try {
    queue.pinged = session.ping(() => queue.pinged = false);
  } catch {
    // The session has gone: its streams will tell.
  }
}
