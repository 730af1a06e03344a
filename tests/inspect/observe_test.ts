/** What can be observed, from when to when, and what is shown of handshakes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clients, observe, type Observer, type ObserveTarget } from "../../lib/inspect/mod.ts";
import { redactHeaders, redactText } from "../../lib/inspect/redact.ts";
import { listen } from "../../lib/server/mod.ts";
import { refuseNo, serveChat } from "../support/chat_server.ts";
import { Network, pair, RawPeer, settle } from "../../lib/testing/mod.ts";
import { connect } from "../../mod.ts";
import { http2Rig } from "../adapters/http2_support.ts";
import { upgradeHttp2 } from "../../lib/adapters/node/http2.ts";

const options = { timeout: 60_000 };
const SECRET = "s3cr3t";

/** Collects the names of events, with what tells them apart. */
function logging(log: string[]): Observer {
  return {
    open: ({ connection }) => void log.push(`open ${connection.role}`),
    refused: ({ role, error }) => void log.push(`refused ${role} ${error.code}`),
    frame: ({ direction, opcode }) => void log.push(`frame ${direction} ${opcode}`),
    message: ({ direction, data }) => void log.push(`message ${direction} ${data}`),
    close: ({ info }) => void log.push(`close ${info.closeCode}`),
  };
}

