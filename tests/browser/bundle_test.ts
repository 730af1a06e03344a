import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../mod.ts";
import { listen, type WebSocketServer } from "../../lib/server/mod.ts";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";
import {
  type Bundle,
  bundle,
  bundleByEsbuild,
  bundleByVite,
  type Entry,
  type Page,
} from "./bundle.ts";

const options = { timeout: 120_000 };
const bundles: [string, Entry, Bundle][] = [
  ["deno bundle", "mod.ts", bundle("deno", "mod.ts")],
  ["bun build", "mod.ts", bundle("bun", "mod.ts")],
  ["bun build", "lib/adapters/browser.ts", bundle("bun", "lib/adapters/browser.ts")],
  ["esbuild", "lib/adapters/browser.ts", bundleByEsbuild("lib/adapters/browser.ts")],
  ["vite", "lib/adapters/browser.ts", bundleByVite("lib/adapters/browser.ts")],
];

/** Serves the bundle and an empty page, echoes, and keeps what it accepts. */
async function serve(text: string): Promise<{
  server: WebSocketServer;
  accepted: WebSocketConnection[];
}> {
  const accepted: WebSocketConnection[] = [];
  const server = await listen({
    port: 0,
    hostname: "127.0.0.1",
    protocols: ["chat"],
    fetch(request): Response {
      const isBundle = new URL(request.url).pathname === "/sluice.js";
      const [body, type] = isBundle
        ? [text, "text/javascript"]
        : ["<!DOCTYPE html><title>Page</title>", "text/html"];
      return new Response(body, { headers: { "content-type": `${type}; charset=utf-8` } });
    },
    handshake(request): Response | undefined {
      const refused = new URL(request.url).pathname === "/refused";
      return refused ? new Response("No\n", { status: 403 }) : undefined;
    },
    websocket: {
      open(connection): void {
        accepted.push(connection);
      },
      message: (connection, data) => connection.send(data) ? undefined : connection.ready,
    },
  });
  return { server, accepted };
}

