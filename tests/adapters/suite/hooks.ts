/**
 * What a hook may do, and what it must not: whatever it returns or throws, its client gets an answer and
 * the server goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { connect, type ErrorContext, HandshakeError, type RefusalContext } from "../../../mod.ts";
import { oddValues } from "../../support/odd.ts";
import { listening, type Serve, type Served, type ServeOptions } from "./endpoint.ts";
import type { HandshakeCase } from "./handshakes.ts";
import { within } from "./wire.ts";
import { until } from "../../support/until.ts";

/** What the handlers of a server were told. */
interface ToldHandlers {
  readonly errors: [error: unknown, context: ErrorContext][];
  readonly refusals: [error: Error, context: RefusalContext][];
}

async function using(
  serve: Serve,
  options: Omit<ServeOptions, "websocket">,
  use: (served: Served, told: ToldHandlers) => Promise<void>,
): Promise<void> {
  const told: ToldHandlers = { errors: [], refusals: [] };
  const served = await serve({
    pingInterval: Infinity,
    websocket: () => assert.fail("nobody is let in"),
    onError: (error, context): void => void told.errors.push([error, context]),
    onRefused: (error, context): void => void told.refusals.push([error, context]),
    ...options,
  });
  try {
    await use(served, told);
  } finally {
    await within(served.close(), "the server to close");
  }
}

/** Answers of a backend, by what they are. */
const answers: Record<string, string> = {
  "101 with a wrong key":
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: wrong\r\nSet-Cookie: a=backend\r\n\r\n",
  "200": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nSet-Cookie: a=backend\r\n\r\npage",
  "204": "HTTP/1.1 204 No Content\r\nSet-Cookie: a=backend\r\n\r\n",
  "301": "HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.7/backend\r\nContent-Length: 0\r\n\r\n",
  "304": "HTTP/1.1 304 Not Modified\r\nETag: backend\r\n\r\n",
  "401, compressed and in chunks":
    'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nSet-Cookie: a=backend\r\n' +
    "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n" +
    "Keep-Alive: timeout=5\r\nServer: backend\r\n\r\n4\r\npage\r\n0\r\n\r\n",
  "403": "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nX-Why: backend\r\n\r\nbackend",
  "426": "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n",
  "429": "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
  "503": "HTTP/1.1 503 Unavailable\r\nRetry-After: 7\r\nContent-Length: 99999\r\n\r\n",
  "999": "HTTP/1.1 999 Backend\r\nContent-Length: 0\r\n\r\n",
  "nonsense": "220 mail.backend.example ESMTP\r\n\r\n",
  "nothing": "",
};

/** The statuses that the client of the gateway gets; what is not here is 502, but for a reset. */
const passedOn: Record<string, number> = {
  "401, compressed and in chunks": 401,
  "403": 403,
  "426": 426,
  "429": 429,
  "503": 503,
  "nothing": 500,
};

/** Nothing of the backend may be in an answer but what its client must know. */
const FORBIDDEN = [
  "content-encoding",
  "etag",
  "keep-alive",
  "location",
  "sec-websocket-accept",
  "set-cookie",
  "transfer-encoding",
  "x-why",
];

