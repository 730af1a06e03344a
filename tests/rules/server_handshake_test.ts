/** Rules of RFC 6455 section 4.2 that show only on a stream: what is answered, and that it is over. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { HandshakeError } from "../../lib/errors.ts";
import { accept, type AcceptOptions, listen } from "../../lib/server/mod.ts";
import { connectTransport } from "../../lib/transport/runtime.ts";
import type { WebSocketConnection } from "../../mod.ts";
import { ACCEPT, bytesOf, KEY, textOf } from "../handshake/support.ts";

const guard = { timeout: 30_000 };

/** What came of a request. */
interface Answered {
  /** The status line. */
  status: string;
  /** The header lines. */
  lines: string[];
  /** The connection, if one opened. */
  connection: WebSocketConnection<unknown> | undefined;
  /** What `accept` rejected with. */
  error: unknown;
}

/** A good request, with lines in place of its own of the same name, and lines more. */
function request(start: string, ...lines: readonly string[]): string {
  const nameOf = (line: string): string => line.slice(0, line.indexOf(":"));
  const own = [
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Version: 13",
  ].filter((line) => !lines.some((other) => nameOf(other) === nameOf(line)));
  return [start, ...own, ...lines, "", ""].join("\r\n");
}

/** Sends a request to `accept`, reads the answer, and with a refusal to its end. */
async function ask(text: string, options: AcceptOptions = {}): Promise<Answered> {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = accept({ readable: up.readable, writable: down.writable }, options).then(
    (connection) => ({ connection, error: undefined }),
    (error: unknown) => ({ connection: undefined, error }),
  );
  const writer = up.writable.getWriter();
  const reader = down.readable.pipeThrough(new TextDecoderStream()).getReader();
  await writer.write(bytesOf(text));
  let answer = "", over = false;
  while (!over && !(answer.startsWith("HTTP/1.1 101 ") && answer.includes("\r\n\r\n"))) {
    const { done, value = "" } = await reader.read();
    over = done;
    answer += value;
  }
  if (over) await writer.close();
  const { connection, error } = await accepted;
  connection?.terminate();
  const [status, ...lines] = answer.slice(0, answer.indexOf("\r\n\r\n")).split("\r\n");
  return { status, lines, connection, error };
}

describe("a server's opening handshake", () => {
  it("the request of these tests is accepted, with the lines of 4.2.2", guard, async () => {
    const { status, lines, connection } = await ask(request("GET /chat HTTP/1.1"));
    assert.equal(status, "HTTP/1.1 101 Switching Protocols");
    assert.deepEqual(lines, [
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${ACCEPT}`,
    ]);
    assert.notEqual(connection, undefined);
  });

  it(
    "4.2.1: a handshake that breaks a rule is answered with its status, and is over",
    guard,
    async () => {
      const get = "GET /chat HTTP/1.1";
      const bad: [string, number, string?][] = [
        [request("POST /chat HTTP/1.1"), 405, "allow: GET"],
        [request("GET /chat HTTP/1.0"), 505],
        [request("GET chat HTTP/1.1"), 400],
        [request(get, "Host: a b"), 400],
        [request(get, "Upgrade: h2c"), 426, "upgrade: websocket"],
        [request(get, "Connection: close"), 400],
        [request(get, "Sec-WebSocket-Key: AQID"), 400],
        [request(get, "Sec-WebSocket-Version: 8"), 426, "sec-websocket-version: 13"],
        [request(get, "Origin: https://evil.example"), 403],
        [request(get, "Sec-WebSocket-Protocol: a b"), 400],
        [request(get, "Sec-WebSocket-Extensions: a;"), 400],
        [request(get, 'Sec-WebSocket-Extensions: a; b="c d"'), 400],
        [request(get, "bad line"), 400],
      ];
      for (const [text, code, line] of bad) {
        let asked = false;
        const { status, lines, connection, error } = await ask(text, {
          handshake: () => void (asked = true),
        });
        assert.equal(status.slice(0, 13), `HTTP/1.1 ${code} `, text);
        if (line !== undefined) {
          assert.ok(
            lines.some((each) => each.toLowerCase() === line.toLowerCase()),
            text,
          );
        }
        assert.ok(error instanceof HandshakeError, text);
        assert.deepEqual([error.status, connection, asked], [code, undefined, false], text);
      }
    },
  );

  it("4.2.2: a Response of the hook's is the answer, and no WebSocket opens", guard, async () => {
    const { status, connection, error } = await ask(request("GET /none HTTP/1.1"), {
      handshake: (request) =>
        new URL(request.url).pathname === "/chat"
          ? undefined
          : new Response("no such service", { status: 404 }),
    });
    assert.equal(status, "HTTP/1.1 404 Not Found");
    assert.equal(connection, undefined);
    assert.ok(error instanceof HandshakeError);
    assert.equal(error.status, 404);
  });

  it(
    "4.2.2: the answer has the subprotocol agreed on, or no such line",
    guard,
    async () => {
      const cases: [string[], AcceptOptions, string | undefined][] = [
        [["a, b"], { protocols: ["b", "a"] }, "b"],
        [["a, b"], { handshake: () => ({ protocol: "a" }) }, "a"],
        [["a, b"], { protocols: ["c"] }, undefined],
        [["a, b"], {}, undefined],
        [["a"], { protocols: ["a"], handshake: () => ({ protocol: "" }) }, undefined],
        [[], { protocols: ["a"] }, undefined],
      ];
      for (const [offered, options, agreed] of cases) {
        const text = request(
          "GET / HTTP/1.1",
          ...offered.map((value) => `Sec-WebSocket-Protocol: ${value}`),
        );
        const { lines, connection } = await ask(text, options);
        const found = lines.filter((line) =>
          line.toLowerCase().startsWith("sec-websocket-protocol")
        );
        assert.deepEqual(found, agreed === undefined ? [] : [`Sec-WebSocket-Protocol: ${agreed}`]);
        assert.equal(connection?.protocol, agreed ?? "");
      }
    },
  );

  it("4.2.2: extensions that are not spoken are not in the answer", guard, async () => {
    for (const value of ["x-unknown; a=1", "permessage-deflate", "x-unknown, permessage-deflate"]) {
      const { status, lines, connection } = await ask(
        request("GET / HTTP/1.1", `Sec-WebSocket-Extensions: ${value}`),
      );
      assert.equal(status, "HTTP/1.1 101 Switching Protocols");
      assert.ok(!lines.some((line) => line.toLowerCase().startsWith("sec-websocket-extensions")));
      assert.equal(connection?.extensions, "");
    }
  });

  it("7.1.7: the server's owner is notified of a refused handshake", guard, async () => {
    const errors: unknown[] = [];
    await using server = await listen({
      hostname: "127.0.0.1",
      port: 0,
      websocket: {},
      onRefused: (error): void => void errors.push(error),
    });
    const { hostname, port } = server.address;
    const transport = await connectTransport({ hostname, port });
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      transport.start({
        onData: (chunk): void => void (text += textOf(chunk)),
        onDrain(): void {},
        onEnd: (): void => transport.closeWrite(),
        onClose: (): void => resolve(text),
      });
      transport.write(bytesOf(request("GET / HTTP/1.1", `Host: ${hostname}`, "Connection: close")));
    });
    assert.match(answer, /^HTTP\/1\.1 400 /);
    await server.shutdown();
    assert.equal(errors.length, 1);
    assert.ok(errors[0] instanceof HandshakeError);
    assert.equal(errors[0].code, "CONNECTION_HEADER");
  });
});
