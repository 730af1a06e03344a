import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { connect } from "../../mod.ts";
import {
  type BunServerLike,
  type BunUpgradeOptions,
  upgrade,
  websocket,
  websocketWith,
} from "../../lib/adapters/bun/mod.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { ConnectionHandlers } from "../../lib/connection/connection.ts";
import { LimitError } from "../../lib/errors.ts";
import { bytesOf, join } from "../connection/support.ts";
import { needsBun, serve, serveEndpoint } from "./bun_support.ts";
import { within } from "./suite/wire.ts";
import { until } from "../support/until.ts";

const guard = { timeout: 60_000 };
const onBun = { ...guard, ...needsBun };
const echo: ConnectionHandlers = {
  message: (connection, data) => void connection.send(data),
};
const offers = { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" };

/** A request that breaks no rule. */
function request(headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/chat?a=b", {
    headers: new Headers({
      host: "localhost",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      ...headers,
    }),
  });
}

/** A server of which the test says what it does. */
function fakeServer(take: BunServerLike["upgrade"]): BunServerLike {
  return { hostname: "localhost", requestIP: () => null, upgrade: take };
}

describe("the object for Bun.serve", () => {
  it("has defaults in Bun's own words", () => {
    const { perMessageDeflate, maxPayloadLength, idleTimeout, sendPings, backpressureLimit } =
      websocket;
    assert.deepEqual(
      { perMessageDeflate, maxPayloadLength, idleTimeout, sendPings, backpressureLimit },
      {
        perMessageDeflate: false,
        maxPayloadLength: 16 * 1024 * 1024,
        idleTimeout: 40,
        sendPings: true,
        backpressureLimit: 2 ** 32 - 1,
      },
    );
  });

  it("has what was asked for, as Bun can do it", () => {
    const { perMessageDeflate, maxPayloadLength, idleTimeout } = websocketWith({
      perMessageDeflate: true,
      maxMessageSize: Infinity,
      pingInterval: 1,
      pingTimeout: 1000,
    });
    assert.deepEqual(perMessageDeflate, { compress: "dedicated", decompress: "dedicated" });
    assert.deepEqual([maxPayloadLength, idleTimeout], [2 ** 32 - 1, 2]);
    assert.equal(websocketWith({ pingInterval: Infinity }).idleTimeout, 0);
    assert.equal(websocketWith({ pingInterval: 940_000 }).idleTimeout, 960);
  });

  it("refuses what Bun has no number for, and names it", () => {
    assert.throws(() => websocketWith({ pingInterval: 940_001 }), /RangeError.*960 s/s);
    assert.throws(() => websocketWith({ maxMessageSize: -1 }), /RangeError.*maxMessageSize/s);
    const options = { perMessageDeflate: { level: 6 } } as unknown as { perMessageDeflate: true };
    assert.throws(() => websocketWith(options), /TypeError.*perMessageDeflate/s);
  });
});

