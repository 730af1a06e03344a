/**
 * An unknown option or handler is a TypeError that names it, wherever options are given: none is
 * ignored because it is mistyped.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  FrameDecoder,
  FrameDecoderStream,
  FrameEncoder,
  FrameEncoderStream,
  MessageDecoder,
  MessageDecoderStream,
  MessageEncoderStream,
} from "../../lib/codec.ts";
import { connect, fromByteStream, fromWebSocket, type WebSocketConnection } from "../../mod.ts";
import {
  type BunServerLike,
  upgrade as upgradeBun,
  websocketWith,
} from "../../lib/adapters/bun/mod.ts";
import { upgrade as upgradeDeno } from "../../lib/adapters/deno.ts";
import { upgrade as upgradeNode } from "../../lib/adapters/node/mod.ts";
import { accept, listen } from "../../lib/server/mod.ts";
import { connectHeaders, http2Rig } from "../adapters/http2_support.ts";
import { KINDS, Rig } from "../adapters/node_http_support.ts";
import { until } from "../support/until.ts";
import { FakeWebSocket } from "../link/fake_web_socket.ts";
import { open, openStream } from "../connection/support.ts";
import { requestText } from "../support/opening.ts";

const guard = { timeout: 60_000 };
const onDeno = "Deno" in globalThis ? {} : { skip: "Deno.upgradeWebSocket is Deno's" };
const hostname = "127.0.0.1";

/** What is mistyped: unknown to TypeScript as well. */
type Given = never;

/** What a call throws or rejects with. */
async function rejection(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail("it passes");
}

function assertNames(error: unknown, name: string): void {
  assert.ok(error instanceof TypeError, String(error));
  assert.match(error.message, new RegExp(`^Cannot .*${name} is not an? \\w+`));
}

const pair = (): TransformStream<Uint8Array, Uint8Array> => new TransformStream();
const request = (): Request => new Request("http://localhost/", { headers: { host: "localhost" } });
const bunServer: BunServerLike = {
  hostname: "localhost",
  requestIP: () => null,
  upgrade: () => assert.fail("it is upgraded"),
};
const sink = { onFrame() {}, onFrameStart() {}, onFramePiece() {}, onFrameEnd() {} };
const messageSink = { onMessage() {}, onPing() {}, onPong() {}, onClose() {} };

/** Every function that takes options and handlers. */
const entries: [string, (options: object) => unknown, skip?: { skip?: string }][] = [
  ["listen", (options) => listen({ port: 0, hostname, websocket: {}, ...options })],
  ["accept", (options) => accept(pair(), options)],
  ["connect", (options) => connect(`ws://${hostname}:9`, options)],
  ["fromByteStream", (options) => fromByteStream({ ...streams(), role: "client", ...options })],
  ["fromWebSocket", (options) => fromWebSocket(new FakeWebSocket(), options)],
  ["upgrade of ./deno", (options) => upgradeDeno(request(), { websocket: {}, ...options }), onDeno],
  [
    "upgrade of ./bun",
    (options) => upgradeBun(request(), bunServer, { websocket: {}, ...options }),
  ],
];

function streams(): { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> } {
  const { readable, writable } = pair();
  return { readable, writable };
}

