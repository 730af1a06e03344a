/** What a hook and a connection see of the request, on every kind of server that the runtime has. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HandshakeInfo } from "../../lib/handshake/hook.ts";
import { listen } from "../../lib/server/mod.ts";
import type { UpgradeOptions } from "../../lib/server/upgrade_options.ts";
import { upgrade as upgradeBun } from "../../lib/adapters/bun/mod.ts";
import type { WebSocketConnection } from "../../mod.ts";
import { ownRuntime } from "../support/runtimes.ts";
import { serve as serveBun } from "./bun_support.ts";
import { serve as serveDeno } from "./deno_support.ts";
import { Rig } from "./node_http_support.ts";
import { REQUEST_LINES } from "../support/opening.ts";
import { RawClient } from "../support/raw_client.ts";

const guard = { timeout: 30_000 };

type Policies = Pick<UpgradeOptions, "hosts" | "origins">;
type Options = Policies & Pick<UpgradeOptions, "handshake" | "onError"> & {
  websocket(connection: WebSocketConnection): void;
};
type Served = AsyncDisposable & { port: number };

const kinds: Record<string, (options: Options) => Promise<Served> | Served> = {
  async listen(options) {
    const server = await listen({ hostname: "127.0.0.1", ...options });
    const stop = (): Promise<void> => server.shutdown({ timeout: 0 });
    return { port: server.address.port, [Symbol.asyncDispose]: stop };
  },
  "node:http": (options) => Rig.start("http", options),
};
if (ownRuntime === "deno") kinds["Deno.serve"] = (options) => serveDeno(options);
if (ownRuntime === "bun") {
  kinds["Bun.serve"] = (options) =>
    serveBun((request, server) => upgradeBun(request, server, options));
}

/** The status that a request with these lines is answered with. */
async function ask(
  { port }: Served,
  lines: readonly string[],
  target = "/chat",
): Promise<number> {
  using client = new RawClient({ port });
  const others = Object.entries(REQUEST_LINES).filter(([name]) => name !== "Host");
  const all = [`GET ${target} HTTP/1.1`, ...others.map((line) => line.join(": ")), ...lines];
  client.send([...all, "\r\n"].join("\r\n"));
  return await client.answered();
}

/** What was seen of one request that was accepted. */
interface Seen {
  hook: Request;
  info: HandshakeInfo;
  connection: WebSocketConnection;
}

/** Accepts every host unless told otherwise, and notes what there is to see. */
function watching(options: Policies = {}): { options: Options; seen: Promise<Seen> } {
  const { promise: seen, resolve } = Promise.withResolvers<Seen>();
  let asked: [Request, HandshakeInfo] | undefined;
  return {
    seen,
    options: {
      hosts: "*",
      onError(): void {},
      ...options,
      handshake: (...given): undefined => void (asked = given),
      websocket(connection): void {
        assert.ok(asked);
        resolve({ hook: asked[0], info: asked[1], connection });
      },
    },
  };
}

for (const [kind, start] of Object.entries(kinds)) {
  describe(`a request behind ${kind}`, () => {
    it("has several lines of Cookie joined by a semicolon (RFC 9113 8.2.3)", guard, async () => {
      let judged: string | null = null;
      const { options, seen } = watching({
        origins: (_origin, { headers }) => (judged = headers.get("cookie")) !== null,
      });
      await using server = await start(options);
      const lines = ["Host: localhost", "Cookie: a=1", "Cookie: b=2", "X: 1", "X: 2"];
      assert.equal(await ask(server, lines), 101);
      const { hook, connection } = await seen;
      for (const request of [hook, connection.request]) {
        assert.equal(request?.headers.get("cookie"), "a=1; b=2");
        assert.equal(request?.headers.get("x"), "1, 2");
      }
      assert.equal(judged, "a=1; b=2");
    });

    // Bun hides the target's host from us, and answers 400 to a ws or wss target itself.
    const bun = kind === "Bun.serve", noWs = bun || (ownRuntime === "bun" && kind === "node:http");

    for (const scheme of ["http", "https", "ws", "wss"]) {
      it(`has one host, whatever an absolute ${scheme} target and Host say`, guard, async () => {
        const { options, seen } = watching();
        await using server = await start(options);
        const target = `${scheme}://site.example:81/chat?a=b`;
        const status = await ask(server, ["Host: other.example"], target);
        if (noWs && scheme.startsWith("ws")) return assert.equal(status, 400);
        assert.equal(status, 101);
        const { hook, info, connection } = await seen;
        const host = bun ? "other.example" : "site.example:81";
        assert.equal(new URL(connection.url).host, host);
        for (const request of [hook, connection.request]) {
          assert.ok(request);
          assert.equal(new URL(request.url).host, host);
          assert.equal(request.headers.get("host"), host);
          assert.equal(request.url, connection.url.replace("ws", "http"));
        }
        // Deno tells nothing of TLS but by the URL, which has the scheme of the target.
        const claimed = kind === "Deno.serve" && /^(https|wss)$/.test(scheme);
        assert.equal(info.secure, claimed);
        assert.equal(new URL(connection.url).protocol, claimed ? "wss:" : "ws:");
      });
    }

    it("is checked by the host that is seen", guard, async () => {
      await using server = await start(watching({ hosts: ["site.example"] }).options);
      const target = "http://evil.example/", lines = ["Host: site.example"];
      assert.equal(await ask(server, lines), 101);
      if (bun) return;
      assert.equal(await ask(server, lines, target), 403);
      assert.equal(await ask(server, ["Host: evil.example"], "http://site.example/"), 101);
      const origin = "Origin: http://evil.example";
      assert.equal(await ask(server, ["Host: evil.example", origin], "http://site.example/"), 403);
      for (const host of [[], ["Host: a", "Host: a"], ["Host: a b"]]) {
        assert.equal(await ask(server, host, "http://site.example/"), 400);
      }
    });

    it(
      "with the default port in Host is of the same host as an Origin without",
      guard,
      async () => {
        await using server = await start(watching().options);
        const askFrom = (host: string, origin: string): Promise<number> =>
          ask(server, [`Host: ${host}`, `Origin: ${origin}`]);
        assert.equal(await askFrom("site.example:443", "https://site.example"), 101);
        assert.equal(await askFrom("site.example:80", "http://site.example"), 101);
        assert.equal(await askFrom("site.example:8443", "https://site.example"), 403);
        assert.equal(await askFrom("site.example:443", "http://site.example"), 403);
        assert.equal(await askFrom("site.example", "http://site.example:443"), 403);
      },
    );
  });
}
