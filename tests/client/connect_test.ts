import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/options.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { Transport, TransportListener } from "../../lib/link/transport.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/mod.ts";
import { listenTransport } from "../../lib/transport/runtime.ts";
import { bytesOf, join, Peer, textOf } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { until } from "../support/until.ts";
import { answerText, keyOf } from "../support/opening.ts";

/** A server of which each connection is in the test's hands. */
interface Dumb extends AsyncDisposable {
  url: string;
  /** The peers that have connected. */
  peers: Peer[];
  peer(): Promise<Peer>;
}

async function dumb(): Promise<Dumb> {
  const peers: Peer[] = [];
  const listener: TransportListener = await listenTransport({ hostname: "127.0.0.1", port: 0 }, {
    onConnection: (transport: Transport): void => void peers.push(new Peer(transport, false)),
    onError: (error): void => assert.fail(error),
  });
  return {
    url: `ws://127.0.0.1:${listener.address.port}/`,
    peers,
    async peer(): Promise<Peer> {
      await until("connected", () => peers.length > 0);
      return peers[0];
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const { transport } of peers) transport.close();
      await listener.close();
    },
  };
}

/** The correct answer to the request that came. */
async function answerTo(peer: Peer): Promise<Uint8Array> {
  await until("the request", () => textOf(peer.bytes).includes("\r\n\r\n"));
  return bytesOf(answerText(keyOf(textOf(peer.bytes))));
}