describe("upgrade for Bun.serve", () => {
  for (const name of ["perMessageDeflate", "pingInterval", "pingTimeout"]) {
    it(`says where ${name} belongs`, async () => {
      const options = { websocket: {}, [name]: name === "perMessageDeflate" ? true : 1000 };
      await assert.rejects(
        upgrade(request(), fakeServer(() => true), options as BunUpgradeOptions),
        {
          name: "TypeError",
          message: `Cannot read options: ${name} is an option of websocketWith on Bun`,
        },
      );
    });
  }

  for (const name of ["maxFrameSize", "maxFragments", "sendTimeout"] as const) {
    it(`refuses ${name}, which Bun cannot honour`, async () => {
      await assert.rejects(
        upgrade(request(), fakeServer(() => true), { websocket: {}, [name]: 1 }),
        (error: Error) => error.name === "NotSupportedError" && error.message.includes(name),
      );
    });
  }

  it("refuses to be without websocket", async () => {
    const options = {} as BunUpgradeOptions;
    await assert.rejects(upgrade(request(), fakeServer(() => true), options), /option websocket/);
  });

  it("shows Bun an offer that it can fulfil, and the user the one that was sent", async () => {
    for (
      const [perMessageDeflate, shown] of [[undefined, "permessage-deflate"], [false, ""]] as const
    ) {
      const seen: (string | null)[] = [], asked = request(offers);
      const server = fakeServer(({ headers }) => {
        seen.push(headers.get("sec-websocket-extensions"));
        return false;
      });
      const options = { websocket: {}, perMessageDeflate, onError(): void {} };
      await upgrade(asked, server, options);
      assert.deepEqual(seen, [shown]);
      assert.equal(asked.headers.get("sec-websocket-extensions"), Object.values(offers)[0]);
    }
  });

  it("names the subprotocol always, as Bun would take the first", async () => {
    const lines: [string, string][][] = [];
    const server = fakeServer((_request, { headers }) => lines.push(headers) === 0);
    const options = { websocket: {}, onError(): void {}, protocols: ["b"] };
    await upgrade(request({ "sec-websocket-protocol": "a, b" }), server, options);
    await upgrade(request({ "sec-websocket-protocol": "a, c" }), server, options);
    assert.deepEqual(lines, [
      [["sec-websocket-protocol", "b"]],
      [["sec-websocket-protocol", ""]],
    ]);
  });

  it("a server that does not take the request is a 500, and reported to onError", async () => {
    const errors: unknown[] = [];
    const options = { websocket: {}, onError: (error: unknown): void => void errors.push(error) };
    const answer = await upgrade(request(), fakeServer(() => false), options);
    assert.equal(answer?.status, 500);
    assert.match(String(errors), /does not take the request/);
  });

  it("threat 19: an invalid Host is a 400, however Bun reads it", async () => {
    for (const url of ["http://localhost/chat", "/chat"]) {
      for (const host of ["[::", "a b", "", "a, b"]) {
        const asked = { ...fields(request({ host })), url } as Request;
        const options = { websocket: {}, onError(): void {} };
        const answer = await upgrade(asked, fakeServer(() => true), options);
        assert.equal(answer?.status, 400, `${url} ${host}`);
      }
    }
  });

  /** What is read of a request, to be changed. */
  function fields({ method, headers, signal }: Request): object {
    return { method, headers, signal };
  }
});

