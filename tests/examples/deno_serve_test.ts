/** The examples behind Deno.serve, as a reader starts them. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, HandshakeError } from "../../mod.ts";
import { type Child, needs, startFile } from "../support/runtimes.ts";

const guard = { timeout: 60_000 };
const permissions = ["--no-prompt", "--allow-net", "--allow-env=PORT"];

function start(file: string): Child {
  const url = new URL(`../../examples/${file}`, import.meta.url);
  return startFile("deno", url, { permissions, env: { PORT: "0" } });
}

describe("the button behind Deno.serve", needs("deno"), () => {
  it("serves its page, and tells everybody who is there and what was pressed", guard, async () => {
    await using server = start("deno_serve/main.ts");
    const [, address] = await server.printed(/^A button on (http:\S+)$/m);
    const page = await fetch(address);
    assert.match(await page.text(), /<title>A button<\/title>/);
    const missing = await fetch(`${address}missing`);
    assert.equal(missing.status, 404);
    await missing.body?.cancel();
    await using ann = await connect(`${address.replace("http", "ws")}button`);
    assert.equal(await ann.receive(), '{"people":1,"presses":0}');
    const ben = await connect(`${address.replace("http", "ws")}button`);
    assert.equal(await ann.receive(), '{"people":2,"presses":0}');
    ben.send("press");
    assert.equal(await ann.receive(), '{"people":2,"presses":1}');
    ben.close();
    assert.equal(await ann.receive(), '{"people":1,"presses":1}');
  });

  it("refuses pages of other hosts, and closes on what is no press", guard, async () => {
    await using server = start("deno_serve/main.ts");
    const [, address] = await server.printed(/^A button on http(:\S+)$/m);
    await assert.rejects(
      connect(`ws${address}button`, { headers: { origin: "https://evil.example" } }),
      (error: unknown) => error instanceof HandshakeError && error.status === 403,
    );
    const connection = await connect(`ws${address}button`, { websocket: {} });
    connection.send("x".repeat(17));
    assert.equal((await connection.closed).closeCode, 1009);
  });

  it("closes with 1001 on SIGINT, and ends", guard, async () => {
    await using server = start("deno_serve/main.ts");
    const [, address] = await server.printed(/^A button on http(:\S+)$/m);
    const connection = await connect(`ws${address}button`, { websocket: {} });
    server.signal("SIGINT");
    assert.equal((await connection.closed).closeCode, 1001);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });
});

describe("rooms behind Hono on Deno", needs("deno"), () => {
  it("passes on what is said in a room, and only there", guard, async () => {
    await using server = start("hono_deno/main.ts");
    const [, origin] = await server.printed(/^Rooms on ws(:\/\/localhost:\d+\/)/m);
    await using ann = await connect(`ws${origin}rooms/den?name=Ann`);
    await using ben = await connect(`ws${origin}rooms/den?name=Ben`);
    await using eve = await connect(`ws${origin}rooms/attic?name=Eve`);
    eve.send("Anybody?");
    assert.equal(await eve.receive(), "Eve: Anybody?");
    ann.send("Hello");
    assert.equal(await ben.receive(), "Ann: Hello");
    assert.equal(await ann.receive(), "Ann: Hello");
    const list = await fetch(`http${origin}`);
    assert.deepEqual(await list.json(), { rooms: ["den", "attic"] });
    // The middleware that every route is under.
    assert.equal(list.headers.get("x-content-type-options"), "nosniff");
    // A hook that answers at once needs no request.signal, of which Deno warns.
    assert.equal(server.output.match(/request\.signal/), null);
  });

  it("wants a name, and a WebSocket", guard, async () => {
    await using server = start("hono_deno/main.ts");
    const [, origin] = await server.printed(/^Rooms on ws(:\/\/localhost:\d+\/)/m);
    for (const [path, status] of [["rooms/den", 401], ["rooms/den?name=Ann", 426], ["x", 404]]) {
      const answer = await fetch(`http${origin}${path}`);
      assert.equal(answer.status, status);
      await answer.body?.cancel();
    }
  });
});