describe("connect", () => {
  it("threat 50: frames in one chunk with the answer are the first messages", async () => {
    await using server = await dumb();
    const connecting = connect(server.url);
    const peer = await server.peer();
    peer.write(await answerTo(peer), peer.frame(0x81, "one"), peer.frame(0x81, "two"));
    const connection = await connecting;
    assert.equal(await connection.receive(), "one");
    assert.equal(await connection.receive(), "two");
    connection.terminate();
    await connection.closed;
  });

  it("threat 50: and with handlers, each message once, wherever the chunks are cut", async () => {
    for (const back of [0, 1, 2, 7]) {
      await using server = await dumb();
      const got: unknown[] = [];
      const connecting = connect(server.url, {
        websocket: {
          open: () => void got.push("open"),
          message: (_connection, data) => void got.push(data),
        },
      });
      const peer = await server.peer();
      const head = await answerTo(peer);
      const bytes = join(head, peer.frame(0x81, "one"), peer.frame(0x81, "two"));
      peer.write(bytes.subarray(0, head.length + back));
      await new Promise((resolve) => setTimeout(resolve, 2));
      peer.write(bytes.subarray(head.length + back));
      const connection = await connecting;
      await until("both", () => got.length >= 3);
      assert.deepEqual(got, ["open", "one", "two"]);
      connection.terminate();
      await connection.closed;
    }
  });

  it("handshakeTimeout, with no answer: a HandshakeError, and the socket is closed", async () => {
    await using server = await dumb();
    const clock = new VirtualClock();
    const refused = assert.rejects(
      connect(server.url, { clock, handshakeTimeout: 500 }),
      (error) => {
        assert.ok(error instanceof HandshakeError);
        assert.deepEqual([error.code, error.status], ["HANDSHAKE_TIMEOUT", 0]);
        return true;
      },
    );
    const peer = await server.peer();
    await answerTo(peer);
    clock.advance(500);
    await refused;
    await until("closed", () => peer.closed || peer.ended);
    assert.equal(clock.timers, 0);
  });

  it("an abort before, while connecting, and while waiting: its reason, nothing stays open", async () => {
    const reason = new Error("enough");
    await assert.rejects(
      connect("ws://127.0.0.1:1/", { signal: AbortSignal.abort(reason) }),
      reason,
    );

    await using server = await dumb();
    const early = new AbortController();
    const connecting = connect(server.url, { signal: early.signal });
    early.abort(reason);
    await assert.rejects(connecting, reason);

    const late = new AbortController(), clock = new VirtualClock();
    const before = server.peers.length;
    const waiting = assert.rejects(connect(server.url, { signal: late.signal, clock }), reason);
    await until(
      "the request",
      () => server.peers.slice(before).some(({ bytes }) => bytes.length > 0),
    );
    late.abort(reason);
    await waiting;
    await until("all closed", () => server.peers.every(({ closed, ended }) => closed || ended));
    assert.equal(clock.timers, 0);
  });

  it("an abort after it is open does nothing", async () => {
    await using server = await dumb();
    const controller = new AbortController();
    const connecting = connect(server.url, { signal: controller.signal });
    const peer = await server.peer();
    peer.write(await answerTo(peer));
    const connection = await connecting;
    controller.abort();
    assert.equal(connection.readyState, 1);
    connection.terminate();
    await connection.closed;
  });

  it("nothing listens: a TransportError", async () => {
    const server = await dumb();
    await server[Symbol.asyncDispose]();
    await assert.rejects(connect(server.url), (error) => {
      assert.ok(error instanceof TransportError);
      return error.code === "CONNECTION_REFUSED";
    });
  });

  it("takes subprotocols in place of options, as the WebSocket constructor does", async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      protocols: ["chat", "chess"],
      websocket: {},
    });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    const calls: [Promise<WebSocketConnection>, string][] = [
      [connect(url, "chess"), "chess"],
      [connect(url, ["draughts", "chess"]), "chess"],
      [connect(url, []), ""],
      [connect(url, { protocols: "chat" }), "chat"],
      [connect(url, { protocols: ["chess", "chat"] }), "chat"],
      [connect(url, new Set(["chess"]) as unknown as string[]), "chess"],
      [connect(url), ""],
      [connect(new URL(url), "chat"), "chat"],
    ];
    for (const [connecting, protocol] of calls) {
      const connection = await connecting;
      assert.equal(connection.protocol, protocol);
      connection.terminate();
    }
  });

  it("says what is wrong with its arguments before anything is opened", async () => {
    const url = "ws://127.0.0.1:9/";
    const wrong: [unknown[], string, RegExp][] = [
      [[], "TypeError", /^Cannot connect: the first argument must be the URL, .* got undefined$/],
      [[null], "TypeError", /the first argument must be the URL, .* got null$/],
      [[{ url }], "TypeError", /the first argument must be the URL, .* got Object$/],
      [[8080], "TypeError", /the first argument must be the URL, .* got number$/],
      [[url, null], "TypeError", /the options must be an object, got null$/],
      [[url, 5], "TypeError", /the options must be an object, got number$/],
      [[url, ""], "SyntaxError", /^Cannot offer subprotocol "": it is not a token$/],
      [[url, "a, b"], "SyntaxError", /"a, b": it is not a token; pass .* as a list: \["a", "b"\]$/],
      [[url, ["a,b"]], "SyntaxError", /pass several subprotocols as a list: \["a", "b"\]$/],
      [[url, ["a", "a"]], "SyntaxError", /it is in the list twice$/],
      [[url, [5]], "TypeError", /protocols must be .* got a list with number in it$/],
      [[url, { protocols: 5 }], "TypeError", /protocols must be .* got number$/],
      [[url, { protocols: {} }], "TypeError", /protocols must be .* got Object$/],
      [[url, { protocols: null }], "TypeError", /protocols must be .* got null$/],
      [[url, "chat", { headers: {} }], "TypeError", /two arguments, the URL and the options/],
      [[url, { headers: 5 }], "TypeError", /^Cannot read headers: they must be .* got number$/],
      [
        [url, { headers: "a: b" }],
        "TypeError",
        /^Cannot read headers: they must be .* got string$/,
      ],
      [[url, { signal: {} }], "TypeError", /signal must be an AbortSignal, got Object$/],
      [[url, { http2: {} }], "TypeError", /http2 must be a client's session .* got Object$/],
      [[url, { onError: "x" }], "TypeError", /onError must be a function, got string$/],
    ];
    for (const [values, name, message] of wrong) {
      const call = (connect as (...values: unknown[]) => Promise<unknown>)(...values);
      await assert.rejects(call, { name, message }, JSON.stringify(values));
    }
  });

  it("bad URLs, protocols and options reject before anything is opened", async () => {
    await using server = await dumb();
    const cases: [string, ConnectOptions, string][] = [
      ["nonsense", {}, "SyntaxError"],
      [`${server.url}#fragment`, {}, "SyntaxError"],
      ["ftp://localhost/", {}, "SyntaxError"],
      [server.url, { protocols: ["a", "a"] }, "SyntaxError"],
      [server.url, { protocols: "a b" }, "SyntaxError"],
      [server.url, { maxMessageSize: NaN }, "RangeError"],
      [server.url, { handshakeTimeout: -1 }, "RangeError"],
    ];
    for (const [url, options, name] of cases) {
      await assert.rejects(connect(url, options), { name });
    }
    assert.equal(server.peers.length, 0);
  });

  it("bad headers and head limits reject, and leave nothing open", async () => {
    await using server = await dumb();
    const cases: ConnectOptions[] = [
      { headers: [["Upgrade", "x"]] },
      { maxHeaderSize: -1 },
      { maxHeaders: 0.5 },
    ];
    for (const options of cases) await assert.rejects(connect(server.url, options));
    await until("all closed", () => server.peers.every(({ closed, ended }) => closed || ended));
    assert.ok(server.peers.every(({ bytes }) => bytes.length === 0));
  });
});
