/**
 * Holds the interfaces that stand for Node's own against the real ones, when Deno checks this file, and
 * against what newer types of Node's have. The other runtimes strip types, so to them it says nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import type {
  ClientHttp2Session as NodeSession,
  ServerHttp2Stream as NodeStream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { it } from "node:test";
import type { TLSSocket } from "node:tls";
import type { ServerHttp2Stream } from "../../lib/adapters/node/http2.ts";
import type { ClientHttp2Session } from "../../lib/client/options.ts";
import type { Http2SessionSocket, Http2Stream } from "../../lib/transport/http2_api.ts";
import { findNode } from "../../lib/transport/node_api.ts";
import type { NodeSocket } from "../../lib/transport/node_api.ts";

type Assignable<To, From extends To> = From;

/** How `@types/node` 26 has an emitter's methods. */
interface NewerMethod {
  <E extends "data" | "error">(
    eventName: E,
    listener: (...values: { data: [chunk: unknown]; error: [error: Error] }[E]) => void,
  ): unknown;
  // deno-lint-ignore no-explicit-any -- theirs
  (eventName: string | symbol, listener: (...values: any[]) => void): unknown;
}

/** Each fails to compile once a server's socket or stream, as users have it, no longer fits. */
export type Pins = [
  Assignable<NodeSocket, Duplex>,
  Assignable<NodeSocket, Socket>,
  Assignable<NodeSocket, TLSSocket>,
  Assignable<ServerHttp2Stream, NodeStream>,
  Assignable<ClientHttp2Session, NodeSession>,
  Assignable<NodeSocket["on"], NewerMethod>,
  Assignable<NodeSocket["once"], NewerMethod>,
  Assignable<Http2Stream["on"], NewerMethod>,
  Assignable<Http2SessionSocket["server"], null>,
  Assignable<ServerHttp2Stream, Http2Stream>,
];

it("the sockets of node:net are found in each of these runtimes", () => {
  assert.equal(typeof findNode()?.net.connect, "function");
});
