/** Connecting through proxies: in memory, at every split, with proxies that are wrong; and with TLS. */
import assert from "node:assert/strict";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import process from "node:process";
import { describe, it } from "node:test";
import type { TransportSink } from "../../lib/link/transport.ts";
import { listen } from "../../lib/server/mod.ts";
import { Network } from "../../lib/testing/mod.ts";
import { connect, type ConnectOptions, type WebSocketConnection } from "../../mod.ts";
import { ca, cert, key } from "../certificates/mod.ts";

const options = { timeout: 60_000 };
const URL_ = "ws://chat.example/room";

/** What a proxy does with what has come: returns what it says, "open" at the end. */
type Script = (received: Uint8Array) => { say?: Uint8Array | string; then?: "open" | "close" };

/**
 * A proxy in memory: it follows the script, and after "open" passes everything on to the server, whose name
 * and port are the network's. `sizes` is how much of its answers leaves at a time.
 */
async function proxied(script: Script, chunkSize = Infinity) {
  const network = new Network({ chunkSize });
  await listen({
    network,
    hostname: "chat.example",
    port: 80,
    websocket: { message: (own, data) => void own.send(data) },
  });
  let received = new Uint8Array(0);
  await network.listen({ hostname: "proxy.example", port: 3128 }, {
    onError: (error) => {
      throw error;
    },
    onConnection: (client) => {
      const sink: TransportSink = {
        onDrain: () => {},
        onEnd: () => client.close(),
        onClose: () => {},
        onData: (chunk) => {
          received = Uint8Array.from([...received, ...chunk]);
          const { say, then } = script(received);
          if (say !== undefined) {
            client.write(typeof say === "string" ? new TextEncoder().encode(say) : say);
            received = new Uint8Array(0);
          }
          if (then === "close") client.close();
          if (then === "open") void open();
        },
      };
      const open = async (): Promise<void> => {
        const server = await network.connect({ hostname: "chat.example", port: 80 });
        const relay = (to: typeof client): TransportSink => ({
          onData: (bytes) => void to.write(bytes.slice()),
          onDrain: () => {},
          onEnd: () => to.closeWrite(),
          onClose: () => to.close(),
        });
        client.start(relay(server));
        server.start(relay(client));
      };
      client.start(sink);
    },
  });
  const through = (given: ConnectOptions = {}): Promise<WebSocketConnection> =>
    network.clock.until(connect(URL_, { network, proxy: "http://proxy.example:3128", ...given }));
  return { network, through };
}

async function echoes(connection: WebSocketConnection): Promise<void> {
  connection.send("Hello");
  assert.equal(await connection.receive(), "Hello");
  connection.terminate();
}

const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

/** A script for CONNECT: says this once the request is there. */
function http(say: string, then?: "open" | "close"): Script {
  return (received) => text(received).endsWith("\r\n\r\n") ? { say, ...then && { then } } : {};
}

const BASE = { "http:": "http://proxy.example:3128", "socks5:": "socks5://proxy.example:3128" };