describe("connections behind Bun.serve", () => {
  it("several endpoints beside routes, each with options and data of its own", onBun, async () => {
    await using served = serve(() => new Response("none", { status: 404 }), {
      websocket,
      routes: {
        "/": new Response("page"),
        "/a": (request, server) =>
          upgrade<string>(request, server, {
            handshake: () => ({ data: "A" }),
            protocols: ["a"],
            maxMessageSize: 3,
            websocket: {
              message: (connection, data) => void connection.send(data + connection.data),
            },
          }),
        "/b": (request, server) =>
          upgrade<{ count: number }>(request, server, {
            handshake: () => ({ data: { count: 0 } }),
            websocket: {
              message(connection): void {
                connection.send(`${++connection.data.count}${connection.protocol}`);
              },
            },
          }),
      },
    });
    assert.equal(await (await fetch(`http://127.0.0.1:${served.port}/`)).text(), "page");
    const headers = { "sec-websocket-protocol": "b, a" };
    const a = await served.knock({ path: "/a", headers });
    assert.equal(a.headers.get("sec-websocket-protocol"), "a");
    const b = await served.knock({ path: "/b", headers });
    assert.equal(b.headers.get("sec-websocket-protocol"), null);
    await a.peer!.say("123", "1234");
    assert.equal((await a.peer!.message()).data, "123A");
    assert.deepEqual(await a.peer!.close(), { code: 1009, reason: "maxMessageSize" });
    await b.peer!.say("1234", "5");
    assert.deepEqual([(await b.peer!.message()).data, (await b.peer!.message()).data], ["1", "2"]);
    assert.equal((await served.knock({ path: "/c" })).status, 404);
  });

  it("a server without this module's websocket object: the error says so", onBun, async () => {
    for (
      const [given, status, text] of [
        [{}, 500, /set the "websocket" object/],
        [
          { websocket: { message(): void {} } },
          101,
          /must be given the `websocket` of this module/,
        ],
      ] as const
    ) {
      const errors: unknown[] = [];
      await using served = serve((request, server) =>
        upgrade(request, server, {
          websocket: {},
          onError: (error): void => void errors.push(error),
        }), given);
      const answer = await served.knock();
      assert.equal(answer.status, status);
      await until("an error", () => errors.length > 0);
      assert.match(String(errors), text);
      answer.peer?.vanish();
    }
  });

  it("binary messages are Uint8Arrays with memory of their own", onBun, async () => {
    const kept: Uint8Array[] = [];
    await using served = serveEndpoint({
      websocket: {
        message(connection, data): void {
          kept.push(data as Uint8Array);
          connection.send("got");
        },
      },
    });
    const peer = await served.peer();
    for (const value of [1, 2]) {
      await peer.say(new Uint8Array(100).fill(value), new Uint8Array(70_000).fill(value));
      for (let i = 0; i < 2; i++) await peer.message();
    }
    for (const [at, value] of [1, 1, 2, 2].entries()) {
      const data = kept[at];
      assert.equal(data.constructor, Uint8Array);
      assert.deepEqual([data.byteOffset, data.buffer.byteLength], [0, data.length]);
      assert.ok(data.every((each) => each === value));
    }
    peer.vanish();
  });

  it("what was sent before close all leaves, and then the Close", onBun, async () => {
    await using served = serveEndpoint({
      maxBufferedAmount: Infinity,
      websocket: {
        open(connection): void {
          for (let i = 0; i < 16; i++) connection.send(new Uint8Array(1 << 20).fill(i));
          connection.close({ closeCode: 3001, reason: "all" });
        },
      },
    });
    const peer = await served.peer();
    for (let i = 0; i < 16; i++) {
      const { data, size } = await peer.message();
      assert.deepEqual([size, data[0], data.at(-1)], [1 << 20, i, i]);
    }
    assert.deepEqual(await peer.answerClose(), { code: 3001, reason: "all" });
    const { sent, received, wasClean, initiator } = await served.closed;
    assert.deepEqual([sent, received], [{ closeCode: 3001, reason: "all" }, undefined]);
    assert.deepEqual([wasClean, initiator], [false, "local"]);
  });

  for (
    const [what, first, payload, code] of [
      ["1009: longer than the server takes", 0x82, new Uint8Array(1001), 1009],
      ["1007: text that is no UTF-8", 0x81, [0xff], 1007],
      ["1002: an unknown opcode", 0x83, [], 1002],
    ] as const
  ) {
    it(`what Bun fails is reported as it was sent, ${what}`, onBun, async () => {
      const set = websocketWith({ maxMessageSize: 1000 });
      await using served = serveEndpoint({ websocket: echo }, { websocket: set });
      const peer = await served.peer();
      await peer.sayFrame(first, payload);
      const close = await peer.close();
      const { sent, received, initiator, error } = await served.closed;
      assert.deepEqual([sent?.closeCode, sent?.reason], Object.values(close));
      assert.deepEqual([sent?.closeCode, received, initiator], [code, undefined, "local"]);
      assert.equal(error instanceof LimitError, code === 1009);
      await peer.wire.leave();
    });
  }

  it("compresses with a context for each connection, and says so", onBun, async () => {
    const set = { websocket: websocketWith({ perMessageDeflate: true }) };
    let extensions = "";
    await using served = serveEndpoint({
      websocket: {
        ...echo,
        open: (connection) => void (extensions = connection.extensions),
      },
    }, set);
    const perMessageDeflate = { serverMaxWindowBits: 9 };
    for (const [ask, agreed] of [[true, ""], [perMessageDeflate, "; server_max_window_bits=9"]]) {
      await using connection = await connect(`ws://127.0.0.1:${served.port}`, {
        perMessageDeflate: ask as true,
      });
      assert.equal(connection.extensions, `permessage-deflate${agreed}`);
      assert.equal(extensions, connection.extensions);
      const text = crypto.randomUUID().repeat(4);
      const sizes: number[] = [];
      for (let i = 0; i < 3; i++) {
        const before = connection.stats.compression!.receivedEncoded;
        connection.send(text);
        assert.equal(await connection.receive(), text);
        sizes.push(connection.stats.compression!.receivedEncoded - before);
      }
      assert.ok(sizes[2] < sizes[0] / 2, `${sizes}`);
    }
  });

  it(
    "Bun's own settings may be put over ours: perMessageDeflate: true compresses",
    onBun,
    async () => {
      const set = { websocket: { ...websocket, perMessageDeflate: true } };
      await using served = serveEndpoint({ websocket: echo }, set);
      const peer = await served.peer({ headers: offers });
      await peer.say("a".repeat(1000));
      const { data, compressed } = await peer.message();
      assert.deepEqual([data, compressed], ["a".repeat(1000), true]);
      peer.vanish();
    },
  );

  it("an endpoint may do without the server's compression", onBun, async () => {
    const set = { websocket: websocketWith({ perMessageDeflate: true }) };
    await using served = serveEndpoint({ websocket: echo, perMessageDeflate: false }, set);
    const { headers, peer } = await served.knock({ headers: offers });
    assert.equal(headers.get("sec-websocket-extensions"), null);
    await peer!.say("a".repeat(1000));
    assert.equal((await peer!.message()).compressed, false);
    peer!.vanish();
  });

  it("threat 03: a bomb is stopped at the server's limit", onBun, async () => {
    const set = websocketWith({ perMessageDeflate: true, maxMessageSize: 1 << 20 });
    await using served = serveEndpoint({ websocket: echo }, { websocket: set });
    const peer = await served.peer({ headers: offers });
    await peer.sayFrame(0xc2, deflateRawSync(new Uint8Array(64 << 20)));
    const close = await peer.close();
    assert.ok(close !== "no Close" && close.code === 1009, JSON.stringify(close));
    assert.ok((await served.closed).error instanceof LimitError);
    await peer.wire.leave();
  });

  it(
    "threat 03: small bombs behind one that nothing takes are not all inflated",
    onBun,
    async () => {
      const set = websocketWith({ perMessageDeflate: true });
      await using served = serveEndpoint({
        maxReceiveBuffered: 4 << 20,
        websocket: { message: () => new Promise<void>(() => {}) },
      }, { websocket: set });
      const peer = await served.peer({ headers: offers });
      const bomb = peer.bytesOf(0xc2, deflateRawSync(new Uint8Array(1 << 20)));
      await peer.wire.write(join(...Array(64).fill(bomb)));
      assert.deepEqual(await peer.close(), { code: 1008, reason: "maxReceiveBuffered" });
      const { error } = await served.closed;
      assert.ok(error instanceof LimitError && error.actual < 6 << 20, String(error));
      peer.vanish();
    },
  );

  it("threat 36: who does not read is closed past maxBufferedAmount", onBun, async () => {
    let sent = 0;
    await using served = serveEndpoint({
      maxBufferedAmount: 4 << 20,
      websocket: {
        open(connection): void {
          while (connection.readyState === 1 && sent < 1024) {
            connection.send(new Uint8Array(1 << 20));
            sent++;
          }
        },
      },
    });
    const peer = await served.peer();
    const { error, sent: status } = await within(served.closed, "the end");
    assert.deepEqual([status?.closeCode, status?.reason], [1008, "maxBufferedAmount"]);
    assert.ok(error instanceof LimitError && sent < 64, `${sent}`);
    peer.vanish();
  });

  it("pings and pongs pass both ways while the connection is paused or not", onBun, async () => {
    const seen: string[] = [];
    const opened = Promise.withResolvers<WebSocketConnection>();
    await using served = serveEndpoint({
      websocket: {
        open: opened.resolve,
        ping: (_connection, payload) => void seen.push(String(payload)),
      },
    });
    const peer = await served.peer();
    await peer.sayFrame(0x89, [1, 2]);
    assert.deepEqual((await peer.frame()).payload, bytesOf([1, 2]));
    const roundTrip = (await opened.promise).ping();
    const { opcode, payload } = await peer.frame();
    assert.equal(opcode, 9);
    await peer.sayFrame(0x8a, payload);
    assert.ok(await roundTrip >= 0);
    assert.deepEqual(seen, ["1,2"]);
    peer.vanish();
  });
});