for (const [name, entry, made] of bundles) {
  describe(`the bundle of ${entry} by ${name}`, "skip" in made ? made : {}, () => {
    if ("skip" in made) return;

    it("imports nothing, a built-in module least of all", options, () => {
      assert.doesNotMatch(made.text, /\bfrom\s*["']|\bimport\s*["'(]|\brequire\s*\(/);
    });

    let browser: Chromium | undefined;

    /** Runs `body` with a page that has loaded the bundle as `globalThis.sluice`. */
    async function inPage(
      body: (tab: Tab, url: string, accepted: WebSocketConnection[]) => Promise<void>,
    ): Promise<void> {
      const { server, accepted } = await serve((made as { text: string }).text);
      try {
        assert.ok(browser !== undefined, "Chromium did not start");
        const host = `127.0.0.1:${server.address.port}`;
        const tab = await browser.newTab(`http://${host}/`);
        await tab.evaluate(`import("/sluice.js").then((module) => {
          globalThis.sluice = module;
        })`);
        await body(tab, `ws://${host}/`, accepted);
        await tab.close();
      } finally {
        await server.shutdown({ timeout: 0 });
      }
    }

    describe("in Chromium", needsChromium(), () => {
      before(async () => {
        browser = await Chromium.start();
      });
      after(() => browser?.close());

      it("connects, and sends and receives text and binary", options, async () => {
        await inPage(async (tab, url) => {
          const said = await tab.call(async (url: string) => {
            const { connect } = (globalThis as unknown as Page).sluice;
            const connection = await connect(url, { protocols: ["chat"] });
            connection.send("Grüße");
            const text = await connection.receive();
            connection.send(Uint8Array.of(0, 255));
            const binary = await connection.receive();
            const { protocol, readyState, capabilities } = connection;
            const { messagesReceived, messagesSent } = connection.stats;
            connection.close({ closeCode: 4321, reason: "enough" });
            const closed = await connection.closed;
            return {
              text,
              binary: binary instanceof Uint8Array && [...binary],
              url: connection.url,
              protocol,
              readyState,
              capabilities,
              passed: [messagesReceived, messagesSent],
              closed,
            };
          }, url);
          assert.deepEqual(said, {
            text: "Grüße",
            binary: [0, 255],
            url,
            protocol: "chat",
            readyState: 1,
            capabilities: {
              pause: false,
              ping: false,
              compression: false,
              streaming: false,
              anyCloseCode: false,
            },
            passed: [2, 2],
            closed: {
              closeCode: 4321,
              reason: "", // the peer's: our server answers with the code alone
              wasClean: true,
              sent: { closeCode: 4321, reason: "enough" },
              received: { closeCode: 4321, reason: "" },
              initiator: "local",
            },
          });
        });
      });

      it("iterates until the server closes, and reports its code", options, async () => {
        await inPage(async (tab, url, accepted) => {
          const said = tab.call(async (url: string) => {
            const { connect } = (globalThis as unknown as Page).sluice;
            const connection = await connect(url);
            connection.send("ready");
            const messages: unknown[] = [];
            try {
              for await (const message of connection) messages.push(message);
              return "the loop ended";
            } catch (error) {
              const { name, closeCode, reason } = error as Error & Record<string, unknown>;
              return { messages, name, closeCode, reason };
            }
          }, url);
          // The echo says that the page is in its loop; then the server has had enough.
          while (accepted[0]?.stats.messagesSent !== 1) {
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          accepted[0].close({ closeCode: 1008, reason: "enough" });
          assert.deepEqual(await said, {
            messages: ["ready"],
            name: "ConnectionClosedError",
            closeCode: 1008,
            reason: "enough",
          });
        });
      });

      it("carries 1 MiB each way, and `ready` resolves", options, async () => {
        await inPage(async (tab, url) => {
          const said = await tab.call(async (url: string) => {
            const { connect } = (globalThis as unknown as Page).sluice;
            const connection = await connect(url);
            const sent = new Uint8Array(1 << 20).map((_, i) => i * 7 + (i >> 8));
            const more = connection.send(sent);
            await connection.ready;
            const { bufferedAmount } = connection;
            const back = await connection.receive();
            await connection[Symbol.asyncDispose]();
            const same = back.length === sent.length && sent.every((byte, i) => byte === back[i]);
            return { more, bufferedAmount, same };
          }, url);
          assert.equal(said.more, true, "nothing was waiting before it");
          assert.ok(said.bufferedAmount <= 65_536);
          assert.ok(said.same);
        });
      });

      it("sends 4001 for 1001, which the platform refuses, and says so", options, async () => {
        await inPage(async (tab, url, accepted) => {
          const sent = await tab.call(async (url: string) => {
            const { connect } = (globalThis as unknown as Page).sluice;
            const connection = await connect(url);
            connection.close({ closeCode: 1001, reason: "away" });
            return (await connection.closed).sent;
          }, url);
          assert.deepEqual(sent, { closeCode: 4001, reason: "away" });
          assert.deepEqual((await accepted[0].closed).received, sent);
        });
      });

      it("says what it cannot do: options, pings", options, async () => {
        await inPage(async (tab, url) => {
          const said = await tab.call(async (url: string) => {
            const { connect } = (globalThis as unknown as Page).sluice;
            const name = (error: unknown) => (error as Error).name;
            const connection = await connect(url);
            const errors = [
              await connect(url, { headers: { authorization: "Bearer x" } }).catch(name),
              await connect(url, { tls: {} }).catch(name),
              await connect(url, { path: "/run/socket" }).catch(name),
              await connect(url, { pingInterval: 1000 }).catch(name),
              await connect(url, { sendTimeout: 1000 }).catch(name),
              await connect(url, { maxHeaders: 10 }).catch(name),
              await connection.ping().catch(name),
            ];
            await connection[Symbol.asyncDispose]();
            return errors;
          }, url);
          assert.deepEqual(said, Array(7).fill("NotSupportedError"));
        });
      });

      it("rejects with a typed error: refused, gone, aborted, no URL", options, async () => {
        const { server: gone } = await serve("");
        await gone.shutdown();
        const closed = `ws://127.0.0.1:${gone.address.port}/`;
        await inPage(async (tab, url) => {
          const said = await tab.call(
            async (url: string, closed: string) => {
              const { connect, HandshakeError } = (globalThis as unknown as Page).sluice;
              const kind = (error: unknown) =>
                error instanceof HandshakeError ? error.code : (error as Error).name;
              return [
                await connect(`${url}refused`).catch(kind),
                await connect(closed).catch(kind),
                await connect(url, { signal: AbortSignal.abort() }).catch(kind),
                await connect("not a URL").catch(kind),
              ];
            },
            url,
            closed,
          );
          assert.deepEqual(said, [
            "PLATFORM_REFUSED",
            "PLATFORM_REFUSED",
            "AbortError",
            "SyntaxError",
          ]);
        });
      });

      it(`exports all that ${entry} does`, options, async () => {
        await inPage(async (tab) => {
          const names = await tab.call(() => {
            return Object.keys((globalThis as unknown as Page).sluice).sort();
          });
          assert.deepEqual(names, Object.keys(await import(`../../${entry}`)).sort());
        });
      });
    });
  });
}