describe("an HTTP proxy", () => {
  it("opens the way, whatever the sizes in which bytes come", options, async () => {
    for (const chunkSize of [1, 2, 7, Infinity]) {
      const { through } = await proxied(
        http("HTTP/1.1 200 OK\r\nVia: a\r\n\r\n", "open"),
        chunkSize,
      );
      await echoes(await through());
    }
  });

  it("is asked for host and port, with the credentials of its URL", options, async () => {
    const heads: string[] = [];
    const { through } = await proxied((received) => {
      const script = http("HTTP/1.0 200 Connection established\r\n\r\n", "open")(received);
      if (script.say !== undefined) heads.push(text(received));
      return script;
    });
    await echoes(await through({ proxy: new URL("http://us%20er:p%C3%A4ss@proxy.example:3128") }));
    await echoes(await through());
    const head = "CONNECT chat.example:80 HTTP/1.1\r\nHost: chat.example:80\r\n";
    assert.deepEqual(heads, [
      `${head}Proxy-Authorization: Basic ${btoa("us er:p\u00c3\u00a4ss")}\r\n\r\n`,
      `${head}\r\n`,
    ]);
  });

  it("may say 1xx first, and headers that mean nothing with 2xx", options, async () => {
    const answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n";
    const { through } = await proxied(http(answer, "open"), 1);
    await echoes(await through());
  });

  const refusals: [string, object][] = [
    ["407 Proxy Authentication Required", { code: "PROXY_AUTHENTICATION", status: 407 }],
    ["401 Unauthorized", { code: "PROXY_AUTHENTICATION", status: 401 }],
    ["403 Filtered", { code: "PROXY_REFUSED", status: 403 }],
    ["502 Bad Gateway", { code: "PROXY_REFUSED", status: 502 }],
    ["302 Found", { code: "PROXY_REFUSED", status: 302 }],
  ];
  for (const [status, expected] of refusals) {
    it(`that answers ${status} is an error with its body as text`, options, async () => {
      for (const chunkSize of [1, Infinity]) {
        const head = `HTTP/1.1 ${status}\r\nContent-Length: 12\r\nRetry-After: 5\r\n\r\n`;
        const { through, network } = await proxied(http(`${head}Not for you.`), chunkSize);
        await assert.rejects(
          through({ proxy: "http://user:secret@proxy.example:3128" }),
          (error) => {
            const { message, text, headers } = error as { text: string } & Error & {
              headers: Headers;
            };
            assert.deepEqual([text, headers.get("retry-after")], ["Not for you.", "5"]);
            assert.match(message, new RegExp(`through the proxy: it answered ${status}`));
            assert.doesNotMatch(message, /secret/);
            return true;
          },
        );
        await assert.rejects(through(), expected);
        assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
      }
    });
  }

  const wrong: [string, Script, RegExp][] = [
    ["answers something else", http("SSH-2.0-OpenSSH\r\n"), /does not answer as an HTTP proxy/],
    ["answers without an end", http(`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(300)}`), /maxHeaders/],
    ["answers a line without an end", http(`HTTP/1.1 200 ${"x".repeat(20_000)}`), /maxHeaderSize/],
    ["closes at once", () => ({ then: "close" }), /ended the connection before the way was open/],
    ["closes within its answer", http("HTTP/1.1 200 O", "close"), /ended the connection/],
    [
      "says more than it was asked",
      http("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101"),
      /bytes came behind|response head/,
    ],
    ["is silent", () => ({}), /did not answer within 500 ms/],
    [
      "refuses, and never ends its body",
      http("HTTP/1.1 500 No\r\n\r\nbecause"),
      /answered 500 No|within/,
    ],
  ];
  for (const [what, script, message] of wrong) {
    it(`that ${what} is an error, and nothing stays open`, options, async () => {
      for (const chunkSize of [1, Infinity]) {
        const { through, network } = await proxied(script, chunkSize);
        await assert.rejects(through({ handshakeTimeout: 500 }), { message });
        assert.deepEqual([network.links.size, network.clock.timers], [0, 0]);
      }
    });
  }

  it("is given up when the signal aborts", options, async () => {
    const { through, network } = await proxied(() => ({}));
    const controller = new AbortController(), reason = new Error("enough");
    const connecting = through({ signal: controller.signal, handshakeTimeout: Infinity });
    queueMicrotask(() => controller.abort(reason));
    await assert.rejects(connecting, reason);
    await network.clock.pass(1);
    assert.equal(network.links.size, 0);
  });
});