describe("observing", () => {
  it("a server: connections, frames and refusals, from the first on", options, async () => {
    const log: string[] = [];
    const { network, server } = await serveChat({
      handshake: refuseNo,
    });
    const early = await connect("ws://chat.example", { network });
    using observation = observe(server, logging(log));
    early.send("early");
    await early.receive();
    early.close(4001);
    await early.closed;
    await settle();
    assert.deepEqual(log.splice(0), [
      "open server",
      "frame received 1",
      "message received early",
      "frame sent 1",
      "message sent early",
      "frame received 8",
      "frame sent 8",
      "close 4001",
    ]);
    await assert.rejects(connect("ws://chat.example/no", { network }));
    await connect("ws://chat.example", { network });
    assert.deepEqual(log.splice(0), ["refused server REFUSED", "open server"]);
    observation.stop();
    await connect("ws://chat.example", { network });
    await server.shutdown();
    assert.deepEqual(log, []);
  });

  it("all clients: those of connect over sockets, and what fails", options, async () => {
    const network = new Network(), log: string[] = [];
    await listen({ network, port: 80, hostname: "chat.example", websocket: {} });
    const observation = observe(clients, logging(log));
    const client = await connect("ws://chat.example", { network });
    await assert.rejects(connect("ws://nobody.example", { network }));
    await assert.rejects(connect("ws://chat.example", { network, protocols: "a b" }));
    client.terminate();
    await client.closed;
    await settle();
    observation.stop();
    await connect("ws://chat.example", { network });
    assert.deepEqual(log, ["open client", "refused client CONNECTION_REFUSED", "close 1006"]);
    network[Symbol.dispose]();
  });

  it("shows both heads without secrets, over HTTP/1.1", options, async () => {
    const { network, server } = await serveChat({
      websocket: {},
      handshake: () => ({ headers: { "set-cookie": SECRET, "x-room": "1" } }),
    });
    const seen: Record<string, unknown>[] = [];
    const observer: Observer = {
      open({ connection: { role, url, handshake, protocol, extensions, id } }): void {
        seen.push({ role, url, handshake, protocol, extensions, id });
      },
    };
    using _server = observe(server, observer);
    using _clients = observe(clients, observer);
    const client = await connect(`ws://user:${SECRET}@chat.example/room?token=${SECRET}&page=2`, {
      network,
      protocols: ["chat", `bearer-${SECRET.repeat(8)}`],
      perMessageDeflate: true,
      headers: { cookie: `session=${SECRET}`, "x-api-key": SECRET, "user-agent": "test" },
    });
    assert.equal(seen.length, 2);
    for (const each of seen) {
      const { request, response } = each.handshake as Record<
        "request" | "response",
        { headers: [string, string][]; target: string; method: string; status: number }
      >;
      const of = (headers: [string, string][]): Record<string, string> =>
        Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
      assert.deepEqual([request.method, request.target], ["GET", "/room?token=redacted&page=2"]);
      const sent = of(request.headers), answer = of(response.headers);
      assert.deepEqual(
        [sent.authorization, sent.cookie, sent["x-api-key"], sent["user-agent"]],
        ["redacted", "redacted", "redacted", "test"],
      );
      assert.equal(sent["sec-websocket-protocol"], "chat, redacted");
      assert.equal(response.status, 101);
      assert.deepEqual([answer["set-cookie"], answer["x-room"]], ["redacted", "1"]);
      assert.equal(answer["sec-websocket-protocol"], "chat");
      assert.ok(!JSON.stringify(each).includes(SECRET), JSON.stringify(each));
    }
    const [one, other] = seen;
    assert.notEqual(one.id, other.id);
    client.terminate();
    await server.shutdown({ timeout: 0 });
  });

  it("shows both heads over HTTP/2, at the client", options, async () => {
    await using rig = await http2Rig((stream, headers) => {
      void upgradeHttp2(stream, headers, { websocket: {} });
    });
    const seen: unknown[] = [];
    using _observation = observe(clients, {
      open({ connection: { handshake } }): void {
        const { request, response } = handshake!;
        seen.push([request.method, request.target, request.httpVersion, response.status]);
      },
    });
    const client = await connect(`${rig.url}/chat?key=${SECRET}`, { http2: rig.open() });
    assert.deepEqual(seen, [["CONNECT", "/chat?key=redacted", "HTTP/2", 200]]);
    client.terminate();
    await client.closed;
  });

  it("shows the request of a refused handshake, as far as there is one", options, async () => {
    const seen: unknown[] = [];
    const { network, server } = await serveChat({
      websocket: {},
    });
    using _observation = observe(server, {
      refused: ({ error, url, request, remoteAddress }) =>
        void seen.push([error.code, url, request?.target, remoteAddress?.hostname]),
    });
    for (const head of ["GET /a?token=1 HTTP/1.1\r\nHost: b.example\r\n\r\n", "nonsense\r\n\r\n"]) {
      const peer = await RawPeer.connect(network, { hostname: "chat.example", port: 80 });
      peer.write(head);
      await peer.readHead();
      peer.end();
    }
    const { length } = seen;
    assert.deepEqual(seen, [
      ["UPGRADE_HEADER", "ws://b.example/a?token=redacted", "/a?token=redacted", "192.0.2.1"],
      ["HEAD_MALFORMED", "", undefined, "192.0.2.1"],
    ]);
    assert.equal(length, 2);
    await server.shutdown();
  });

  it("does without a tap for an observer of connections alone", options, async () => {
    const { client, server } = pair();
    let taps = 0;
    const setTap = client.setTap.bind(client);
    client.setTap = (create): void => {
      taps++;
      setTap(create);
    };
    const closed: number[] = [];
    observe(client, { open: () => {}, close: ({ info }) => void closed.push(info.closeCode) });
    assert.equal(taps, 0);
    const observation = observe(client, { frame: () => {} });
    assert.equal(taps, 1);
    observation.stop();
    assert.equal(taps, 2);
    server.close(4002);
    await client.closed;
    await settle();
    assert.deepEqual(closed, [4002]);
  });

  it("a handler that throws changes nothing for the connection", options, async (test) => {
    const print = test.mock.method(console, "error", () => {});
    const { client, server } = pair();
    server.discard();
    const failing = (): never => {
      throw new Error("of the observer");
    };
    using _observation = observe(client, { open: failing, frame: failing, message: failing });
    const seen: string[] = [];
    using _other = observe(client, { message: ({ data }) => void seen.push(`${data}`) });
    assert.equal(client.send("Hello"), true);
    await settle();
    assert.equal(client.readyState, 1);
    assert.deepEqual(seen, ["Hello"]);
    assert.deepEqual(print.mock.calls.map(({ arguments: [heading] }) => heading), [
      "The observer's open failed:",
      "The observer's frame failed:",
      "The observer's message failed:",
    ]);
    client.terminate();
  });

  it("a closed connection opens and closes for each observer", options, async () => {
    const { client, server } = pair(), log: string[] = [];
    observe(client, {});
    server.close(4003);
    await client.closed;
    await settle();
    observe(client, logging(log));
    await settle();
    assert.deepEqual(
      log,
      ["open undefined", "close 4003"].map((each) => each.replace("undefined", "client")),
    );
  });

  it("an observer that another one stops is not begun", options, async () => {
    const network = new Network(), log: string[] = [];
    await listen({ network, port: 80, hostname: "chat.example", websocket: {} });
    const first = observe(clients, { open: () => second.stop() });
    const second = observe(clients, logging(log));
    const client = await connect("ws://chat.example", { network });
    client.send("Hello");
    client.terminate();
    await client.closed;
    await settle();
    first.stop();
    assert.deepEqual(log, []);
  });

  it("refuses what is no target, no observer or no handler", () => {
    const { client } = pair();
    const cases: [unknown, unknown, RegExp][] = [
      [{}, {}, /the target must be a connection, a server of listen, or clients, got Object/],
      [undefined, {}, /got undefined/],
      [connect, {}, /got function/],
      [client, undefined, /the observer must be an object of handlers, got undefined/],
      [client, { frames: () => {} }, /frames is not a handler; did you mean frame\?/],
      [client, { frame: 1 }, /frame must be a function, got number/],
    ];
    for (const [target, observer, message] of cases) {
      assert.throws(() => observe(target as ObserveTarget, observer as Observer), {
        name: "TypeError",
        message,
      });
    }
    client.terminate();
  });
});

