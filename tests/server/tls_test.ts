/**
 * TLS of `listen`: certificates of clients, and a certificate that is replaced while the server runs.
 */
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import assert from "node:assert/strict";
import { connect } from "../../lib/client/connect.ts";
import { TransportError } from "../../lib/errors.ts";
import type { PeerCertificate } from "../../lib/handshake/hook.ts";
import type {
  ClientTlsOptions,
  ServerTlsOptions,
  TransportNetwork,
} from "../../lib/link/transport.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/listen.ts";
import { Network } from "../../lib/testing/mod.ts";
import { ca, cert, client, key, renewed, secondCa, stranger } from "../certificates/mod.ts";
import { until } from "../support/until.ts";

const options = { timeout: 60_000 };
const hostname = "127.0.0.1";
const onDeno = "Deno" in globalThis;
const skipOnDeno = { ...options, skip: onDeno && "Deno cannot check the certificates of clients" };

/** A server, and what it was told. */
interface Rig extends AsyncDisposable {
  server: WebSocketServer;
  url: string;
  /** The certificates that the hook saw. */
  seen: (PeerCertificate | undefined)[];
  /** The errors of those that were refused. */
  refused: Error[];
}

async function serve(tls: ServerTlsOptions, more: Partial<ListenOptions> = {}): Promise<Rig> {
  const seen: Rig["seen"] = [], refused: Error[] = [];
  const server = await listen({
    port: 0,
    hostname,
    tls,
    handshake(_, { peerCertificate }) {
      seen.push(peerCertificate);
      return undefined;
    },
    onRefused: (error) => void refused.push(error),
    websocket: {
      message(connection, data): void {
        connection.send(data);
      },
    },
    ...more,
  } as ListenOptions);
  return {
    server,
    url: `wss://${hostname}:${server.address.port}/`,
    seen,
    refused,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Connects, has a message echoed, and closes. */
async function echoes(
  url: string,
  tls: ClientTlsOptions,
): Promise<void> {
  const connection = await connect(url, { tls });
  connection.send("a");
  assert.equal(await connection.receive(), "a");
  connection.close();
  await connection.closed;
}

/** Nothing of the server's is open any more. */
async function untilIdle({ server }: Rig): Promise<void> {
  await until("nothing is open", () => {
    return server.connections.size === 0 && server.stats.pending === 0;
  });
}

/** The certificate that a server shows to a client that connects now. */
function shownBy(server: WebSocketServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: hostname,
      port: server.address.port,
      ca: [ca, secondCa],
    }, () => {
      resolve(fingerprintOf(socket));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256;
}

const OLD = new X509Certificate(cert).fingerprint256;
const NEW = new X509Certificate(renewed.cert).fingerprint256;

describe("a server that wants certificates of clients", () => {
  const tls = { cert, key, ca: secondCa, requestClientCert: true } as const;
  const trusting = { caCerts: [ca] };

  it("is a NotSupportedError on Deno, which says what to do", {
    ...options,
    skip: !onDeno && "only Deno refuses it",
  }, async () => {
    for (const requestClientCert of [true, "optional"] as const) {
      await assert.rejects(
        listen({ port: 0, hostname, websocket: {}, tls: { ...tls, requestClientCert } }),
        { name: "NotSupportedError", message: /^Cannot listen: Deno cannot .* Node or Bun, or / },
      );
    }
  });

  it("lets a client with one in, and shows it to the hook", skipOnDeno, async () => {
    for (const authorities of [secondCa, [secondCa], [ca, secondCa]]) {
      await using rig = await serve({ ...tls, ca: authorities });
      await echoes(rig.url, { ...trusting, ...client });
      assert.deepEqual(rig.seen, [{
        subject: "CN=device 7",
        subjectAltName: "DNS:device7.example",
        fingerprint256: new X509Certificate(client.cert).fingerprint256,
        pem: new X509Certificate(client.cert).toString(),
      }]);
    }
  });

  it("refuses a client without one, before the hook is asked", skipOnDeno, async () => {
    await using rig = await serve(tls);
    for (let i = 0; i < 20; i++) {
      await assert.rejects(connect(rig.url, { tls: trusting }), {
        name: "TransportError",
        code: "CLIENT_CERTIFICATE_REQUIRED",
      });
    }
    await untilIdle(rig);
    assert.deepEqual(rig.seen, []);
    assert.equal(rig.refused.length, 20);
    for (const error of rig.refused) {
      assert.ok(error instanceof TransportError);
      assert.equal(error.code, "CLIENT_CERTIFICATE_REQUIRED");
      assert.match(error.message, /the client sent no certificate \(tls\.requestClientCert\)$/);
    }
    await echoes(rig.url, { ...trusting, ...client });
  });

  it("refuses one of another authority, before the hook is asked", skipOnDeno, async () => {
    for (const requestClientCert of [true, "optional"] as const) {
      await using rig = await serve({ ...tls, requestClientCert });
      for (let i = 0; i < 20; i++) {
        await assert.rejects(connect(rig.url, { tls: { ...trusting, ...stranger } }), {
          name: "TransportError",
          message: /perhaps it does not accept the client's certificate \(tls\.cert\)$/,
        });
      }
      await untilIdle(rig);
      assert.deepEqual(rig.seen, []);
      assert.equal(rig.refused.length, 20);
      for (const error of rig.refused) {
        assert.ok(error instanceof TransportError);
        assert.equal(error.code, "CLIENT_CERTIFICATE_REJECTED");
        assert.match(error.message, /the client's certificate was rejected \(unable to verify/);
      }
    }
  });

  it("reads nothing of what a refused client sends in its first packet", skipOnDeno, async () => {
    await using rig = await serve(tls, { fetch: () => new Response("secret") });
    const request = `GET / HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
    for (const more of [{}, stranger]) {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        assert.equal(await answerTo(rig.server, { ca: [ca], ...more, maxVersion }, request), "");
      }
    }
    const good = await answerTo(rig.server, { ca: [ca], ...client }, request);
    assert.match(good, /^HTTP\/1\.1 200 [^]*secret$/);
  });

  it("checks a client that resumes its session like any other", skipOnDeno, async () => {
    await using rig = await serve(tls, { fetch: () => new Response("secret") });
    const request = `GET / HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      for (const [pair, expected] of [[client, /secret$/], [stranger, /^$/]] as const) {
        const sessions: Uint8Array[] = [];
        for (let i = 0; i < 3; i++) {
          const session = sessions.at(-1);
          const more = { ca: [ca], ...pair, maxVersion, ...(session && { session }) };
          const answer = await answerTo(rig.server, more as ConnectionOptions, request, sessions);
          assert.match(answer, expected, `${maxVersion}, ${i}`);
        }
      }
    }
  });

  it("with optional, lets a client without one in, and the hook decides", skipOnDeno, async () => {
    await using rig = await serve({ ...tls, requestClientCert: "optional" }, {
      handshake: (_, { peerCertificate }) =>
        peerCertificate === undefined ? new Response("", { status: 403 }) : undefined,
    });
    await echoes(rig.url, { ...trusting, ...client });
    await assert.rejects(connect(rig.url, { tls: trusting }), { code: "STATUS", status: 403 });
  });

  it("has options that fit together, or a TypeError before it listens", async () => {
    const wrong: [object, RegExp][] = [
      [{ requestClientCert: true }, /requestClientCert needs tls\.ca, the authorities/],
      [{ requestClientCert: "optional", ca: [] }, /requestClientCert needs tls\.ca/],
      [{ requestClientCert: "yes", ca: secondCa }, /must be true, false or "optional", got "yes"/],
      [{ requestClientCert: 1, ca: secondCa }, /must be true, false or "optional", got number/],
      [{ ca: secondCa }, /tls\.ca is for the certificates of clients, with tls\.requestClientCert/],
      [{ ca: secondCa, requestClientCert: false }, /tls\.ca is for the certificates of clients/],
      [{ ca: "x", requestClientCert: true }, /tls\.ca must be PEM text/],
      [{ ca: [secondCa, 5], requestClientCert: true }, /tls\.ca\[1\] must be PEM text/],
      [{ requestCert: true }, /requestCert is not an option; did you mean tls\.requestClientCert/],
      [{ rejectUnauthorized: false }, /rejectUnauthorized is not an option: .*"optional"/],
    ];
    for (const [more, message] of wrong) {
      const given = { cert, key, ...more } as ServerTlsOptions;
      const listening = listen({ port: 0, hostname, websocket: {}, tls: given });
      await assert.rejects(listening, { name: "TypeError", message });
    }
  });
});

/** What a server answers to a request that is sent as soon as TLS allows. */
function answerTo(
  server: WebSocketServer,
  more: ConnectionOptions,
  request: string,
  sessions: Uint8Array[] = [],
): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connectTls({ host: hostname, port: server.address.port, ...more }, () => {
      socket.write(request);
    });
    socket.on("session", (session) => sessions.push(session));
    socket.on("data", (chunk) => answer += String(chunk));
    socket.on("end", () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

describe("updateTls", () => {
  it("shows the new certificate to new connections, and open ones go on", options, async () => {
    await using rig = await serve({ cert, key });
    const { server, url } = rig;
    const open = await connect(url, { tls: { caCerts: [ca] } });
    assert.equal(await shownBy(server), OLD);
    const { port } = server.address;
    for (const [pair, shown] of [[renewed, NEW], [{ cert, key }, OLD], [renewed, NEW]] as const) {
      await server.updateTls(pair);
      assert.equal(server.address.port, port);
      assert.equal(await shownBy(server), shown);
      open.send("still here");
      assert.equal(await open.receive(), "still here");
    }
    await assert.rejects(connect(url, { tls: { caCerts: [ca] } }), {
      code: "CERTIFICATE_REJECTED",
    });
    await echoes(url, { caCerts: [secondCa] });
    open.close();
    assert.equal((await open.closed).wasClean, true);
  });

  it("called several times at once, the last one counts", options, async () => {
    await using rig = await serve({ cert, key });
    const { server } = rig;
    await Promise.all([
      server.updateTls(renewed),
      server.updateTls({ cert, key }),
      assert.rejects(server.updateTls({ cert, key: renewed.key })),
      server.updateTls(renewed),
    ]);
    assert.equal(await shownBy(server), NEW);
  });

  it("with what cannot be used throws, and the old certificate remains", options, async () => {
    await using rig = await serve({ cert, key });
    const { server } = rig;
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const brokenKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const unusable = [
      { cert, key: renewed.key },
      { cert: broken, key },
      { cert, key: brokenKey },
      // The first certificate is good, and the one behind it is broken.
      { cert: renewed.cert + broken, key: renewed.key },
    ];
    for (const pair of unusable) {
      await assert.rejects(server.updateTls(pair), (error) => {
        assert.ok(error instanceof TransportError, String(error));
        assert.equal(error.code, "TLS_FAILED");
        assert.match(
          error.message,
          /^Cannot update TLS: .* cannot be used \(.+\); the old ones rem/,
        );
        return true;
      });
      assert.equal(await shownBy(server), OLD);
    }
    const wrong: [unknown, RegExp][] = [
      [undefined, /^Cannot update TLS: the options must be an object, got undefined/],
      [{}, /^Cannot update TLS: cert is missing: it must be PEM text/],
      [{ cert }, /^Cannot update TLS: key is missing/],
      [{ cert: "site.pem", key }, /^Cannot update TLS: cert must be PEM text .* not its path/],
      [{ cert, key, ca }, /^Cannot update TLS: ca is not an option/],
    ];
    for (const [pair, message] of wrong) {
      await assert.rejects(server.updateTls(pair as ServerTlsOptions), {
        name: "TypeError",
        message,
      });
    }
    assert.equal(await shownBy(server), OLD);
    await echoes(rig.url, { caCerts: [ca] });
  });

  it("keeps asking clients for certificates", skipOnDeno, async () => {
    await using rig = await serve({ cert, key, ca: secondCa, requestClientCert: true });
    await rig.server.updateTls(renewed);
    const tls = { caCerts: [secondCa] };
    await assert.rejects(connect(rig.url, { tls }), { code: "CLIENT_CERTIFICATE_REQUIRED" });
    await echoes(rig.url, { ...tls, ...client });
  });

  it("leaves no socket behind: the port is free after shutdown", options, async () => {
    const { server } = await serve({ cert, key });
    const { port } = server.address;
    await server.updateTls(renewed);
    // Also where the two come together.
    const updating = server.updateTls({ cert, key }).catch(() => {});
    await server.shutdown();
    await updating;
    const again = await listen({ port, hostname, websocket: {} });
    await again.shutdown();
  });

  it("is an InvalidStateError without TLS, and after shutdown", options, async () => {
    const plain = await listen({ port: 0, hostname, websocket: {} });
    const error = {
      name: "InvalidStateError",
      message: /^Cannot update TLS: the server listens w/,
    };
    await assert.rejects(plain.updateTls(renewed), error);
    await plain.shutdown();
    const { server } = await serve({ cert, key });
    await server.shutdown();
    const over = { name: "InvalidStateError", message: /^Cannot update TLS: .*been shut down/ };
    await assert.rejects(server.updateTls(renewed), over);
  });

  it("on a network of one's own: as its listeners can", options, async () => {
    await using memory = new Network();
    const settings = { port: 0, hostname, websocket: {}, tls: { cert, key } };
    const inMemory = await listen({ ...settings, network: memory });
    await inMemory.updateTls(renewed);
    await inMemory.shutdown();
    const network: TransportNetwork = {
      connect: (given) => memory.connect(given),
      async listen(given, sink) {
        const { address, close } = await memory.listen(given, sink);
        return { address, close };
      },
    };
    const server = await listen({ ...settings, network });
    await assert.rejects(server.updateTls(renewed), {
      name: "NotSupportedError",
      message: /^Cannot update TLS: the listener of the option network has no updateTls$/,
    });
    await server.shutdown();
  });
});
