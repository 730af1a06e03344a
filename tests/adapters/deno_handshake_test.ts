import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect, HandshakeError } from "../../mod.ts";
import { type DenoUpgradeOptions, upgrade } from "../../lib/adapters/deno.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { ask, onDeno, serve } from "./deno_support.ts";

const guard = { timeout: 30_000 };

async function statusOf(
  port: number,
  lines: Record<string, string | undefined>,
  start?: string,
): Promise<number> {
  using asker = ask(port, lines, start);
  return await asker.answered();
}

describe("the handshake hook behind Deno.serve", onDeno, () => {
  it("attaches data, adds headers, chooses the subprotocol", guard, async () => {
    await using rig = serve({
      protocols: ["soap"],
      handshake(request, info): { data: unknown; protocol: string; headers: [string, string][] } {
        const { remoteAddress, secure, protocols, origin } = info;
        const data = {
          path: new URL(request.url).pathname,
          seen: { host: remoteAddress?.hostname, secure, protocols, origin },
        };
        return { data, protocol: "wamp", headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]] };
      },
    } as Partial<DenoUpgradeOptions<unknown>>);
    using asker = ask(rig.port, { "Sec-WebSocket-Protocol": "soap,wamp" });
    const answer = await asker.said(/\r\n\r\n/);
    assert.match(answer, /^HTTP\/1\.1 101 .*\r\n/);
    assert.match(answer, /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/i);
    assert.match(answer, /\r\nsec-websocket-protocol: wamp\r\n/i);
    assert.match(answer, /\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    const connection = await rig.opened();
    assert.equal(connection.protocol, "wamp");
    assert.deepEqual(connection.data, {
      path: "/chat",
      seen: {
        host: "127.0.0.1",
        secure: false,
        protocols: ["soap", "wamp"],
        origin: undefined,
      },
    });
  });

  it("the server's preference decides where the hook does not", guard, async () => {
    await using rig = serve({ protocols: ["b", "a"] });
    for (const [protocols, chosen] of [[["a", "b"], "b"], [["a"], "a"], [["c"], ""]] as const) {
      const client = await connect(rig.url, { protocols });
      assert.equal(client.protocol, chosen);
      assert.equal((await rig.opened()).protocol, chosen);
      client.terminate();
    }
  });

  it("a Response refuses, and is no error", guard, async () => {
    await using rig = serve({
      handshake: () =>
        new Response("Who are you?\n", { status: 401, headers: { "x-why": "name" } }),
      websocket: () => assert.fail("refused"),
    });
    await assert.rejects(connect(rig.url), (error: unknown) => {
      assert.ok(error instanceof HandshakeError);
      assert.deepEqual([error.status, error.headers.get("x-why")], [401, "name"]);
      return true;
    });
    assert.deepEqual(rig.errors, []);
  });

  it(
    "one that throws, or returns what it may not, is a 500 without the reason",
    guard,
    async () => {
      const hooks: DenoUpgradeOptions["handshake"][] = [
        () => {
          throw new Error("secret");
        },
        () => Promise.reject(new Error("secret")),
        () => ({ protocol: "not offered" }),
        () => ({ headers: { upgrade: "h2c" } }),
      ];
      for (const handshake of hooks) {
        await using rig = serve({ handshake, websocket: () => assert.fail("refused") });
        using asker = ask(rig.port);
        assert.equal(await asker.answered(), 500);
        assert.doesNotMatch(await asker.said(/the server failed/), /secret|offered|h2c/);
        assert.equal(rig.errors.length, 1);
      }
    },
  );

  it("one that takes too long is a 503", guard, async () => {
    await using rig = serve({
      handshake: () => new Promise<undefined>(() => {}),
      handshakeTimeout: 20,
    });
    assert.equal(await statusOf(rig.port, {}), 503);
    assert.match(String(rig.errors[0]), /handshakeTimeout/);
  });

  it("a client that leaves meanwhile is neither an error nor a connection", guard, async () => {
    const asked = Promise.withResolvers<void>(), left = Promise.withResolvers<undefined>();
    await using rig = serve({
      handshake: (request) => {
        if (new URL(request.url).pathname !== "/chat") return undefined;
        request.signal.addEventListener("abort", () => left.resolve(undefined));
        asked.resolve();
        return left.promise;
      },
    });
    const asker = ask(rig.port);
    await asked.promise;
    asker[Symbol.dispose]();
    await left.promise;
    const client = await connect(rig.url); // the next one is served
    assert.equal((await rig.opened()).url, rig.url);
    assert.deepEqual(rig.errors, []);
    client.terminate();
  });

  it("threat 06: what a hook returns cannot end a header line", guard, async () => {
    await using rig = serve({
      handshake: () => ({ headers: [["X-A", "b\r\nX-C: d"]] as [string, string][] }),
    });
    using asker = ask(rig.port);
    assert.equal(await asker.answered(), 500);
    assert.doesNotMatch(await asker.said(/\r\n\r\n/), /x-c/i);
  });
});

