/** Extended CONNECT streams of node:http2 (RFC 8441) as connections, with a client made by hand. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, createServer } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Http2UpgradeOptions, upgradeHttp2 } from "../../lib/adapters/node/http2.ts";
import type { CloseInfo, StreamedMessage, WebSocketConnection } from "../../mod.ts";
import { LimitError, TransportError } from "../../mod.ts";
import {
  closePayload,
  frame,
  join as joinBytes,
  readFrames,
  textOf,
} from "../connection/support.ts";
import { connectHeaders, type Http2Rig, http2Rig, type Http2RigOptions } from "./http2_support.ts";

const options = { timeout: 60_000 };

/** One stream, as the client sees it. */
class Client {
  readonly stream: ClientHttp2Stream;
  readonly answered: Promise<Record<string, unknown>>;
  readonly closed: Promise<void>;
  ended = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #changed = Promise.withResolvers<void>();

  constructor(session: ClientHttp2Session, headers: Record<string, string | string[]>) {
    this.stream = session.request(headers);
    this.stream.on("error", () => {});
    this.answered = new Promise((resolve) => {
      this.stream.once("response", (answer) => {
        resolve(answer as Record<string, unknown>);
        this.stream.on("data", (chunk: Uint8Array) => this.#add(chunk));
      });
    });
    this.closed = new Promise((resolve) => this.stream.once("close", () => resolve()));
    this.stream.once("end", () => {
      this.ended = true;
      this.#add(new Uint8Array(0));
    });
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  #add(chunk: Uint8Array): void {
    this.#bytes = joinBytes(this.#bytes, chunk);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits for so many bytes. */
  async received(size: number): Promise<Uint8Array> {
    while (this.#bytes.length < size) {
      if (this.ended) throw new Error(`ended after ${this.#bytes.length} bytes`);
      await this.#changed.promise;
    }
    return this.#bytes;
  }

  /** The status, the headers and the whole body of a refusal. */
  async refusal(): Promise<{ status: unknown; headers: Record<string, unknown>; body: string }> {
    const headers = await this.answered;
    this.stream.end();
    while (!this.ended) await this.#changed.promise;
    return { status: headers[":status"], headers, body: textOf(this.#bytes) };
  }

  say(first: number, data: string | Uint8Array): boolean {
    return this.stream.write(frame(first, data, { masked: true }));
  }
}

interface Rig<Data> extends AsyncDisposable {
  rig: Http2Rig;
  session: ClientHttp2Session;
  errors: unknown[];
  refusals: Error[];
  /** What `upgrade` gave for each stream, in order. */
  given: Promise<WebSocketConnection<Data> | undefined>[];
  ask(fields?: Record<string, string | string[] | undefined>): Client;
  /** The connection of an accepted request, and its client. */
  open(fields?: Record<string, string>): Promise<[WebSocketConnection<Data>, Client]>;
}

async function serve<Data = undefined>(
  given: Http2UpgradeOptions<Data> = {},
  rigOptions: Http2RigOptions = {},
): Promise<Rig<Data>> {
  const errors: unknown[] = [], refusals: Error[] = [];
  const results: Promise<WebSocketConnection<Data> | undefined>[] = [];
  const rig = await http2Rig((stream, headers) => {
    results.push(upgradeHttp2<Data>(stream, headers, {
      pingInterval: Infinity,
      onError: (error): void => void errors.push(error),
      onRefused: (error): void => void refusals.push(error),
      ...given,
    }));
  }, rigOptions);
  const session = rig.open();
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  const ask = (fields: Record<string, string | string[] | undefined> = {}): Client =>
    new Client(session, connectHeaders(rig.port, fields));
  return {
    rig,
    session,
    errors,
    refusals,
    given: results,
    ask,
    async open(fields = {}): Promise<[WebSocketConnection<Data>, Client]> {
      const client = ask(fields);
      assert.equal((await client.answered)[":status"], 200);
      const connection = await results.at(-1);
      assert.ok(connection !== undefined);
      return [connection, client];
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

/** Sends messages of this size until nothing more leaves, and gives their number. */
async function fill(connection: WebSocketConnection, size: number): Promise<number> {
  for (let count = 0; count * size < 8 << 20;) {
    if (connection.send(new Uint8Array(size).fill(count++))) continue;
    const late = new Promise((resolve) => setTimeout(resolve, 200, "late"));
    if (await Promise.race([connection.ready, late]) === "late") return count;
  }
  throw new Error("8 MiB went to a peer that does not read");
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

describe("upgrade over HTTP/2", () => {
  for (const secure of [false, true]) {
    it(`accepts an extended CONNECT ${secure ? "with" : "without"} TLS`, options, async () => {
      await using server = await serve<string>({
        protocols: ["chat"],
        perMessageDeflate: true,
        handshake(request, info) {
          assert.equal(request.url, `http://localhost:${server.rig.port}/chat?room=1`);
          assert.equal(request.headers.get("cookie"), "a=1; b=2");
          assert.deepEqual([info.secure, info.protocols, info.origin], [
            secure,
            ["soap", "chat"],
            undefined,
          ]);
          assert.equal(info.remoteAddress?.hostname, "127.0.0.1");
          return { data: "mine", headers: [["Set-Cookie", "c=3"], ["Set-Cookie", "d=4"]] };
        },
      }, { secure });
      const client = server.ask({
        cookie: ["a=1", "b=2"],
        "sec-websocket-protocol": "soap, chat",
        "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
      });
      const answer = await client.answered;
      assert.equal(answer[":status"], 200);
      assert.equal(answer["sec-websocket-protocol"], "chat");
      assert.equal(answer["sec-websocket-extensions"], "permessage-deflate");
      assert.deepEqual(answer["set-cookie"], ["c=3", "d=4"]);
      for (const name of ["upgrade", "connection", "sec-websocket-accept"]) {
        assert.equal(answer[name], undefined);
      }
      const connection = await server.given[0];
      assert.ok(connection !== undefined);
      assert.equal(connection.url, `ws://localhost:${server.rig.port}/chat?room=1`);
      assert.equal(connection.data, "mine");
      assert.equal(connection.protocol, "chat");
      assert.equal(connection.extensions, "permessage-deflate");
      assert.equal(connection.request?.headers.get("host"), `localhost:${server.rig.port}`);
      const { transport, hostname, port } = connection.remoteAddress!;
      assert.deepEqual({ transport, hostname }, { transport: "tcp", hostname: "127.0.0.1" });
      assert.equal(port, server.session.socket.localPort);
      assert.deepEqual(new Set(Object.values(connection.capabilities)), new Set([true]));
      client.say(0x81, "Grüße");
      assert.equal(await connection.receive(), "Grüße");
      connection.send("back", { compress: false });
      assert.equal(textOf((await client.received(6)).subarray(2)), "back");
      assert.deepEqual(server.errors, []);
    });
  }

  it("on a Unix socket the address is its path", options, async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-")), path = join(folder, "socket");
    const given = Promise.withResolvers<WebSocketConnection | undefined>();
    const server = createServer({ settings: { enableConnectProtocol: true } });
    server.on("stream", (stream, headers) => given.resolve(upgradeHttp2(stream, headers)));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const session = connect("http://localhost", { createConnection: () => connectSocket(path) });
    session.on("error", () => {});
    try {
      await new Promise((resolve) => session.once("remoteSettings", resolve));
      const client = new Client(session, connectHeaders(80));
      assert.equal((await client.answered)[":status"], 200);
      const connection = await given.promise;
      assert.deepEqual(connection?.remoteAddress, { transport: "unix", hostname: path, port: 0 });
    } finally {
      session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("without a hook, connection.request is still there", options, async () => {
    await using server = await serve();
    const [connection] = await server.open({ "x-one": "1" });
    assert.equal(connection.request?.headers.get("x-one"), "1");
    assert.equal(connection.request?.url, `http://localhost:${server.rig.port}/chat?room=1`);
  });

  it(
    "calls handlers in order, with what came right behind the request first",
    options,
    async () => {
      const got: unknown[] = [];
      const decided = Promise.withResolvers<void>();
      await using server = await serve({
        handshake: () => decided.promise.then(() => undefined),
        websocket: {
          open: () => void got.push("open"),
          message: (connection, data) => {
            got.push(data);
            connection.send(data);
          },
          close: (_connection, info) => void got.push(info.closeCode),
        },
      });
      const client = server.ask();
      client.say(0x81, "one");
      client.say(0x81, "two");
      decided.resolve();
      await client.received(10);
      client.say(0x88, closePayload(1000));
      client.stream.end();
      await client.closed;
      assert.deepEqual(got, ["open", "one", "two", 1000]);
    },
  );

  it(
    "a second call for a stream returns undefined, and leaves the first alone",
    options,
    async () => {
      const errors: unknown[] = [];
      const given: Promise<WebSocketConnection | undefined>[] = [];
      await using rig = await http2Rig((stream, headers) => {
        for (let i = 0; i < 2; i++) {
          given.push(
            upgradeHttp2(stream, headers, { onError: (error) => void errors.push(error) }),
          );
        }
      });
      const session = rig.open();
      await new Promise((resolve) => session.once("remoteSettings", resolve));
      const client = new Client(session, connectHeaders(rig.port));
      assert.equal((await client.answered)[":status"], 200);
      const [connection, second] = await Promise.all(given);
      assert.equal(second, undefined);
      assert.match(
        errors.map(message).join(),
        /^Cannot upgrade: the request was upgraded before[^,]*$/,
      );
      client.say(0x81, "still here");
      assert.equal(await connection?.receive(), "still here");
    },
  );

  it("delivers messages as streams where that is asked for", options, async () => {
    const text = Promise.withResolvers<string>();
    await using rig = await http2Rig((stream, headers) => {
      void upgradeHttp2(stream, headers, {
        messages: "stream",
        async websocket(connection: WebSocketConnection<undefined, StreamedMessage>) {
          for await (const each of connection) text.resolve(await each.text());
        },
      });
    });
    const session = rig.open();
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const client = new Client(session, connectHeaders(rig.port));
    client.say(0x01, "a");
    client.say(0x80, "b");
    assert.equal(await text.promise, "ab");
  });

  it("one that does not read does not stop another of its session", options, async () => {
    await using server = await serve();
    const [stuck, deaf] = await server.open();
    deaf.stream.pause();
    await fill(stuck, 50_000);
    const [connection, client] = await server.open();
    connection.send("still here");
    await client.received(12);
    client.say(0x81, "and back");
    assert.equal(await connection.receive(), "and back");
    assert.ok(stuck.bufferedAmount > 0);
  });

  it(
    "what is sent waits for the peer's window: ready, and then all of it comes",
    options,
    async () => {
      await using server = await serve({ maxBufferedAmount: Infinity });
      const [connection, client] = await server.open();
      client.stream.pause();
      const size = 100_000, header = 10;
      const count = await fill(connection, size);
      assert.ok(connection.bufferedAmount > 65_536);
      client.stream.resume();
      await connection.ready;
      const bytes = await client.received(count * (size + header));
      readFrames(bytes).forEach(({ payload }, at) => {
        assert.equal(payload.length, size);
        assert.ok(payload.every((byte) => byte === at));
      });
      assert.equal(connection.bufferedAmount, 0);
    },
  );

  it("what is not read stays with the peer, and comes later", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    connection.pause();
    const piece = new Uint8Array(50_000);
    let count = 0, drained = true;
    client.stream.on("drain", () => drained = true);
    // A stream that takes no more for a while has come to the end of its window.
    while (drained && count < 1000) {
      drained = client.say(0x82, piece.fill(count++));
      for (let i = 0; i < 50 && !drained; i++) await new Promise((next) => setTimeout(next, 10));
    }
    assert.ok(count * piece.length < 8 << 20, "8 MiB went to a connection that does not read");
    connection.resume();
    for (let at = 0; at < count; at++) {
      const data = await connection.receive();
      assert.ok(data instanceof Uint8Array && data.length === piece.length);
      assert.equal(data[0], at & 255);
    }
  });

  it(
    "threat 36: a peer that never reads is closed with 1008, and holds no memory",
    options,
    async () => {
      await using server = await serve({ maxBufferedAmount: 1 << 20, sendTimeout: 50 });
      const [connection, client] = await server.open();
      client.stream.pause();
      const piece = new Uint8Array(100_000);
      for (let i = 0; i < 100; i++) connection.send(piece);
      assert.ok(connection.bufferedAmount < 2 << 20);
      const { closeCode, error } = await connection.closed;
      assert.equal(closeCode, 1006);
      assert.ok(error instanceof LimitError && error.option === "maxBufferedAmount");
    },
  );
});

describe("upgrade over HTTP/2: refusals", () => {
  const refused = async (
    given: Http2UpgradeOptions,
    fields: Record<string, string | undefined>,
  ): Promise<Awaited<ReturnType<Client["refusal"]>> & { errors: unknown[]; refusals: Error[] }> => {
    await using server = await serve(given);
    const client = server.ask(fields);
    const answer = await client.refusal();
    assert.equal(await server.given[0], undefined);
    await client.closed;
    assert.equal(client.stream.rstCode, 0);
    return { ...answer, errors: server.errors, refusals: server.refusals };
  };

  it(
    "threat 46: another origin and another host are 403, and reported to onRefused",
    options,
    async () => {
      const origin = await refused({}, { origin: "https://evil.example" });
      assert.equal(origin.status, 403);
      assert.match(origin.body, /the Origin "https:\/\/evil.example" is not of the same host/);
      assert.deepEqual(origin.refusals.map(message), [origin.body.trimEnd()]);
      assert.deepEqual(origin.errors, []);
      // It is bound to loopback: a name that somebody points at it is refused.
      const host = await refused({}, { ":authority": "rebound.example" });
      assert.equal(host.status, 403);
      assert.match(host.body, /loopback name/);
    },
  );

  it("threat 48: another version, method or protocol gets no 200", options, async () => {
    const version = await refused({}, { "sec-websocket-version": "8" });
    assert.equal(version.status, 400);
    assert.equal(version.headers["sec-websocket-version"], "13");
    const get = await refused({}, { ":method": "GET", ":protocol": undefined });
    assert.deepEqual([get.status, get.headers.allow], [405, "CONNECT"]);
    const tunnel = await refused({}, {
      ":protocol": undefined,
      ":scheme": undefined,
      ":path": undefined,
    });
    assert.equal(tunnel.status, 501);
    assert.equal((await refused({}, { ":protocol": "connect-udp" })).status, 501);
  });

  it("threat 18: a header list over maxHeaderSize or maxHeaders is 431", options, async () => {
    const large = await refused({ maxHeaderSize: 2000 }, { "x-large": "x".repeat(2000) });
    assert.equal(large.status, 431);
    assert.equal((await refused({ maxHeaders: 5 }, {})).status, 431);
  });

  it("threat 47: a hook that wants a token refuses with its Response", options, async () => {
    const answer = await refused({
      handshake: (request) =>
        request.headers.get("authorization") === "Bearer mine" ? undefined : new Response("Who?", {
          status: 401,
          headers: { "www-authenticate": "Bearer", connection: "close" },
        }),
    }, {});
    assert.deepEqual([answer.status, answer.body], [401, "Who?"]);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
    assert.deepEqual(answer.errors, []);
  });

  it("a hook that throws is 500, and its error goes to onError alone", options, async () => {
    const answer = await refused({
      handshake: () => Promise.reject(new Error("secret")),
    }, {});
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body, /secret/);
    assert.deepEqual(answer.errors.map(message), ["secret"]);
  });

  it("a hook that takes too long is 503", options, async () => {
    const answer = await refused({
      handshakeTimeout: 20,
      handshake: () => new Promise(() => {}),
    }, {});
    assert.equal(answer.status, 503);
    assert.match(answer.body, /handshakeTimeout/);
  });

  it("a hook's Response whose body never ends is 503", options, async () => {
    const answer = await refused({
      handshakeTimeout: 20,
      handshake: () => new Response(new ReadableStream(), { status: 403 }),
    }, {});
    assert.equal(answer.status, 503);
    assert.match(message(answer.errors[0]), /handshakeTimeout/);
  });

  it("a hook's header that HTTP/2 does not have is 500", options, async () => {
    const answer = await refused({ handshake: () => ({ headers: { "keep-alive": "1" } }) }, {});
    assert.equal(answer.status, 500);
    assert.equal(answer.errors.length, 1);
  });

  it("a hook's Response with a status that accepts in HTTP/2 is 500", options, async () => {
    const answer = await refused({ handshake: () => new Response("Who?", { status: 200 }) }, {});
    assert.equal(answer.status, 500);
    assert.match(message(answer.errors[0]), /status 200 accepts/);
  });

  it("an unknown option is a 500, and the promise does not reject", options, async () => {
    const answer = await refused({ maxMessageSize: -1 }, {});
    assert.equal(answer.status, 500);
    assert.match(message(answer.errors[0]), /maxMessageSize/);
  });

  it("a body larger than the window comes whole", options, async () => {
    const text = "why ".repeat(100_000);
    const answer = await refused({ handshake: () => new Response(text, { status: 418 }) }, {});
    assert.equal(answer.body.length, text.length);
  });

  it("a body that never ends is read no faster than it is taken", options, async () => {
    let pulled = 0, cancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000).fill(pulled++)),
      cancel: () => void (cancelled = true),
    });
    await using server = await serve({ handshake: () => new Response(body, { status: 403 }) });
    const client = server.ask();
    assert.equal((await client.answered)[":status"], 403);
    await client.received(100_000);
    client.stream.pause();
    let before = -1;
    while (before !== pulled) {
      before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(pulled < 1_000, `${pulled} chunks were pulled`);
    client.stream.resume();
    await client.received(before * 10_000);
    assert.equal(cancelled, false);
    client.stream.close(8);
    assert.equal(await server.given[0], undefined);
    assert.deepEqual([cancelled, server.errors], [true, []]);
  });

  it("a client that takes nothing for closeTimeout is dropped, body and all", options, async () => {
    let reason: unknown;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
      cancel: (why) => void (reason = why),
    });
    await using server = await serve({
      closeTimeout: 100,
      handshake: () => new Response(body, { status: 403 }),
    });
    const client = server.ask();
    await client.answered;
    client.stream.pause();
    assert.equal(await server.given[0], undefined);
    assert.match(String(reason), /took nothing for 100 ms \(closeTimeout\)/);
    assert.deepEqual(server.errors, []);
  });

  it(
    "a body that fails halfway resets the stream, and onError gets the error",
    options,
    async () => {
      const failing = Promise.withResolvers<void>();
      const body = new ReadableStream({
        async pull(controller): Promise<void> {
          controller.enqueue(new Uint8Array(10));
          await failing.promise;
          controller.error(new Error("body"));
        },
      });
      await using server = await serve({ handshake: () => new Response(body, { status: 403 }) });
      const client = server.ask();
      await client.received(10);
      failing.resolve();
      await client.closed;
      assert.equal(client.stream.rstCode, 8);
      assert.equal(await server.given[0], undefined);
      assert.deepEqual(server.errors.map(message), ["body"]);
    },
  );

  it("a hook's Response that comes after handshakeTimeout is cancelled", options, async () => {
    const decided = Promise.withResolvers<Response>(), cancelled = Promise.withResolvers<unknown>();
    await using server = await serve({ handshakeTimeout: 20, handshake: () => decided.promise });
    assert.equal((await server.ask().refusal()).status, 503);
    decided.resolve(new Response(new ReadableStream({ cancel: cancelled.resolve })));
    assert.match(String(await cancelled.promise), /handshakeTimeout/);
  });

  it("a hook that fails after handshakeTimeout is reported as well", options, async () => {
    const decided = Promise.withResolvers<undefined>(), both = Promise.withResolvers<void>();
    const errors: string[] = [];
    await using server = await serve({
      handshakeTimeout: 20,
      handshake: () => decided.promise,
      onError(error): void {
        errors.push(message(error));
        if (errors.length === 1) decided.reject(new Error("late")); // before the answer is sent
        else both.resolve();
      },
    });
    assert.equal((await server.ask().refusal()).status, 503);
    await both.promise;
    assert.match(errors[0], /handshakeTimeout/);
    assert.equal(errors[1], "late");
  });

  it("a Response of a hook whose client has left is cancelled", options, async () => {
    let cancelled = false;
    const asked = Promise.withResolvers<AbortSignal>(), decided = Promise.withResolvers<Response>();
    await using server = await serve({
      handshake(request) {
        asked.resolve(request.signal);
        return decided.promise;
      },
    });
    const client = server.ask();
    const signal = await asked.promise;
    client.stream.close(8);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    decided.resolve(new Response(new ReadableStream({ cancel: () => void (cancelled = true) })));
    assert.equal(await server.given[0], undefined);
    assert.equal(cancelled, true);
  });

  it("a client that does not end its side is asked to, which is no error", options, async () => {
    await using server = await serve({ handshake: () => new Response("No", { status: 403 }) });
    const client = server.ask();
    await client.answered;
    await client.closed;
    assert.deepEqual([textOf(client.bytes), client.stream.rstCode], ["No", 0]);
  });

  it("a client that leaves while the hook decides is notified by the signal", options, async () => {
    const asked = Promise.withResolvers<AbortSignal>(),
      decided = Promise.withResolvers<undefined>();
    await using server = await serve({
      handshake(request) {
        asked.resolve(request.signal);
        return decided.promise;
      },
    });
    const client = server.ask();
    const signal = await asked.promise;
    assert.equal(signal.aborted, false);
    client.stream.close(8);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    decided.resolve(undefined);
    assert.equal(await server.given[0], undefined);
    assert.deepEqual(server.errors, []);
  });
});

describe("upgrade over HTTP/2: the end", () => {
  const codeAndReason = ({ closeCode, reason, wasClean, initiator }: CloseInfo): unknown[] => [
    closeCode,
    reason,
    wasClean,
    initiator,
  ];

  it("5: a Close each way, and then the stream ends in order", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    connection.close({ closeCode: 4321, reason: "enough" });
    const bytes = await client.received(10);
    assert.deepEqual(readFrames(bytes)[0].payload, closePayload(4321, "enough"));
    client.say(0x88, closePayload(4321));
    while (!client.ended) await new Promise((resolve) => setTimeout(resolve, 1));
    client.stream.end();
    await client.closed;
    assert.equal(client.stream.rstCode, 0);
    assert.deepEqual(codeAndReason(await connection.closed), [4321, "", true, "local"]);
  });

  it("5: the peer's Close is answered, with any code and reason", options, async () => {
    for (const [code, reason] of [[1000, ""], [1001, "x"], [3000, "y".repeat(123)], [4999, ""]]) {
      await using server = await serve();
      const [connection, client] = await server.open();
      client.say(0x88, closePayload(code as number, reason as string));
      const end = await client.received(4);
      assert.deepEqual(readFrames(end)[0].payload.subarray(0, 2), closePayload(code as number));
      client.stream.end();
      assert.deepEqual(codeAndReason(await connection.closed), [code, reason, true, "remote"]);
    }
  });

  it("5: terminate is RST_STREAM with CANCEL", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    connection.terminate();
    await client.closed;
    assert.equal(client.stream.rstCode, 8);
    assert.equal((await connection.closed).closeCode, 1006);
  });

  it("RST_STREAM by the peer is 1006 with an error", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    client.stream.close(8);
    const { closeCode, wasClean, error, initiator } = await connection.closed;
    assert.deepEqual([closeCode, wasClean, initiator], [1006, false, "remote"]);
    assert.ok(error instanceof TransportError);
  });

  it("END_STREAM by the peer without a Close is 1006 with an error", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    client.stream.end();
    const { closeCode, wasClean, error } = await connection.closed;
    assert.deepEqual([closeCode, wasClean], [1006, false]);
    assert.ok(error instanceof TransportError && error.code === "CONNECTION_ENDED");
    await client.closed;
  });