describe("an unknown option is a TypeError that names it", () => {
  for (const [entry, call, skip] of entries) {
    it(`given to ${entry}`, { ...guard, ...skip }, async () => {
      const error = await rejection(() => call({ maxMesageSize: 10 }));
      assertNames(error, "maxMesageSize");
      assert.match((error as Error).message, /did you mean maxMessageSize\?$/);
      assertNames(await rejection(() => call({ constructor: 10 })), "constructor");
    });

    it(`given to ${entry}, of compression`, { ...guard, ...skip }, async () => {
      const own = ["listen", "accept", "connect", "fromByteStream"].includes(entry);
      const error = await rejection(() => call({ perMessageDeflate: { treshold: 10 } }));
      if (own) assertNames(error, "perMessageDeflate.treshold");
      else assert.match(String(error), /perMessageDeflate/); // it takes no details at all
    });
  }

  it(
    "given to connect: a timeout has a longer name, the host is part of the URL",
    guard,
    async () => {
      const url = `ws://${hostname}:9`;
      const timeout = await rejection(() => connect(url, { timeout: 10 } as Given));
      assert.match(String(timeout), /timeout is not an option; did you mean .*handshakeTimeout/);
      const port = await rejection(() => connect(url, { port: 10 } as Given));
      assert.match(String(port), /TypeError: .*port is not an option: it is part of the URL/);
      assertNames(
        await rejection(() => connect(url, { tls: { cacerts: [] } } as Given)),
        "tls.cacerts",
      );
    },
  );

  it("given to listen, of tls", guard, async () => {
    const tls = { cert: "", key: "", certificate: "" };
    assertNames(
      await rejection(() => listen({ port: 0, hostname, websocket: {}, tls })),
      "tls.certificate",
    );
  });

  it("given to websocketWith", () => {
    assert.throws(() => websocketWith({ maxPayloadLength: 1 } as Given), {
      name: "TypeError",
      message: /maxPayloadLength is not an option; known: perMessageDeflate, /,
    });
  });

  it("that another function has: the error says which", guard, async () => {
    const elsewhere: [string, string][] = [["port", "listen"], ["fetch", "listen"], [
      "info",
      "./deno",
    ]];
    for (const [name, where] of elsewhere) {
      const error = await rejection(() => accept(pair(), { [name]: 1 }));
      assert.ok(error instanceof TypeError);
      assert.match(error.message, new RegExp(`${name} is an option of .*${where}`));
    }
    const error = await rejection(() =>
      upgradeBun(request(), bunServer, { websocket: {}, maxHeaders: 1 } as Given)
    );
    assert.match(String(error), /TypeError: .*maxHeaders is an option of listen/);
  });

  for (const kind of KINDS) {
    it(`behind node:${kind}: 500 for the peer, the error for onError`, guard, async () => {
      await using rig = await Rig.start(kind, { maxMesageSize: 10 } as object);
      assert.equal((await rig.answerTo(requestText())).status, 500);
      assert.equal(rig.errors.length, 1);
      assertNames(rig.errors[0], "maxMesageSize");
      await until("upgrade resolves", () => rig.given.length === 1);
      assert.equal(rig.given[0], undefined);
    });
  }

  it("over HTTP/2: 500 for the peer, the error for onError", guard, async () => {
    const errors: unknown[] = [], given: Promise<unknown>[] = [];
    await using server = await http2Rig((stream, headers) => {
      const options = { onError: (error: unknown) => void errors.push(error), massage(): void {} };
      given.push(upgradeNode(stream, headers, options));
    });
    const stream = server.open().request(connectHeaders(server.port));
    const status = await new Promise((resolve) =>
      stream.once("response", (headers) => resolve(headers[":status"]))
    );
    stream.destroy();
    assert.equal(status, 500);
    assert.equal(await given[0], undefined);
    assert.equal(errors.length, 1);
    assertNames(errors[0], "massage");
  });

  it("given to the codec", () => {
    const makers: ((options: Given) => unknown)[] = [
      (options) => new FrameDecoder(options, sink),
      (options) => new FrameEncoder(options),
      (options) => new FrameDecoderStream(options),
      (options) => new FrameEncoderStream(options),
      (options) => new MessageDecoder(options, messageSink),
      (options) => new MessageDecoderStream(options),
      (options) => new MessageEncoderStream(options),
    ];
    for (const make of makers) {
      assert.throws(() => make({ role: "client", maxSize: 1 } as Given), {
        name: "TypeError",
        message: /^Cannot read options: \w+ is not an option/,
      }, String(make));
      assert.throws(() => make(null as Given), {
        name: "TypeError",
        message: "Cannot read options: the options must be an object, got null",
      }, String(make));
    }
  });
});

describe("an unknown handler is a TypeError that names it", () => {
  for (const [entry, call, skip] of entries) {
    it(`given to ${entry}`, { ...guard, ...skip }, async () => {
      for (const name of ["massage", "onmessage", "onMessage", "Message", "messages", "history"]) {
        const error = await rejection(() => call({ websocket: { [name]: (): void => {} } }));
        assertNames(error, `websocket.${name}`);
        if (name !== "history") assert.match((error as Error).message, /did you mean .*message\?$/);
      }
      class Chat {
        massage(): void {}
      }
      assertNames(await rejection(() => call({ websocket: new Chat() })), "websocket.massage");
      for (const websocket of [null, 5, "chat", []]) {
        const error = await rejection(() => call({ websocket }));
        assert.match(
          String(error),
          /TypeError: .*websocket must be an object of handlers or a function, got /,
        );
      }
      const error = await rejection(() => call({ websocket: { message: "chat" } }));
      assert.match(String(error), /TypeError: .*websocket\.message must be a function, got string/);
    });
  }
});

