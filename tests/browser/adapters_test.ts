/**
 * Chromium and each adapter: what its page sees, what the server sees, and what the browser's network
 * panel shows, by its debugging protocol. Under Deno all runtimes' servers are tried, as child processes;
 * under Bun and Node their own only.
 */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Chromium, needsChromium, type Tab } from "../support/chromium.ts";
import { findRuntime, needs, ownRuntime, runtimeNames } from "../support/runtimes.ts";
import { bundle, type Page } from "./bundle.ts";
import { NetworkPanel } from "./network_panel.ts";
import { type Ended, kindsOf, type ServerKind, Servers } from "./servers.ts";

const chromium = needsChromium();
const PMD = "permessage-deflate";
/** In more than one byte a character, and long enough to be worth compressing. */
const TEXT = "Grüße 🙂 ".repeat(30);
/** Each byte, and more than the shortest length has room for. */
const BYTES = Array.from({ length: 300 }, (_, at) => at & 255);

/** The library for the page. */
const made = bundle(findRuntime("bun") === undefined ? "deno" : "bun", "mod.ts");
const missing = "skip" in made ? made : {};

/** What the page has of a WebSocket. */
interface Seen {
  /** By which version of HTTP the page itself came. */
  page: string;
  protocol: string;
  extensions: string;
  echoes: [unknown, unknown];
  closed: [code: number, reason: string, wasClean: boolean];
}

/** In the page: has both kinds of message echoed, and closes. */
function exchange(url: string, text: string, bytes: number[]): Promise<Seen> {
  const [{ nextHopProtocol: page }] = performance.getEntriesByType("navigation") as unknown as [
    { nextHopProtocol: string },
  ];
  return new Promise((resolve) => {
    const socket = new WebSocket(url, ["other", "echo"]);
    socket.binaryType = "arraybuffer";
    const got: unknown[] = [];
    socket.onopen = (): void => {
      socket.send(text);
      socket.send(Uint8Array.from(bytes));
    };
    socket.onmessage = ({ data }): void => {
      got.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
      if (got.length === 2) socket.close(4321, "enough");
    };
    socket.onclose = ({ code, reason, wasClean }): void => {
      const { protocol, extensions } = socket, echoes: [unknown, unknown] = [got[0], got[1]];
      resolve({ page, protocol, extensions, echoes, closed: [code, reason, wasClean] });
    };
  });
}

/** In the page: the same through `fromWebSocket`. */
async function exchangeThroughUs(url: string, text: string, bytes: number[]): Promise<Seen> {
  const [{ nextHopProtocol: page }] = performance.getEntriesByType("navigation") as unknown as [
    { nextHopProtocol: string },
  ];
  const { fromWebSocket } = (globalThis as unknown as Page).sluice;
  const connection = await fromWebSocket(new WebSocket(url, ["other", "echo"]));
  connection.send(text);
  const first = await connection.receive();
  connection.send(Uint8Array.from(bytes));
  const second = await connection.receive();
  connection.close({ closeCode: 4321, reason: "enough" });
  const { closeCode, reason, wasClean } = await connection.closed;
  const { protocol, extensions } = connection;
  const echoes: [unknown, unknown] = [first, typeof second === "string" ? second : [...second]];
  return { page, protocol, extensions, echoes, closed: [closeCode, reason, wasClean] };
}

/** In the page: has the server close. */
function leave(url: string): Promise<Seen["closed"]> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, ["other", "echo"]);
    socket.onopen = (): void => socket.send("leave");
    socket.onclose = ({ code, reason, wasClean }): void => resolve([code, reason, wasClean]);
  });
}

/** What is not the same with all. */
function termsOf(kind: ServerKind): { overHttp2: boolean; extensions: string; answer: string } {
  return {
    overHttp2: kind === "node:http2",
    extensions: kind === "Deno.serve" ? "" : PMD,
    // Ours answers a Close with its code alone, Deno's and Bun's own with the reason too.
    answer: kind === "Deno.serve" || kind === "Bun.serve" ? "enough" : "",
  };
}

/** What a test has of its page. */
interface Opened {
  tab: Tab;
  panel: NetworkPanel;
  origin: string;
  /** For a WebSocket of the same origin, and which it is for the server. */
  url: string;
  id: string;
  /** What the server knows of it, once it is over. */
  ended(): Promise<Ended>;
}

