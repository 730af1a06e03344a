/** permessage-deflate as a client asks for it, and what it makes of the answer. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import type { ConnectOptions } from "../../lib/client/options.ts";
import { fromByteStream, type FromByteStreamOptions } from "../../lib/client/from_byte_stream.ts";
import { connectNative } from "../../lib/client/native.ts";
import type { WebSocketConnection } from "../../lib/connection/connection.ts";
import type { PerMessageDeflateOptions } from "../../lib/deflate/options.ts";
import { readConnectionOptions } from "../../lib/protocol/protocol_options.ts";
import type { Transport } from "../../lib/link/transport.ts";
import { HandshakeError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/mod.ts";
import { listenTransport } from "../../lib/transport/runtime.ts";
import { HELLO, HELLO_AGAIN, messagesOf } from "../connection/compression_support.ts";
import { bytesOf, frame, join, Peer, readFrames, textOf } from "../connection/support.ts";
import { tradesJson } from "../deflate/corpus.ts";
import { until } from "../support/until.ts";
import { answerText, keyOf } from "../support/opening.ts";

const PMD = "permessage-deflate";
const timeout = 60_000;

/** Reads a request, and answers it once. */
class Answerer extends Peer {
  /** What was offered, or undefined. */
  offered: string | undefined;
  #answered = false;
  readonly #extensions: string;
  readonly #behind: Uint8Array;

  constructor(transport: Transport, extensions: string, behind: Uint8Array) {
    super(transport, false);
    this.#extensions = extensions;
    this.#behind = behind;
  }

