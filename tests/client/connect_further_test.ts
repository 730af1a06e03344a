/** `connect`: redirects, streams of the caller's, stages in time, Host, forwarded headers, the answer. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestFor } from "../../lib/handshake/client.ts";
import { accept, forwardedHeaders, listen } from "../../lib/server/mod.ts";
import { Network } from "../../lib/testing/mod.ts";
import { connect, HandshakeError } from "../../mod.ts";
import { CHAT_URL, refuseNo, serveChat, serveRaw } from "../support/chat_server.ts";
import { serveRedirects } from "./support.ts";

const options = { timeout: 60_000 };

describe("connect: redirects", () => {
  it("are not followed by default, and the error says how to", options, async () => {
    const { network } = await serveRedirects({ "/": "/room" });
    await assert.rejects(connect(CHAT_URL, { network }), {
      code: "STATUS",
      status: 302,
      message:
        /a redirect to "\/room": connect to the new URL, or have it followed \(maxRedirects\)/,
    });
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`${status} is followed when asked for, to relative and absolute URLs`, options, async () => {
      const { network, paths } = await serveRedirects({
        "/": "/room?a=1",
        "/room?a=1": "//chat.example/two#part",
        "/two": "http://chat.example/three",
        "/three": "ws://chat.example/end",
      }, status);
      const connection = await connect(CHAT_URL, { network, maxRedirects: 4 });
      assert.equal(connection.url, "ws://chat.example/end");
      assert.deepEqual(paths, ["/", "/room?a=1", "/two", "/three", "/end"]);
      connection.terminate();
    });
  }

  const refused: [string, Record<string, string>, string, RegExp][] = [
    [
      "one too many",
      { "/": "/a", "/a": "/b", "/b": "/c" },
      CHAT_URL,
      /one too many \(maxRedirects\)/,
    ],
    ["a loop", { "/": "/" }, CHAT_URL, /one too many/],
    ["from wss: to ws:", { "/": "ws://chat.example/a" }, "wss://chat.example/", /from wss: to ws:/],
    ["from wss: to http:", { "/": "http://chat.example/" }, "wss://chat.example/", /wss: to ws:/],
    ["another scheme", { "/": "ftp://chat.example/" }, CHAT_URL, /redirect to "ftp:/],
    ["no URL", { "/": "http://[" }, CHAT_URL, /redirect to "http:\/\/\[": it is not a URL/],
  ];
  for (const [what, map, url, message] of refused) {
    it(`${what} is an error`, options, async () => {
      const { network } = await serveRedirects(map);
      await assert.rejects(connect(url, { network, maxRedirects: 2 }), (error) => {
        assert.ok(error instanceof HandshakeError);
        assert.deepEqual([error.code, error.status], ["REDIRECT_REFUSED", 302]);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
    });
  }

  it("no credentials go to another origin, and all to the same", options, async () => {
    const { network, heads } = await serveRedirects({
      "/": "/same",
      "/same": "ws://other.example/",
      "/other": "",
    });
    const connection = await connect("ws://ann:secret@chat.example/", {
      network,
      maxRedirects: 5,
      headers: {
        Cookie: "a=1",
        Authorization: "Bearer b",
        "X-Kept": "yes",
        Host: "virtual.example",
      },
    });
    const of = (name: string) => heads.map((headers) => headers.get(name));
    assert.deepEqual(of("authorization"), ["Bearer b", "Bearer b", null]);
    assert.deepEqual(of("cookie"), ["a=1", "a=1", null]);
    assert.deepEqual(of("x-kept"), ["yes", "yes", "yes"]);
    assert.deepEqual(of("host"), ["virtual.example", "virtual.example", "other.example"]);
    assert.equal(connection.url, "ws://other.example/");
    connection.terminate();
  });

  it(
    "the credentials of the URL stay on the same origin, those of a Location are not taken",
    options,
    async () => {
      const { network, heads } = await serveRedirects({
        "/": "/same",
        "/same": "ws://eve:x@other.example/",
      });
      const connection = await connect("ws://ann:secret@chat.example/", {
        network,
        maxRedirects: 5,
      });
      const basic = `Basic ${btoa("ann:secret")}`;
      assert.deepEqual(heads.map((headers) => headers.get("authorization")), [basic, basic, null]);
      connection.terminate();
    },
  );

  it("a body that never ends is not waited for", options, async () => {
    const { network, listener } = await serveRaw();
    const connecting = connect(CHAT_URL, { network, maxRedirects: 1 });
    const first = await listener.accept();
    await first.readHead();
    const head = "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 100\r\n\r\n";
    first.write(new TextEncoder().encode(head));
    const second = await listener.accept();
    await second.upgrade();
    (await connecting).terminate();
  });

  it("options that cannot work with it are errors", options, async () => {
    const byteStream = { readable: new ReadableStream(), writable: new WritableStream() };
    await assert.rejects(connect(CHAT_URL, { byteStream, maxRedirects: 1 }), /byteStream excludes/);
    await assert.rejects(
      connect(CHAT_URL, { maxRedirects: -1, network: new Network() }),
      RangeError,
    );
    await assert.rejects(
      connect(CHAT_URL, { maxRedirects: "1" as never, network: new Network() }),
      TypeError,
    );
  });
});

describe("connect: a pair of streams", () => {
  for (const chunkSize of [1, 2, 7, Infinity]) {
    it(`is what accept is to a server, ${chunkSize} bytes at a time`, options, async () => {
      const network = new Network({ chunkSize }), { client, server } = network.streams();
      const accepting = accept(server, {
        protocols: ["chat"],
        websocket: {
          open: (own) => void own.send("first"), // right behind the 101
          message: (own, data) => void own.send(data),
        },
      });
      const connection = await connect(CHAT_URL, { byteStream: client, protocols: "chat" });
      await accepting;
      assert.equal(connection.protocol, "chat");
      assert.equal(await connection.receive(), "first");
      connection.send("Hello");
      assert.equal(await connection.receive(), "Hello");
      connection.close(4001);
      assert.equal((await connection.closed).wasClean, true);
    });
  }

  it("a refusal and a signal end both streams", options, async () => {
    const head = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nNo", reason = new Error("enough");
    for (const way of ["refusal", "signal", "end"]) {
      const sent = Promise.withResolvers<void>(), cancelled = Promise.withResolvers<void>();
      const aborted = Promise.withResolvers<void>();
      let answer!: ReadableStreamDefaultController<Uint8Array>;
      const byteStream = {
        readable: new ReadableStream<Uint8Array>({
          start: (controller) => void (answer = controller),
          cancel: () => cancelled.resolve(),
        }),
        writable: new WritableStream<Uint8Array>({
          write: () => sent.resolve(),
          abort: () => aborted.resolve(),
        }),
      };
      const controller = new AbortController();
      const connecting = connect(CHAT_URL, { byteStream, signal: controller.signal });
      await sent.promise;
      if (way === "refusal") answer.enqueue(new TextEncoder().encode(head));
      else if (way === "end") answer.close();
      else controller.abort(reason);
      const error = await connecting.then(() => undefined, (error) => error);
      if (way === "signal") assert.equal(error, reason);
      else assert.equal(error.code, way === "end" ? "CONNECTION_ENDED" : "STATUS");
      await aborted.promise;
      if (way !== "end") await cancelled.promise;
    }
  });

  it("refuses what is no pair, and ways that exclude one another", options, async () => {
    await assert.rejects(
      connect(CHAT_URL, { byteStream: {} as never }),
      /must be a ReadableStream/,
    );
    const { client } = new Network().streams();
    for (const other of [{ path: "/a" }, { proxy: "http://a" }, { network: new Network() }]) {
      await assert.rejects(connect(CHAT_URL, { byteStream: client, ...other }), /excludes/);
    }
  });
});

describe("connect: stages in time", () => {
  it("connectTimeout is for name, TCP and TLS, handshakeTimeout for all", options, async () => {
    const network = new Network();
    network.cut();
    await assert.rejects(
      network.clock.until(connect(CHAT_URL, { network, connectTimeout: 300 })),
      { code: "TIMED_OUT", message: /name, TCP and TLS took more than 300 ms \(connectTimeout\)/ },
    );
    assert.equal(network.clock.timers, 0);
    const raw = await serveRaw();
    await assert.rejects(
      raw.network.clock.until(
        connect(CHAT_URL, { network: raw.network, connectTimeout: 300, handshakeTimeout: 900 }),
      ),
      { code: "HANDSHAKE_TIMEOUT", message: /chat\.example did not answer within 900 ms/ },
    );
    await assert.rejects(connect(CHAT_URL, { network, connectTimeout: -1 }), RangeError);
  });
});

describe("connect: Host and the headers of another request", () => {
  it("Host may be given, once, if it is a host", options, async () => {
    const { network, heads } = await serveRedirects({});
    const connection = await connect(CHAT_URL, {
      network,
      headers: { HOST: "virtual.example:81" },
    });
    assert.equal(heads[0].get("host"), "virtual.example:81");
    connection.terminate();
    for (
      const headers of [{ Host: "a b" }, { Host: "" }, { Host: "a/b" }, [["Host", "a"], [
        "host",
        "b",
      ]]]
    ) {
      await assert.rejects(connect(CHAT_URL, { network, headers: headers as never }), TypeError);
    }
    const init = { key: "x", headers: { Host: "one.example" } };
    const text = new TextDecoder().decode(requestFor(new URL(CHAT_URL), init));
    assert.equal(text.match(/host:/gi)?.length, 1);
  });

  it("forwardedHeaders leaves out what belongs to one connection or to the handshake", () => {
    const headers = new Headers({
      "Connection": "Upgrade, X-Hop , ",
      "X-Hop": "1",
      "Upgrade": "websocket",
      "Sec-WebSocket-Key": "x",
      "Sec-WebSocket-Protocol": "chat",
      "Host": "gateway.example",
      "Transfer-Encoding": "chunked",
      "Content-Length": "5",
      "Content-Type": "text/plain",
      "Keep-Alive": "timeout=5",
      "TE": "trailers",
      "Trailer": "x",
      "Proxy-Authorization": "Basic x",
      "Proxy-Connection": "keep-alive",
      "Expect": "100-continue",
      "HTTP2-Settings": "x",
      "Cookie": "a=1",
      "User-Agent": "x",
    });
    assert.deepEqual(forwardedHeaders(headers), [["cookie", "a=1"], ["user-agent", "x"]]);
  });
});

describe("connection.response", () => {
  it("has the status and the headers of the 101, each cookie by itself", options, async () => {
    const { network } = await serveChat({
      handshake: () => ({
        headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-Room", "1"]],
      }),
    });
    const connection = await connect(CHAT_URL, { network }), { response } = connection;
    assert.deepEqual([response?.status, response?.statusText], [101, "Switching Protocols"]);
    assert.deepEqual(response?.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.equal(response?.headers.get("x-room"), "1");
    assert.equal(connection.response, response);
    connection.terminate();
  });

  it("is undefined on a server", options, async () => {
    const { network, server } = await serveChat();
    const connection = await connect(CHAT_URL, { network });
    assert.deepEqual([...server.connections].map(({ response }) => response), [undefined]);
    connection.terminate();
  });
});

describe("a refusal", () => {
  it("has the body as text", options, async () => {
    const { network } = await serveChat({
      handshake: () => new Response("Grüße, aber nein", { status: 403 }),
    });
    await assert.rejects(connect(CHAT_URL, { network }), { status: 403, text: "Grüße, aber nein" });
    await assert.rejects(
      connect(`${CHAT_URL}no`, { network: (await serveChat({ handshake: refuseNo })).network }),
      { status: 403 },
    );
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      websocket: {},
      hosts: ["a.example"],
      onRefused: () => {},
    });
    await assert.rejects(connect(`ws://127.0.0.1:${server.address.port}`), (error) => {
      assert.match((error as HandshakeError).text, /hosts/);
      return true;
    });
  });
});
