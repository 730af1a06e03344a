/**
 * Misuse and trouble, over real sockets: each is a typed error whose message says what went wrong
 * and, where that helps, what to do.
 */
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  connect,
  ConnectionClosedError,
  HandshakeError,
  TransportError,
  type WebSocketConnection,
} from "../../mod.ts";
import { listen, type ListenOptions, type WebSocketServer } from "../../lib/server/mod.ts";
import { ca, cert, key } from "../certificates/mod.ts";
import { RawClient } from "../support/raw_client.ts";

const options = { timeout: 60_000 };
const hostname = "127.0.0.1";

/** What a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("it did not reject");
}

type ErrorClass<E extends Error> = new (...values: never[]) => E;

/** Asserts the class and the whole message, and gives the error. */
function assertError<E extends Error>(
  error: unknown,
  type: ErrorClass<E>,
  message: string | RegExp,
): E {
  assert.ok(error instanceof type, `${error} is no ${type.name}`);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return error;
}

/** Asserts the same for the message and the name of a DOMException. */
function assertSyntaxError(error: unknown, message: string): void {
  assert.equal(assertError(error, DOMException, message).name, "SyntaxError");
}

/** A server of ours, and the means to await what goes to `onError` and to `onRefused`. */
async function serve(
  more: Partial<ListenOptions>,
): Promise<{
  server: WebSocketServer;
  url: string;
  firstError: Promise<unknown>;
  firstRefusal: Promise<Error>;
}> {
  const { promise: firstError, resolve: onError } = Promise.withResolvers<unknown>();
  const { promise: firstRefusal, resolve: onRefused } = Promise.withResolvers<Error>();
  const server = await listen({ hostname, websocket: {}, onError, onRefused, ...more });
  const scheme = more.tls === undefined ? "ws" : "wss";
  const url = `${scheme}://${hostname}:${server.address.port}`;
  return { server, url, firstError, firstRefusal };
}

