import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { HandshakeError, type LimitError } from "../../lib/errors.ts";
import type { HandshakeDecision } from "../../lib/handshake/hook.ts";
import { bytesOf, join, pass, readFrames, settle, textOf } from "../connection/support.ts";
import { answerOf, openingRig, plain, REQUEST } from "./support.ts";

const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

function status(error: Error | undefined): number {
  assert.ok(error instanceof HandshakeError, `${error}`);
  return error.status;
}

describe("the opening handshake", () => {
  it("answers 101 and hands the connection over, open", async () => {
    const { say, peer, opened, ended, clock } = openingRig();
    say(REQUEST);
    await settle();
    const { status, head, body } = answerOf(peer);
    assert.deepEqual([status, body, opened.length, ended.length], [101, "", 1, 0]);
    assert.ok(head.includes(ACCEPT));
    const [connection] = opened;
    assert.equal(connection.url, "ws://localhost/chat?room=1");
    assert.equal(connection.readyState, 1);
    assert.equal(connection.request?.url, "http://localhost/chat?room=1");
    assert.equal(connection.request, connection.request);
    assert.equal(clock.timers, 0);
    connection.terminate();
  });

  it("reads a request split at every byte", async () => {
    const { say, opened } = openingRig({ memory: { chunkSize: 1 } });
    say(REQUEST);
    await settle();
    assert.equal(opened.length, 1);
    opened[0].terminate();
  });

  it("threat 50: bytes behind the head are the connection's first, once, at every split", async () => {
    const frames = (peer: { frame(first: number, data: string): Uint8Array }) =>
      join(peer.frame(0x81, "one"), peer.frame(0x81, "two"));
    const size = REQUEST.length + 2 * 9;
    for (const pending of [false, true]) {
      for (let split = 1; split <= size; split++) {
        const got: unknown[] = [];
        const { peer, opened } = openingRig({
          ...(pending ? { handshake: () => Promise.resolve(undefined) } : {}),
          websocket: { message: (_connection, data) => void got.push(data) },
        });
        const bytes = join(bytesOf(REQUEST), frames(peer));
        peer.write(bytes.subarray(0, split));
        await Promise.resolve();
        peer.write(bytes.subarray(split));
        await settle();
        assert.deepEqual(got, ["one", "two"], `split at ${split}`);
        opened[0].terminate();
      }
    }
  });

  it("408 when the request does not come in handshakeTimeout, however it dribbles", async () => {
    const { say, peer, ended, clock } = openingRig({ handshakeTimeout: 1000 });
    for (let at = 0; at < 10; at++) {
      say(REQUEST.slice(at, at + 1));
      await settle();
      clock.advance(at < 9 ? 100 : 99);
    }
    await settle();
    assert.equal(peer.bytes.length, 0);
    await pass(clock, 1);
    assert.equal(answerOf(peer).status, 408);
    peer.transport.closeWrite();
    await settle();
    assert.deepEqual(ended.map(status), [408]);
    assert.equal(clock.timers, 0);
  });

  it("503 when the hook does not decide in handshakeTimeout; its late result is ignored", async () => {
    const decision = Promise.withResolvers<HandshakeDecision<undefined>>();
    const { say, peer, opened, ended, errors, refusals, clock } = openingRig({
      handshakeTimeout: 1000,
      handshake: () => decision.promise,
    });
    say(REQUEST);
    await settle();
    clock.advance(1000);
    decision.resolve({});
    await settle();
    assert.deepEqual([answerOf(peer).status, opened.length], [503, 0]);
    peer.transport.closeWrite();
    await settle();
    assert.deepEqual([ended.map(status), refusals], [[503], []]);
    const [error] = errors as HandshakeError[];
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
    assert.match(
      error.message,
      /the handshake hook did not settle within 1000 ms \(handshakeTimeout\)/,
    );
    assert.equal((error.cause as LimitError).option, "handshakeTimeout");
  });

  it("a hook that takes its time: bytes meanwhile are held, reading stops, nothing is lost", async () => {
    const decision = Promise.withResolvers<HandshakeDecision<string>>();
    const got: unknown[] = [];
    const { say, peer, opened, transport } = openingRig<string>({
      handshake: () => decision.promise,
      websocket: { message: (_connection, data) => void got.push(data) },
      memory: { capacity: 1024 },
    });
    say(REQUEST);
    await settle();
    assert.equal(transport.paused, false);
    const texts = Array.from({ length: 1000 }, (_, at) => `message ${at}`);
    peer.say(...texts);
    await settle();
    assert.ok(transport.paused);
    assert.ok(transport.delivered <= REQUEST.length + 2048);
    decision.resolve({ data: "attached" });
    await settle();
    assert.deepEqual(got, texts);
    assert.equal(opened[0].data, "attached");
    opened[0].terminate();
  });

  it("messages behind the head that nothing takes keep the transport paused", async () => {
    for (const pending of [false, true]) {
      const { peer, opened, transport } = openingRig({
        ...(pending ? { handshake: () => Promise.resolve({}) } : {}),
        memory: { capacity: 4096 },
        receiveHighWaterMark: 16 * 256,
      });
      const texts = Array.from({ length: 2000 }, (_, at) => `message ${at}`);
      peer.write(bytesOf(REQUEST), ...texts.map((text) => peer.frame(0x81, text)));
      await settle();
      assert.ok(transport.paused);
      assert.ok(transport.delivered <= 8192, `${transport.delivered}`);
      for (const text of texts) assert.equal(await opened[0].receive(), text);
      opened[0].terminate();
    }
  });

  it("the hook is notified of the request, and what it returns is in the answer", async () => {
    const { say, peer, opened } = openingRig<{ user: number }>({
      handshake(request, info) {
        assert.equal(request.url, "http://localhost/chat?room=1");
        assert.equal(request.headers.get("cookie"), "a=b");
        assert.deepEqual(info, {
          remoteAddress: undefined,
          secure: false,
          protocols: ["v2", "v1"],
          origin: undefined,
        });
        return { protocol: "v1", headers: { "Set-Cookie": "c=d" }, data: { user: 7 } };
      },
    });
    say(REQUEST.replace(
      "\r\n\r\n",
      "\r\nCookie: a=b\r\nSec-WebSocket-Protocol: v2, v1\r\n\r\n",
    ));
    await settle();
    const { head } = answerOf(peer);
    assert.match(head, /\r\nSec-WebSocket-Protocol: v1\r\n/);
    assert.match(head, /\r\nset-cookie: c=d/i);
    assert.deepEqual([opened[0].protocol, opened[0].data], ["v1", { user: 7 }]);
    opened[0].terminate();
  });

  for (const ending of ["end", "reset"] as const) {
    it(`a peer that leaves while the hook runs (${ending}): signal aborted, result ignored`, async () => {
      const decision = Promise.withResolvers<undefined>();
      let signal: AbortSignal | undefined;
      const { say, peer, opened, ended, errors, clock } = openingRig({
        handshake(request) {
          signal = request.signal;
          return decision.promise;
        },
      });
      say(REQUEST);
      await settle();
      assert.equal(signal?.aborted, false);
      if (ending === "end") peer.transport.closeWrite();
      else peer.transport.close();
      await settle();
      assert.equal(signal?.aborted, true);
      decision.resolve(undefined);
      await settle();
      assert.deepEqual([opened.length, ended.length, errors.length], [0, 1, 0]);
      assert.equal(peer.bytes.length, 0);
      assert.equal(clock.timers, 0);
    });
  }

  it("a hook that throws or rejects is a 500 without its text, and onError's", async () => {
    const hooks = [
      () => {
        throw new Error("secret");
      },
      () => Promise.reject(new Error("secret")),
    ];
    for (const handshake of hooks) {
      const { say, peer, opened, ended, errors } = openingRig({ handshake });
      say(REQUEST);
      await settle();
      const { status, body } = answerOf(peer);
      assert.equal(status, 500);
      assert.ok(!body.includes("secret"));
      assert.deepEqual([errors.map(String), opened.length], [["Error: secret"], 0]);
      peer.transport.closeWrite();
      await settle();
      assert.equal(ended.length, 1);
    }
  });

  it("an onError that throws does not keep the peer from its 500", async (t) => {
    const report = t.mock.method(console, "error", () => {});
    const { say, peer } = openingRig({
      handshake: () => Promise.reject(new Error("hook")),
      onError: () => {
        throw new Error("onError");
      },
    });
    say(REQUEST);
    await settle();
    assert.equal(answerOf(peer).status, 500);
    const printed = report.mock.calls.map(({ arguments: [, error] }) => String(error));
    assert.deepEqual(printed, ["Error: onError", "Error: hook"]);
  });

  it("a hook that returns nonsense, or what the client did not offer, is a 500", async () => {
    for (
      const result of [7, "text", null, { protocol: "not offered" }, {
        headers: { "Upgrade": "x" },
      }]
    ) {
      const { say, peer, errors } = openingRig({
        handshake: () => result as unknown as undefined,
      });
      say(REQUEST);
      await settle();
      assert.deepEqual([answerOf(peer).status, errors.length], [500, 1]);
    }
  });

  it("a Response refuses: its status, headers and whole body, then our end", async () => {
    for (const later of [false, true]) {
      const body = "no ".repeat(100_000);
      const response = new Response(body, { status: 403, headers: { "x-why": "rights" } });
      const { say, peer, opened, ended, transport } = openingRig({
        handshake: () => later ? Promise.resolve(response) : response,
      });
      say(REQUEST);
      await settle();
      await settle();
      const answer = answerOf(peer);
      assert.deepEqual([answer.status, opened.length], [403, 0]);
      assert.match(answer.head, /\r\nx-why: rights\r\n/i);
      assert.match(answer.head, /\r\nContent-Length: 300000/);
      assert.equal(answer.body, body);
      assert.ok(peer.ended && !transport.closed);
      assert.ok(transport.writes.every((size) => size <= 65_536 + 200), `${transport.writes}`);
      peer.transport.closeWrite();
      await settle();
      assert.equal(ended.length, 1);
    }
  });

  it("a Response whose body fails is a 500, not an unhandled rejection", async () => {
    const { say, peer, errors } = openingRig({
      handshake: () =>
        new Response(
          new ReadableStream({
            pull(controller): void {
              controller.error(new Error("body"));
            },
          }),
        ),
    });
    say(REQUEST);
    await settle();
    await settle();
    assert.deepEqual([answerOf(peer).status, errors.map(String)], [500, ["Error: body"]]);
  });

  it("lingers: what a refused peer still sends is dropped, up to 1 MiB", async () => {
    const { say, peer, opening, transport, ended } = openingRig({ memory: { capacity: 1 << 22 } });
    opening.unavailable("test");
    say(REQUEST);
    peer.write(new Uint8Array(1024 * 1024 - REQUEST.length));
    await settle();
    assert.deepEqual([answerOf(peer).status, transport.closed], [503, false]);
    peer.write(new Uint8Array(1));
    await settle();
    assert.equal(transport.closed, true);
    assert.deepEqual(ended.map(status), [503]);
  });

  it("lingers for 2 s, and no longer than closeTimeout", async () => {
    for (const [closeTimeout, time] of [[10_000, 2_000], [500, 500], [Infinity, 2_000]]) {
      const { peer, opening, transport, clock, ended } = openingRig({ closeTimeout });
      opening.unavailable("test");
      await settle();
      clock.advance(time - 1);
      assert.equal(transport.closed, false);
      await pass(clock, 1);
      assert.deepEqual([transport.closed, answerOf(peer).status, ended.length], [true, 503, 1]);
      assert.equal(clock.timers, 0);
    }
  });

  it("refuses once: what follows the refusal changes nothing", async () => {
    const { say, peer, opening, opened } = openingRig();
    opening.unavailable("first");
    opening.unavailable("second");
    say(REQUEST);
    await settle();
    const text = textOf(peer.bytes);
    assert.equal(text.split("HTTP/1.1").length, 2);
    assert.match(text, /first/);
    assert.match(text, /\r\nretry-after: 1\r\n/i);
    assert.equal(opened.length, 0);
  });

  it("a peer that ends before its request is whole gets nothing, and holds nothing", async () => {
    const { say, peer, ended, clock, transport } = openingRig();
    say(REQUEST.slice(0, 50));
    peer.transport.closeWrite();
    await settle();
    assert.deepEqual([peer.bytes.length, ended, transport.closed], [0, [undefined], true]);
    assert.equal(clock.timers, 0);
  });

  it("a request that breaks a rule is 400, and what is behind it is not read", async () => {
    const { say, peer, opened } = openingRig();
    say("nonsense\r\n\r\n");
    say(REQUEST);
    await settle();
    assert.equal(answerOf(peer).status, 400);
    assert.equal(textOf(peer.bytes).split("HTTP/1.1").length, 2);
    assert.equal(opened.length, 0);
  });

  it("terminate drops the peer", async () => {
    const { peer, opening, ended } = openingRig();
    opening.terminate();
    await settle();
    assert.deepEqual([ended.length, peer.closed], [1, true]);
  });

  it("the 101 leaves before anything that `open` sends", async () => {
    const { say, peer, opened } = openingRig({
      websocket: { open: (connection) => void connection.send("hello") },
    });
    say(REQUEST);
    await settle();
    const end = textOf(peer.bytes).indexOf("\r\n\r\n") + 4;
    assert.equal(textOf(readFrames(peer.bytes.subarray(end))[0].payload), "hello");
    opened[0].terminate();
  });
});

