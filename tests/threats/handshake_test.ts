/** What broke the opening handshake of other implementations: one test a row of the table. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { acceptHead } from "../../lib/handshake/answer.ts";
import { requestFor } from "../../lib/handshake/client.ts";
import { checkProtocols, parseWebSocketURL } from "../../lib/handshake/client_url.ts";
import { checkResponse } from "../../lib/handshake/client_response.ts";
import { parseExtensions, parseTokenList } from "../../lib/handshake/grammar.ts";
import { HeadReader } from "../../lib/handshake/head_reader.ts";
import { writeRequestHead } from "../../lib/handshake/head_writer.ts";
import { validateRequest } from "../../lib/handshake/server.ts";
import {
  ACCEPT,
  assertLinear,
  assertSyntaxError,
  bytesOf,
  handshakeError,
  KEY,
  readHead,
  requestHead,
  responseHead,
} from "../handshake/support.ts";
import type { Lines } from "../handshake/support.ts";

const judge = (lines: Lines): unknown => validateRequest(requestHead(lines), { secure: false });

describe("threats to the handshake", () => {
  it("threat 06: no protocol, header, path or extension of a caller's can end a line", () => {
    const evil = "a\r\nX: y";
    const url = parseWebSocketURL("ws://a/");
    assertSyntaxError(() => checkProtocols([evil]), /not a token/);
    assertSyntaxError(() => requestFor(url, { key: KEY, protocols: [evil] }), /not a token/);
    for (const [name, value] of [[evil, "x"], ["X-A", evil], ["X-A", "a\nb"], ["X-A", "\0"]]) {
      const headers = { [name]: value };
      assert.throws(() => requestFor(url, { key: KEY, headers }), TypeError);
      assert.throws(() => acceptHead({ key: KEY, headers }), TypeError);
    }
    assert.throws(() => requestFor(url, { key: KEY, extensions: evil }), TypeError);
    assert.throws(() => requestFor(url, { key: KEY, host: evil }), TypeError);
    assert.throws(() => acceptHead({ key: KEY, protocol: evil }), TypeError);
    assert.throws(() => writeRequestHead({ target: `/${evil}`, headers: [] }), TypeError);
    // The URL parser takes line ends out, and so does no harm.
    const request = requestFor(parseWebSocketURL(`ws://a/${evil}`), { key: KEY });
    const outcome = readHead([request], { kind: "request" });
    assert.ok(typeof outcome === "object" && "head" in outcome);
    assert.equal(outcome.head.target, "/aX:%20y");
  });

  it("threat 08: 3000 headers and no Upgrade are refused, with and without the limit", () => {
    const text = `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(3000)}\r\n`;
    const outcome = readHead([bytesOf(text)], { kind: "request" });
    assert.ok(typeof outcome === "object" && "code" in outcome);
    assert.equal(outcome.status, 431);
    const reader = new HeadReader({ kind: "request", maxHeaderSize: 1e5, maxHeaders: Infinity });
    reader.push(bytesOf(text));
    const { head } = reader;
    assert.ok(head);
    handshakeError(() => validateRequest(head, { secure: false }), { status: 426 });
  });

  it("threat 08: each required header taken out in turn causes a refusal, on either side", () => {
    const required = [
      "host",
      "upgrade",
      "connection",
      "sec-websocket-key",
      "sec-websocket-version",
    ];
    for (const name of required) handshakeError(() => judge({ [name]: undefined }));
    for (const name of ["upgrade", "connection", "sec-websocket-accept"]) {
      handshakeError(() => checkResponse(responseHead({ [name]: undefined }), { key: KEY }));
    }
  });

  it("threat 09: many spaces in a protocol list take linear time", () => {
    assertLinear((size) => {
      handshakeError(() => parseTokenList(`b${" ".repeat(size)}x`), { status: 400 });
    }, 200_000);
  });

  it("threat 10: a quoted string full of escapes without an end takes linear time", () => {
    assertLinear((size) => {
      handshakeError(() => parseExtensions(`a; b="${"\\c".repeat(size)}`), {
        status: 400,
        message: /has no end/,
      });
    }, 50_000);
  });

  it("threat 11: extensions and parameters named like members of every object are names", () => {
    const names = Object.getOwnPropertyNames(Object.prototype);
    for (const name of names) {
      for (
        const value of [name, `,${name}`, `x; ${name}`, `x; ${name}=${name}`, `${name}; ${name}`]
      ) {
        assert.equal(parseExtensions(value).length, 1);
        judge({ "sec-websocket-extensions": value, "sec-websocket-protocol": name, [name]: "x" });
      }
      const lines = { "sec-websocket-extensions": name };
      handshakeError(() => checkResponse(responseHead(lines), { key: KEY, extensions: [] }), {
        code: "EXTENSION_NOT_OFFERED",
      });
    }
    const [{ params }] = parseExtensions("x; __proto__=1; constructor");
    assert.deepEqual([...params], [["__proto__", "1"], ["constructor", true]]);
    handshakeError(() => parseExtensions(",;constructor"), { status: 400 });
  });

  it("threat 14: the drafts before version 13 are refused, with a key and without", () => {
    for (const version of [undefined, "0", "7", "8", "76"]) {
      for (const key of [undefined, KEY]) {
        const lines = { "sec-websocket-version": version, "sec-websocket-key": key };
        handshakeError(() => judge(lines), { status: 426 });
      }
    }
    const hixie = {
      "sec-websocket-key1": "4 @1  46546xW%0l 1 5",
      "sec-websocket-key2": "12998 5 Y3 1",
    };
    const gone = { "sec-websocket-key": undefined, "sec-websocket-version": undefined };
    handshakeError(() => judge({ ...hixie, ...gone }), { status: 426 });
  });

  it("threat 18: headers without end are refused at the limit, in both roles", () => {
    const starts = { request: "GET / HTTP/1.1\r\n", response: "HTTP/1.1 101 OK\r\n" } as const;
    for (const kind of ["request", "response"] as const) {
      for (const line of ["X: y\r\n", `X: ${"y".repeat(1000)}\r\n`, "y".repeat(1000)]) {
        const reader = new HeadReader({ kind });
        reader.push(bytesOf(starts[kind]));
        const chunk = bytesOf(line);
        let pushed = starts[kind].length;
        handshakeError(() => {
          for (; pushed < 1e6; pushed += chunk.length) reader.push(chunk);
        }, { code: "HEAD_TOO_LARGE", status: kind === "request" ? 431 : 0 });
        assert.ok(pushed <= 16_384, `${pushed} bytes were taken`);
      }
    }
  });

  it("threat 18: interim responses without end are refused at the limit", () => {
    const reader = new HeadReader({ kind: "response" });
    const chunk = bytesOf("HTTP/1.1 103 Early Hints\r\n\r\n");
    handshakeError(() => {
      for (let i = 0; i < 10_000; i++) reader.push(chunk);
    }, { code: "HEAD_TOO_LARGE" });
  });

  it("threat 19: a malformed Host is refused with 400, and no URL error gets out", () => {
    const hosts = ["[::", "a b", "", ["a", "a"], "a:99999", "a@b", "1.2.3.4.5", "http://a", "\xff"];
    for (const host of hosts) handshakeError(() => judge({ host }), { status: 400 });
  });

  it("threat 20: bytes 0x80 to 0xFF in the response's lists fail the handshake", () => {
    const offer = { key: KEY, protocols: ["a"], extensions: ["a"] };
    for (const name of ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"]) {
      for (let code = 0x80; code <= 0xff; code++) {
        const text = "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${ACCEPT}\r\n${name}: a${String.fromCharCode(code)}\r\n\r\n`;
        const reader = new HeadReader({ kind: "response" });
        reader.push(bytesOf(text));
        const { head } = reader;
        assert.ok(head);
        handshakeError(() => checkResponse(head, offer), { status: 101, message: /Sec-WebSocket/ });
      }
    }
  });

  it("threat 35: a large head byte by byte takes linear time, and is refused past the limit", () => {
    const push = (size: number, maxHeaderSize: number): HeadReader<"request"> => {
      const reader = new HeadReader({ kind: "request", maxHeaderSize });
      for (const byte of bytesOf(`GET / HTTP/1.1\r\nX: ${"y".repeat(size)}\r\n\r\n`)) {
        reader.push(Uint8Array.of(byte));
      }
      return reader;
    };
    assertLinear((size) => assert.ok(push(size, Infinity).head), 32_768);
    handshakeError(() => push(65_536, 16_384), { code: "HEAD_TOO_LARGE", status: 431 });
  });

  it("threat 44: a malformed extension list is refused with 400", () => {
    for (const value of ["x-webkit- -frame", "x-webkit-deflate-frame;", "a;=b", "a; b=\\"]) {
      handshakeError(() => judge({ "sec-websocket-extensions": value }), { status: 400 });
    }
  });

  it("threat 45: lines of one name count each", () => {
    const reader = new HeadReader({ kind: "request", maxHeaderSize: Infinity });
    reader.push(bytesOf("GET / HTTP/1.1\r\n"));
    const line = bytesOf("a: b\r\n");
    let lines = 0;
    handshakeError(() => {
      for (; lines < 100_000; lines++) reader.push(line);
    }, { code: "HEAD_TOO_LARGE", status: 431, message: /128 header lines/ });
    assert.equal(lines, 128);
  });

  it("threat 46: only pages of the same host connect, unless the options say more", () => {
    const host = "app.example:8080";
    const allowed = ["http://app.example:8080", "https://APP.example:8080", undefined];
    for (const origin of allowed) judge({ host, origin });
    const refused = [
      "https://evil.example",
      "null",
      "http://app.example",
      "http://10.0.0.1:8080",
      "http://[::1]:8080",
      "http://localhost:8080",
      "http://app.example.evil.example:8080",
      "http://evil-app.example:8080",
      "http://app.example:8080.evil.example",
      "http://app.example:8080@evil.example",
      "http://evil.example/app.example:8080",
      "http://evil.example#app.example:8080",
      "http://evil.example?http://app.example:8080",
      "",
    ];
    for (const origin of refused) {
      handshakeError(() => judge({ host, origin }), { code: "ORIGIN_REFUSED", status: 403 });
    }
  });

  it("threat 46: a name pointed at loopback by DNS is refused there", () => {
    const lines = { host: "evil.example:8080", origin: "http://evil.example:8080" };
    judge(lines);
    const options = { secure: false, boundToLoopback: true };
    handshakeError(() => validateRequest(requestHead(lines), options), {
      code: "HOST_REFUSED",
      status: 403,
    });
  });

  it("threat 48: what a proxy could take for no upgrade gets no 101", () => {
    const bad: [Lines, number][] = [
      [{ "sec-websocket-version": "99" }, 426],
      [{ "sec-websocket-version": "777" }, 426],
      [{ connection: undefined }, 400],
      [{ connection: "keep-alive" }, 400],
      [{ upgrade: undefined }, 426],
      [{ "sec-websocket-key": "AAAA" }, 400],
      [{ "sec-websocket-key": undefined }, 400],
      [{ "content-length": "4" }, 400],
      [{ "transfer-encoding": "chunked" }, 400],
    ];
    for (const [lines, status] of bad) handshakeError(() => judge(lines), { status });
    const post = requestHead({}, { method: "POST" });
    handshakeError(() => validateRequest(post, { secure: false }), { status: 405 });
  });

  it("threat 48: a client takes no answer that differs from what it asked for", () => {
    const offer = { key: KEY, protocols: ["a"], extensions: ["e"] };
    const bad: Lines[] = [
      { upgrade: "h2c" },
      { connection: "close" },
      { "sec-websocket-accept": "x" },
      { "sec-websocket-protocol": "b" },
      { "sec-websocket-extensions": "g" },
    ];
    for (const lines of bad) {
      handshakeError(() => checkResponse(responseHead(lines), offer), { status: 101 });
    }
    for (const status of [200, 204, 301, 404, 426, 500]) {
      handshakeError(() => checkResponse(responseHead({}, { status }), offer), { status });
    }
  });
});
