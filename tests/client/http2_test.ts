/** connect over a session of node:http2 (RFC 8441), with a server made by hand. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import http2 from "node:http2";
import type { IncomingHttpHeaders } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { upgradeHttp2 } from "../../lib/adapters/node/http2.ts";
import { connect, type ConnectOptions, HandshakeError, TransportError } from "../../mod.ts";
import { http2Rig, type Http2RigOptions } from "../adapters/http2_support.ts";
import { closePayload, frame, textOf } from "../connection/support.ts";

const options = { timeout: 60_000 };

/** The error that a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof Error, "it did not reject");
  return error;
}

/** Connects to a server that answers each request so; gives what came of it. */
async function answered(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  given: ConnectOptions = {},
): Promise<Error> {
  await using rig = await http2Rig(answer);
  const session = rig.open();
  const error = await errorOf(connect(`${rig.url}/`, { http2: session, ...given }));
  assert.equal(session.destroyed, false);
  return error;
}

/** A server of our own that echoes. */
function echo(given: Http2RigOptions = {}): ReturnType<typeof http2Rig> {
  return http2Rig((stream, headers) => {
    void upgradeHttp2(stream, headers, {
      perMessageDeflate: { threshold: 0 },
      protocols: ["chat"],
      websocket: { message: (connection, data) => void connection.send(data) },
      onError: () => {},
    });
  }, given);
}

