/**
 * A peer that sends 8 MiB against a limit of 1 MiB is told so by a Close frame with 1009, every
 * time: the frame must not be lost in a reset while the peer is still sending.
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, LimitError, type WebSocketConnection } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { runsEverything, shareOf } from "../support/tier.ts";
import { GUARD, Peer, peers } from "./support.ts";

const MIB = 1024 * 1024;
const RUNS = runsEverything ? 20 : 5;
/** Together, since a peer may wait for an end that Deno's TLS cannot show. */
const AT_ONCE = 5;
const timeout = GUARD * 2;

/** Serves with a limit of 1 MiB, and asks who connects for 8 MiB. */
async function serve(
  scheme: "ws" | "wss",
  closings: WebSocketConnection["closed"][],
): Promise<WebSocketServer> {
  return await listen({
    hostname: "127.0.0.1",
    port: 0,
    ...(scheme === "ws" ? {} : { tls: { cert, key } }),
    origins: "*",
    maxMessageSize: MIB,
    websocket: {
      open(connection): void {
        closings.push(connection.closed);
        connection.send(`!flood ${8 * MIB}`);
      },
      message(): void {
        throw new Error("a message over the limit was delivered");
      },
    },
    onRefused(): void {}, // a client that leaves early
  });
}

/** Floods the server from `RUNS` connections; `flood` gives the close code that the client saw. */
async function check(
  scheme: "ws" | "wss",
  flood: (url: string, run: number) => Promise<number | undefined>,
): Promise<void> {
  const closings: WebSocketConnection["closed"][] = [];
  await using server = await serve(scheme, closings);
  const url = `${scheme}://127.0.0.1:${server.address.port}/`;
  const seen: (number | undefined)[] = [];
  while (seen.length < RUNS) {
    const runs = Array.from({ length: AT_ONCE }, (_, i) => flood(url, seen.length + i));
    seen.push(...await Promise.all(runs));
  }
  assert.deepEqual(seen, new Array(RUNS).fill(1009));
  assert.equal(closings.length, RUNS);
  for (const { sent, error } of await Promise.all(closings)) {
    assert.equal(sent?.closeCode, 1009);
    assert.ok(error instanceof LimitError, String(error));
    assert.equal(error.limit, MIB);
  }
}

describe(`a client that sends 8 MiB against a limit of 1 MiB sees 1009, ${RUNS} of ${RUNS}`, () => {
  for (const scheme of ["ws", "wss"] as const) {
    it(`${scheme}: ours`, { timeout }, async () => {
      const message = new Uint8Array(8 * MIB);
      await check(scheme, async (url) => {
        const connection = await connect(url, { tls: { caCerts: [ca] } });
        await connection.receive();
        connection.send(message);
        return (await connection.closed).closeCode;
      });
    });

    for (const kind of shareOf(peers.filter((kind) => kind.connects))) {
      const skip = kind.command === undefined;
      const name = `${scheme}: ${kind.name}${skip ? " (not installed: skipped)" : ""}`;
      it(name, { skip, timeout }, async () => {
        await using peer = await Peer.start(kind);
        await check(scheme, async (url, run) => {
          const id = String(run);
          peer.connect({ id, url, protocols: [] });
          return (await peer.event(id, "closed", "failed")).code;
        });
      });
    }
  }
});