describe("requests for no WebSocket", () => {
  it("are 426 without fetch", async () => {
    const { say, peer } = openingRig();
    say(plain("GET /"));
    await settle();
    const { status, head } = answerOf(peer);
    assert.equal(status, 426);
    assert.match(head, /\r\nUpgrade: websocket/i);
    assert.match(head, /\r\nSec-WebSocket-Version: 13/i);
  });

  it("GET gets fetch's Response, and the connection ends", async () => {
    const { say, peer } = openingRig({
      fetch: ({ url, method, headers }) =>
        Response.json({ url, method, x: headers.get("x") }, { status: 201 }),
    });
    say(plain("GET /page?q=1", "X: y"));
    await settle();
    await settle();
    const { status, head, body } = answerOf(peer);
    assert.equal(status, 201);
    assert.match(head, /\r\nConnection: close/i);
    assert.deepEqual(JSON.parse(body), { url: "http://localhost/page?q=1", method: "GET", x: "y" });
    assert.ok(peer.ended);
  });

  it("GET with an absolute target is of that host (RFC 9112 section 3.2.2)", async () => {
    const fetch = ({ url, headers }: Request): Response =>
      Response.json([url, headers.get("host"), headers.get("cookie")]);
    const { say, peer } = openingRig({ fetch, hosts: ["site.example"] });
    say(plain("GET http://site.example/page?q=1", "Cookie: a=1", "Cookie: b=2"));
    await settle();
    await settle();
    const { status, body } = answerOf(peer);
    assert.equal(status, 200);
    const seen = ["http://site.example/page?q=1", "site.example", "a=1; b=2"];
    assert.deepEqual(JSON.parse(body), seen);
  });

  it("a host that is not accepted is 403, a target or Host that is not valid 400", async () => {
    const fetch = (): Response => new Response("page");
    const requests: [string, number][] = [
      [plain("GET http://evil.example/"), 403],
      [plain("GET /").replace("localhost", "evil.example"), 403],
      [plain("GET ftp://localhost/"), 400],
      [plain("GET http://u@localhost/"), 400],
      [plain("GET /a#b"), 400],
      [plain("GET *"), 400],
      [plain("GET http://localhost/").replace("Host: localhost", "Host: a b"), 400],
    ];
    for (const [request, expected] of requests) {
      const { say, peer } = openingRig({ fetch });
      say(request);
      await settle();
      await settle();
      assert.equal(answerOf(peer).status, expected, request);
    }
  });

  it("HEAD gets the head alone, with the body's length", async () => {
    const { say, peer } = openingRig({ fetch: () => new Response("12345") });
    say(plain("HEAD /"));
    await settle();
    await settle();
    const { status, head, body } = answerOf(peer);
    assert.deepEqual([status, body], [200, ""]);
    assert.match(head, /\r\nContent-Length: 5/);
  });

  it("HEAD that is refused, or fails, gets the head alone, with the length of the text", async () => {
    const fetch = (): Response => {
      throw new Error("user");
    };
    for (const [options, status] of [[{}, 405], [{ fetch }, 500]] as const) {
      const { say, peer } = openingRig(options);
      say(plain("HEAD /"));
      await settle();
      const got = answerOf(peer);
      assert.deepEqual([got.status, got.body], [status, ""]);
      assert.match(got.head, /\r\nContent-Length: [1-9]/);
    }
  });

  it("POST is 405 with Allow; a body is 400; fetch sees neither", async () => {
    let calls = 0;
    const fetch = (): Response => new Response(`${calls++}`);
    for (
      const [request, expected] of [
        [plain("POST /"), 405],
        [plain("DELETE /"), 405],
        [plain("GET /", "Content-Length: 3"), 400],
        [plain("GET /", "Transfer-Encoding: chunked"), 400],
      ] as const
    ) {
      const { say, peer } = openingRig({ fetch });
      say(request);
      await settle();
      const { status, head } = answerOf(peer);
      assert.equal(status, expected, request);
      if (expected === 405) assert.match(head, /\r\nallow: GET, HEAD/i);
    }
    assert.equal(calls, 0);
  });

  it("a fetch that throws or rejects is a 500, and onError's", async () => {
    for (
      const fetch of [() => {
        throw new Error("user");
      }, () => Promise.reject(new Error("user"))]
    ) {
      const { say, peer, errors } = openingRig({ fetch });
      say(plain("GET /"));
      await settle();
      await settle();
      assert.deepEqual([answerOf(peer).status, errors.map(String)], [500, ["Error: user"]]);
    }
  });

  it("a fetch that takes too long is 503, and its late Response is not sent", async () => {
    const late = Promise.withResolvers<Response>();
    const { say, peer, clock } = openingRig({ fetch: () => late.promise, handshakeTimeout: 100 });
    say(plain("GET /"));
    await settle();
    clock.advance(100);
    late.resolve(new Response("late"));
    await settle();
    await settle();
    const text = textOf(peer.bytes);
    assert.equal(answerOf(peer).status, 503);
    assert.ok(!text.includes("late") && text.split("HTTP/1.1").length === 2);
  });

  it("what comes while fetch runs is held back, not gathered", async () => {
    const answer = Promise.withResolvers<Response>();
    const { say, peer, transport } = openingRig({
      fetch: () => answer.promise,
      memory: { capacity: 1024 },
    });
    say(plain("GET /"));
    peer.write(new Uint8Array(100_000));
    await settle();
    assert.ok(transport.paused && transport.delivered < 4096);
    answer.resolve(new Response("ok"));
    await settle();
    await settle();
    assert.equal(answerOf(peer).body, "ok");
  });

  it("the request's signal aborts when the client leaves", async () => {
    let signal: AbortSignal | undefined;
    const { say, peer } = openingRig({
      fetch(request) {
        signal = request.signal;
        return new Promise<Response>(() => {});
      },
    });
    say(plain("GET /"));
    await settle();
    peer.transport.close();
    await settle();
    assert.equal(signal?.aborted, true);
  });

  it("a client that has ended its side still gets its document", async () => {
    const answer = Promise.withResolvers<Response>();
    const { say, peer } = openingRig({ fetch: () => answer.promise });
    say(plain("GET /"));
    peer.transport.closeWrite();
    await settle();
    answer.resolve(new Response("document"));
    await settle();
    await settle();
    assert.equal(answerOf(peer).body, "document");
  });
});
