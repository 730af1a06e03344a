/** `connect`: what ends each stage, which options exclude one another, and what a hostile server may not do. */
import assert from "node:assert/strict";
import { followRedirect } from "../../lib/client/redirect.ts";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { connect as connectInBrowser } from "../../lib/adapters/browser.ts";
import { forwardedHeaders, listen } from "../../lib/server/mod.ts";
import { type RawListener, type RawPeer, VirtualClock } from "../../lib/testing/mod.ts";
import { connect, type ConnectOptions, HandshakeError } from "../../mod.ts";
import { answerText, keyOf } from "../support/opening.ts";
import { CHAT_URL, serveRaw } from "../support/chat_server.ts";

const options = { timeout: 10_000 };

/** Answers the next client with this head, and returns it. */
async function answer(listener: RawListener, lines: string, body = ""): Promise<RawPeer> {
  const peer = await listener.accept();
  await peer.readHead();
  peer.write(`HTTP/1.1 ${lines}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return peer;
}

/** The error that a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<HandshakeError> {
  const error = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof Error, "it did not reject");
  return error as HandshakeError;
}

describe("connect: a signal that aborts between two stages", () => {
  it("ends it before the first socket is opened", options, async () => {
    const { network } = await serveRaw(), controller = new AbortController();
    network.cut(); // so that only the signal can end it
    const connecting = connect(CHAT_URL, { network, signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await errorOf(connecting), reason);
    assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
  });

  it("ends it between a redirect and the next server", options, async () => {
    const { network, listener } = await serveRaw(), controller = new AbortController();
    const connecting = connect(CHAT_URL, { network, signal: controller.signal, maxRedirects: 1 });
    const reason = new Error("enough");
    const failed = errorOf(connecting);
    await answer(listener, "302 Found\r\nLocation: /next");
    network.cut();
    controller.abort(reason);
    network.restore();
    assert.equal(await failed, reason);
    assert.equal(network.clock.timers, 0);
  });

  it("handshakeTimeout is for all redirects together", options, async () => {
    const { network, listener } = await serveRaw();
    const connecting = connect(CHAT_URL, { network, maxRedirects: 9, handshakeTimeout: 500 });
    const failed = errorOf(connecting);
    for (let i = 0; i < 3; i++) {
      await answer(listener, "302 Found\r\nLocation: /");
      network.clock.advance(150);
    }
    await (await listener.accept()).readHead(); // which is not answered
    await network.clock.until(failed);
    assert.equal((await failed).code, "HANDSHAKE_TIMEOUT");
    assert.ok(network.clock.now() < 700, `it took ${network.clock.now()} ms`);
    assert.equal(network.clock.timers, 0);
  });
});

describe("connect: the stage that took too long", () => {
  it("is named by handshakeTimeout too: TLS, here", options, async () => {
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const { code, message } = await errorOf(
        connect(`wss://127.0.0.1:${port}/`, { handshakeTimeout: 50 }),
      );
      assert.equal(code, "HANDSHAKE_TIMEOUT");
      assert.match(message, /within 50 ms \(handshakeTimeout\), spent on name, TCP and TLS$/);
      const early = await errorOf(connect(`wss://127.0.0.1:${port}/`, { connectTimeout: 50 }));
      assert.equal(early.code as string, "TIMED_OUT");
      assert.match(early.message, /\(connectTimeout\)$/);
      const silent = await errorOf(
        connect(`ws://127.0.0.1:${port}/`, { handshakeTimeout: 50, connectTimeout: 10_000 }),
      );
      assert.match(silent.message, /did not answer within 50 ms \(handshakeTimeout\)$/);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  });
});