describe("connect over HTTP/2", () => {
  for (const secure of [false, true]) {
    it(`asks and opens ${secure ? "with" : "without"} TLS, as a stream`, options, async () => {
      await using rig = await echo({ secure });
      const session = rig.open();
      const connection = await connect(`${rig.url}/chat?a=1`, {
        http2: session,
        perMessageDeflate: true,
        protocols: ["soap", "chat"],
      });
      assert.equal(connection.url, `${rig.url}/chat?a=1`);
      assert.equal(connection.protocol, "chat");
      assert.equal(connection.extensions, "permessage-deflate");
      assert.equal(connection.remoteAddress?.port, rig.port);
      assert.deepEqual(new Set(Object.values(connection.capabilities)), new Set([true]));
      const text = "Grüße ".repeat(1000);
      connection.send(text);
      assert.equal(await connection.receive(), text);
      assert.ok(connection.stats.compression!.receivedEncoded < 2000);
      const large = new Uint8Array(1 << 20).map((_, at) => at * 31);
      connection.send(large, { compress: false });
      assert.deepEqual(await connection.receive(), large);
      connection.close({ closeCode: 4321, reason: "enough" });
      const { closeCode, wasClean, sent } = await connection.closed;
      assert.deepEqual([closeCode, wasClean, sent?.reason], [4321, true, "enough"]);
      assert.equal(session.destroyed || session.closed, false);
    });
  }

  it("sends what RFC 8441 section 5 asks for, and the caller's headers", options, async () => {
    const asked = Promise.withResolvers<IncomingHttpHeaders>();
    await using rig = await http2Rig((stream, headers) => {
      asked.resolve(headers);
      stream.respond({ ":status": 200 });
    });
    const headers = { Authorization: "Bearer mine", Origin: "https://a.example" };
    const session = rig.open();
    const connection = await connect(`${rig.url}/a?b`, {
      http2: session,
      headers,
      protocols: "p",
    });
    assert.deepEqual(Object.fromEntries(Object.entries(await asked.promise)), {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":scheme": "http",
      ":authority": `localhost:${rig.port}`,
      ":path": "/a?b",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": "p",
      authorization: "Bearer mine",
      origin: "https://a.example",
    });
    connection.terminate();
  });

  it("opens many at once on one session, before that is connected", options, async () => {
    await using rig = await echo({ secure: true });
    const session = rig.open();
    const connections = await Promise.all(
      Array.from({ length: 30 }, () => connect(`${rig.url}/`, { http2: session })),
    );
    connections.forEach((connection, at) => connection.send(`${at}`));
    for (const [at, connection] of connections.entries()) {
      assert.equal(await connection.receive(), `${at}`);
      connection.close();
    }
    await Promise.all(connections.map(({ closed }) => closed));
    assert.equal(rig.sessions.size, 1);
  });

  it("response has the status 200 and each cookie of the answer", options, async () => {
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 200, "set-cookie": ["a=1", "b=2"], "x-room": "1" });
      stream.on("data", () => {});
    });
    const connection = await connect(`${rig.url}/`, { http2: rig.open() });
    const { response } = connection;
    assert.deepEqual([response?.status, response?.headers.get("x-room")], [200, "1"]);
    assert.deepEqual(response?.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.ok([...response!.headers.keys()].every((name) => !name.startsWith(":")));
    connection.terminate();
    await connection.closed;
  });

  it("threat 50: frames right behind the answer are the first messages", options, async () => {
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 200 });
      stream.write(frame(0x81, "one", { masked: false }));
      stream.write(frame(0x81, "two", { masked: false }));
    });
    const got: unknown[] = [];
    const two = Promise.withResolvers<void>();
    const connection = await connect(rig.url, {
      http2: rig.open(),
      websocket: {
        open: () => void got.push("open"),
        message: (_connection, data) => {
          got.push(data);
          if (data === "two") two.resolve();
        },
      },
    });
    await two.promise;
    assert.deepEqual(got, ["open", "one", "two"]);
    connection.terminate();
  });

  it("paused when it opens, what is not read stays with the server", options, async () => {
    const answering = Promise.withResolvers<ServerHttp2Stream>();
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 200 });
      answering.resolve(stream);
    });
    const connection = await connect(rig.url, {
      http2: rig.open(),
      websocket: { open: (connection) => connection.pause() },
    });
    const stream = await answering.promise;
    const piece = frame(0x82, new Uint8Array(50_000), { masked: false });
    let size = 0, drained = true;
    stream.on("drain", () => drained = true);
    // A stream that takes no more for a while has come to the end of its window.
    while (drained && size < 8 << 20) {
      drained = stream.write(piece);
      size += piece.length;
      for (let i = 0; i < 50 && !drained; i++) await new Promise((next) => setTimeout(next, 10));
    }
    assert.ok(size < 8 << 20, "8 MiB went to a connection that does not read");
    connection.terminate();
  });

  it("delivers messages as streams where that is asked for", options, async () => {
    await using rig = await echo();
    const connection = await connect(rig.url, { http2: rig.open(), messages: "stream" });
    connection.send("hello");
    assert.equal(await (await connection.receive()).text(), "hello");
    connection.close();
  });

  it("a server that has not allowed it is told apart, and its session lives", options, async () => {
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("page");
    }, { enabled: false });
    const session = rig.open();
    for (let i = 0; i < 2; i++) {
      const error = await errorOf(connect(rig.url, { http2: session }));
      assert.ok(error instanceof HandshakeError && error.code === "HTTP2_NOT_ENABLED");
    }
    const page = session.request({ ":path": "/" });
    page.setEncoding("utf8");
    let text = "";
    for await (const chunk of page) text += chunk;
    assert.equal(text, "page");
  });

  it("another status is a HandshakeError with headers and body", options, async () => {
    const error = await answered((stream) => {
      stream.respond({ ":status": 403, "x-why": "mine" });
      stream.end("Not for you");
    });
    assert.ok(error instanceof HandshakeError);
    assert.deepEqual([error.code, error.status, error.headers.get("x-why")], [
      "STATUS",
      403,
      "mine",
    ]);
    assert.equal(error.text, "Not for you");
    assert.equal(error.received, true);
  });

  it("a refusal's body is read no further than 4 KiB", options, async () => {
    const error = await answered((stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 500 });
      stream.write("x".repeat(100_000)); // and it never ends
    });
    assert.ok(error instanceof HandshakeError && error.body.length === 4096);
  });

  it("a refusal that hangs is reported when the time is over", options, async () => {
    const error = await answered((stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 404 });
      stream.write("Not");
    }, { handshakeTimeout: 300 });
    assert.ok(error instanceof HandshakeError && error.status === 404, String(error));
    assert.equal(textOf(error.body), "Not");
  });

  it(
    "an answer that agrees to what was not offered fails, and the stream is reset",
    options,
    async () => {
      const reset = Promise.withResolvers<number>();
      await using rig = await http2Rig((stream) => {
        stream.on("error", () => {});
        stream.on("close", () => reset.resolve(stream.rstCode));
        stream.respond({ ":status": 200, "sec-websocket-protocol": "other" });
      });
      const error = await errorOf(connect(rig.url, { http2: rig.open() }));
      assert.ok(error instanceof HandshakeError && error.code === "PROTOCOL_NOT_OFFERED");
      assert.equal(await reset.promise, 8);
    },
  );

  it("threat 20: bytes past ASCII in the answer fail the handshake", options, async () => {
    for (const name of ["sec-websocket-protocol", "sec-websocket-extensions"]) {
      const error = await answered((stream) => {
        stream.on("error", () => {});
        stream.respond({ ":status": 200, [name]: "\xff" });
      });
      assert.ok(error instanceof HandshakeError || error instanceof TransportError, String(error));
    }
  });

  it(
    "a stream that is reset or ends in place of an answer is a TransportError",
    options,
    async () => {
      for (const code of [0, 7, 8, 2]) {
        const error = await answered((stream) => {
          stream.on("error", () => {});
          stream.close(code);
        });
        assert.ok(error instanceof TransportError, `${code}: ${error}`);
      }
    },
  );

  it("handshakeTimeout and the signal give up, and reset the stream", options, async () => {
    const resets: number[] = [];
    const closed = Promise.withResolvers<void>();
    const silent = (stream: ServerHttp2Stream): void => {
      stream.on("error", () => {});
      stream.on("close", () => {
        resets.push(stream.rstCode);
        if (resets.length === 2) closed.resolve();
      });
    };
    await using rig = await http2Rig(silent);
    const session = rig.open();
    const late = await errorOf(connect(rig.url, { http2: session, handshakeTimeout: 200 }));
    assert.ok(late instanceof HandshakeError && late.code === "HANDSHAKE_TIMEOUT");
    const reason = new Error("enough");
    const error = await errorOf(
      connect(rig.url, { http2: session, signal: AbortSignal.any([AbortSignal.timeout(100)]) }),
    );
    assert.equal(error.name, "TimeoutError");
    await closed.promise;
    assert.deepEqual(resets, [8, 8]);
    const aborted = connect(rig.url, { http2: session, signal: AbortSignal.abort(reason) });
    assert.equal(await errorOf(aborted), reason);
  });

  it("a session that cannot connect, or is closed, is a TransportError", options, async () => {
    const rig = await echo();
    const session = rig.open();
    await (await connect(rig.url, { http2: session })).close();
    await rig[Symbol.asyncDispose]();
    const closed = await errorOf(connect(rig.url, { http2: session }));
    assert.ok(closed instanceof TransportError, String(closed));
    const refused = http2.connect(`http://127.0.0.1:${rig.port}`);
    refused.on("error", () => {});
    const error = await errorOf(connect(rig.url, { http2: refused }));
    assert.ok(
      error instanceof TransportError && error.code === "CONNECTION_REFUSED",
      String(error),
    );
  });

  it(
    "an option that belongs to the session is a TypeError, as is wss without TLS",
    options,
    async () => {
      await using rig = await echo();
      const session = rig.open();
      for (
        const given of [{ tls: {} }, { path: "/x" }, { maxHeaderSize: 1 }, { maxHeaders: 1 }, {
          proxy: "http://a",
        }, { maxRedirects: 1 }]
      ) {
        const error = await errorOf(connect(rig.url, { http2: session, ...given }));
        assert.ok(error instanceof TypeError);
        assert.match(error.message, new RegExp(`option ${Object.keys(given)[0]} `));
      }
      const error = await errorOf(connect(rig.url.replace("ws:", "wss:"), { http2: session }));
      assert.ok(error instanceof TypeError && /no TLS/.test(error.message), String(error));
    },
  );

  it("threat 6: a header that would break out of its own is refused", options, async () => {
    await using rig = await echo();
    for (const header of [["x-a", "b\r\nc: d"], [":path", "/x"], ["keep-alive", "1"]]) {
      const headers = Object.fromEntries([header]);
      const error = await errorOf(connect(rig.url, { http2: rig.open(), headers }));
      assert.ok(error instanceof TypeError, String(error));
    }
  });
});

