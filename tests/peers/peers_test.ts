/**
 * Other implementations over real sockets, plain and TLS, as servers and as clients. What is under
 * test is our side, in the runtime that runs this.
 */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, HandshakeError, TransportError, type WebSocketConnection } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { exchangeControl, exchangeSizes, peerCloses } from "./exchange.ts";
import { GUARD, Peer, type PeerEvent, type PeerKind, peers } from "./support.ts";
import { shareOf } from "../support/tier.ts";

const timeout = GUARD * 2;
let ids = 0;

/** A connection to a peer, and the way to what the peer tells of it. */
interface Meeting {
  connection: WebSocketConnection;
  told(...names: PeerEvent["event"][]): Promise<PeerEvent>;
}

type Meet = (scheme: "ws" | "wss", protocols?: string[]) => Promise<Meeting>;

/** Deno's client, once refused, tries again with HTTP/2, and hangs up in that TLS handshake. */
function report(error: unknown): void {
  if (!(error instanceof TransportError)) console.error(error);
}

/** What holds whichever side is which. */
function exchanges(kind: PeerKind, meet: Meet): void {
  for (const scheme of ["ws", "wss"] as const) {
    it(`${scheme}: messages of all sizes, pings and fragments pass`, { timeout }, async () => {
      const { connection, told } = await meet(scheme);
      await exchangeSizes(connection);
      await exchangeControl(connection, kind);
      connection.close();
      const { wasClean, error } = await connection.closed;
      assert.deepEqual({ wasClean, error }, { wasClean: true, error: undefined });
      assert.equal((await told("closed")).code, 1000);
    });

    it(`${scheme}: our close code and reason arrive`, { timeout }, async () => {
      const { connection, told } = await meet(scheme);
      connection.close({ closeCode: 4001, reason: "fünf €" });
      const info = await connection.closed;
      assert.deepEqual(info.sent, { closeCode: 4001, reason: "fünf €" });
      assert.equal(info.received?.closeCode, 4001);
      assert.equal(info.initiator, "local");
      assert.equal(info.wasClean, true);
      const { code, reason, wasClean = true } = await told("closed");
      assert.deepEqual({ code, reason, wasClean }, {
        code: 4001,
        reason: "fünf €",
        wasClean: true,
      });
    });

    it(`${scheme}: the peer's close code and reason arrive`, { timeout }, async () => {
      const { connection, told } = await meet(scheme);
      await peerCloses(connection, { closeCode: 3000, reason: "au revoir à tous" });
      await told("closed");
    });

    it(`${scheme}: a Close without a code ends iteration normally`, { timeout }, async () => {
      const { connection, told } = await meet(scheme);
      connection.send("!close");
      for await (const message of connection) assert.fail(`unexpected ${message}`);
      const { closeCode, wasClean } = await connection.closed;
      // Some peers send none, and some say 1000 for it.
      assert.ok(closeCode === 1005 || closeCode === 1000, String(closeCode));
      assert.equal(wasClean, true);
      await told("closed");
    });

    it(`${scheme}: the subprotocol is agreed`, { timeout }, async () => {
      const { connection, told } = await meet(scheme, ["chat.1", "chat.2"]);
      assert.equal(connection.protocol, "chat.2");
      assert.equal((await told("open")).protocol, "chat.2");
      connection.close();
      await connection.closed;
    });
  }
}

for (const kind of shareOf(peers)) {
  const skip = kind.command === undefined;
  const name = `${kind.name}${skip ? " (not installed: skipped)" : ""}`;

  if (kind.serves) {
    describe(`${name} as the server`, { skip }, () => {
      let peer: Peer;
      before(async () => {
        peer = await Peer.start(kind);
      });
      after(() => peer[Symbol.asyncDispose]());

      exchanges(kind, async (scheme, protocols = []) => {
        const id = `server-${ids++}`;
        const url = peer.url(scheme, `id=${id}`);
        const connection = await connect(url, { protocols, tls: { caCerts: [ca] } });
        return { connection, told: (...names) => peer.event(id, ...names) };
      });

      for (const status of [403, 404]) {
        it(`a refusal with ${status} is a HandshakeError with its body`, { timeout }, async () => {
          for (const scheme of ["ws", "wss"] as const) {
            const url = peer.url(scheme, `refuse=${status}`);
            await assert.rejects(connect(url, { tls: { caCerts: [ca] } }), (error) => {
              assert.ok(error instanceof HandshakeError, String(error));
              assert.equal(error.status, status);
              assert.equal(new TextDecoder().decode(error.body), `refused with ${status}`);
              return true;
            });
          }
        });
      }
    });
  }

  if (kind.connects) {
    describe(`${name} as the client`, { skip }, () => {
      const arrivals = new Map<string, (connection: WebSocketConnection) => void>();
      const servers = new Map<string, WebSocketServer>();
      let peer: Peer;
      before(async () => {
        peer = await Peer.start(kind);
        for (const scheme of ["ws", "wss"]) {
          servers.set(
            scheme,
            await listen({
              hostname: "127.0.0.1",
              port: 0,
              ...(scheme === "ws" ? {} : { tls: { cert, key } }),
              origins: "*",
              onError: report,
              protocols: ["chat.2"],
              handshake(request): Response | undefined {
                const status = Number(new URL(request.url).searchParams.get("refuse") ?? 0);
                return status === 0 ? undefined : new Response("refused", { status });
              },
              websocket(connection): void {
                const id = new URL(connection.url).searchParams.get("id") ?? "";
                arrivals.get(id)?.(connection);
              },
            }),
          );
        }
      });
      after(async () => {
        await peer[Symbol.asyncDispose]();
        for (const server of servers.values()) await server.shutdown({ timeout: 0 });
      });

      const order = (scheme: string, query: string, protocols: string[] = []): string => {
        const id = `client-${ids++}`;
        const port = servers.get(scheme)?.address.port;
        peer.connect({ id, url: `${scheme}://127.0.0.1:${port}/?id=${id}&${query}`, protocols });
        return id;
      };

      exchanges(kind, async (scheme, protocols = []) => {
        const arrived = Promise.withResolvers<WebSocketConnection>();
        const id = order(scheme, "", protocols);
        arrivals.set(id, arrived.resolve);
        const told: Meeting["told"] = (...names) => peer.event(id, ...names);
        const { event } = await told("open", "failed");
        assert.equal(event, "open");
        return { connection: await arrived.promise, told };
      });

      it("a refusal with 403 or 404 is seen", { timeout }, async () => {
        for (const scheme of ["ws", "wss"]) {
          for (const refuse of [403, 404]) {
            const id = order(scheme, `refuse=${refuse}`);
            const { event, status } = await peer.event(id, "open", "failed");
            assert.equal(event, "failed");
            if (kind.tellsStatus) assert.equal(status, refuse);
          }
        }
      });
    });
  }
}
