/** Chromium's own WebSocket over HTTP/2 (RFC 8441): several on the session that its page came by. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import http2, { type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { upgradeHttp2 } from "../../lib/adapters/node/http2.ts";
import type { CloseInfo, WebSocketConnection } from "../../mod.ts";
import { cert, key } from "../certificates/mod.ts";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";

const options = { timeout: 60_000, ...needsChromium() };
const SOCKETS = 5;

/** What the page has of one socket, in words that pass as JSON. */
interface InPage {
  protocol: string;
  extensions: string;
  matched: boolean;
  closed: [number, string, boolean];
}

async function withTab(
  body: (tab: Tab, rig: Rig) => Promise<void>,
): Promise<void> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const connections: WebSocketConnection[] = [];
  let upgrades = 0;
  const server = http2.createSecureServer({
    cert,
    key,
    allowHTTP1: true,
    settings: { enableConnectProtocol: true },
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
  });
  server.on("upgrade", (_request, socket) => {
    upgrades++;
    socket.destroy();
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    if (headers[":method"] === "CONNECT") {
      void upgradeHttp2(stream, headers, {
        perMessageDeflate: true,
        protocols: ["echo"],
        websocket(connection) {
          connections.push(connection);
          return echo(connection);
        },
      });
      return;
    }
    stream.respond({ ":status": 200, "content-type": "text/html" });
    stream.end("<title>Page</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await using browser = await Chromium.start({ flags: ["--ignore-certificate-errors"] });
    const tab = await browser.newTab(`https://localhost:${port}/`);
    await body(tab, { url: `wss://localhost:${port}/`, connections, upgrades: () => upgrades });
  } finally {
    for (const session of sessions) session.destroy();
    server.close();
  }
}

interface Rig {
  url: string;
  connections: WebSocketConnection[];
  upgrades(): number;
}

async function echo(connection: WebSocketConnection): Promise<void> {
  try {
    for await (const message of connection) {
      if (!connection.send(message)) await connection.ready;
    }
  } catch {
    // `closed` tells it.
  }
}

/** In the page: opens so many sockets at once, echoes 1 MiB on each, and closes them. */
function inPage(url: string, count: number): Promise<InPage[]> {
  const sent = new Uint8Array(1 << 20);
  for (let at = 0; at < sent.length; at += 65_536) {
    crypto.getRandomValues(sent.subarray(at, at + 65_536));
  }
  const one = (number: number): Promise<InPage> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, ["other", "echo"]);
      socket.binaryType = "arraybuffer";
      let matched = false;
      socket.onopen = (): void => socket.send(sent);
      socket.onmessage = ({ data }): void => {
        if (typeof data !== "string") {
          const got = new Uint8Array(data);
          matched = got.length === sent.length && got.every((byte, at) => byte === sent[at]);
          socket.send("Grüße ".repeat(2000));
        } else socket.close(4000 + number, data.length === 12_000 ? "done" : "wrong");
      };
      socket.onclose = ({ code, reason, wasClean }): void => {
        const { protocol, extensions } = socket;
        resolve({ protocol, extensions, matched, closed: [code, reason, wasClean] });
      };
    });
  return Promise.all(Array.from({ length: count }, (_, number) => one(number)));
}

describe("Chromium over HTTP/2", () => {
  it("5 sockets on one session, 1 MiB each way, compressed, closed in order", options, async () => {
    await withTab(async (tab, rig) => {
      const found = await tab.call(inPage, rig.url, SOCKETS);
      for (const [number, each] of found.entries()) {
        assert.deepEqual(each, {
          protocol: "echo",
          extensions: "permessage-deflate",
          matched: true,
          closed: [4000 + number, "", true],
        });
      }
      assert.equal(rig.upgrades(), 0);
      assert.equal(rig.connections.length, SOCKETS);
      const ports = new Set(rig.connections.map(({ remoteAddress }) => remoteAddress?.port));
      assert.equal(ports.size, 1);
      for (const { closed, stats, request } of rig.connections) {
        const { reason, wasClean, error }: CloseInfo = await closed;
        assert.deepEqual([reason, wasClean, error], ["done", true, undefined]);
        assert.equal(stats.messagesReceived, 2);
        assert.equal(
          request?.headers.get("origin"),
          new URL(rig.url).origin.replace("wss", "https"),
        );
      }
    });
  });

  it("gets our close code and reason, and sees a stream that is reset", options, async () => {
    await withTab(async (tab, rig) => {
      const ask = `new Promise((resolve) => {
        const socket = new WebSocket(${JSON.stringify(rig.url)});
        socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean]);
        socket.onopen = () => socket.send("open");
      })`;
      const end = async (
        how: (connection: WebSocketConnection) => void,
      ): Promise<[number, string, boolean]> => {
        const before = rig.connections.length;
        const told = tab.evaluate<[number, string, boolean]>(ask);
        while (rig.connections.length === before) await new Promise((next) => setTimeout(next, 5));
        how(rig.connections[before]);
        return await told;
      };
      const closed = await end((connection) =>
        connection.close({ closeCode: 1001, reason: "bye" })
      );
      assert.deepEqual(closed, [1001, "bye", true]);
      assert.deepEqual(await end((connection) => connection.terminate()), [1006, "", false]);
    });
  });
});