describe("redaction", () => {
  it("takes time that is linear in what a peer has written", () => {
    for (const unit of ["a", "@", ":", "?", "a:", "?a=", "&token=", ", ", "//", "a@"]) {
      const begun = performance.now();
      redactText(unit.repeat(200_000));
      redactHeaders([["sec-websocket-protocol", unit.repeat(200_000)]]);
      assert.ok(performance.now() - begun < 5_000, unit);
    }
  });

  it("takes credentials and secret parameters out of a URL, and nothing else", () => {
    const cases: [string, string][] = [
      ["ws://a.example/b?c=d#e", "ws://a.example/b?c=d#e"],
      ["wss://user:pass@a.example/", "wss://redacted@a.example/"],
      ["/chat?access_token=a&x=1", "/chat?access_token=redacted&x=1"],
      ["/chat?x=1&%74oken=a", "/chat?x=1&%74oken=redacted"],
      ["/chat?API_KEY=a=b&apikey=c", "/chat?API_KEY=redacted&apikey=redacted"],
      ["/chat?key&code=1&keyboard=2", "/chat?key&code=redacted&keyboard=2"],
      ["/chat?%zz=1&sid=2", "/chat?%zz=1&sid=redacted"],
      ["/a@b?c=@d", "/a@b?c=@d"],
      ["https://a.example/cb#access_token=x&y=z", "https://a.example/cb#access_token=redacted&y=z"],
      ["/a?redirect=/x?token=S&b=c", "/a?redirect=/x?token=redacted&b=c"],
      ["/a?token=b?c&d=e", "/a?token=redacted&d=e"],
      ["/a?b=1;token=S", "/a?b=1;token=redacted"],
      [
        "/a?PHPSESSID=1&connect.sid=2&auth_key=3&otp=4&access_key=5&bearer=6&pin=7",
        [
          "PHPSESSID",
          "connect.sid",
          "auth_key",
          "otp",
          "access_key",
          "bearer",
          "pin",
        ].map((name) => `${name}=redacted`).join("&").replace(/^/, "/a?"),
      ],
      ["user:pass@b.example", "redacted@b.example"],
      [
        'a redirect to "https://u:p@x.example/?token=S": follow it',
        [
          'a redirect to "https://redacted@x.example/?token=redacted": follow it',
        ][0],
      ],
    ];
    for (const [url, shown] of cases) assert.equal(redactText(url), shown);
  });

  it("takes secrets out of headers", () => {
    const lines: [string, string, string][] = [
      ["Authorization", "Bearer x", "redacted"],
      ["Proxy-Authorization", "x", "redacted"],
      ["Cookie", "a=b", "redacted"],
      ["Set-Cookie", "a=b", "redacted"],
      ["X-CSRF-Token", "x", "redacted"],
      ["X-Auth", "x", "redacted"],
      ["Sec-WebSocket-Key", "x", "x"],
      ["Referer", "https://a.example/?token=b", "https://a.example/?token=redacted"],
      ["User-Agent", "x", "x"],
      ["Auth", "x", "redacted"],
      ["X-Access-Key", "x", "redacted"],
      ["Authentication-Info", "x", "redacted"],
      ["WWW-Authenticate", 'Basic realm="a"', 'Basic realm="a"'],
      ["Host", "user:pass@a.example", "redacted@a.example"],
      ["X-Original-URL", "/a?token=b", "/a?token=redacted"],
    ];
    assert.deepEqual(
      redactHeaders(lines.map(([name, value]) => [name, value])),
      lines.map(([name, , shown]) => [name, shown]),
    );
  });
});
