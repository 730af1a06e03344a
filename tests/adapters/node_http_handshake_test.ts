import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { upgrade } from "../../lib/adapters/node/mod.ts";
import { connect } from "../../lib/client/connect.ts";
import { HandshakeError, TransportError } from "../../lib/errors.ts";
import { bytesOf, Peer } from "../connection/support.ts";
import { VirtualClock } from "../../lib/testing/clock.ts";
import { nodeNet } from "../transport/sockets.ts";
import { KINDS, Rig, type ServeOptions } from "./node_http_support.ts";
import { until } from "../support/until.ts";
import { REQUEST_LINES, requestText } from "../support/opening.ts";

const statusOf = (error: unknown): unknown =>
  error instanceof HandshakeError ? error.status : error;

/** What a server answers, what `upgrade` gives then, and what `onError` and `onRefused` get. */
async function refusal(
  options: ServeOptions<undefined>,
  text = requestText(),
): Promise<
  { status: number; head: string; body: string; errors: unknown[]; refusals: Error[] }
> {
  await using rig = await Rig.start("http", options);
  const answer = await rig.answerTo(text);
  await until("what upgrade gives", () => rig.given.length === 1);
  assert.equal(rig.given[0], undefined);
  return { ...answer, errors: rig.errors, refusals: rig.refusals };
}

