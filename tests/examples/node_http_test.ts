import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect, HandshakeError } from "../../mod.ts";
import { Chromium, needsChromium } from "../support/chromium.ts";
import {
  needs,
  ownRuntime,
  type RuntimeName,
  runtimeNames,
  startFile,
} from "../support/runtimes.ts";

const file = new URL("../../examples/node_http/main.ts", import.meta.url);
const options = { timeout: 60_000 };

/** What a reader is told to allow, and no more. */
const permissions = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read"];

async function start(name: RuntimeName) {
  const server = startFile(name, file, { permissions, env: { PORT: "0" } });
  const [, address] = await server.printed(/^Notepad on (http:\/\/localhost:\d+\/)$/m);
  return { server, address };
}

for (const name of runtimeNames) {
  describe(`the notepad behind node:http on ${name}`, needs(name), () => {
    it("serves its page, and what one writes the others see, compressed", options, async () => {
      const { server, address } = await start(name);
      await using _ = server;
      const page = await fetch(address);
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
      assert.match(await page.text(), /<title>Notepad<\/title>/);
      const missing = await fetch(`${address}pad`);
      assert.equal(missing.status, 404);
      await missing.body?.cancel();

      const perMessageDeflate = true;
      await using ada = await connect(`${address}pad`, { perMessageDeflate });
      await using ben = await connect(`${address}pad`, { perMessageDeflate });
      assert.match(ben.extensions, /^permessage-deflate/);
      assert.equal(await ben.receive(), "Write here.");
      const text = "Again and again. ".repeat(500);
      ada.send(text);
      assert.equal(await ben.receive(), text);
      await using late = await connect(`${address}pad`);
      assert.equal(await late.receive(), text);
    });

    it("refuses other paths, binary, and too much", options, async () => {
      const { server, address } = await start(name);
      await using _ = server;
      await assert.rejects(connect(`${address}other`), (error) => {
        assert.ok(error instanceof HandshakeError);
        assert.equal(error.status, 404);
        return true;
      });
      for (const [data, code] of [[Uint8Array.of(1), 1003], ["x".repeat(65_537), 1009]] as const) {
        const connection = await connect(`${address}pad`, { websocket: {} });
        connection.send(data);
        assert.equal((await connection.closed).closeCode, code);
      }
    });

    it("closes with 1001 on SIGINT, and ends", options, async () => {
      const { server, address } = await start(name);
      await using _ = server;
      const connection = await connect(`${address}pad`, { websocket: {} });
      const unused = connectTcp(Number(new URL(address).port), "localhost"); // as browsers keep
      await once(unused, "connect");
      unused.on("error", () => {}); // Deno resets it
      server.signal("SIGINT");
      assert.equal((await connection.closed).closeCode, 1001);
      assert.deepEqual(await server.exited, { code: 0, signal: null });
      unused.destroy();
    });

    // Once on each runtime is enough: a browser takes seconds.
    const browserTest = name === ownRuntime ? needsChromium() : { skip: `${name} has its own run` };
    it("works in a real browser, in two tabs", { ...options, ...browserTest }, async () => {
      const { server, address } = await start(name);
      await using _ = server;
      await using browser = await Chromium.start();
      const writer = await browser.newTab(address), reader = await browser.newTab(address);
      const state = "document.querySelector('output').value";
      for (const tab of [writer, reader]) {
        await tab.waitFor(`${state} === 'Connected (permessage-deflate)'`);
        await tab.waitFor("document.querySelector('textarea').value === 'Write here.'");
      }
      await writer.activate();
      await writer.evaluate("document.querySelector('textarea').select()");
      await writer.type("Grüße");
      await reader.waitFor("document.querySelector('textarea').value === 'Grüße'");
    });
  });
}
