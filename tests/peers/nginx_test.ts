/** nginx between a client and our server, with and without TLS in front. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, HandshakeError, type WebSocketConnection } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { ca } from "../certificates/mod.ts";
import { exchangeSizes } from "./exchange.ts";
import { documentedLines, needsProxy, Proxy } from "./proxies.ts";
import { GUARD, Peer, peers } from "./support.ts";

const options = { timeout: GUARD * 2 };
const needs = needsProxy("nginx");
const without = needs.skip === undefined ? "" : ` (${needs.skip})`;
const tls = { caCerts: [ca] };

function startNginx({ address }: WebSocketServer): Promise<Proxy> {
  return Proxy.start("nginx", documentedLines("nginx"), `127.0.0.1:${address.port}`);
}

describe(`through nginx${without}`, needs, () => {
  let server: WebSocketServer;
  let nginx: Proxy;
  let arrived: (connection: WebSocketConnection) => void = () => {};

  before(async () => {
    server = await listen({
      hostname: "127.0.0.1",
      protocols: ["chat.2"],
      handshake: (request) =>
        request.url.endsWith("/no") ? new Response("refused", { status: 403 }) : undefined,
      websocket: {
        open: (connection) => arrived(connection),
        message(connection, data): void {
          if (data === "!close") connection.close({ closeCode: 3001, reason: "as you wish" });
          else connection.send(data);
        },
      },
    });
    nginx = await startNginx(server);
  });
  after(async () => {
    await nginx?.[Symbol.asyncDispose]();
    await server?.shutdown({ timeout: 0 });
  });

  for (const scheme of ["ws", "wss"] as const) {
    it(`${scheme}: messages of all sizes pass, and our close code`, options, async () => {
      const opened = new Promise<WebSocketConnection>((resolve) => arrived = resolve);
      const url = nginx.url(scheme);
      const protocols = ["chat.1", "chat.2"];
      // The page's own origin is that of the host which nginx passes on; the scheme is not compared.
      const headers = { origin: url.replace(/^ws/, "http") };
      const connection = await connect(url, { tls, protocols, headers });
      assert.equal(connection.protocol, "chat.2");
      await exchangeSizes(connection);
      assert.ok(await connection.ping() >= 0);
      connection.close({ closeCode: 4002, reason: "done" });
      assert.equal((await connection.closed).wasClean, true);
      const info = await (await opened).closed;
      assert.equal(info.wasClean, true);
      assert.deepEqual(info.received, { closeCode: 4002, reason: "done" });
    });

    it(`${scheme}: the server's close code passes`, options, async () => {
      const connection = await connect(nginx.url(scheme), { tls });
      connection.send("!close");
      const info = await connection.closed;
      assert.deepEqual(info.received, { closeCode: 3001, reason: "as you wish" });
      assert.equal(info.wasClean, true);
    });

    it(`${scheme}: a refusal passes with its body`, options, async () => {
      await assert.rejects(connect(`${nginx.url(scheme)}/no`, { tls }), (error) => {
        assert.ok(error instanceof HandshakeError, String(error));
        assert.equal(error.status, 403);
        assert.equal(new TextDecoder().decode(error.body), "refused");
        return true;
      });
    });
  }

  const ws = peers.find((kind) => kind.name === "ws" && kind.command !== undefined);
  const missing = ws === undefined ? " (not installed: skipped)" : "";
  it(`ws as the client${missing}`, { ...options, skip: ws === undefined }, async () => {
    if (ws === undefined) return;
    await using peer = await Peer.start(ws);
    const opened = new Promise<WebSocketConnection>((resolve) => arrived = resolve);
    peer.connect({ id: "1", url: nginx.url("wss"), protocols: ["chat.2"] });
    assert.equal((await peer.event("1", "open", "failed")).protocol, "chat.2");
    const connection = await opened;
    connection.send("!close 4003 from ws");
    const info = await connection.closed;
    assert.deepEqual(info.received, { closeCode: 4003, reason: "from ws" });
  });

  it("a proxy that dies is 1006 on both sides", options, async () => {
    const dying = await startNginx(server);
    try {
      const opened = new Promise<WebSocketConnection>((resolve) => arrived = resolve);
      const connection = await connect(dying.url("ws"));
      const far = await opened;
      await dying[Symbol.asyncDispose]();
      for (const end of [connection, far]) {
        const { closeCode, wasClean, received } = await end.closed;
        assert.deepEqual({ closeCode, wasClean, received }, {
          closeCode: 1006,
          wasClean: false,
          received: undefined,
        });
      }
    } finally {
      await dying[Symbol.asyncDispose]();
    }
  });
});