describe("an unknown option of a connection's method is a TypeError that names it", () => {
  const mistakes: [string, (connection: WebSocketConnection) => unknown, RegExp][] = [
    [
      "send",
      (c) => c.send("", { compres: true } as Given),
      /send: compres .* did you mean compress/,
    ],
    ["send", (c) => c.send("", { binary: true } as Given), /send: binary is not an option/],
    ["send", (c) => c.send("", { type: "text" } as Given), /send: type is an option for a source/],
    ["send", (c) => c.send("", (() => {}) as Given), /send: .* must be an object, got function/],
    ["send", (c) => c.send("", true as Given), /send: .* must be an object, got boolean/],
    ["send", (c) => c.send("", { compress: "no" } as Given), /send: compress must be a boolean/],
    ["send", (c) => c.send(Uint8Array.of(1), { binary: 1 } as Given), /send: binary is not/],
    ["send", (c) => c.send(new ArrayBuffer(1), { binary: 1 } as Given), /send: binary is not/],
    ["send of a source", (c) => c.send(new Blob([""]), { tipe: "text" } as Given), /tipe .* type/],
    ["send of a source", (c) => c.send(new Blob([""]), { type: "txt" } as Given), /type must be/],
    [
      "send of a source",
      (c) => c.send(new Blob([""]), { signal: new AbortController() as Given }),
      /send: signal must be an AbortSignal, got AbortController/,
    ],
    ["receive", (c) => c.receive({ timeout: 1 } as Given), /receive: timeout .* known: signal/],
    [
      "receive",
      (c) => c.receive({ signal: {} } as Given),
      /receive: signal must be an AbortSignal/,
    ],
    ["ping", (c) => c.ping({ data: "" } as Given), /ping: data is not an option; known: signal/],
    ["ping", (c) => c.ping(1 as Given), /ping: .* must be an object, got number/],
    [
      "ping",
      (c) => c.ping("", { data: "" } as Given),
      /ping: data is not an option; known: signal/,
    ],
    ["ping", (c) => c.ping("a", 1 as Given), /ping: .* must be an object, got number/],
    ["ping", (c) => c.ping(1 as Given, {}), /ping: the payload must be a string, .* got number/],
    ["pong", (c) => c.pong({} as Given), /pong: the payload must be a string, .* got Object/],
    ["close", (c) => c.close({ code: 4001 } as Given), /close: code .* did you mean closeCode/],
    ["close", (c) => c.close({ closeReason: "" } as Given), /closeReason .* did you mean reason/],
  ];
  for (const [name, mistake, message] of mistakes) {
    it(`${name}: ${message.source}`, guard, async () => {
      const { connection } = open();
      const error = await rejection(() => mistake(connection));
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, /^Cannot /);
      assert.match(error.message, message);
      assert.equal(connection.readyState, 1);
      assert.equal(connection.send("still open"), true);
    });
  }

  it("shutdown", guard, async () => {
    await using server = await listen({ port: 0, hostname, websocket: {} });
    for (const options of [{ timout: 1 }, 1000, null]) {
      const error = await rejection(() => server.shutdown(options as Given));
      assert.match(String(error), /TypeError: Cannot shut down: /);
    }
    await using connection = await connect(`ws://${hostname}:${server.address.port}`);
    assert.equal(connection.readyState, 1);
  });

  it("bytes, text and json of a message", guard, async () => {
    for (const name of ["bytes", "text", "json"] as const) {
      const { connection, peer } = openStream();
      peer.say("1");
      const message = await connection.receive();
      const error = await rejection(() => message[name]({ maxsize: 1 } as Given));
      assert.match(
        String(error),
        /TypeError: Cannot read message: maxsize .* did you mean maxSize/,
      );
      assert.equal(message.bodyUsed, false);
    }
  });
});