/** A TCP server of another kind, and its URL. */
class Other implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      socket.on("error", () => {});
      this.#sockets.add(socket);
    });
  }

  static async listen(server: Server): Promise<Other> {
    const other = new Other(server);
    await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
    return other;
  }

  get host(): string {
    return `${hostname}:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A server that accepts TCP connections and never says a word. */
const silent = (): Promise<Other> => Other.listen(createServer((socket) => socket.resume()));

const answering = (listener: RequestListener): Promise<Other> =>
  Other.listen(createHttpServer(listener));

describe("a handler that fails closes with 1011, and onError has its error", () => {
  const failure = new Error("the user's own");
  const fail = (): never => {
    throw failure;
  };
  const ways: [string, ListenOptions["websocket"]][] = [
    ["open throws", { open: fail }],
    ["open rejects", { open: () => Promise.reject(failure) }],
    ["message throws", { message: fail }],
    ["message rejects", { message: () => Promise.reject(failure) }],
    ["ping throws", { ping: fail }],
    ["a function throws", fail],
    ["a function rejects", () => Promise.reject(failure)],
  ];
  for (const [name, websocket] of ways) {
    it(name, options, async () => {
      const errors: [unknown, WebSocketConnection | undefined][] = [];
      const { server, url } = await serve({
        websocket,
        onError: (error, { connection }) => void errors.push([error, connection]),
      });
      try {
        const connection = await connect(url);
        connection.send("Hello");
        connection.ping().catch(() => {});
        const { closeCode, reason, wasClean } = await connection.closed;
        assert.deepEqual({ closeCode, reason, wasClean }, {
          closeCode: 1011,
          reason: "",
          wasClean: true,
        });
        assert.equal(errors.length, 1);
        assert.equal(errors[0][0], failure);
        assert.equal((await errors[0][1]?.closed)?.error, failure);
      } finally {
        await server.shutdown();
      }
    });
  }

  it("close throws: the connection is over, and onError is called", options, async () => {
    const { server, url, firstError } = await serve({ websocket: { close: fail } });
    await using _ = server;
    const connection = await connect(url);
    connection.close();
    assert.equal((await connection.closed).closeCode, 1000);
    assert.equal(await firstError, failure);
  });

  it("on a client as well", options, async () => {
    const { server, url } = await serve({
      websocket: { open: (connection) => void connection.send("Hello") },
    });
    await using _ = server;
    const errors: unknown[] = [];
    const connection = await connect(url, {
      websocket: { message: fail },
      onError: (error) => void errors.push(error),
    });
    const { sent, error } = await connection.closed;
    assert.equal(sent?.closeCode, 1011);
    assert.equal(error, failure);
    assert.deepEqual(errors, [failure]);
  });
});

describe("a caller's mistake throws and leaves the connection open", () => {
  const mistakes: [string, (c: WebSocketConnection) => unknown, typeof RangeError, RegExp][] = [
    ["close with 1006", (c) => c.close({ closeCode: 1006 }), RangeError, /^Cannot .*1006/],
    ["close with 999", (c) => c.close({ closeCode: 999 }), RangeError, /^Cannot .*999/],
    ["close with NaN", (c) => c.close({ closeCode: NaN }), RangeError, /^Cannot .*NaN/],
    [
      "close with a reason of 124 bytes",
      (c) => c.close({ reason: "é".repeat(62) }),
      RangeError,
      /^Cannot .*124.*123/,
    ],
    ["send a number", (c) => c.send(7 as never), TypeError, /^Cannot send: data must be a string/],
    ["send undefined", (c) => c.send(undefined as never), TypeError, /^Cannot send: data must be/],
    [
      "iterate and read a stream",
      (c) => (c[Symbol.asyncIterator](), c.readable),
      TypeError,
      /^Cannot read connection: it is already read by iteration; choose one of/,
    ],
  ];
  for (const [name, mistake, type, message] of mistakes) {
    it(name, options, async () => {
      const { server, url } = await serve({
        websocket: { message: (connection, data) => void connection.send(data) },
      });
      await using _ = server;
      await using connection = await connect(url);
      let thrown: unknown;
      try {
        mistake(connection);
      } catch (error) {
        thrown = error;
      }
      assertError(thrown, type, message);
      connection.send("still open");
      assert.equal(await connection.receive(), "still open");
    });
  }

  it("iterate a connection that handlers read", options, async () => {
    const { server, url } = await serve({});
    await using _ = server;
    await using connection = await connect(url, { websocket: { message() {} } });
    assertError(
      await rejection(connection.receive()),
      TypeError,
      /^Cannot read connection: it is already read by handlers; choose one of/,
    );
  });

  it("receive once it is closed says how it ended", options, async () => {
    const { server, url } = await serve({});
    await using _ = server;
    const connection = await connect(url);
    connection.close({ closeCode: 4000, reason: "enough" });
    await connection.closed;
    const error = assertError(
      await rejection(connection.receive()),
      ConnectionClosedError,
      /^The connection is closed \(4000/,
    );
    assert.deepEqual(error.sent, { closeCode: 4000, reason: "enough" });
    assert.equal(connection.send("too late"), false);
  });
});

describe("what cannot be asked for is refused before anything is opened", () => {
  // Nothing listens there: to get that far would be another error.
  const url = `ws://${hostname}:9`;

  it("a header that the handshake writes itself", options, async () => {
    for (const name of ["Upgrade", "connection", "Sec-WebSocket-Key"]) {
      assertError(
        await rejection(connect(url, { headers: { [name]: "x" } })),
        TypeError,
        `Cannot set header "${name}": it is reserved to the handshake`,
      );
    }
  });

  it("a URL with a fragment, of another scheme, or none", options, async () => {
    assertSyntaxError(
      await rejection(connect(`${url}/#part`)),
      `Cannot connect: the URL "${url}/#part" must not have a fragment`,
    );
    assertSyntaxError(
      await rejection(connect("ftp://localhost")),
      `Cannot connect: the URL's scheme must be ws, wss, http or https, got "ftp:"`,
    );
    assertSyntaxError(
      await rejection(connect("/chat")),
      `Cannot connect: "/chat" is not an absolute URL`,
    );
  });

  it("a subprotocol that is not a token, or comes twice", options, async () => {
    assertSyntaxError(
      await rejection(connect(url, { protocols: ["chat one"] })),
      `Cannot offer subprotocol "chat one": it is not a token`,
    );
    assertSyntaxError(
      await rejection(connect(url, { protocols: ["chat", "chat"] })),
      `Cannot offer subprotocol "chat": it is in the list twice`,
    );
  });

  it("an unknown option", options, async () => {
    assertError(
      await rejection(connect(url, { maxMessageSize: -1 })),
      RangeError,
      "Cannot read options: maxMessageSize must be a whole number from 0, or Infinity, got -1",
    );
    assertError(
      await rejection(connect(url, { maxHeaders: 1.5 })),
      RangeError,
      "Cannot read options: maxHeaders must be a whole number from 0, or Infinity, got 1.5",
    );
    assertError(
      await rejection(listen({ websocket: {}, handshakeTimeout: "1" as never })),
      TypeError,
      "Cannot read options: handshakeTimeout must be a number, got string",
    );
    assertError(await rejection(listen({} as never)), TypeError, /^Cannot listen: .* websocket/);
  });

  it("a signal that has aborted", options, async () => {
    const reason = new Error("enough");
    assert.equal(await rejection(connect(url, { signal: AbortSignal.abort(reason) })), reason);
  });
});

