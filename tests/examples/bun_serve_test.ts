/** The examples behind Bun.serve, as a reader starts them. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect, HandshakeError } from "../../mod.ts";
import { type Child, needs, startFile } from "../support/runtimes.ts";

const guard = { timeout: 60_000 };

function start(file: string): Child {
  const url = new URL(`../../examples/${file}`, import.meta.url);
  return startFile("bun", url, { env: { PORT: "0" } });
}

describe("the poll behind Bun.serve", needs("bun"), () => {
  async function poll(server: Child): Promise<string> {
    return (await server.printed(/^A poll on http(:\S+)$/m))[1];
  }

  it("serves its page beside two endpoints, and reports how the votes are", guard, async () => {
    await using server = start("bun_serve/main.ts");
    const address = await poll(server);
    const page = await fetch(`http${address}`);
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
    assert.match(await page.text(), /<title>A poll<\/title>/);
    assert.equal((await fetch(`http${address}missing`)).status, 404);
    await using results = await connect(`ws${address}results`, { perMessageDeflate: true });
    assert.equal(results.extensions, "permessage-deflate");
    assert.equal(await results.receive(), '{"Tea":0,"Coffee":0,"Water":0}');
    const ann = await connect(`ws${address}vote`), ben = await connect(`ws${address}vote`);
    ann.send("Tea");
    assert.equal(await results.receive(), '{"Tea":1,"Coffee":0,"Water":0}');
    ann.send("Coffee");
    assert.equal(await results.receive(), '{"Tea":0,"Coffee":1,"Water":0}');
    ben.send("Coffee");
    assert.equal(await results.receive(), '{"Tea":0,"Coffee":2,"Water":0}');
    ann.close();
    assert.equal(await results.receive(), '{"Tea":0,"Coffee":1,"Water":0}');
    ben.close();
  });

  it("each endpoint has options of its own", guard, async () => {
    await using server = start("bun_serve/main.ts");
    const address = await poll(server);
    const headers = { origin: "https://elsewhere.example" };
    await assert.rejects(
      connect(`ws${address}vote`, { headers }),
      (error: unknown) => error instanceof HandshakeError && error.status === 403,
    );
    await using reader = await connect(`ws${address}results`, { headers });
    reader.send("x".repeat(17));
    assert.match(String(await reader.receive()), /Tea/);
    for (const [said, closeCode] of [["Milk", 4000], ["x".repeat(17), 1009]] as const) {
      const voter = await connect(`ws${address}vote`, { websocket: {} });
      voter.send(said);
      assert.equal((await voter.closed).closeCode, closeCode);
    }
  });

  it("closes with 1001 on SIGINT, and ends", guard, async () => {
    await using server = start("bun_serve/main.ts");
    const address = await poll(server);
    const voter = await connect(`ws${address}vote`, { websocket: {} });
    const unused = connectTcp(Number(new URL(`ws${address}`).port), "localhost"); // as browsers keep
    await once(unused, "connect");
    unused.on("error", () => {}); // it may be reset
    server.signal("SIGINT");
    assert.equal((await voter.closed).closeCode, 1001);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    unused.destroy();
  });
});

describe("notes behind Hono on Bun", needs("bun"), () => {
  it("pushes what is posted, under Hono's middleware", guard, async () => {
    await using server = start("hono_bun/main.ts");
    const [, address] = await server.printed(/^Notes on http(:\S+)\/notes$/m);
    const post = async (body: string) => {
      const answer = await fetch(`http${address}/notes`, { method: "POST", body });
      assert.equal(answer.status, 201);
      await answer.body?.cancel();
    };
    await post("one");
    await using looker = await connect(`ws${address}/live`);
    assert.equal(await looker.receive(), "one");
    await post("two");
    assert.equal(await looker.receive(), "two");
    const all = await fetch(`http${address}/notes`);
    assert.deepEqual(await all.json(), ["one", "two"]);
    assert.equal(all.headers.get("x-content-type-options"), "nosniff");
    assert.doesNotMatch(server.output, /error/i);
  });

  it("refuses what is no WebSocket", guard, async () => {
    await using server = start("hono_bun/main.ts");
    const [, address] = await server.printed(/^Notes on http(:\S+)\/notes$/m);
    const answer = await fetch(`http${address}/live`);
    assert.equal(answer.status, 426);
    assert.equal(answer.headers.get("sec-websocket-version"), "13");
    await answer.body?.cancel();
  });
});