  for (const when of ["with the request", "while a hook decides"] as const) {
    for (const hook of ["none", "synchronous", "asynchronous"] as const) {
      if (hook !== "asynchronous" && when === "while a hook decides") continue;
      it(`END_STREAM ${when} is 1006 at once, hook: ${hook}`, options, async () => {
        const asked = Promise.withResolvers<void>(), decided = Promise.withResolvers<undefined>();
        const handshake = (): Promise<undefined> | undefined => {
          asked.resolve();
          return hook === "asynchronous" ? decided.promise : undefined;
        };
        await using server = await serve(hook === "none" ? {} : { handshake });
        const stream = server.session.request(connectHeaders(server.rig.port), {
          endStream: when === "with the request",
        });
        stream.on("error", () => {});
        stream.resume();
        if (hook !== "none") await asked.promise;
        if (when === "while a hook decides") stream.end();
        // Time for the end to come before the hook has decided.
        await new Promise((resolve) => setTimeout(resolve, 100));
        decided.resolve(undefined);
        const connection = await server.given[0];
        assert.ok(connection !== undefined);
        const { closeCode, wasClean, error } = await connection.closed;
        assert.deepEqual([closeCode, wasClean], [1006, false]);
        assert.ok(error instanceof TransportError && error.code === "CONNECTION_ENDED");
      });
    }
  }