describe("a SOCKS5 proxy", () => {
  /** Answers step by step: the bytes that are due, and what is said to them. */
  function socks(...steps: [size: number, say: number[]][]): Script & { seen: number[][] } {
    const seen: number[][] = [];
    const script = (received: Uint8Array) => {
      const [size, say] = steps[seen.length];
      if (received.length < size) return {};
      assert.equal(received.length, size);
      seen.push([...received]);
      const isLast = seen.length === steps.length;
      return { say: Uint8Array.from(say), ...isLast && { then: "open" as const } };
    };
    return Object.assign(script, { seen });
  }
  const NAME = [...new TextEncoder().encode("chat.example")];
  const REQUEST = [5, 1, 0, 3, NAME.length, ...NAME, 0, 80];

  it("opens the way by name, whatever the sizes in which bytes come", options, async () => {
    for (const chunkSize of [1, 3, Infinity]) {
      for (const bound of [[1, 127, 0, 0, 1], [4, ...Array(16).fill(0)], [3, 4, 1, 2, 3, 4]]) {
        const script = socks([3, [5, 0]], [REQUEST.length, [5, 0, 0, ...bound, 1, 2]]);
        const { through } = await proxied(script, chunkSize);
        await echoes(await through({ proxy: BASE["socks5:"] }));
        assert.deepEqual(script.seen, [[5, 1, 0], REQUEST]);
      }
    }
  });

  it("is given user and password where it wants them", options, async () => {
    const login = [1, 1, 117, 2, 0xc3, 0xa4];
    const script = socks(
      [4, [5, 2]],
      [login.length, [1, 0]],
      [REQUEST.length, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]],
    );
    const { through } = await proxied(script, 1);
    await echoes(await through({ proxy: "socks5h://u:%C3%A4@proxy.example:3128" }));
    assert.deepEqual(script.seen, [[5, 2, 0, 2], login, REQUEST]);
  });

  it("is asked for addresses as such", options, async () => {
    const cases: [string, number[]][] = [
      ["ws://192.0.2.7:81/", [5, 1, 0, 1, 192, 0, 2, 7, 0, 81]],
      ["ws://[2001:db8::7]:81/", [
        ...[5, 1, 0, 4, 0x20, 1, 0xd, 0xb8],
        ...Array(10).fill(0),
        ...[0, 7, 0, 81],
      ]],
      ["ws://[1:2:3:4:5:6:7:8]/", [
        5,
        1,
        0,
        4,
        0,
        1,
        0,
        2,
        0,
        3,
        0,
        4,
        0,
        5,
        0,
        6,
        0,
        7,
        0,
        8,
        0,
        80,
      ]],
    ];
    for (const [url, request] of cases) {
      const script = socks([3, [5, 0]], [request.length, [5, 5, 0, 1, 0, 0, 0, 0, 0, 0]]);
      const { network } = await proxied(script);
      await assert.rejects(connect(url, { network, proxy: BASE["socks5:"] }), {
        code: "PROXY_REFUSED",
        message: /the server refused the connection/,
      });
      assert.deepEqual(script.seen[1], request);
    }
  });

  const wrong: [string, [number, number[]][], object][] = [
    ["accepts no method", [[3, [5, 255]]], { code: "PROXY_AUTHENTICATION" }],
    ["wants what was not offered", [[3, [5, 2]]], { code: "PROXY_AUTHENTICATION" }],
    ["speaks SOCKS4", [[3, [0, 91]]], { code: "PROXY_FAILED" }],
    ["does not allow it", [[3, [5, 0]], [19, [5, 2, 0, 1]]], { message: /rules do not allow/ }],
    ["answers an unknown code", [[3, [5, 0]], [19, [5, 77, 0, 1]]], { message: /answered 77/ }],
    ["answers an unknown address", [[3, [5, 0]], [19, [5, 0, 0, 9, 1]]], { code: "PROXY_FAILED" }],
    ["says more than it was asked", [
      [3, [5, 0]],
      [19, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 72]],
    ], { message: /bytes came behind/ }],
  ];
  for (const [what, steps, expected] of wrong) {
    it(`that ${what} is an error, and nothing stays open`, options, async () => {
      const { through, network } = await proxied(socks(...steps));
      await assert.rejects(through({ proxy: BASE["socks5:"] }), expected);
      await network.clock.pass(10);
      assert.equal(network.clock.timers, 0);
    });
  }

  it("cut off at each byte is an error", options, async () => {
    const answer = [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0];
    for (let cut = 0; cut < answer.length; cut++) {
      let step = 0;
      const { through, network } = await proxied((received) => {
        if (received.length < [3, 19][step]) return {};
        const say = Uint8Array.from(
          step === 0 ? answer.slice(0, Math.min(2, cut)) : answer.slice(2, cut),
        );
        step++;
        return { say, ...(step === 2 || cut < 2) && { then: "close" } };
      });
      await assert.rejects(through({ proxy: BASE["socks5:"] }), { code: "PROXY_FAILED" });
      assert.equal(network.links.size, 0);
    }
  });
});

