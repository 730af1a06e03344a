/**
 * What this Worker uses of the types of `@cloudflare/workers-types`.
 *
 * @module
 */
import type { WebSocketLike } from "../../mod.ts";

/** One end of a `WebSocketPair`. */
export interface WorkerSocket extends WebSocketLike {
  /** Turns this Worker into the peer of the other end. */
  accept(): void;
}

/** A Response may carry the end that is for the client. */
export interface WorkerResponseInit extends ResponseInit {
  webSocket: WorkerSocket;
}