describe("connect: options that contradict one another", () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const byteStream = { readable, writable };
  const http2 = { request() {}, ping() {} } as unknown as NonNullable<ConnectOptions["http2"]>;
  const wrong: [string, ConnectOptions, RegExp][] = [
    ["byteStream and tls", { byteStream, tls: {} }, /byteStream excludes tls/],
    ["byteStream and connectTimeout", { byteStream, connectTimeout: 5 }, /excludes connectTimeout/],
    ["byteStream and maxRedirects", { byteStream, maxRedirects: 1 }, /excludes maxRedirects/],
    ["http2 and connectTimeout", { http2, connectTimeout: 5 }, /connectTimeout does not go/],
    ["path and maxRedirects", { path: "/run/x", maxRedirects: 1 }, /path excludes maxRedirects/],
  ];
  for (const [what, given, message] of wrong) {
    it(`${what}: a TypeError, and the streams stay free`, options, async () => {
      const error = await errorOf(connect(CHAT_URL, given));
      assert.equal(error.name, "TypeError");
      assert.match(error.message, message);
      assert.deepEqual([readable.locked, writable.locked], [false, false]);
    });
  }

  it("a limit of another type is an error whatever else is given", options, async () => {
    for (const name of ["maxRedirects", "connectTimeout"] as const) {
      for (const value of ["5", null, {}]) {
        const given = { [name]: value, http2 } as ConnectOptions;
        const error = await errorOf(connect(CHAT_URL, given));
        assert.equal(error.name, "TypeError");
        assert.match(error.message, new RegExp(`${name} must be a number`));
      }
    }
  });

  it("a browser accepts limits that are off", options, async () => {
    await using server = await listen({ port: 0, hostname: "127.0.0.1", websocket: {} });
    const url = `ws://127.0.0.1:${server.address.port}/`;
    const connection = await connectInBrowser(url, { maxRedirects: 0, connectTimeout: Infinity });
    connection.close();
    await connection.closed;
    for (const given of [{ maxRedirects: 1 }, { connectTimeout: 5 }, { byteStream }]) {
      assert.equal((await errorOf(connectInBrowser(url, given))).name, "NotSupportedError");
    }
  });
});

describe("connect on a platform's WebSocket", () => {
  it("shows no response, and neither pings nor pongs", options, async () => {
    await using server = await listen({ port: 0, hostname: "127.0.0.1", websocket: {} });
    const connection = await connectInBrowser(`ws://127.0.0.1:${server.address.port}/`);
    assert.equal(connection.response, undefined);
    assert.equal((await errorOf(connection.ping("x"))).name, "NotSupportedError");
    assert.throws(() => connection.pong("x"), { name: "NotSupportedError" });
    connection.close();
    await connection.closed;
  });
});

describe("connect: redirects of a hostile server", () => {
  it("two Locations are not followed", options, async () => {
    const { network, listener } = await serveRaw();
    const failed = errorOf(connect(CHAT_URL, { network, maxRedirects: 3 }));
    await answer(listener, "302 Found\r\nLocation: /a\r\nLocation: ws://chat.example/b");
    const { code, message } = await failed;
    assert.equal(code, "REDIRECT_REFUSED");
    assert.match(message, /more than one Location/);
  });

  it("a Location is shown in quotes, in ASCII, and not at any length", options, async () => {
    const { network, listener } = await serveRaw();
    const failed = errorOf(connect(CHAT_URL, { network, maxRedirects: 3 }));
    await answer(listener, `302 Found\r\nLocation: ftp://\xe9${"x".repeat(5000)}`);
    const { message } = await failed;
    assert.ok(message.length < 400, message);
    assert.match(message, /^[ -~]+$/);
  });

  it("the name to check in a certificate is not taken along to another host", options, async () => {
    const { network, listener } = await serveRaw();
    const names: unknown[] = [], connectThere = network.connect.bind(network);
    network.connect = (given) => {
      names.push([given.hostname, given.tls]);
      return connectThere({ ...given, port: 80, hostname: "chat.example" });
    };
    const tls = { serverName: "certified.example", caCerts: [] };
    const connecting = connect("wss://chat.example/", { network, tls, maxRedirects: 2 });
    await answer(listener, "302 Found\r\nLocation: /same");
    await answer(listener, "302 Found\r\nLocation: wss://other.example/");
    await (await listener.accept()).upgrade();
    (await connecting).terminate();
    assert.deepEqual(names, [
      ["chat.example", tls],
      ["chat.example", tls],
      ["other.example", { caCerts: [] }],
    ]);
  });

  it(
    "credentials do not come back where a redirect returns to the first origin",
    options,
    async () => {
      const { network, listener } = await serveRaw();
      await network.listen({ hostname: "other.example", port: 80 }, {
        onError: (error) => assert.fail(error),
        onConnection: (transport) =>
          transport.start({
            onData: () =>
              void transport.write(
                new TextEncoder().encode(
                  `HTTP/1.1 302 Found\r\nLocation: ${CHAT_URL}last\r\nContent-Length: 0\r\n\r\n`,
                ),
              ),
            onDrain() {},
            onEnd: () => transport.close(),
            onClose() {},
          }),
      });
      const connecting = connect("ws://ann:secret@chat.example/", {
        network,
        maxRedirects: 5,
        headers: { Cookie: "a=1" },
      });
      const first = await listener.accept();
      assert.match(await first.readHead(), /Authorization: Basic .*Cookie: a=1/s);
      first.write(
        "HTTP/1.1 307 Away\r\nLocation: ws://other.example/\r\nContent-Length: 0\r\n\r\n",
      );
      const last = await listener.accept();
      assert.doesNotMatch(await last.upgrade(), /authorization|cookie/i);
      const connection = await connecting;
      assert.equal(connection.url, `${CHAT_URL}last`);
      connection.terminate();
    },
  );
});

