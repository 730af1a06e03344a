/**
 * Opening handshakes, as a server decides about them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../../mod.ts";
import { HandshakeError } from "../../../mod.ts";
import type { HandshakeInfo } from "../../../lib/handshake/hook.ts";
import type { Endpoint, Serve, Served, ServeOptions } from "./endpoint.ts";
import type { Answer, Knock } from "./http.ts";
import { within } from "./wire.ts";
import { until } from "../../support/until.ts";

/** A case of a server. */
export interface HandshakeCase {
  readonly name: string;
  test(serve: Serve, endpoint: Endpoint): Promise<void>;
}

/** Does it with a server, which is closed whatever happens. */
async function using<Data = undefined>(
  serve: Serve,
  options: ServeOptions<Data>,
  use: (served: Served, errors: unknown[], refusals: Error[]) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [], refusals: Error[] = [];
  const served = await serve<Data>({
    pingInterval: Infinity,
    onError: (error): void => void errors.push(error),
    onRefused: (error): void => void refusals.push(error),
    ...options,
  });
  try {
    await use(served, errors, refusals);
  } finally {
    await within(served.close(), "the server to close");
  }
}

function isOpen({ status, peer }: Answer): boolean {
  return peer !== undefined && [101, 200].includes(status);
}

async function end({ peer, status, body }: Answer): Promise<void> {
  assert.ok(peer !== undefined, `refused with ${status}: ${body}`);
  await peer.closeWith();
}

