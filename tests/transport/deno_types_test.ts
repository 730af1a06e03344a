/**
 * Holds the interfaces that stand for Deno's own against the real ones, when Deno checks this file.
 * The other runtimes strip types, so to them it says nothing.
 *
 * @module
 */

import { it } from "node:test";
import assert from "node:assert/strict";
import { findDeno } from "../../lib/transport/deno_api.ts";
import type { DenoConn, DenoLike, DenoListener } from "../../lib/transport/deno_api.ts";

type Assignable<To, From extends To> = From;

/** Each fails to compile once Deno's type is no longer what we take it for. */
export type Pins = [
  Assignable<DenoLike["listen"], typeof Deno.listen>,
  Assignable<DenoLike["listenTls"], typeof Deno.listenTls>,
  Assignable<DenoLike["connect"], typeof Deno.connect>,
  Assignable<DenoConn, Deno.TcpConn>,
  Assignable<DenoConn, Deno.TlsConn>,
  Assignable<DenoConn, Deno.UnixConn>,
  Assignable<DenoListener, Deno.Listener>,
  Assignable<DenoListener, Deno.TlsListener>,
  Assignable<{ hostname?: string; caCerts?: string[] }, Deno.StartTlsOptions>,
  Assignable<{ alpnProtocols?: string[] }, Deno.StartTlsOptions>,
  Assignable<DenoLike["connectTls"], typeof Deno.connectTls>,
];

it("Deno's sockets are found on Deno only", () => {
  assert.equal(findDeno() !== undefined, "Deno" in globalThis);
});