/** The cases. */
export const hookCases: readonly HandshakeCase[] = [
  {
    name: "a hook that returns what it must not lets nobody in: 500, and onError says what it was",
    async test(serve): Promise<void> {
      const results: unknown[] = [
        { status: 401 },
        { data: 1, statusCode: 401 },
        { refuse: true },
        { header: {} },
        new Error("no"),
        [],
        [{ data: 1 }],
        null,
        false,
        401,
        "no",
        () => {},
        new Map(),
        Response.error(),
      ];
      for (const result of results) {
        for (const later of [false, true]) {
          const handshake = (): undefined =>
            (later ? Promise.resolve(result) : result) as undefined;
          await using(serve, { handshake }, async ({ knock }, { errors, refusals }) => {
            const { status, body, peer } = await knock();
            assert.deepEqual([status, peer], [500, undefined]);
            assert.equal(body, "Cannot accept handshake: the server failed\n");
            await until("onError", () => errors.length > 0);
            const [[error]] = errors;
            assert.ok(error instanceof TypeError);
            assert.match(error.message, /^Cannot use what the handshake hook returned: /);
            assert.deepEqual([errors.length, refusals], [1, []]);
          });
        }
      }
    },
  },
  {
    name: "a Response that the hook throws, or rejects with, refuses as one that it returns",
    async test(serve): Promise<void> {
      const response = (): Response =>
        new Response("Who are you?", { status: 401, headers: { "www-authenticate": "Basic" } });
      const hooks: (() => undefined | Promise<undefined>)[] = [
        () => {
          throw response();
        },
        () => Promise.reject(response()),
        () => response() as unknown as undefined,
      ];
      for (const handshake of hooks) {
        await using(serve, { handshake }, async ({ knock }, { errors, refusals }) => {
          const { status, headers, body, peer } = await knock();
          assert.deepEqual([status, body, peer], [401, "Who are you?", undefined]);
          assert.equal(headers.get("www-authenticate"), "Basic");
          await until("onRefused", () => refusals.length > 0);
          const [[error]] = refusals;
          assert.ok(error instanceof HandshakeError);
          assert.deepEqual([error.code, error.status, errors], ["REFUSED", 401, []]);
        });
      }
    },
  },
  {
    name: "a HandshakeError of the hook refuses with its status; with 502 if that is no refusal",
    async test(serve): Promise<void> {
      for (const status of [0, 100, 101, 200, 204, 302, 401, 409, 503, 599, 600, 1000, NaN]) {
        for (const later of [false, true]) {
          const error = new HandshakeError("MINE", "Cannot accept: no rights", { status });
          const handshake = (): Promise<undefined> => {
            if (later) return Promise.reject(error);
            throw error;
          };
          await using(serve, { handshake }, async ({ knock }, { errors, refusals }) => {
            const kept = status >= 400 && status < 600;
            const answer = await knock();
            assert.equal(answer.status, kept ? status : 502);
            assert.equal(answer.body.includes("no rights"), kept);
            const told = kept ? refusals : errors, other = kept ? errors : refusals;
            await until("the report", () => told.length > 0);
            assert.equal(told[0][0], error);
            assert.deepEqual([told.length, other.length], [1, 0]);
          });
        }
      }
    },
  },
  {
    name: "whatever a hook throws, or rejects with, is a 500, and the very value goes to onError",
    async test(serve): Promise<void> {
      for (const [name, value] of oddValues()) {
        for (const later of [false, true]) {
          const handshake = (): Promise<undefined> => {
            if (later) return Promise.reject(value);
            throw value;
          };
          await using(serve, { handshake }, async ({ knock }, { errors, refusals }) => {
            assert.equal((await knock()).status, 500, name);
            await until("onError", () => errors.length > 0);
            assert.ok(Object.is(errors[0][0], value), name);
            assert.deepEqual([errors.length, refusals.length], [1, 0], name);
          });
        }
      }
    },
  },
  {
    name: "an origins function that is async is a 500, and its rejection nobody's",
    async test(serve): Promise<void> {
      const functions: (() => unknown)[] = [
        () => Promise.resolve(true),
        () => Promise.reject(new Error("no database")),
        () => ({
          then(): void {
            throw new Error("no database");
          },
        }),
      ];
      for (const origins of functions) {
        await using(serve, { origins: origins as () => boolean }, async ({ knock }, { errors }) => {
          assert.equal((await knock()).status, 500);
          await until("onError", () => errors.length > 0);
          assert.match(String(errors[0][0]), /TypeError: .*origins must return a boolean/);
        });
      }
    },
  },
  {
    name: "onError and onRefused are told of the request and the address",
    async test(serve, { knowsAddress = true }): Promise<void> {
      const handshake = (): never => {
        throw new Error("mine");
      };
      await using(serve, { handshake }, async ({ knock, origin }, { errors, refusals }) => {
        const path = "/a/b?c=d";
        const failed = await knock({ path, headers: { "x-mine": "1" } });
        const refused = await knock({
          path,
          headers: { "x-mine": "1", origin: "http://evil.example" },
        });
        assert.deepEqual([failed.status, refused.status], [500, 403]);
        await until("the reports", () => errors.length > 0 && refusals.length > 0);
        assert.equal(errors[0][1].connection, undefined);
        for (
          const [context, { port }] of [[errors[0][1], failed], [refusals[0][1], refused]] as const
        ) {
          assert.equal(context.request?.url, `${origin}${path}`);
          assert.equal(context.request.headers.get("x-mine"), "1");
          if (!knowsAddress) continue;
          assert.match(context.remoteAddress?.hostname ?? "", /127\.0\.0\.1$/);
          assert.equal(context.remoteAddress?.port, port);
        }
      });
    },
  },
  {
    name: "an onError or onRefused that fails keeps no client from its answer, and is printed",
    async test(serve): Promise<void> {
      const { error: print } = console, printed: unknown[][] = [];
      console.error = (...values: unknown[]): void => void printed.push(values);
      const failures: (() => void | Promise<void>)[] = [
        () => {
          throw new Error("the log is away");
        },
        () => Promise.reject(new Error("the log is away")),
        () => {
          throw Object.create(null);
        },
      ];
      try {
        for (const fail of failures) {
          const thrown = new Error("mine");
          const options: Omit<ServeOptions, "websocket"> = {
            onError: fail,
            onRefused: fail,
            handshake: () => Promise.reject(thrown),
          };
          await using(serve, options, async ({ knock }) => {
            printed.length = 0;
            assert.equal((await knock()).status, 500);
            await until("the print", () => printed.length >= 2);
            assert.match(String(printed[0][0]), /onError failed/);
            assert.equal(printed[1][1], thrown);
            printed.length = 0;
            const headers = { origin: "http://evil.example" };
            assert.equal((await knock({ headers })).status, 403);
            await until("the print", () => printed.length >= 2);
            assert.match(String(printed[0][0]), /onRefused failed/);
          });
        }
      } finally {
        console.error = print;
      }
    },
  },
  {
    name: "a gateway's hook passes the error of connect on, and nothing else of its backend",
    async test(serve): Promise<void> {
      for (const [name, answer] of Object.entries(answers)) {
        const backend = createServer((socket: Socket) => {
          socket.on("error", () => {});
          socket.once("data", () => socket.end(answer));
        });
        const port = await listening(backend);
        const handshake = async () => ({
          data: await connect(`ws://127.0.0.1:${port}/`) as unknown as undefined,
        });
        try {
          await using(serve, { handshake }, async ({ knock }, { errors, refusals }) => {
            const { status, headers, body, peer } = await knock();
            assert.deepEqual([status, peer], [passedOn[name] ?? 502, undefined], name);
            for (const header of FORBIDDEN) {
              const value = headers.get(header);
              // How a server frames its own body is its affair.
              if (header === "transfer-encoding" && value === "chunked") continue;
              if (header === "keep-alive") continue;
              assert.equal(value, null, `${name}: ${header}`);
            }
            assert.doesNotMatch(body, /backend|page|10\.0\.0\.7/, name);
            assert.match(body, /^Cannot accept handshake: the server .*\n$/, name);
            if (status === 401) {
              assert.equal(headers.get("www-authenticate"), 'Basic realm="x"');
            }
            if (status === 429 || status === 503) assert.equal(headers.get("retry-after"), "7");
            const told = status === 500 || status === 502 ? errors : refusals;
            await until("the report", () => told.length > 0);
            assert.equal(errors.length + refusals.length, 1, name);
          });
        } finally {
          await new Promise<void>((resolve) => backend.close(() => resolve()));
        }
      }
    },
  },
];