describe("a connection that cannot be made says why", () => {
  it("connection refused", options, async () => {
    const { server, url } = await serve({});
    const { port } = server.address;
    await server.shutdown();
    const error = assertError(
      await rejection(connect(url)),
      TransportError,
      `Cannot connect to ${hostname}:${port}: connection refused; nothing listens there`,
    );
    assert.equal(error.code, "CONNECTION_REFUSED");
  });

  it("a name that does not resolve", options, async () => {
    const error = assertError(
      await rejection(connect("ws://nonexistent.invalid/")),
      TransportError,
      "Cannot connect to nonexistent.invalid:80: the name was not resolved; " +
        "check its spelling and the network",
    );
    assert.equal(error.code, "NAME_NOT_RESOLVED");
  });

  it("a server that answers 200", options, async () => {
    await using other = await answering((_, response) => response.end("a page"));
    const error = assertError(
      await rejection(connect(`ws://${other.host}`)),
      HandshakeError,
      /^Cannot .*200/,
    );
    assert.equal(error.status, 200);
    assert.equal(error.text, "a page");
  });

  it("a server that wants other credentials, or any", options, async () => {
    await using other = await answering((_, response) => {
      response.writeHead(401, { "content-type": "text/plain; charset=latin1" });
      response.end(Uint8Array.of(0x4e, 0xf6));
    });
    const { host } = other;
    const wrong =
      /401 Unauthorized: the credentials in the Authorization header were not accepted; the server says "N\\u00f6"$/;
    const none =
      /401 Unauthorized: no credentials .* it may want an Authorization header; the server says "N\\u00f6"$/;
    const attempts: [string, HeadersInit | undefined, RegExp][] = [
      [`ws://${host}`, undefined, none],
      [`ws://${host}`, { cookie: "a=b" }, none],
      [`ws://${host}`, { AUTHORIZATION: "Bearer x" }, wrong],
      [`ws://${host}`, new Headers([["authorization", "Bearer x"]]), wrong],
      [`ws://Ann@${host}`, undefined, wrong],
    ];
    for (const [url, headers, message] of attempts) {
      const failed = connect(url, headers === undefined ? {} : { headers });
      const error = assertError(await rejection(failed), HandshakeError, message);
      assert.deepEqual([error.status, error.text], [401, "Nö"]);
    }
  });

  it("a server that speaks something else", options, async () => {
    await using other = await Other.listen(
      createServer((socket) => socket.write("220 mail.example ESMTP\r\n")),
    );
    const error = await rejection(connect(`ws://${other.host}`));
    assert.equal(assertError(error, HandshakeError, /^Cannot /).status, 0);
  });

  it("a server that hangs up", options, async () => {
    await using other = await Other.listen(createServer((socket) => socket.end()));
    const error = assertError(
      await rejection(connect(`ws://${other.host}`)),
      TransportError,
      "Cannot open connection: the server ended it without an answer to the handshake; " +
        "check the port and the scheme, ws or wss",
    );
    assert.equal(error.code, "CONNECTION_ENDED");
  });

  it("a server that does not answer in time", options, async () => {
    await using other = await silent();
    const error = assertError(
      await rejection(connect(`ws://${other.host}`, { handshakeTimeout: 50 })),
      HandshakeError,
      `Cannot open connection: ${other.host} did not answer within 50 ms (handshakeTimeout)`,
    );
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
  });

  it("a server that does not answer in time, with TLS", options, async () => {
    await using other = await silent();
    const error = assertError(
      await rejection(connect(`wss://${other.host}`, { handshakeTimeout: 50 })),
      HandshakeError,
      `Cannot open connection: ${other.host} did not answer within 50 ms (handshakeTimeout), ` +
        "spent on name, TCP and TLS",
    );
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
  });

  it("an abort while connecting rejects with the reason and hangs up", options, async () => {
    const ended = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<void>();
    await using other = await Other.listen(createServer((socket) => {
      accepted.resolve();
      socket.on("close", () => ended.resolve());
      socket.resume();
    }));
    const controller = new AbortController();
    const rejected = rejection(connect(`ws://${other.host}`, { signal: controller.signal }));
    await accepted.promise;
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await rejected, reason);
    await ended.promise;
  });

  it("a certificate of an unknown authority", options, async () => {
    const { server, url } = await serve({ tls: { cert, key } });
    await using _ = server;
    const error = assertError(
      await rejection(connect(url)),
      TransportError,
      /: the certificate was rejected \(.+\); a private authority's certificate goes into tls\.caCerts/,
    );
    assert.equal(error.code, "CERTIFICATE_REJECTED");
  });

  it("a certificate for another name", options, async () => {
    const { server, url } = await serve({ tls: { cert, key } });
    await using _ = server;
    const tls = { caCerts: [ca], serverName: "other.example" };
    const error = assertError(
      await rejection(connect(url, { tls })),
      TransportError,
      /: the certificate was rejected \(.+\); it is for another name: .* as tls\.serverName$/,
    );
    assert.equal(error.code, "CERTIFICATE_REJECTED");
  });

  it("TLS at a port that does not speak it", options, async () => {
    const { server, url } = await serve({});
    await using _ = server;
    const error = assertError(
      await rejection(connect(url.replace("ws:", "wss:"))),
      TransportError,
      /: the TLS handshake failed \(.+\); check that TLS is spoken there, or connect to a ws: URL$/,
    );
    assert.equal(error.code, "TLS_FAILED");
  });

  it("no TLS at a port that speaks it", options, async () => {
    const { server, url, firstRefusal } = await serve({ tls: { cert, key } });
    await using _ = server;
    const error = await rejection(connect(url.replace("wss:", "ws:")));
    assert.ok(error instanceof TransportError || error instanceof HandshakeError, String(error));
    assert.match(error.message, /^Cannot /);
    assert.equal(
      assertError(await firstRefusal, TransportError, /^Cannot use the connection: /).code,
      "TLS_FAILED",
    );
  });
});