for (const kind of KINDS) {
  describe(`the handshake behind node:${kind}`, () => {
    it("the hook is notified of the request, and its headers, protocol and data take effect", async () => {
      await using rig = await Rig.start<{ user: number }>(kind, {
        handshake(request, info) {
          assert.equal(new URL(request.url).pathname, "/chat");
          assert.equal(request.headers.get("x-words"), "eins, zwei");
          assert.equal(info.secure, kind === "https");
          assert.deepEqual(info.protocols, ["v2", "v1"]);
          assert.match(info.remoteAddress?.hostname ?? "", /127\.0\.0\.1$|^::1$/);
          return { protocol: "v1", headers: { "Set-Cookie": "a=b" }, data: { user: 7 } };
        },
      });
      const peer = await rig.dial();
      // One list in two lines of the same name.
      const lists = "Sec-WebSocket-Protocol: v1\r\nX-Words: eins\r\nX-Words: zwei\r\n\r\n";
      peer.write(
        bytesOf(
          requestText({ "sec-websocket-protocol": "v2" }).replace(/\r\n\r\n$/, `\r\n${lists}`),
        ),
      );
      const connection = await rig.opened();
      assert.deepEqual([connection.data, connection.protocol], [{ user: 7 }, "v1"]);
      await until("the answer", () => peer.bytes.length > 0);
      const head = new TextDecoder().decode(peer.bytes);
      assert.match(head, /^HTTP\/1\.1 101 [^]*set-cookie: a=b\r\n/i);
      assert.match(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
      peer.transport.close();
    });

    it("a refusal reaches a peer that is still sending", async () => {
      await using rig = await Rig.start(kind, {
        handshake: () => new Response("no room", { status: 403, headers: { "x-a": "b" } }),
      });
      for (let i = 0; i < 5; i++) {
        const peer = await rig.dial();
        const more = new Uint8Array(400_000);
        peer.write(bytesOf(requestText()), more);
        peer.write(more);
        await until("the end", () => peer.ended || peer.closed);
        const text = new TextDecoder().decode(peer.bytes);
        assert.match(text, /^HTTP\/1\.1 403 [^]*\r\nx-a: b\r\n[^]*\r\n\r\nno room$/);
        assert.equal(peer.error, undefined);
        peer.transport.close();
        await until("what upgrade gives", () => rig.given.length > i);
      }
      assert.deepEqual([rig.given.every((each) => each === undefined), rig.errors], [true, []]);
    });

    for (const ending of ["end", "reset"] as const) {
      it(`a peer that leaves while the hook runs (${ending}): signal aborted, undefined given`, async () => {
        const decision = Promise.withResolvers<undefined>();
        let signal: AbortSignal | undefined;
        await using rig = await Rig.start(kind, {
          handshake(request) {
            signal = request.signal;
            return decision.promise;
          },
        });
        const peer = await rig.dial();
        peer.write(bytesOf(requestText()));
        await until("the hook", () => signal !== undefined);
        assert.equal(signal!.aborted, false);
        if (ending === "end") peer.transport.closeWrite();
        else rig.sockets[0].destroy(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
        await until("what upgrade gives", () => rig.given.length === 1);
        assert.deepEqual([signal!.aborted, rig.given], [true, [undefined]]);
        decision.resolve(undefined);
        assert.deepEqual(rig.errors, []);
        if (ending === "end") assert.deepEqual(rig.refusals, []);
        else assert.ok(rig.refusals.length === 1 && rig.refusals[0] instanceof TransportError);
        peer.transport.close();
      });
    }

    it("a second call for a socket returns undefined, and leaves the first alone", async () => {
      const errors: unknown[] = [];
      const second = Promise.withResolvers<unknown>();
      await using rig = await Rig.start(kind, {
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      rig.server.on("upgrade", (request, socket, head) => {
        const onError = (error: unknown): void => void errors.push(error);
        second.resolve(upgrade(request, socket, head, { onError }));
      });
      const connection = await rig.connect();
      assert.equal(await second.promise, undefined);
      assert.equal(errors.length, 1);
      assert.match(String(errors[0]), /upgraded before/);
      connection.send("still here");
      assert.equal(await connection.receive(), "still here");
      connection.close();
      await connection.closed;
    });

    it("a peer that is gone before the call: undefined, and nothing hangs", async () => {
      await using rig = await Rig.start(kind, {
        before: (socket) => void socket.on("error", () => {}).destroy(new Error("gone before")),
      });
      const peer = await rig.dial();
      peer.write(bytesOf(requestText()));
      await until("what upgrade gives", () => rig.given.length === 1);
      assert.deepEqual(rig.given, [undefined]);
      peer.transport.close();
    });
  });
}

describe("upgrade behind node:http: what is accepted, and what is not", () => {
  it("routes by request.url, and servers do not know of each other", async () => {
    const start = async (name: string): Promise<{ url: string; close(): void }> => {
      const server = createServer();
      server.on("upgrade", (request, socket, head) => {
        if (request.url === "/echo") {
          const message = "echo";
          upgrade(request, socket, head, {
            websocket: (connection) => void connection.send(`${name} ${message}`),
          });
        } else {
          upgrade<string>(request, socket, head, {
            handshake: ({ url }) =>
              url.endsWith("/hook") ? { data: "hook" } : new Response(null, { status: 404 }),
            websocket: (connection) => void connection.send(`${name} ${connection.data}`),
          });
        }
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const { port } = server.address() as AddressInfo;
      return { url: `ws://127.0.0.1:${port}`, close: () => void server.close() };
    };
    const servers = [await start("a"), await start("b")];
    try {
      const said: unknown[] = [];
      for (const { url } of servers) {
        for (const path of ["/echo", "/hook"]) {
          await using connection = await connect(url + path);
          said.push(await connection.receive());
        }
        await assert.rejects(connect(`${url}/none`), (error) => statusOf(error) === 404);
      }
      assert.deepEqual(said, ["a echo", "a hook", "b echo", "b hook"]);
    } finally {
      for (const server of servers) server.close();
    }
  });

  it("on a Unix socket there is no address to tell", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-")), path = join(folder, "socket");
    const server = createServer(), told: unknown[] = [];
    server.on("upgrade", (request, socket, head) => {
      upgrade(request, socket, head, {
        handshake(_request, { remoteAddress }) {
          told.push(remoteAddress);
          return undefined;
        },
        websocket: (connection) => void told.push(connection.remoteAddress),
      });
    });
    await new Promise<void>((done) => server.listen(path, done));
    const peer = new Peer(await nodeNet.connect({ path }), true);
    try {
      peer.write(bytesOf(requestText({ host: "any.example" })));
      await until("the upgrade", () => told.length === 2);
      assert.deepEqual(told, [undefined, { transport: "unix", hostname: path, port: 0 }]);
    } finally {
      peer.transport.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("a hook that throws is a 500 without its text, and onError's", async () => {
    const { status, body, errors } = await refusal({
      handshake() {
        throw new Error("secret");
      },
    });
    assert.deepEqual([status, body.includes("secret")], [500, false]);
    assert.match(String(errors[0]), /secret/);
  });

  it("a hook that does not decide in handshakeTimeout is a 503", async () => {
    const clock = new VirtualClock();
    const { status, errors } = await refusal({
      clock,
      handshakeTimeout: 1000,
      handshake() {
        queueMicrotask(() => clock.advance(1000));
        return new Promise(() => {});
      },
    });
    assert.deepEqual([status, errors.map(statusOf)], [503, [503]]);
  });

  it("invalid options: the peer gets 500, onError or the console the error", async (t) => {
    const bad = { maxMessageSize: -1 };
    const { status, errors } = await refusal(bad);
    assert.equal(status, 500);
    assert.match(String(errors[0]), /RangeError: .*maxMessageSize/);
    const said: unknown[] = [];
    const mock = t.mock.method(console, "error", (_: string, error: unknown) => said.push(error));
    try {
      for (const onError of [undefined, "none"]) {
        const given = { ...bad, onError: onError as never };
        assert.equal((await refusal(given)).status, 500);
      }
    } finally {
      mock.mock.restore();
    }
    assert.match(String(said[0]), /maxMessageSize/);
  });

  it("HTTP/1.0 is answered with 505, another protocol than WebSocket with 426", async () => {
    const old = await refusal({}, requestText({}, "GET /chat HTTP/1.0"));
    assert.deepEqual([old.status, old.errors, old.refusals.map(statusOf)], [505, [], [505]]);
    const other = await refusal({}, requestText({ upgrade: "h2c" }));
    assert.equal(other.status, 426);
    assert.match(other.head, /\r\nUpgrade: websocket\r\n/i);
  });

  it("maxHeaders and maxHeaderSize hold for what node:http has let through", async () => {
    const lines = Object.keys(REQUEST_LINES).length;
    const size = requestText().length;
    assert.equal((await refusal({ maxHeaders: lines - 1 })).status, 431);
    assert.equal((await refusal({ maxHeaderSize: size - 1 })).status, 431);
    await using rig = await Rig.start("http", { maxHeaders: lines, maxHeaderSize: size });
    const peer = await rig.dial();
    peer.write(bytesOf(requestText()));
    await rig.opened();
    peer.transport.close();
  });

  it("threat 08: thousands of headers, and each one missing, get an answer and no 101", async () => {
    await using rig = await Rig.start("http");
    const flood = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`x${at}`, ""]));
    const short = Object.fromEntries(Array.from({ length: 1500 }, (_, at) => [`x${at}`, ""]));
    for (const lines of [flood, short]) {
      const all = Object.entries({ ...lines, ...REQUEST_LINES });
      for (const order of [all, all.reverse()]) {
        const text = order.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const { status } = await rig.answerTo(`GET / HTTP/1.1\r\n${text}\r\n`);
        assert.ok([400, 426, 431].includes(status), `${status}`);
      }
    }
    for (const name of ["host", "sec-websocket-key", "sec-websocket-version"]) {
      const { status } = await rig.answerTo(requestText({ [name]: undefined }));
      assert.ok([400, 426].includes(status), `${status} without ${name}`);
    }
    assert.ok(rig.given.every((each) => each === undefined));
  });

  it("threat 11: extensions named like members of every object are names", async () => {
    const names = Object.getOwnPropertyNames(Object.prototype);
    await using rig = await Rig.start("http", { perMessageDeflate: true });
    for (const [at, name] of names.entries()) {
      const offer = `${name}; ${name}, permessage-deflate; ${name}, permessage-deflate`;
      const peer = await rig.dial();
      peer.write(bytesOf(requestText({ "sec-websocket-extensions": offer })));
      assert.equal((await rig.opened(at)).extensions, "permessage-deflate");
      peer.transport.close();
    }
    const broken = await rig.answerTo(requestText({ "sec-websocket-extensions": ",;constructor" }));
    assert.equal(broken.status, 400);
  });

  it("threat 19: a malformed Host is refused with 400", async () => {
    await using rig = await Rig.start("http", { hosts: "*" });
    for (const host of ["[::", "a b", "", "a\r\nhost: a", "a:99999", "a@b", "http://a", "\xff"]) {
      assert.equal((await rig.answerTo(requestText({ host }))).status, 400, JSON.stringify(host));
    }
  });

  it("threat 46: only pages of the same host connect, and no name pointed at loopback", async () => {
    await using rig = await Rig.start("http");
    const host = `localhost:${rig.port}`;
    const cases: [string | undefined, number][] = [
      [`http://evil.example`, 403],
      ["null", 403],
      [`http://localhost:${rig.port + 1}`, 403],
      [`http://127.0.0.1:${rig.port}`, 403],
      [`http://localhost:${rig.port}.evil.example`, 403],
    ];
    for (const [origin, status] of cases) {
      const answer = await rig.answerTo(requestText({ host, origin }));
      assert.equal(answer.status, status, `${origin}`);
      assert.match(answer.body, /origins/);
    }
    const rebound = { host: `evil.example:${rig.port}`, origin: `http://evil.example:${rig.port}` };
    assert.equal((await rig.answerTo(requestText(rebound))).status, 403);
    await until("what upgrade gives", () => rig.given.length === cases.length + 1);
    assert.ok(rig.given.every((each) => each === undefined));
    for (const origin of [`http://${host}`, undefined]) {
      const peer = await rig.dial();
      peer.write(bytesOf(requestText({ host, origin })));
      await rig.opened(rig.given.length);
      peer.transport.close();
    }
  });

  it("threat 48: what a proxy could take for no upgrade gets no 101, and its socket is closed", async () => {
    await using rig = await Rig.start("http");
    const bad: [string, number][] = [
      [requestText({ "sec-websocket-version": "99" }), 426],
      [requestText({ "sec-websocket-version": "777" }), 426],
      [requestText({ "sec-websocket-key": "AAAA" }), 400],
      [requestText({ "content-length": "4" }) + "body", 400],
      [requestText({ "transfer-encoding": "chunked" }) + "0\r\n\r\n", 400],
      [requestText({}, "POST / HTTP/1.1"), 405],
    ];
    for (const [text, status] of bad) {
      // A second request, smuggled behind the first: it must not be answered.
      const answer = await rig.answerTo(text + requestText());
      assert.equal(answer.status, status, text);
      assert.ok(!answer.body.includes("HTTP/1.1"), answer.body);
    }
    assert.ok(rig.given.every((each) => each === undefined));
  });
});