describe("a request behind Deno.serve", onDeno, () => {
  it("threat 48: is answered with what is wrong, and never with 101", guard, async () => {
    await using rig = serve({ websocket: () => assert.fail("refused") });
    const wrong: [number, Record<string, string | undefined>, string?][] = [
      [426, { Upgrade: undefined, Connection: undefined }],
      [426, { "Sec-WebSocket-Version": "8" }],
      [426, { "Sec-WebSocket-Version": undefined }],
      [400, { Connection: "keep-alive" }],
      [400, { "Sec-WebSocket-Key": undefined }],
      [400, { "Sec-WebSocket-Key": "short" }],
      [400, { "Content-Length": "3" }],
      [405, {}, "POST /chat HTTP/1.1"],
    ];
    for (const [status, lines, start] of wrong) {
      using asker = ask(rig.port, lines, start);
      assert.equal(await asker.answered(), status, JSON.stringify(lines));
      if (status !== 426) continue;
      assert.match(await asker.said(/\r\n\r\n/), /\r\nsec-websocket-version: 13\r\n/i);
    }
  });

  it(
    "threat 46: an Origin of another host is refused, and the answer names both",
    guard,
    async () => {
      await using rig = serve();
      const host = `127.0.0.1:${rig.port}`;
      const matrix: [string | undefined, number][] = [
        [undefined, 101],
        [`http://${host}`, 101],
        [`https://${host}`, 101],
        ["http://127.0.0.1", 403],
        [`http://${host}.evil.example`, 403],
        [`http://evil.example`, 403],
        ["null", 403],
      ];
      for (const [Origin, status] of matrix) {
        assert.equal(await statusOf(rig.port, { Origin }), status, `${Origin}`);
      }
      using asker = ask(rig.port, { Origin: "http://evil.example" });
      assert.match(
        await asker.said(/option/),
        /"http:\/\/evil\.example".*"127\.0\.0\.1:\d+".*origins/,
      );
      assert.match(String(rig.refusals[0]), /option origins/);
      assert.deepEqual(rig.errors, []);
    },
  );

  it("threat 46: hosts are checked where a list is given", guard, async () => {
    await using rig = serve({ hosts: ["127.0.0.1", "localhost"] });
    assert.equal(await statusOf(rig.port, { Host: `localhost:${rig.port}` }), 101);
    assert.equal(await statusOf(rig.port, { Host: "rebound.example" }), 403);
  });

  it("threat 19: an invalid Host is a 400 or the runtime's", guard, async () => {
    await using rig = serve({ websocket: () => assert.fail("refused") });
    for (const Host of ["[::", "a b", "", undefined, "a/b", "u@h"]) {
      assert.equal(await statusOf(rig.port, { Host }), 400, `${Host}`);
    }
  });

  it("threat 11: names of every object are names like others", guard, async () => {
    await using rig = serve();
    for (const name of ["constructor", "__proto__", "toString"]) {
      const lines = {
        "Sec-WebSocket-Protocol": name,
        "Sec-WebSocket-Extensions": `${name};${name}`,
      };
      assert.equal(await statusOf(rig.port, lines), 101);
      assert.equal((await rig.opened()).protocol, "");
    }
  });

  it("over TLS: wss, and HTTP/1.1 for the WebSocket; over HTTP/2 426", guard, async () => {
    await using rig = serve({
      handshake: (_request, { secure }) => ({ data: secure }),
    } as Partial<DenoUpgradeOptions<boolean>>, { cert, key });
    const client = await connect(rig.url, { tls: { caCerts: [ca] } });
    const connection = await rig.opened();
    assert.deepEqual([connection.data, connection.url], [true, rig.url]);
    client.terminate();
    const http = Deno.createHttpClient({ caCerts: [ca], http1: false });
    try {
      const answer = await fetch(rig.url.replace("wss", "https"), { client: http });
      assert.equal(answer.status, 426);
      assert.match(await answer.text(), /Upgrade: websocket/);
    } finally {
      http.close();
    }
  });
});

describe("upgrade of Deno.serve", () => {
  const request = new Request("http://localhost/");
  const websocket = {};

  it("says where it works, anywhere else", async (t) => {
    if (ownRuntime === "deno") return t.skip("this is Deno");
    await assert.rejects(upgrade(request, { websocket }), {
      name: "NotSupportedError",
      message: "Cannot upgrade: this platform has no Deno.upgradeWebSocket",
    });
  });

  it("refuses options that the runtime cannot honour, and invalid ones", onDeno, async () => {
    const cannot: Partial<DenoUpgradeOptions>[] = [
      { perMessageDeflate: true },
      { perMessageDeflate: { level: 1 } },
      { maxPingsPerSecond: 1 },
      { maxFrameSize: 1 },
      { maxFragments: 1 },
      { sendTimeout: 1 },
    ];
    for (const each of cannot) {
      const [name] = Object.keys(each);
      await assert.rejects(upgrade(request, { websocket, ...each }), {
        name: "NotSupportedError",
        message: `Cannot read options: Deno.serve's WebSocket cannot honour ${name}`,
      });
    }
    await assert.rejects(upgrade(request, { websocket, maxMessageSize: -1 }), RangeError);
    await assert.rejects(upgrade(request, { websocket, origins: ["no"] }), TypeError);
    await assert.rejects(
      upgrade(request, {} as DenoUpgradeOptions),
      { name: "TypeError", message: /the option websocket .* is missing/ },
    );
  });

  it("one that fails is a 500, and reported", { ...onDeno, ...guard }, async () => {
    const native = Object.getOwnPropertyDescriptor(Deno, "upgradeWebSocket")!;
    await using rig = serve({ websocket: () => assert.fail("not open") });
    const value = (): never => {
      throw new Error("no socket");
    };
    Object.defineProperty(Deno, "upgradeWebSocket", { value, configurable: true });
    try {
      assert.equal(await statusOf(rig.port, {}), 500);
      assert.deepEqual(rig.errors.map(String), ["Error: no socket"]);
    } finally {
      Object.defineProperty(Deno, "upgradeWebSocket", native);
    }
  });
});