describe("a refusal's text in the error", () => {
  const shown: [string, string, string, RegExp][] = [
    ["short text is shown", "403 No", "Not on Sundays\n", /; the server says "Not on Sundays"$/],
    ["controls are escaped", "403 No", "a\x1b[2Jb", /; the server says "a\\u001b\[2Jb"$/],
    [
      "a page is left out",
      "404 No",
      "<html><p>no</p></html>",
      /no WebSocket endpoint at this URL$/,
    ],
    ["a long one is left out", "404 No", "x".repeat(101), /no WebSocket endpoint at this URL$/],
    ["nothing but space is left out", "404 No", " \n ", /no WebSocket endpoint at this URL$/],
  ];
  for (const [what, status, body, message] of shown) {
    it(what, options, async () => {
      const { network, listener } = await serveRaw();
      const failed = errorOf(connect(CHAT_URL, { network }));
      await answer(listener, status, body);
      const error = await failed;
      assert.match(error.message, message);
      assert.equal(error.text, body);
      // A gateway that throws it on does not pass the other server's words to its client.
      assert.doesNotMatch(await error.toResponse().text(), /Sundays/);
    });
  }

  it("a server that resets says what to check", options, async () => {
    const { network, listener } = await serveRaw();
    const failed = errorOf(connect(CHAT_URL, { network }));
    const peer = await listener.accept();
    await peer.readHead();
    peer.reset();
    const error = await failed;
    assert.equal(error.code as string, "CONNECTION_RESET");
    assert.match(error.message, /^Cannot open connection: .*check the port and the scheme/);
  });
});

describe("forwardedHeaders: attempts at smuggling", () => {
  it("Connection names are found in any case, with tabs, and over several lines", () => {
    const headers = new Headers([
      ["connection", "close,\tX-A ,"],
      ["Connection", "x-B"],
      ["X-A", "1"],
      ["x-b", "2"],
      ["x-c", "3"],
    ]);
    assert.deepEqual(forwardedHeaders(headers), [["x-c", "3"]]);
  });

  it("what a foreign object holds cannot end a line", () => {
    for (const value of ["a\r\nHost: evil", "a\nb", "a\0b"]) {
      const headers = {
        get: () => null,
        *[Symbol.iterator]() {
          yield ["x-a", value];
        },
      } as unknown as Headers;
      assert.throws(() => forwardedHeaders(headers), TypeError);
    }
    const named = {
      get: () => null,
      *[Symbol.iterator]() {
        yield ["x-a: b\r\nhost", "evil"];
      },
    } as unknown as Headers;
    assert.throws(() => forwardedHeaders(named), TypeError);
  });

  it("other types are a TypeError that says what to pass", () => {
    for (const given of [undefined, null, "cookie: a=1", { cookie: "a=1" }, [["cookie", "a=1"]]]) {
      assert.throws(() => forwardedHeaders(given as never), {
        name: "TypeError",
        message: /^Cannot forward headers: they must be a Headers object, got /,
      });
    }
  });

  it(
    "a gateway passes on what it may, and the next server sees one Host and one key",
    options,
    async () => {
      const { network, listener } = await serveRaw();
      const client = new Headers({
        "connection": "upgrade, sec-websocket-key, host, cookie",
        "host": "gateway.example",
        "sec-websocket-key": "evil",
        "sec-websocket-extensions": "x-evil",
        "cookie": "a=1",
        "x-user": "ann",
        "transfer-encoding": "chunked",
      });
      const connecting = connect(CHAT_URL, { network, headers: forwardedHeaders(client) });
      const head = await (await listener.accept()).upgrade();
      (await connecting).terminate();
      const names = head.split("\r\n").slice(1, -2).map((line) => line.split(":")[0].toLowerCase());
      assert.deepEqual(names.sort(), [
        "connection",
        "host",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "x-user",
      ]);
      assert.doesNotMatch(head, /evil|gateway|cookie/);
    },
  );
});