  it("a session that dies is 1006 with an error for each of its connections", options, async () => {
    for (const side of ["client", "server"] as const) {
      await using server = await serve();
      const pairs = await Promise.all([server.open(), server.open()]);
      if (side === "client") server.session.destroy();
      else for (const session of server.rig.sessions) session.destroy();
      for (const [connection] of pairs) {
        const { closeCode, wasClean, error } = await connection.closed;
        assert.deepEqual([closeCode, wasClean], [1006, false]);
        assert.ok(error instanceof TransportError, message(error));
        assert.equal(connection.send("late"), false);
      }
    }
  });

  it("GOAWAY lets what is open go on to its own end", options, async () => {
    await using server = await serve();
    const [connection, client] = await server.open();
    for (const session of server.rig.sessions) session.close();
    connection.send("still here");
    await client.received(12);
    client.say(0x81, "here too");
    assert.equal(await connection.receive(), "here too");
    client.say(0x88, closePayload(1000));
    client.stream.end();
    assert.equal((await connection.closed).wasClean, true);
  });

  it("a throw of the user's code closes with 1011", options, async () => {
    await using server = await serve({
      websocket: () => {
        throw new Error("mine");
      },
    });
    const [, client] = await server.open();
    const bytes = await client.received(4);
    assert.deepEqual(readFrames(bytes)[0].payload, closePayload(1011));
    assert.deepEqual(server.errors.map(message), ["mine"]);
  });
});