  override onData(chunk: Uint8Array): void {
    super.onData(chunk);
    const text = textOf(this.bytes);
    if (this.#answered || !text.includes("\r\n\r\n")) return;
    this.#answered = true;
    this.offered = /^Sec-WebSocket-Extensions: (.*)$/im.exec(text)?.[1].trim();
    const head = answerText(keyOf(text), {
      "Sec-WebSocket-Extensions": this.#extensions === "" ? undefined : this.#extensions,
    });
    this.write(bytesOf(head), this.#behind);
  }

  /** The frames that came behind the request. */
  get messages(): ReturnType<typeof messagesOf> {
    const text = Array.from(this.bytes, (byte) => String.fromCharCode(byte)).join("");
    return messagesOf(readFrames(this.bytes.subarray(text.indexOf("\r\n\r\n") + 4)));
  }
}

/** Connects to a server that answers with these extensions, and these bytes behind. */
async function meet(
  extensions: string,
  perMessageDeflate: ConnectOptions["perMessageDeflate"],
  use: (connecting: Promise<WebSocketConnection>, peer: () => Answerer) => Promise<void>,
  behind: Uint8Array = bytesOf(""),
): Promise<void> {
  const peers: Answerer[] = [];
  const listener = await listenTransport({ hostname: "127.0.0.1", port: 0 }, {
    onConnection: (transport) => void peers.push(new Answerer(transport, extensions, behind)),
    onError: (error): void => assert.fail(error),
  });
  try {
    const url = `ws://127.0.0.1:${listener.address.port}/`;
    await use(connect(url, { perMessageDeflate }), () => peers[0]);
  } finally {
    for (const { transport } of peers) transport.close();
    await listener.close();
  }
}

/** The error of a handshake that these terms have made fail. */
async function refusal(
  extensions: string,
  perMessageDeflate: ConnectOptions["perMessageDeflate"],
): Promise<HandshakeError> {
  let error: unknown;
  await meet(extensions, perMessageDeflate, async (connecting) => {
    error = await connecting.then((connection) => connection.terminate(), (reason) => reason);
  });
  assert.ok(error instanceof HandshakeError, `${extensions}: ${error}`);
  assert.equal(error.status, 101);
  assert.match(error.message, /^Cannot open connection: the server/);
  return error;
}

describe("compression, as a client asks for it", () => {
  it(
    "7.1: what is offered is what the options say; nothing without them",
    { timeout },
    async () => {
      const rows: [ConnectOptions["perMessageDeflate"], string | undefined][] = [
        [undefined, undefined],
        [false, undefined],
        [true, `${PMD}; client_max_window_bits`],
        [{ level: 1, threshold: 5 }, `${PMD}; client_max_window_bits`],
        [{ clientMaxWindowBits: 8 }, `${PMD}; client_max_window_bits=8`],
        [
          { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9 },
          `${PMD}; server_no_context_takeover; client_no_context_takeover; ` +
          "server_max_window_bits=9; client_max_window_bits",
        ],
      ];
      for (const [option, offered] of rows) {
        await meet("", option, async (connecting, peer) => {
          const connection = await connecting;
          assert.equal(peer().offered, offered);
          assert.deepEqual([connection.extensions, connection.stats.compression], ["", undefined]);
          connection.terminate();
        });
      }
    },
  );

  it(
    "a server that declines leaves a connection that compresses nothing",
    { timeout },
    async () => {
      await meet("", { threshold: 0 }, async (connecting, peer) => {
        const connection = await connecting;
        connection.send("a".repeat(500));
        const pong = connection.ping();
        await until("it has come", () => peer().messages.length > 0);
        assert.equal(peer().messages[0].compressed, false);
        connection.terminate();
        await assert.rejects(pong);
      });
    },
  );

  it("threat 05: an answer with an invalid window fails the handshake, not a frame", {
    timeout,
  }, async () => {
    const values = ["99", "7", "16", "0", "08", "016", "+8", "-8", "8.5", "1e1", "0xf", "NaN"];
    for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
      for (const value of ["", ...values.map((each) => `=${each}`), '="016"']) {
        const { code, message } = await refusal(`${PMD}; ${name}${value}`, true);
        assert.equal(code, "EXTENSION_PARAMETERS", `${name}${value}`);
        assert.ok(message.includes(name), message);
      }
      // An empty value breaks the grammar of RFC 6455 section 9.1 before anything else.
      for (const value of ["=", '=""']) {
        assert.equal((await refusal(`${PMD}; ${name}${value}`, true)).code, "EXTENSIONS_HEADER");
      }
    }
  });

  it("7.1.3: an answer that does not fit the offer fails the handshake", { timeout }, async () => {
    const rows: [string, PerMessageDeflateOptions | true, string][] = [
      [`${PMD}; unknown`, true, "EXTENSION_PARAMETERS"],
      [`${PMD}; server_no_context_takeover=1`, true, "EXTENSION_PARAMETERS"],
      [
        `${PMD}; client_no_context_takeover; client_no_context_takeover`,
        true,
        "EXTENSION_PARAMETERS",
      ],
      [`${PMD}; client_max_window_bits=9; client_max_window_bits=8`, true, "EXTENSION_PARAMETERS"],
      [`${PMD}, ${PMD}`, true, "EXTENSION_PARAMETERS"],
      [PMD, { serverNoContextTakeover: true }, "EXTENSION_PARAMETERS"],
      [PMD, { serverMaxWindowBits: 9 }, "EXTENSION_PARAMETERS"],
      [`${PMD}; server_max_window_bits=10`, { serverMaxWindowBits: 9 }, "EXTENSION_PARAMETERS"],
      [`${PMD}; client_max_window_bits=10`, { clientMaxWindowBits: 9 }, "EXTENSION_PARAMETERS"],
      [`${PMD}, x`, true, "EXTENSION_NOT_OFFERED"],
    ];
    for (const [answer, option, code] of rows) {
      assert.equal((await refusal(answer, option)).code, code, answer);
    }
    assert.equal((await refusal(PMD, false)).code, "EXTENSION_NOT_OFFERED");
  });

  it("the terms of the answer hold, from the first frame behind it on", { timeout }, async () => {
    const first = join(
      frame(0xc1, HELLO, { masked: false }),
      frame(0xc1, HELLO_AGAIN, { masked: false }),
    );
    const answer = `${PMD};client_no_context_takeover ;client_max_window_bits="9"`;
    await meet(answer, { threshold: 0 }, async (connecting, peer) => {
      const connection = await connecting;
      assert.equal(
        connection.extensions,
        `${PMD}; client_no_context_takeover; client_max_window_bits=9`,
      );
      for (let at = 0; at < 2; at++) assert.equal(await connection.receive(), "Hello");
      const text = textOf(tradesJson(1, 110));
      for (let at = 0; at < 2; at++) connection.send(text);
      await until("it has come", () => peer().messages.length > 1);
      const [one, two] = peer().messages;
      assert.ok(one.compressed && two.compressed);
      assert.deepEqual(one.frames[0].payload, two.frames[0].payload, "no context");
      connection.terminate();
    }, first);
  });

  it("bad options reject before anything is opened", async () => {
    const bad: [unknown, string][] = [
      [{ level: 10 }, "RangeError"],
      [{ serverMaxWindowBits: 16 }, "RangeError"],
      [{ threshold: -1 }, "RangeError"],
      [{ clientNoContextTakeover: 1 }, "TypeError"],
      ["yes", "TypeError"],
    ];
    for (const [option, name] of bad) {
      const options = { perMessageDeflate: option } as ConnectOptions;
      await assert.rejects(connect("ws://127.0.0.1:1/", options), {
        name,
        message: /^Cannot read options: perMessageDeflate/,
      });
    }
  });
});

describe("compression with fromByteStream", () => {
  type Ends = { client: WebSocketConnection; server: WebSocketConnection };

  function pair(options: Partial<FromByteStreamOptions>): Ends {
    const up = new TransformStream<Uint8Array, Uint8Array>();
    const down = new TransformStream<Uint8Array, Uint8Array>();
    return {
      client: fromByteStream({
        ...options,
        readable: down.readable,
        writable: up.writable,
        role: "client",
      }),
      server: fromByteStream({
        ...options,
        readable: up.readable,
        writable: down.writable,
        role: "server",
      }),
    };
  }

  async function both({ client, server }: Ends): Promise<void> {
    client.close();
    await Promise.all([client.closed, server.closed]);
  }

  it("what was agreed elsewhere holds, with level and threshold of one's own", async () => {
    const headers = [
      PMD,
      `${PMD}; server_no_context_takeover; client_max_window_bits=8`,
      `${PMD}; client_no_context_takeover; server_max_window_bits=9`,
    ];
    for (const extensions of headers) {
      for (const perMessageDeflate of [undefined, { threshold: 0, level: 9 }]) {
        const ends = pair({ extensions, perMessageDeflate });
        const { client, server } = ends;
        assert.deepEqual([client.extensions, server.extensions], [extensions, extensions]);
        for (const [from, to] of [[client, server], [server, client]]) {
          for (const message of ["short", textOf(tradesJson(1, 600)), textOf(tradesJson(2, 600))]) {
            from.send(message);
            assert.equal(await to.receive(), message);
          }
          await from.send(new Blob(["streamed"]));
          assert.deepEqual(await to.receive(), bytesOf("streamed"));
          const { sentDecoded = 0, sentEncoded = 0 } = from.stats.compression ?? {};
          assert.ok(sentEncoded > 0 && sentEncoded < sentDecoded / 2);
          assert.equal(to.stats.compression?.receivedEncoded, sentEncoded);
          const all = 5 + 8 + tradesJson(1, 600).length + tradesJson(2, 600).length;
          assert.equal(sentDecoded, perMessageDeflate === undefined ? all - 5 : all);
        }
        await both(ends);
      }
    }
  });

  it("without extensions nothing is compressed, whatever the option says", async () => {
    for (const extensions of [undefined, ""]) {
      const ends = pair({ extensions, perMessageDeflate: true });
      assert.deepEqual([ends.client.extensions, ends.client.stats.compression], ["", undefined]);
      ends.client.send("a".repeat(500));
      assert.equal(await ends.server.receive(), "a".repeat(500));
      await both(ends);
    }
  });

  it("invalid or unknown extensions are a TypeError, and lock nothing", () => {
    const bad = [
      "x",
      `${PMD}, x`,
      `${PMD}, ${PMD}`,
      `${PMD}; unknown`,
      `${PMD}; server_max_window_bits=7`,
      `${PMD}; client_max_window_bits`,
      `${PMD}; server_no_context_takeover; server_no_context_takeover`,
      `${PMD};`,
      "a b",
      ",",
    ];
    for (const extensions of bad) {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      assert.throws(() => fromByteStream({ readable, writable, role: "server", extensions }), {
        name: "TypeError",
        message: /^Cannot read options: extensions: /,
      }, extensions);
      assert.deepEqual([readable.locked, writable.locked], [false, false]);
    }
  });
});

describe("compression on a platform's own WebSocket", () => {
  /** Connects through it, as where there are no sockets. */
  async function native(url: string, options: ConnectOptions): Promise<WebSocketConnection> {
    return await connectNative({
      target: new URL(url),
      protocols: [],
      settings: readConnectionOptions(options),
      options,
    }, new AbortController().signal);
  }

  it("true is fine, as the platform compresses as it likes; terms are a NotSupportedError", {
    timeout,
  }, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      perMessageDeflate: true,
      websocket: { message: (connection, data) => void connection.send(data) },
    });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    for (const perMessageDeflate of [{}, { level: 6 }]) {
      await assert.rejects(native(url, { perMessageDeflate }), {
        name: "NotSupportedError",
        message: /cannot honour perMessageDeflate/,
      });
    }
    for (const perMessageDeflate of [true, false]) {
      const connection = await native(url, { perMessageDeflate });
      connection.send("a".repeat(500), { compress: false });
      assert.equal(await connection.receive(), "a".repeat(500));
      assert.equal(connection.stats.compression, undefined);
      connection.close();
      await connection.closed;
    }
  });
});