describe("connect over HTTP/2: the end", () => {
  it("the server's Close is answered, and its END_STREAM too", options, async () => {
    const ended = Promise.withResolvers<number>();
    await using rig = await http2Rig((stream) => {
      stream.respond({ ":status": 200 });
      stream.end(frame(0x88, closePayload(1001, "bye"), { masked: false }));
      stream.resume();
      stream.on("close", () => ended.resolve(stream.rstCode));
    });
    const connection = await connect(rig.url, { http2: rig.open() });
    const { closeCode, reason, wasClean, initiator } = await connection.closed;
    assert.deepEqual([closeCode, reason, wasClean, initiator], [1001, "bye", true, "remote"]);
    assert.equal(await ended.promise, 0);
  });

  it("an END_STREAM that comes with the answer is 1006 at once", options, async () => {
    for (const inHeaders of [true, false]) {
      await using rig = await http2Rig((stream) => {
        stream.on("error", () => {});
        stream.respond({ ":status": 200 }, { endStream: inHeaders });
        if (!inHeaders) stream.end();
      });
      const connection = await connect(rig.url, { http2: rig.open(), pingInterval: Infinity });
      const { closeCode, wasClean, error } = await connection.closed;
      assert.deepEqual([closeCode, wasClean], [1006, false]);
      assert.ok(error instanceof TransportError && error.code === "CONNECTION_ENDED");
    }
  });

  it("a session that dies is 1006 with an error", options, async () => {
    for (const side of ["client", "server"] as const) {
      await using rig = await echo();
      const session = rig.open();
      const connections = await Promise.all(
        [1, 2].map(() => connect(rig.url, { http2: session })),
      );
      if (side === "client") session.destroy();
      else for (const each of rig.sessions) each.destroy();
      for (const connection of connections) {
        const { closeCode, wasClean, error } = await connection.closed;
        assert.deepEqual([closeCode, wasClean], [1006, false]);
        assert.ok(error instanceof TransportError, String(error));
      }
    }
  });

  it("terminate resets its stream, and no other", options, async () => {
    await using rig = await echo();
    const session = rig.open();
    const [one, two] = await Promise.all([1, 2].map(() => connect(rig.url, { http2: session })));
    one.terminate();
    assert.equal((await one.closed).closeCode, 1006);
    two.send("still here");
    assert.equal(await two.receive(), "still here");
    two.close();
    assert.equal((await two.closed).wasClean, true);
  });
});