describe("the option proxy", () => {
  it("refuses what is no proxy, without its password", options, async () => {
    const bad: [unknown, RegExp][] = [
      [1, /proxy must be a URL such as .*got number/],
      ["proxy.example:3128", /got the scheme proxy.example:/],
      ["not a url", /got something else/],
      ["ftp://u:secret@proxy.example", /got the scheme ftp:/],
      [`socks5://${"u".repeat(256)}@proxy.example`, /at most 255 bytes/],
    ];
    for (const [proxy, message] of bad) {
      await assert.rejects(connect(URL_, { proxy: proxy as never }), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
    await assert.rejects(connect(URL_, { proxy: BASE["http:"], path: "/socket" }), /path excludes/);
  });

  it("names the proxy that cannot be reached", options, async () => {
    await assert.rejects(connect(URL_, { network: new Network(), proxy: BASE["http:"] }), {
      code: "CONNECTION_REFUSED",
      message: /Cannot connect to the proxy proxy\.example:3128: connection refused/,
    });
  });

  it("reads the environment as curl does", options, async () => {
    const names = [
      "http_proxy",
      "HTTP_PROXY",
      "https_proxy",
      "HTTPS_PROXY",
      "all_proxy",
      "ALL_PROXY",
    ];
    const all = [...names, "no_proxy", "NO_PROXY", "REQUEST_METHOD"];
    const before = new Map(all.map((name) => [name, process.env[name]]));
    const via = async (url: string, given: Record<string, string>): Promise<string> => {
      for (const name of all) delete process.env[name];
      Object.assign(process.env, given);
      const network = new Network();
      const error = await connect(url, { network, proxy: "environment" }).catch((error) => error);
      return error.message.match(/to (?:the proxy )?(\S+):/)[1];
    };
    const plain = "ws://chat.example/", secure = "wss://chat.example/", direct = "chat.example:80";
    try {
      assert.equal(await via(plain, {}), direct);
      assert.equal(await via(plain, { HTTP_PROXY: "http://one:1" }), "one:1");
      assert.equal(await via(plain, { HTTP_PROXY: "one:1" }), "one:1");
      assert.equal(
        await via(plain, { HTTP_PROXY: "http://one:1", http_proxy: "http://two:2" }),
        "two:2",
      );
      assert.equal(await via(plain, { HTTPS_PROXY: "http://one:1" }), direct);
      assert.equal(await via(secure, { HTTPS_PROXY: "http://one:1" }), "one:1");
      assert.equal(
        await via(secure, { HTTP_PROXY: "http://one:1", ALL_PROXY: "socks5://two:2" }),
        "two:2",
      );
      // What a CGI program has as HTTP_PROXY comes from its client.
      assert.equal(await via(plain, { HTTP_PROXY: "http://one:1", REQUEST_METHOD: "GET" }), direct);
      for (
        const list of [
          "chat.example",
          "example",
          ".example",
          "a, *.example",
          "*",
          "chat.example:80",
        ]
      ) {
        assert.equal(await via(plain, { ALL_PROXY: "http://one:1", NO_PROXY: list }), direct, list);
      }
      for (const list of ["", "hat.example", "chat.example:81", "chat.exampl", "a.chat.example"]) {
        assert.equal(
          await via(plain, { ALL_PROXY: "http://one:1", NO_PROXY: list }),
          "one:1",
          list,
        );
      }
      const six = { ALL_PROXY: "http://one:1", NO_PROXY: "[2001:db8::7],192.0.2.7" };
      assert.equal(await via("ws://192.0.2.7/", six), "192.0.2.7:80");
      assert.equal(await via("ws://192.0.2.8/", six), "one:1");
      assert.match(await via("ws://[2001:db8::7]/", six), /2001:db8::7/);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
});

describe("a proxy over sockets", () => {
  /** A proxy that opens the way wherever it is asked to, by HTTP. */
  async function startProxy(): Promise<
    { port: number; close(): Promise<void>; sockets: Set<Socket> }
  > {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      sockets.add(client);
      client.on("close", () => sockets.delete(client));
      client.on("error", () => {});
      client.once("data", (head) => {
        const [, host, port] = String(head).match(/^CONNECT ([^:]+):(\d+) /)!;
        const upstream = connectTcp(Number(port), host, () => {
          client.write("HTTP/1.1 200 OK\r\n\r\n");
          client.pipe(upstream);
          upstream.pipe(client);
        });
        client.on("close", () => upstream.destroy());
        upstream.on("error", () => client.destroy());
        upstream.on("close", () => client.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    return { port: (server.address() as { port: number }).port, close, sockets };
  }

  for (const scheme of ["ws", "wss"]) {
    it(
      `carries ${scheme}: large messages both ways, and the closing handshake`,
      options,
      async () => {
        await using server = await listen({
          port: 0,
          hostname: "127.0.0.1",
          ...scheme === "wss" && { tls: { cert, key } },
          websocket: { message: (own, data) => void own.send(data) },
        });
        const proxy = await startProxy();
        try {
          const connection = await connect(`${scheme}://localhost:${server.address.port}/`, {
            proxy: `http://127.0.0.1:${proxy.port}`,
            tls: { caCerts: [ca] },
          });
          const bytes = new Uint8Array(3_000_000).map((_, at) => at * 7);
          connection.send(bytes);
          assert.deepEqual(await connection.receive(), bytes);
          connection.close(4001);
          assert.equal((await connection.closed).wasClean, true);
        } finally {
          await proxy.close();
        }
      },
    );
  }

  it("the certificate is judged by the server's name, and not the proxy's", options, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert, key },
      websocket: {},
    });
    const proxy = await startProxy();
    try {
      const url = `wss://localhost:${server.address.port}/`;
      const through = { proxy: `http://127.0.0.1:${proxy.port}` };
      await assert.rejects(connect(url, through), { code: "CERTIFICATE_REJECTED" });
      const wrongName = { caCerts: [ca], serverName: "other.example" };
      await assert.rejects(connect(url, { ...through, tls: wrongName }), {
        code: "CERTIFICATE_REJECTED",
      });
      const controller = new AbortController(), reason = new Error("enough");
      const connecting = connect(url, { ...through, signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(connecting, reason);
    } finally {
      await proxy.close();
    }
  });

  it("a server that speaks no TLS is an error", options, async () => {
    await using server = await listen({
      port: 0,
      hostname: "127.0.0.1",
      websocket: {},
      onRefused: () => {},
    });
    const proxy = await startProxy();
    try {
      await assert.rejects(
        connect(`wss://localhost:${server.address.port}/`, {
          proxy: `http://127.0.0.1:${proxy.port}`,
        }),
        { code: "TLS_FAILED" },
      );
    } finally {
      await proxy.close();
    }
  });
});