describe("a server's trouble says why", () => {
  it("a port in use", options, async () => {
    const { server } = await serve({});
    await using _ = server;
    const { port } = server.address;
    const error = assertError(
      await rejection(listen({ hostname, port, websocket: {} })),
      TransportError,
      `Cannot listen on ${hostname}:${port}: the port is in use; ` +
        "choose another or pass port: 0",
    );
    assert.equal(error.code, "ADDRESS_IN_USE");
  });

  it(
    "a hook that sets a reserved header is a 500, and onError has its error",
    options,
    async () => {
      const { server, url, firstError } = await serve({
        handshake: () => ({ headers: { Upgrade: "h2c" } }),
      });
      await using _ = server;
      const error = assertError(await rejection(connect(url)), HandshakeError, /500/);
      assert.equal(error.status, 500);
      assertError(
        await firstError,
        TypeError,
        `Cannot set header "Upgrade": it is reserved to the handshake`,
      );
    },
  );

  it("a hook that throws is a 500 that does not tell the peer why", options, async () => {
    const failure = new Error("a secret");
    const { server, url, firstError } = await serve({ handshake: () => Promise.reject(failure) });
    await using _ = server;
    const error = assertError(await rejection(connect(url)), HandshakeError, /500/);
    assert.ok(!error.text.includes("secret"));
    assert.equal(await firstError, failure);
  });

  it("a request from another origin is a 403 that names the option", options, async () => {
    const { server, url, firstRefusal } = await serve({});
    await using _ = server;
    const headers = { origin: "http://elsewhere.example" };
    const error = assertError(await rejection(connect(url, { headers })), HandshakeError, /403/);
    assert.match(error.text, /elsewhere\.example/);
    assert.match(error.text, /origins/);
    assert.equal(assertError(await firstRefusal, HandshakeError, /elsewhere\.example/).status, 403);
  });

  it("a client that sends no request in time gets 408", options, async () => {
    const { server, firstRefusal } = await serve({ handshakeTimeout: 50 });
    await using _ = server;
    assert.match(await listenTo(server.address.port), /^HTTP\/1\.1 408 /);
    const error = assertError(
      await firstRefusal,
      HandshakeError,
      "Cannot accept handshake: the request did not come within 50 ms (handshakeTimeout)",
    );
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
  });
});

/** Connects, sends nothing, and returns all that the server sends before it ends. */
async function listenTo(port: number): Promise<string> {
  using client = new RawClient({ port });
  return await client.untilEnd();
}
