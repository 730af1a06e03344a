/** permessage-deflate with Chromium's own WebSocket: what it offers, and what it makes of our terms. */

import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../mod.ts";
import type { PerMessageDeflateOptions } from "../../lib/deflate/options.ts";
import { listen } from "../../lib/server/mod.ts";
import { exchangeCompressed } from "../peers/compression_exchange.ts";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";

const options = { timeout: 120_000 };
const PMD = "permessage-deflate";

describe("compression with Chromium", needsChromium(), () => {
  let browser: Chromium | undefined;
  before(async () => {
    browser = await Chromium.start();
  });
  after(() => browser?.close());

  /** A page whose WebSocket echoes until our end closes. */
  async function withPage(
    perMessageDeflate: boolean | PerMessageDeflateOptions,
    body: (connection: WebSocketConnection, tab: Tab) => Promise<void>,
  ): Promise<void> {
    const arrived = Promise.withResolvers<WebSocketConnection>();
    const server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      perMessageDeflate,
      fetch: () =>
        new Response("<title>Page</title>", { headers: { "content-type": "text/html" } }),
      websocket: (connection) => arrived.resolve(connection),
      onRefused: () => {}, // a browser opens sockets that it may need, and shutting down refuses them
    });
    try {
      assert.ok(browser !== undefined, "Chromium did not start");
      const host = `127.0.0.1:${server.address.port}`;
      const tab = await browser.newTab(`http://${host}/`);
      await tab.call((url: string) => {
        const socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        const page = globalThis as unknown as Record<string, unknown>;
        socket.onopen = () => void (page.extensions = socket.extensions);
        socket.onmessage = ({ data }) => socket.send(data);
        socket.onclose = ({ code, wasClean }) => void (page.ended = { code, wasClean });
      }, `ws://${host}/`);
      await body(await arrived.promise, tab);
      await tab.close();
    } finally {
      await server.shutdown({ timeout: 0 });
    }
  }

  const terms: [PerMessageDeflateOptions, string][] = [
    [{}, PMD],
    [{ serverNoContextTakeover: true }, `${PMD}; server_no_context_takeover`],
    [{ clientNoContextTakeover: true }, `${PMD}; client_no_context_takeover`],
    [{ serverMaxWindowBits: 8 }, `${PMD}; server_max_window_bits=8`],
    [{ clientMaxWindowBits: 8 }, `${PMD}; client_max_window_bits=8`],
    [
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 9,
        clientMaxWindowBits: 10,
      },
      `${PMD}; server_no_context_takeover; client_no_context_takeover; ` +
      "server_max_window_bits=9; client_max_window_bits=10",
    ],
  ];
  for (const [given, header] of terms) {
    it(`takes ${header}, and messages come through`, options, async () => {
      await withPage({ ...given, threshold: 0 }, async (connection, tab) => {
        const offered = connection.request?.headers.get("sec-websocket-extensions");
        assert.equal(offered, `${PMD}; client_max_window_bits`);
        assert.equal(connection.extensions, header);
        assert.equal(await tab.waitFor("globalThis.extensions"), header);
        const large = Object.keys(given).length === 0;
        await exchangeCompressed(connection, "server", {
          fragments: false,
          compressesShort: true,
          large,
        });
        connection.close({ closeCode: 4321 });
        assert.equal((await connection.closed).wasClean, true);
        const ended = await tab.waitFor("globalThis.ended");
        assert.deepEqual(ended, { code: 4321, wasClean: true });
      });
    });
  }

  it("offers it to a server that does not compress, and goes on without", options, async () => {
    await withPage(false, async (connection, tab) => {
      const offered = connection.request?.headers.get("sec-websocket-extensions");
      assert.equal(offered, `${PMD}; client_max_window_bits`);
      connection.send("a".repeat(1000));
      assert.equal(await connection.receive(), "a".repeat(1000));
      assert.equal(await tab.evaluate("globalThis.extensions"), "");
      assert.deepEqual([connection.extensions, connection.stats.compression], ["", undefined]);
    });
  });
});