/** The cases. */
export const handshakeCases: readonly HandshakeCase[] = [
  {
    name: "the connection knows its request, its URL, and where the peer is",
    async test(serve, { knowsAddress = true }): Promise<void> {
      const opened = Promise.withResolvers<WebSocketConnection>();
      const hooked = Promise.withResolvers<HandshakeInfo>();
      await using(serve, {
        handshake: (_request, info) => void hooked.resolve(info) as undefined,
        websocket: opened.resolve,
      }, async ({ knock, origin }) => {
        const answer = await knock({ path: "/a/b?c=%20d&e", headers: { cookie: "a=b" } });
        const connection = await opened.promise;
        const { request, url, readyState, protocol, extensions } = connection;
        assert.equal(request?.url, `${origin}/a/b?c=%20d&e`);
        assert.equal(request?.headers.get("cookie"), "a=b");
        assert.equal(url, `${origin.replace("http", "ws")}/a/b?c=%20d&e`);
        assert.deepEqual([readyState, protocol, extensions], [1, "", ""]);
        if (knowsAddress) {
          const { transport, hostname, port } = connection.remoteAddress!;
          assert.deepEqual([transport, port], ["tcp", answer.port]);
          assert.match(hostname, /127\.0\.0\.1$/);
          assert.deepEqual((await hooked.promise).remoteAddress?.port, port);
        }
        const { secure, protocols, origin: from } = await hooked.promise;
        assert.deepEqual([secure, protocols, from], [origin.startsWith("https"), [], undefined]);
        await end(answer);
      });
    },
  },
  {
    name: "what the hook gives: data for the connection, headers and the protocol for the answer",
    async test(serve): Promise<void> {
      const opened = Promise.withResolvers<WebSocketConnection<{ name: string }>>();
      await using<{ name: string }>(serve, {
        handshake: async (request, info) => {
          await Promise.resolve();
          const name = new URL(request.url).searchParams.get("name") ?? "";
          assert.deepEqual(info.protocols, ["a", "b"]);
          return { data: { name }, protocol: "b", headers: [["set-cookie", "c=d"], ["x-e", "f"]] };
        },
        websocket: opened.resolve,
      }, async ({ knock }) => {
        const headers = { "sec-websocket-protocol": "a, b" };
        const answer = await knock({ path: "/?name=Ann", headers });
        assert.equal(answer.headers.get("x-e"), "f");
        assert.equal(answer.headers.get("set-cookie"), "c=d");
        assert.equal(answer.headers.get("sec-websocket-protocol"), "b");
        const connection = await opened.promise;
        assert.deepEqual([connection.data, connection.protocol], [{ name: "Ann" }, "b"]);
        await end(answer);
      });
    },
  },
  {
    name: "data is not shared between connections, and routes by the hook",
    async test(serve): Promise<void> {
      await using<string>(serve, {
        handshake: (request) => ({ data: new URL(request.url).pathname }),
        websocket: { open: (connection) => void connection.send(connection.data) },
      }, async ({ knock }) => {
        const answers = await Promise.all(["/one", "/two"].map((path) => knock({ path })));
        const said = await Promise.all(answers.map(({ peer }) => peer?.message()));
        assert.deepEqual(said.map((message) => message?.data), ["/one", "/two"]);
        await Promise.all(answers.map(end));
      });
    },
  },
  {
    name: "a Response of the hook refuses, with its status, headers and body",
    async test(serve): Promise<void> {
      let opened = 0;
      await using(serve, {
        handshake: (request) =>
          new Response("Who are you?", {
            status: new URL(request.url).pathname === "/gone" ? 410 : 401,
            headers: { "www-authenticate": "Basic" },
          }),
        websocket: () => void opened++,
      }, async ({ knock }, errors) => {
        const { status, headers, body, peer } = await knock();
        assert.deepEqual([status, body, peer], [401, "Who are you?", undefined]);
        assert.equal(headers.get("www-authenticate"), "Basic");
        assert.equal((await knock({ path: "/gone" })).status, 410);
        assert.deepEqual([opened, errors], [0, []]);
      });
    },
  },
  {
    name: "a hook that throws, or rejects, is a 500 and goes to onError",
    async test(serve): Promise<void> {
      await using(serve, {
        handshake: (request) => {
          const error = new Error("a secret");
          if (request.url.endsWith("late")) return Promise.reject(error);
          throw error;
        },
        websocket: {},
      }, async ({ knock }, errors) => {
        for (const path of ["/now", "/late"]) {
          const { status, body } = await knock({ path });
          assert.equal(status, 500);
          assert.doesNotMatch(body, /secret/);
        }
        const messages = (): string[] => errors.map((error) => (error as Error).message);
        const secrets = (): string[] => messages().filter((message) => message === "a secret");
        await until("the errors in onError", () => secrets().length === 2);
        // The answer itself may be told as well.
        assert.ok(errors.length <= 4, messages().join());
      });
    },
  },
  {
    name: "a hook that is not done within handshakeTimeout is a 503, and reported to onError",
    async test(serve): Promise<void> {
      const gate = Promise.withResolvers<undefined>();
      let opened = 0;
      await using(serve, {
        handshakeTimeout: 50,
        handshake: () => gate.promise,
        websocket: () => void opened++,
      }, async ({ knock }, errors) => {
        const { status, body } = await knock();
        assert.equal(status, 503);
        assert.match(body, /handshakeTimeout/);
        await until("onError", () => errors.length > 0);
        assert.ok(errors[0] instanceof HandshakeError && errors[0].code === "HANDSHAKE_TIMEOUT");
        gate.resolve(undefined);
        await new Promise((resolve) => setTimeout(resolve, 0));
        assert.equal(opened, 0);
      });
    },
  },
  {
    name: "the subprotocol is the server's first that the client offers, or none",
    async test(serve): Promise<void> {
      await using(serve, { protocols: ["v2", "v1"], websocket: {} }, async ({ knock }) => {
        for (
          const [offered, chosen] of [["v1, v2", "v2"], ["v0, v1", "v1"], ["v0", null], [
            undefined,
            null,
          ]] as const
        ) {
          const answer = await knock({ headers: { "sec-websocket-protocol": offered } });
          assert.equal(answer.headers.get("sec-websocket-protocol"), chosen);
          await end(answer);
        }
      });
    },
  },
  {
    name: "threat 46: another site's page is refused with 403, its own host's let in",
    async test(serve): Promise<void> {
      await using(serve, { websocket: {} }, async ({ knock, origin }) => {
        const own = await knock({ headers: { origin } });
        assert.ok(isOpen(own), `${own.status}: ${own.body}`);
        await end(own);
        for (const other of ["http://evil.example", "null", `${origin}.evil.example`]) {
          assert.equal((await knock({ headers: { origin: other } })).status, 403, other);
        }
      });
      const origins = ["https://a.example"];
      await using(serve, { origins, websocket: {} }, async ({ knock, origin }) => {
        await end(await knock({ headers: { origin: origins[0] } }));
        assert.equal((await knock({ headers: { origin } })).status, 403);
      });
      await using(serve, { origins: "*", websocket: {} }, async ({ knock }) => {
        await end(await knock({ headers: { origin: "http://evil.example" } }));
      });
    },
  },
  {
    name: "threat 46: a host that the server does not answer to is refused with 403",
    async test(serve): Promise<void> {
      await using(serve, { hosts: ["a.example"], websocket: {} }, async ({ knock }) => {
        await end(await knock({ headers: { host: "a.example" } }));
        assert.equal((await knock({ headers: { host: "b.example" } })).status, 403);
      });
    },
  },
  {
    name: "a request that breaks a rule is refused by its status, and reported to onRefused",
    async test(serve, { http2 = false }): Promise<void> {
      await using(serve, { websocket: {} }, async ({ knock }, errors, refusals) => {
        const version = { "sec-websocket-version": "12" };
        // RFC 9113 section 8.6: HTTP/2 has no upgrade that could be required.
        const wrong: Wrong[] = [{ headers: version, status: http2 ? 400 : 426 }];
        if (!http2) wrong.push(...wrongHttp1);
        for (const { status, ...request } of wrong) {
          const answer = await knock(request);
          assert.equal(answer.status, status, JSON.stringify(request));
          await until("onRefused", () => refusals.length > 0);
          assert.equal((refusals.pop() as HandshakeError).status, status);
        }
        assert.deepEqual(errors, []);
        await end(await knock());
      });
    },
  },
  {
    name: "a client that leaves while the hook decides gets no connection",
    async test(serve): Promise<void> {
      const asked = Promise.withResolvers<void>(), gate = Promise.withResolvers<undefined>();
      const opened: WebSocketConnection[] = [];
      await using(serve, {
        handshake: () => {
          asked.resolve();
          return gate.promise;
        },
        websocket: (connection) => void opened.push(connection),
      }, async ({ abandon }) => {
        const leave = await abandon();
        await within(asked.promise, "the hook");
        leave();
        await new Promise((resolve) => setTimeout(resolve, 50));
        gate.resolve(undefined);
        await new Promise((resolve) => setTimeout(resolve, 50));
        // A platform may not tell in time: then it opens, and ends at once.
        for (const { closed } of opened) {
          assert.equal((await within(closed, "the end")).closeCode, 1006);
        }
      });
    },
  },
];

interface Wrong extends Knock {
  status: number;
}

const wrongHttp1: readonly Wrong[] = [
  { headers: { "sec-websocket-key": "short" }, status: 400 },
  { headers: { "sec-websocket-key": undefined }, status: 400 },
];