describe("Chromium", () => {
  let browser: Chromium | undefined;
  let count = 0;
  before(async () => {
    if (chromium.skip !== undefined) return;
    browser = await Chromium.start({ flags: ["--ignore-certificate-errors"] });
  });
  after(() => browser?.close());

  /** Opens a page of the server's, and the network panel. */
  async function withPage(
    servers: Servers | undefined,
    kind: ServerKind,
    body: (at: Opened) => Promise<void>,
  ): Promise<void> {
    assert.ok(browser !== undefined, "Chromium did not start");
    assert.ok(servers !== undefined, "the servers did not start");
    const host = servers.host(kind), s = termsOf(kind).overHttp2 ? "s" : "";
    const origin = `http${s}://${host}`, id = String(++count);
    const tab = await browser.newTab(`${origin}/`);
    const panel = await NetworkPanel.open(tab);
    const ended = servers.ended.bind(servers, id);
    await body({ tab, panel, origin, url: `ws${s}://${host}/?id=${id}`, id, ended });
    await tab.close();
  }

  /** Has a page do an exchange, and judges what all three sides know of it. */
  async function check(
    servers: Servers | undefined,
    kind: ServerKind,
    perform: (tab: Tab, url: string) => Promise<Seen>,
  ): Promise<void> {
    await withPage(servers, kind, async ({ tab, panel, origin, url, id, ended }) => {
      const { overHttp2, extensions, answer } = termsOf(kind);
      assert.deepEqual(await perform(tab, url), {
        page: overHttp2 ? "h2" : "http/1.1",
        protocol: "echo",
        extensions,
        echoes: [TEXT, BYTES],
        closed: [4321, answer, true],
      });
      const received = { closeCode: 4321, reason: "enough" };
      assert.deepEqual(await ended(), { id, protocol: "echo", extensions, received });

      const shown = await panel.closed(url);
      const { request, response } = shown;
      assert.equal(request["sec-websocket-protocol"], "other, echo");
      assert.equal(request["sec-websocket-extensions"], `${PMD}; client_max_window_bits`);
      assert.equal(request.origin, origin);
      assert.equal(shown.status, overHttp2 ? 200 : 101);
      // RFC 8441 section 5: there is no key over HTTP/2.
      assert.equal("sec-websocket-key" in request, !overHttp2);
      assert.equal("sec-websocket-accept" in response, !overHttp2);
      assert.equal(response["sec-websocket-protocol"], "echo");
      assert.equal(response["sec-websocket-extensions"] ?? "", extensions);
      const frames = (mask: boolean): unknown[] => [
        { opcode: 1, mask, payloadData: TEXT },
        { opcode: 2, mask, payloadData: Buffer.from(BYTES).toString("base64") },
      ];
      assert.deepEqual(shown.sent, frames(true));
      assert.deepEqual(shown.received, frames(false));
      assert.deepEqual(shown.errors, []);
    });
  }

  for (const name of ownRuntime === "deno" ? runtimeNames : [ownRuntime]) {
    describe(`with ${name}`, () => {
      const options = { timeout: 60_000, ...needs(name), ...chromium };
      let servers: Servers | undefined;
      before(async () => {
        if (options.skip !== undefined) return;
        servers = await Servers.start(name);
      });
      after(() => servers?.[Symbol.asyncDispose]());

      for (const kind of kindsOf[name]) {
        it(`${kind}: handshake and frames are in the network panel`, options, async () => {
          await check(servers, kind, (tab, url) => tab.call(exchange, url, TEXT, BYTES));
        });

        it(`${kind}: the page gets the server's close code and reason`, options, async () => {
          await withPage(servers, kind, async ({ tab, panel, url }) => {
            assert.deepEqual(await tab.call(leave, url), [1001, "away", true]);
            const { sent, received, errors } = await panel.closed(url);
            assert.deepEqual(sent, [{ opcode: 1, mask: true, payloadData: "leave" }]);
            assert.deepEqual([received, errors], [[], []]);
          });
        });
      }

      if (name !== ownRuntime) return; // one runtime's servers are enough for what is in the page
      for (const kind of ["listen", "node:http2"] as const) {
        it(`${kind}: fromWebSocket in the page`, { ...missing, ...options }, async () => {
          if ("skip" in made) return;
          await check(servers, kind, async (tab, url) => {
            await tab.call(async (text: string) => {
              const type = "text/javascript";
              const file = URL.createObjectURL(new Blob([text], { type }));
              (globalThis as unknown as Page).sluice = await import(file);
            }, made.text);
            return tab.call(exchangeThroughUs, url, TEXT, BYTES);
          });
        });
      }
    });
  }
});