describe("connect over a pair of streams", () => {
  it("loses no byte behind the 101, wherever the chunks are cut", options, async () => {
    const length = await splitAt(-1);
    for (let at = 1; at < length; at++) await splitAt(at);
  });

  it("a signal that aborts at once ends both streams", options, async () => {
    const reason = new Error("enough"), controller = new AbortController();
    const cancelled = Promise.withResolvers<unknown>(), aborted = Promise.withResolvers<unknown>();
    const byteStream = {
      readable: new ReadableStream<Uint8Array>({ cancel: cancelled.resolve }),
      writable: new WritableStream<Uint8Array>({ abort: aborted.resolve }),
    };
    const failed = errorOf(connect(CHAT_URL, { byteStream, signal: controller.signal }));
    controller.abort(reason);
    assert.equal(await failed, reason);
    await Promise.all([cancelled.promise, aborted.promise]);
  });

  it("handshakeTimeout and maxHeaderSize hold, and end both streams", options, async () => {
    for (const given of [{ handshakeTimeout: 200 }, { maxHeaderSize: 50 }]) {
      const clock = new VirtualClock();
      const cancelled = Promise.withResolvers<unknown>(),
        aborted = Promise.withResolvers<unknown>();
      const sent = Promise.withResolvers<void>();
      let source!: ReadableStreamDefaultController<Uint8Array>;
      const byteStream = {
        readable: new ReadableStream<Uint8Array>({
          start: (controller) => void (source = controller),
          cancel: cancelled.resolve,
        }),
        writable: new WritableStream<Uint8Array>({
          write: () => sent.resolve(),
          abort: aborted.resolve,
        }),
      };
      const failed = errorOf(connect(CHAT_URL, { byteStream, clock, ...given }));
      await sent.promise;
      source.enqueue(new TextEncoder().encode(`HTTP/1.1 101 Yes\r\nX: ${"x".repeat(100)}\r\n`));
      const { code } = await clock.until(failed);
      assert.equal(code, "maxHeaderSize" in given ? "HEAD_TOO_LARGE" : "HANDSHAKE_TIMEOUT");
      await Promise.all([cancelled.promise, aborted.promise]);
      assert.equal(clock.timers, 0);
    }
  });
});

/** Answers in two chunks, cut at this byte, with two frames behind the 101; returns how long that is. */
async function splitAt(at: number): Promise<number> {
  let request = "", source!: ReadableStreamDefaultController<Uint8Array>;
  const sent = Promise.withResolvers<void>();
  const byteStream = {
    readable: new ReadableStream<Uint8Array>({ start: (controller) => void (source = controller) }),
    writable: new WritableStream<Uint8Array>({
      write(chunk): void {
        request += new TextDecoder().decode(chunk);
        if (request.includes("\r\n\r\n")) sent.resolve();
      },
    }),
  };
  const connecting = connect(CHAT_URL, { byteStream });
  await sent.promise;
  const bytes = new TextEncoder().encode(
    `${answerText(keyOf(request))}\x81\x03one\x81\x03two`.replaceAll("\x81", "\x01"),
  );
  bytes.forEach((byte, i) => bytes[i] = byte === 1 ? 0x81 : byte);
  source.enqueue(at < 0 ? bytes : bytes.slice(0, at));
  if (at >= 0) source.enqueue(bytes.slice(at));
  const connection = await connecting;
  assert.deepEqual(
    [await connection.receive(), await connection.receive()],
    ["one", "two"],
    `cut at ${at}`,
  );
  connection.terminate();
  return bytes.length;
}

describe("followRedirect", () => {
  it("takes neither the certificate nor the name of a server to another", () => {
    const refusal = (location: string): HandshakeError =>
      new HandshakeError("STATUS", "", { status: 302, headers: new Headers({ location }) });
    const tls = { cert: "c", key: "k", serverName: "a", caCerts: ["x"] };
    const from = { target: new URL("wss://a.example/"), headers: undefined, tls };
    assert.deepEqual(followRedirect(refusal("/b"), from, 1).tls, tls);
    assert.deepEqual(followRedirect(refusal("wss://b.example"), from, 1).tls, { caCerts: ["x"] });
  });
});
