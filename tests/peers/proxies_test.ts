/** What refuses a handshake behind a proxy with default options, and that what README.md says works. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ConnectionHandlers } from "../../mod.ts";
import { listen, type ListenOptions } from "../../lib/server/mod.ts";
import { connectTransport } from "../../lib/transport/runtime.ts";
import { type Answer, knockHttp1 } from "../adapters/suite/http.ts";
import { ca } from "../certificates/mod.ts";
import {
  documentedLines,
  hasIPv6,
  needsProxy,
  Proxy,
  type ProxyName,
  proxyNames,
} from "./proxies.ts";
import { GUARD } from "./support.ts";
import { shareOf } from "../support/tier.ts";

const options = { timeout: GUARD * 2 };

/** What is sent, and where to. */
interface Question {
  secure?: boolean;
  hostname?: "127.0.0.1" | "::1";
  host?: string;
  headers?: Record<string, string>;
}

interface Site extends AsyncDisposable {
  port: number;
  /** The answer to a browser's request for `wss://site.example/`, unless told otherwise. */
  ask(question?: Question): Promise<Answer>;
}

type Data = { address: string | undefined };

/** Starts a server on loopback, and in front of it a proxy with these lines in its configuration. */
async function site(
  name: ProxyName,
  lines: string,
  listening: Partial<ListenOptions<Data>> = {},
): Promise<Site> {
  const websocket: ConnectionHandlers<Data> = {
    message: (connection, data) => void connection.send(`${connection.data.address} ${data}`),
  };
  const server = await listen<Data>({
    hostname: "127.0.0.1",
    onError(): void {},
    handshake(request) { // as in README.md
      const address = request.headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
      return { data: { address } };
    },
    websocket,
    ...listening,
  });
  const { hostname, port } = server.address;
  const upstream = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const proxy = await Proxy.start(name, lines, upstream).catch(async (error) => {
    await server.shutdown({ timeout: 0 });
    throw error;
  });
  const { plain, secure } = proxy.ports;
  return {
    port: plain,
    async ask(question = {}): Promise<Answer> {
      const { hostname = "127.0.0.1", host = "site.example" } = question;
      const tls = question.secure ? { tls: { caCerts: [ca], serverName: "localhost" } } : {};
      const transport = await connectTransport({
        hostname,
        port: question.secure ? secure : plain,
        ...tls,
      });
      const headers = { origin: "https://site.example", ...question.headers };
      return await knockHttp1(transport, host, { headers });
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await proxy[Symbol.asyncDispose]();
      await server.shutdown({ timeout: 0 });
    },
  };
}

/** The body of a refusal, which must be what is expected. */
async function refusal(asked: Promise<Answer>, status: number, text: RegExp): Promise<void> {
  const answer = await asked;
  answer.peer?.wire.transport.close();
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.body, text);
}

/** Sends a message through a proxy; what comes back has the address that the server took for ours. */
async function accepted(asked: Promise<Answer>, address = "127.0.0.1"): Promise<void> {
  const { status, body, peer } = await asked;
  assert.equal(status, 101, body);
  assert.ok(peer);
  await peer.say("Hello");
  assert.equal((await peer.message()).data, `${address} Hello`);
  await peer.wire.leave();
}

/** What a newcomer would write, and what then refuses a browser. */
const bare: [name: ProxyName, what: string, lines: string, status: number, text: RegExp][] = [
  [
    "haproxy",
    "Host is passed on",
    documentedLines("haproxy"),
    403,
    /the Host "site\.example" is not a loopback name.*set the option hosts: \["site\.example"\]/,
  ],
  ["nginx", "HTTP/1.0 is spoken", "proxy_pass http://127.0.0.1:8080;", 505, /HTTP\/1\.1.*proxy/],
  [
    "nginx",
    "Upgrade is dropped",
    "proxy_pass http://127.0.0.1:8080; proxy_http_version 1.1;",
    426,
    /no header "Upgrade: websocket" \(a proxy in between must pass on Upgrade and Connection\)/,
  ],
  [
    "nginx",
    "Host is that of the server",
    documentedLines("nginx").replace(/.* Host .*/, ""),
    403,
    /the Origin "https:\/\/site\.example" is not.*set the option origins: \["https:.*example"\]/,
  ],
  [
    "apache",
    "Upgrade is dropped",
    "ProxyPass / http://127.0.0.1:8080/",
    426,
    /no header "Upgrade: websocket" \(a proxy in between must pass on Upgrade and Connection\)/,
  ],
  [
    "apache",
    "Host is that of the server",
    documentedLines("apache").replace(/.*PreserveHost.*/, ""),
    403,
    /the Origin "https:\/\/site\.example" is not.*set the option origins: \["https:.*example"\]/,
  ],
];

for (const name of shareOf(proxyNames)) {
  const needs = needsProxy(name);
  describe(`behind ${name}${needs.skip === undefined ? "" : ` (${needs.skip})`}`, needs, () => {
    for (const [proxy, what, lines, status, text] of bare) {
      if (proxy !== name) continue;
      it(`with default options: ${what}, and the ${status} says what to do`, options, async () => {
        await using served = await site(name, lines);
        await refusal(served.ask({ secure: true }), status, text);
        if (!text.source.includes("origins")) return;
        await using listed = await site(name, lines, { origins: ["https://site.example"] });
        await accepted(listed.ask({ secure: true }));
        await refusal(listed.ask({ headers: { origin: "https://evil.example" } }), 403, /origins/);
      });
    }

    it(
      "as README.md says: with hosts it works, and knows the client's address",
      options,
      async () => {
        await using served = await site(name, documentedLines(name), { hosts: ["site.example"] });
        await accepted(served.ask({ secure: true }));
        await accepted(served.ask({ headers: { origin: "http://site.example" } }));
        await accepted(served.ask({ host: "site.example:443" }));
        await accepted(served.ask({ headers: { "x-forwarded-for": "192.0.2.1, 192.0.2.2" } }));
        await refusal(served.ask({ host: "evil.example" }), 403, /option hosts/);
        await refusal(served.ask({ headers: { origin: "https://evil.example" } }), 403, /origins/);
        await refusal(served.ask({ host: "site.example:8443" }), 403, /origins/);
      },
    );

    it("on the IPv6 loopback address, as on the other", options, async (t) => {
      if (!hasIPv6) return t.skip("there is no ::1");
      await using served = await site(name, documentedLines(name), { hostname: "::1" });
      const host = `[::1]:${served.port}`, headers = { origin: `http://${host}` };
      await accepted(served.ask({ hostname: "::1", host, headers }), "::1");
      await accepted(served.ask({ host, headers }));
      await refusal(served.ask({ hostname: "::1" }), 403, /hosts: \["site\.example"\]/);
    });
  });
}
