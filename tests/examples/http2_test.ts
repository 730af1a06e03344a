import { describe, it } from "node:test";
import assert from "node:assert/strict";
import http2 from "node:http2";
import { fileURLToPath } from "node:url";
import { connect, HandshakeError } from "../../mod.ts";
import { ca } from "../certificates/mod.ts";
import { Chromium, needsChromium } from "../support/chromium.ts";
import {
  type Child,
  findRuntime,
  needs,
  ownRuntime,
  type RuntimeName,
  runtimeNames,
  startFile,
} from "../support/runtimes.ts";

const options = { timeout: 60_000 };
const file = new URL("../../examples/http2/main.ts", import.meta.url);
const certificate = (name: string): string =>
  fileURLToPath(new URL(`../certificates/${name}`, import.meta.url));
/** What a reader is told to allow, and no more. */
const permissions = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read"];

async function start(name: RuntimeName): Promise<{ server: Child; host: string }> {
  const env = { PORT: "0", CERT: certificate("leaf.pem"), KEY: certificate("leaf.key") };
  const server = startFile(name, file, { permissions, env });
  const [, host] = await server.printed(/^Lamps on https:\/\/(localhost:\d+)\/$/m);
  return { server, host };
}

for (const name of runtimeNames) {
  describe(`the lamps on one port on ${name}`, needs(name), () => {
    it("serves pages and WebSockets over HTTP/1.1 and HTTP/2 at once", options, async () => {
      const { server, host } = await start(name);
      await using _ = server;
      const session = http2.connect(`https://${host}`, { ca });
      session.on("error", () => {});
      try {
        const url = `wss://${host}/lamp/3`;
        await using over1 = await connect(url, { tls: { caCerts: [ca] } });
        await using over2 = await connect(url, { http2: session });
        await using other = await connect(`wss://${host}/lamp/4`, { http2: session });
        assert.deepEqual(
          [await over1.receive(), await over2.receive(), await other.receive()],
          ["off", "off", "off"],
        );
        over2.send("switch");
        assert.deepEqual([await over1.receive(), await over2.receive()], ["on", "on"]);
        over1.send("switch");
        assert.deepEqual([await over1.receive(), await over2.receive()], ["off", "off"]);

        const page = session.request({ ":path": "/" });
        page.setEncoding("utf8");
        let text = "";
        for await (const chunk of page) text += chunk;
        assert.match(text, /<title>Lamps<\/title>/);
        for (const given of [{ http2: session }, { tls: { caCerts: [ca] } }]) {
          await assert.rejects(connect(`wss://${host}/lamp/12`, given), (error) => {
            assert.ok(error instanceof HandshakeError && error.status === 404, String(error));
            return true;
          });
        }
      } finally {
        session.destroy();
      }
    });

    for (const client of runtimeNames) {
      if (name !== ownRuntime && client !== ownRuntime) continue;
      const both = findRuntime(client) === undefined ? needs(client) : {};
      it(`serves ${client}'s own WebSocket`, { ...options, ...both }, async () => {
        const { server, host } = await start(name);
        await using _ = server;
        const trusted = certificate("ca.pem");
        await using child = startFile(client, new URL("http2_client.ts", import.meta.url), {
          args: [`wss://${host}/lamp/0`],
          env: { DENO_CERT: trusted, NODE_EXTRA_CA_CERTS: trusted },
        });
        await child.printed(/^closed/m);
        assert.match(child.output, /^off\non\nclosed 1000 true\n/m);
      });
    }

    // Once on each runtime is enough: a browser takes seconds.
    const browserTest = name === ownRuntime ? needsChromium() : { skip: `${name} has its own run` };
    it(
      "works in a real browser over HTTP/2, in two tabs",
      { ...options, ...browserTest },
      async () => {
        const { server, host } = await start(name);
        await using _ = server;
        await using browser = await Chromium.start({ flags: ["--ignore-certificate-errors"] });
        const one = await browser.newTab(`https://${host}/`);
        const two = await browser.newTab(`https://${host}/`);
        const lamps = (state: string): string =>
          `document.querySelectorAll('button${state}').length`;
        for (const tab of [one, two]) {
          assert.equal(await tab.evaluate("document.querySelector('output').value"), "h2");
          await tab.waitFor(`${lamps(":enabled")} === 12`);
        }
        await one.evaluate("document.querySelectorAll('button')[5].click()");
        for (const tab of [one, two]) {
          await tab.waitFor(`${lamps("[aria-pressed=true]")} === 1`);
          const label = "document.querySelector('button[aria-pressed=true]').ariaLabel";
          assert.equal(await tab.evaluate(label), "Lamp 6");
        }
      },
    );
  });
}
