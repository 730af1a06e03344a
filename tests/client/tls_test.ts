/**
 * TLS of `connect`: whose certificates are accepted, the client's own, ALPN, and what the errors say.
 * The server is `node:tls` of the runtime, which also refuses what `listen` would accept.
 */
import { createHash } from "node:crypto";
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
} from "node:net";
import { after, before, describe, it } from "node:test";
import { createServer, type TlsOptions, type TLSSocket } from "node:tls";
import assert from "node:assert/strict";
import { connect, type ConnectOptions, TransportError } from "../../mod.ts";
import { connectNode } from "../../lib/transport/node.ts";
import { findNode } from "../../lib/transport/node_api.ts";
import {
  ca,
  cert,
  client,
  expired,
  key,
  renewed,
  secondCa,
  stranger,
} from "../certificates/mod.ts";

const options = { timeout: 60_000 };

/** What was printed by console.warn. */
const warnings: string[] = [];
const { warn } = console;
before(() => {
  console.warn = (text: string): void => void warnings.push(text);
});
after(() => {
  console.warn = warn;
});

/** What the server saw of a connection. */
interface Seen {
  subject: string | undefined;
  alpn: string | false | null;
}

/** A server that answers every opening handshake with 101, once TLS is agreed on. */
class TlsPeer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly #sockets = new Set<{ destroy(): unknown }>();
  readonly #server: Server;

  constructor(more: TlsOptions = {}) {
    this.#server = createServer({ cert, key, ...more }, (socket) => this.#onSocket(socket));
    this.#server.on("connection", (socket) => this.#sockets.add(socket));
    this.#server.on("tlsClientError", () => {});
  }

  static async listen(more?: TlsOptions): Promise<TlsPeer> {
    const peer = new TlsPeer(more);
    await new Promise<void>((done) => peer.#server.listen(0, "127.0.0.1", done));
    return peer;
  }

  get url(): string {
    return `wss://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  #onSocket(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    const subject = socket.getPeerCertificate()?.subject?.CN as string | undefined;
    this.seen.push({ subject, alpn: socket.alpnProtocol });
    let head = "";
    socket.on("data", (chunk) => {
      head += String(chunk);
      const sent = /sec-websocket-key: (.+)\r\n/i.exec(head)?.[1];
      if (sent === undefined || !head.includes("\r\n\r\n")) return;
      head = "";
      const accept = createHash("sha1")
        .update(`${sent}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Connects, and drops the connection. */
async function succeeds(url: string, tls: ConnectOptions["tls"]): Promise<void> {
  const connection = await connect(url, { tls: tls! });
  connection.terminate();
  await connection.closed;
}

/** Asserts that connecting fails with this code and text. */
async function failsWith(
  connecting: Promise<unknown>,
  code: string,
  text: RegExp,
): Promise<void> {
  await assert.rejects(connecting, (error) => {
    assert.ok(error instanceof TransportError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, /^Cannot connect to 127\.0\.0\.1:[0-9]+: /);
    assert.match(error.message, text);
    assert.ok(error.cause instanceof Error);
    return true;
  });
}

describe("whose certificate a client accepts", () => {
  it("of an unknown authority: the error says where its certificate goes", options, async () => {
    await using peer = await TlsPeer.listen();
    for (const tls of [undefined, {}, { caCerts: [secondCa] }]) {
      const connecting = connect(peer.url, tls === undefined ? {} : { tls });
      await failsWith(connecting, "CERTIFICATE_REJECTED", /private authority's .* tls\.caCerts$/);
    }
    await succeeds(peer.url, { caCerts: [ca] });
    await succeeds(peer.url, { caCerts: [secondCa, ca] });
  });

  it("for another name: the error says how to name it", options, async () => {
    await using peer = await TlsPeer.listen();
    const tls = { caCerts: [ca], serverName: "other.example" };
    const text = /it is for another name: .* pass that as tls\.serverName$/;
    await failsWith(connect(peer.url, { tls }), "CERTIFICATE_REJECTED", text);
    // The same where the client has a certificate of its own, for which Deno has another way.
    const withPair = { ...tls, ...client };
    await failsWith(connect(peer.url, { tls: withPair }), "CERTIFICATE_REJECTED", text);
    await succeeds(peer.url, { ...withPair, serverName: "localhost" });
    await succeeds(peer.url, { ...withPair, serverName: "127.0.0.1" });
  });

  it("expired: the error says so", options, async () => {
    await using peer = await TlsPeer.listen(expired);
    const tls = { caCerts: [secondCa] };
    const text = /it has expired: the server needs a new one/;
    await failsWith(connect(peer.url, { tls }), "CERTIFICATE_REJECTED", text);
    const withPair = { ...tls, ...client };
    await failsWith(connect(peer.url, { tls: withPair }), "CERTIFICATE_REJECTED", text);
  });

  it("none at all, as the server answers in plain HTTP: the error names ws:", options, async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    for (const tls of [{}, client, { dangerouslyAcceptAnyCertificate: true }]) {
      await failsWith(connect(url, { tls }), "TLS_FAILED", /check that TLS is spoken there, .*ws:/);
    }
    await new Promise((done) => server.close(done));
  });
});

describe("a client's own certificate", () => {
  const asking = { requestCert: true, rejectUnauthorized: true, ca: secondCa };

  it("is shown to a server that asks for one", options, async () => {
    await using peer = await TlsPeer.listen(asking);
    await succeeds(peer.url, { caCerts: [ca], ...client });
    assert.deepEqual(peer.seen.map(({ subject }) => subject), ["device 7"]);
  });

  it("is missing: the error says what to pass", options, async () => {
    await using peer = await TlsPeer.listen(asking);
    await failsWith(
      connect(peer.url, { tls: { caCerts: [ca] } }),
      "CLIENT_CERTIFICATE_REQUIRED",
      /the server wants a certificate of the client; pass tls\.cert and tls\.key$/,
    );
    assert.deepEqual(peer.seen, []);
  });

  it("and its key come together, and fit each other", options, async () => {
    const { cert, key } = client;
    const other = stranger.key;
    const wrong: [object, RegExp][] = [
      [{ cert }, /^Cannot connect: tls\.key is missing: it must be PEM text/],
      [{ key }, /^Cannot connect: tls\.cert is missing: it must be PEM text/],
      [{ cert: key, key: cert }, /^Cannot connect: tls\.cert must be PEM text/],
      [{ cert, key: other }, /^Cannot connect: tls\.cert and tls\.key cannot be used \(.+\)/],
    ];
    for (const [tls, message] of wrong) {
      const connecting = connect("wss://127.0.0.1:9/", { tls });
      await assert.rejects(connecting, { name: "TypeError", message });
    }
  });
});

describe("ALPN of a client", () => {
  it("http/1.1 may be agreed on, or nothing", options, async () => {
    await using peer = await TlsPeer.listen({ ALPNProtocols: ["http/1.1"] });
    await succeeds(peer.url, { caCerts: [ca], alpn: ["http/1.1"] });
    await succeeds(peer.url, { caCerts: [ca], alpn: ["x", "http/1.1"] });
    await using silent = await TlsPeer.listen();
    await succeeds(silent.url, { caCerts: [ca], alpn: ["http/1.1"] });
    assert.deepEqual(peer.seen.map(({ alpn }) => alpn), ["http/1.1", "http/1.1"]);
    assert.deepEqual(silent.seen.length, 1);
  });

  it(
    "another protocol that the server chooses, or a refusal, is ALPN_MISMATCH",
    options,
    async () => {
      await using peer = await TlsPeer.listen({ ALPNProtocols: ["h2"] });
      for (const more of [{}, client]) {
        const chosen = connect(peer.url, { tls: { caCerts: [ca], alpn: ["h2"], ...more } });
        await failsWith(chosen, "ALPN_MISMATCH", /the server chose "h2".*pass tls\.alpn: \["http/);
        const refused = connect(peer.url, { tls: { caCerts: [ca], alpn: ["http/1.1"], ...more } });
        await failsWith(refused, "ALPN_MISMATCH", /no protocol was agreed on \(.+\)/);
      }
    },
  );

  it("is a list of names", async () => {
    for (const alpn of ["http/1.1", [], [""], [5], ["a".repeat(256)], ["\n"], null, {}]) {
      await assert.rejects(connect("wss://127.0.0.1:9/", { tls: { alpn: alpn as string[] } }), {
        name: "TypeError",
        message: /^Cannot connect: tls\.alpn must be a list .*like \["http\/1\.1"\]; got /,
      });
    }
  });
});

describe("dangerouslyAcceptAnyCertificate", () => {
  it("accepts another authority, another name, an expired one; warns once", options, async () => {
    const tls = { dangerouslyAcceptAnyCertificate: true };
    await using peer = await TlsPeer.listen(renewed);
    await using old = await TlsPeer.listen(expired);
    await succeeds(peer.url, tls);
    await succeeds(peer.url, { ...tls, serverName: "other.example" });
    await succeeds(peer.url, { ...tls, serverName: "other.example", caCerts: [secondCa] });
    await succeeds(old.url, tls);
    const ours = warnings.filter((text) => text.startsWith("Warning: connect was called"));
    assert.equal(ours.length, 1);
    assert.match(ours[0]!, /tls\.dangerouslyAcceptAnyCertificate: .*not checked/);
    assert.match(ours[0]!, /development only.*tls\.caCerts/);
    // Only those that ask for it.
    await failsWith(connect(peer.url), "CERTIFICATE_REJECTED", /tls\.caCerts$/);
  });

  it("is true or false", async () => {
    const tls = { dangerouslyAcceptAnyCertificate: "yes" as unknown as boolean };
    await assert.rejects(connect("wss://127.0.0.1:9/", { tls }), {
      name: "TypeError",
      message: /tls\.dangerouslyAcceptAnyCertificate must be true or false, got string/,
    });
  });

  it(
    "leaves what else TLS wants as it is: a client certificate is still asked for",
    options,
    async () => {
      await using peer = await TlsPeer.listen({
        requestCert: true,
        rejectUnauthorized: true,
        ca: secondCa,
      });
      const tls = { dangerouslyAcceptAnyCertificate: true };
      await failsWith(connect(peer.url, { tls }), "CLIENT_CERTIFICATE_REQUIRED", /tls\.cert/);
      await succeeds(peer.url, { ...tls, ...client });
    },
  );
});

/** A proxy that answers CONNECT with 200 and passes on what comes, to whatever port was named. */
async function startProxy(): Promise<{ url: string } & AsyncDisposable> {
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createTcpServer((client) => {
    sockets.add(client);
    client.on("error", () => {});
    client.once("data", (head) => {
      const port = Number(/^CONNECT [^ ]+:([0-9]+) /.exec(String(head))?.[1]);
      const target = connectTcp({ host: "127.0.0.1", port }, () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(target);
        target.pipe(client);
      });
      sockets.add(target);
      target.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

describe("TLS through a proxy has the same options and errors", () => {
  it("a client certificate, ALPN, and any certificate", options, async () => {
    await using proxy = await startProxy();
    await using peer = await TlsPeer.listen({
      requestCert: true,
      rejectUnauthorized: true,
      ca: secondCa,
      ALPNProtocols: ["http/1.1"],
    });
    const through = (tls: ConnectOptions["tls"]): Promise<unknown> =>
      connect(peer.url, { tls: tls!, proxy: proxy.url }).then((connection) => {
        connection.terminate();
        return connection.closed;
      });
    const alpn = ["http/1.1"];
    await through({ caCerts: [ca], ...client });
    await through({ caCerts: [ca], ...client, alpn, serverName: "localhost" });
    await through({ dangerouslyAcceptAnyCertificate: true, ...client });
    assert.deepEqual(peer.seen.map(({ subject }) => subject), Array(3).fill("device 7"));
    assert.equal(peer.seen[1]?.alpn, "http/1.1");
    await failsWith(through({ caCerts: [ca] }), "CLIENT_CERTIFICATE_REQUIRED", /tls\.cert/);
    await failsWith(through(client), "CERTIFICATE_REJECTED", /tls\.caCerts$/);
    const wrongName = { caCerts: [ca], ...client, serverName: "other.example" };
    await failsWith(through(wrongName), "CERTIFICATE_REJECTED", /tls\.serverName$/);
    // The name of the URL is checked, also where another is given as undefined.
    const { port } = new URL(peer.url);
    const unnamed = { caCerts: [ca], ...client, serverName: undefined } as ConnectOptions["tls"];
    await connect(`wss://localhost:${port}/`, { tls: unnamed!, proxy: proxy.url })
      .then((connection) => connection.terminate());
    await assert.rejects(
      connect(`wss://127.0.0.2:${port}/`, { tls: unnamed!, proxy: proxy.url }),
      {
        code: "CERTIFICATE_REJECTED",
        message: new RegExp(`^Cannot connect to 127.0.0.2:${port}: `),
      },
    );
    const h2 = through({ caCerts: [ca], ...client, alpn: ["h2"] });
    await failsWith(h2, "ALPN_MISMATCH", /no protocol was agreed on/);
    assert.equal(peer.seen.length, 4);
  });
});

it("certificates are checked whatever NODE_TLS_REJECT_UNAUTHORIZED says", options, async (t) => {
  const { process } = globalThis as unknown as { process: { env: Record<string, string> } };
  const name = "NODE_TLS_REJECT_UNAUTHORIZED", before = process.env[name];
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
  process.env[name] = "0";
  await using peer = await TlsPeer.listen();
  await failsWith(connect(peer.url), "CERTIFICATE_REJECTED", /tls\.caCerts$/);
  const node = findNode()!, port = Number(new URL(peer.url).port);
  const connecting = connectNode(node, { hostname: "127.0.0.1", port, tls: {} });
  await failsWith(connecting, "CERTIFICATE_REJECTED", /tls\.caCerts$/);
  delete process.env[name];
});
