import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HeadReader } from "../../lib/handshake/head_reader.ts";
import { bytesOf, fuzzRuns, handshakeError, readHead } from "./support.ts";
import type { Outcome } from "./support.ts";

const LINES = "Host: example.com\r\nX-Empty:\r\nX-Two: a\r\nx-two: \t b\xe9 \t\r\n";
const PAIRS = [["host", "example.com"], ["x-empty", ""], ["x-two", "a"], ["x-two", "b\xe9"]];

const request = (text: string): Outcome => readHead([bytesOf(text)], { kind: "request" });
const response = (text: string): Outcome => readHead([bytesOf(text)], { kind: "response" });

/** Every way to make two chunks of the bytes, and each byte on its own. */
function* splits(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
}

const GOOD_REQUESTS = [
  `GET /chat?a=1 HTTP/1.1\r\n${LINES}\r\n`,
  `\r\nGET /chat?a=1 HTTP/1.1\r\n${LINES}\r\n`,
  "GET / HTTP/1.2\r\n\r\n",
  "M-SEARCH * HTTP/1.1\r\nA:b\r\n\r\n",
];
const GOOD_RESPONSES = [
  `HTTP/1.1 101 Switching Protocols\r\n${LINES}\r\n`,
  "HTTP/1.1 404 \r\n\r\n",
  "HTTP/1.0 200 Connection established\r\n\r\n",
  `HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103\r\n\r\nHTTP/1.1 403 No\r\n${LINES}\r\n`,
];
/** A request, the offset of the byte at which it fails, and the status. */
const BAD_REQUESTS: [string, number, number][] = [
  ["\x16\x03\x01\x02\x00", 0, 400],
  [" GET / HTTP/1.1\r\n\r\n", 0, 400],
  ["\nGET / HTTP/1.1\r\n\r\n", 0, 400],
  ["\r\n\r\nGET / HTTP/1.1\r\n\r\n", 2, 400],
  ["\rGET / HTTP/1.1\r\n\r\n", 1, 400],
  ["G\xe9T / HTTP/1.1\r\n\r\n", 1, 400],
  ["GET  / HTTP/1.1\r\n\r\n", 4, 400],
  ["GET\t/ HTTP/1.1\r\n\r\n", 3, 400],
  ["GET /\r\n\r\n", 5, 400],
  ["GET /a b HTTP/1.1\r\n\r\n", 7, 400],
  ["GET /\xe9 HTTP/1.1\r\n\r\n", 5, 400],
  ["GET /\x7f HTTP/1.1\r\n\r\n", 5, 400],
  ["GET /  HTTP/1.1\r\n\r\n", 6, 400],
  ["GET / http/1.1\r\n\r\n", 6, 400],
  ["GET / HTTP/1.1 \r\n\r\n", 14, 400],
  ["GET / HTTP/1.1\n\n", 14, 400],
  ["GET / HTTP/1.11\r\n\r\n", 14, 400],
  ["GET / HTTP/x.1\r\n\r\n", 11, 400],
  ["GET / HTTP/1.1\r\r\n\r\n", 15, 400],
  ["GET / HTTP/1.0\r\n\r\n", 14, 505],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 14, 505],
  ["GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 20, 400],
  ["GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 21, 400],
  ["GET / HTTP/1.1\r\nA : b\r\n\r\n", 17, 400],
  ["GET / HTTP/1.1\r\nA\r\n\r\n", 17, 400],
  ["GET / HTTP/1.1\r\n: b\r\n\r\n", 16, 400],
  ["GET / HTTP/1.1\r\n A: b\r\n\r\n", 16, 400],
  ["GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 22, 400],
  ["GET / HTTP/1.1\r\nA: b\0\r\n\r\n", 20, 400],
  ["GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n", 20, 400],
  ["GET / HTTP/1.1\r\nA\xff: b\r\n\r\n", 17, 400],
  ["GET / HTTP/1.1\r\n\rx", 17, 400],
  ["GET / HTTP/1.1\r\n\n", 16, 400],
  ["GET / HTTP/1.1\r\nA: b\r\n\n", 22, 400],
  ["\r\n\nGET / HTTP/1.1\r\n\r\n", 2, 400],
];
const BAD_RESPONSES: [string, number][] = [
  ["\x15\x03\x01\x00\x02", 0],
  ["\r\nHTTP/1.1 200 OK\r\n\r\n", 0],
  ["ICY 200 OK\r\n\r\n", 0],
  ["HTTP/2.0 200 OK\r\n\r\n", 8],
  ["HTTP/1.1\t200 OK\r\n\r\n", 8],
  ["HTTP/1.1  200 OK\r\n\r\n", 9],
  ["HTTP/1.1 020 OK\r\n\r\n", 9],
  ["HTTP/1.1 20 OK\r\n\r\n", 11],
  ["HTTP/1.1 2000 OK\r\n\r\n", 12],
  ["HTTP/1.1 200 O\x00K\r\n\r\n", 14],
  ["HTTP/1.1 200 OK\n\n", 15],
  ["HTTP/1.1 200 OK\r\n\n", 17],
  ["HTTP/1.1 200 OK\r\nA: b\r\n\n", 23],
  ["HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 18],
  ["HTTP/1.1 200 OK\r\n B: b\r\n\r\n", 17],
  ["HTTP/1.1 103 OK\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 19],
];

describe("HeadReader", () => {
  it("reads a request: method, target, and lines in order, in lower case and trimmed", () => {
    assert.deepEqual(request(GOOD_REQUESTS[0]), {
      head: { method: "GET", target: "/chat?a=1", headers: PAIRS },
      size: GOOD_REQUESTS[0].length,
    });
  });

  it("passes over one empty line before a request line, and not over two (RFC 9112 2.2)", () => {
    assert.deepEqual(request(GOOD_REQUESTS[1]), {
      head: { method: "GET", target: "/chat?a=1", headers: PAIRS },
      size: GOOD_REQUESTS[1].length,
    });
    handshakeError(() => new HeadReader({ kind: "request" }).push(bytesOf("\r\n\r\n")));
  });

  it("reads a response: status, reason phrase, minor version, and lines", () => {
    assert.deepEqual(response(GOOD_RESPONSES[0]), {
      head: { minorVersion: 1, status: 101, statusText: "Switching Protocols", headers: PAIRS },
      size: GOOD_RESPONSES[0].length,
    });
  });

  it("reads a response with an empty reason phrase, with and without the space before it", () => {
    for (const text of ["HTTP/1.1 404 \r\n\r\n", "HTTP/1.1 404\r\n\r\n"]) {
      const head = { minorVersion: 1, status: 404, statusText: "", headers: [] };
      assert.deepEqual(response(text), { head, size: text.length });
    }
  });

  it("reads a response in HTTP/1.0, as proxies send", () => {
    const head = {
      minorVersion: 0,
      status: 200,
      statusText: "Connection established",
      headers: [],
    };
    assert.deepEqual(response(GOOD_RESPONSES[2]), { head, size: GOOD_RESPONSES[2].length });
  });

  it("passes over interim responses and keeps nothing of them (RFC 9110 15.2)", () => {
    assert.deepEqual(response(GOOD_RESPONSES[3]), {
      head: { minorVersion: 1, status: 403, statusText: "No", headers: PAIRS },
      size: GOOD_RESPONSES[3].length,
    });
  });

  it("returns the bytes that belong to the head, and takes none once it is read", () => {
    const head = bytesOf(GOOD_RESPONSES[0]);
    const reader = new HeadReader({ kind: "response" });
    const chunk = new Uint8Array([...head, 0x81, 0x00]);
    assert.equal(reader.push(chunk.subarray(0, 10)), 10);
    assert.equal(reader.head, undefined);
    assert.equal(reader.push(chunk.subarray(10)), head.length - 10);
    const read = reader.head;
    assert.notEqual(read, undefined);
    assert.equal(reader.push(Uint8Array.of(0x0d, 0x0a)), 0);
    assert.equal(reader.head, read);
  });

  it("copies what it keeps: the chunk may change after the call", () => {
    const reader = new HeadReader({ kind: "request" });
    const chunk = bytesOf("GET /chat HTTP/1.1\r\nHost: exam");
    reader.push(chunk);
    chunk.fill(0);
    reader.push(bytesOf("ple.com\r\n\r\n"));
    assert.equal(reader.head?.target, "/chat");
    assert.equal(reader.head?.headers.get("host"), "example.com");
  });

  it("reads elements longer than its first buffer, in one chunk and byte by byte", () => {
    const value = "v\xff".repeat(4500);
    const bytes = bytesOf(
      `GET /${"t".repeat(5000)} HTTP/1.1\r\n${"n".repeat(300)}: ${value}\r\n\r\n`,
    );
    for (const chunks of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
      assert.deepEqual(readHead(chunks, { kind: "request" }), {
        head: {
          method: "GET",
          target: `/${"t".repeat(5000)}`,
          headers: [["n".repeat(300), value]],
        },
        size: bytes.length,
      });
    }
  });

  it("reads each good head the same at every split", () => {
    for (
      const [kind, texts] of [["request", GOOD_REQUESTS], ["response", GOOD_RESPONSES]] as const
    ) {
      for (const text of texts) {
        const whole = readHead([bytesOf(text)], { kind });
        assert.ok(typeof whole === "object" && "head" in whole, text);
        for (const chunks of splits(bytesOf(text))) {
          assert.deepEqual(readHead(chunks, { kind }), whole, text);
        }
      }
    }
  });

  it("refuses each malformed request at its first bad byte, at every split", () => {
    for (const [text, at, status] of BAD_REQUESTS) {
      const bytes = bytesOf(text);
      assert.equal(readHead([bytes.subarray(0, at)], { kind: "request" }), "incomplete", text);
      const first = readHead([bytes.subarray(0, at + 1)], { kind: "request" });
      assert.ok(typeof first === "object" && "code" in first, JSON.stringify(text));
      assert.equal(first.status, status, text);
      for (const chunks of splits(bytes)) {
        assert.deepEqual(readHead(chunks, { kind: "request" }), first, text);
      }
    }
  });

  it("refuses each malformed response at its first bad byte, with status 0, at every split", () => {
    for (const [text, at] of BAD_RESPONSES) {
      const bytes = bytesOf(text);
      assert.equal(readHead([bytes.subarray(0, at)], { kind: "response" }), "incomplete", text);
      const first = readHead([bytes.subarray(0, at + 1)], { kind: "response" });
      assert.ok(typeof first === "object" && "code" in first, JSON.stringify(text));
      assert.equal(first.status, 0, text);
      for (const chunks of splits(bytes)) {
        assert.deepEqual(readHead(chunks, { kind: "response" }), first, text);
      }
    }
  });

  it("says what was wrong, where, and that it looks like TLS", () => {
    const error = request("\x16\x03\x01");
    assert.ok(typeof error === "object" && "message" in error);
    assert.equal(
      error.message,
      "Cannot read request head: expected a method, found byte 0x16 at offset 0 (it looks like TLS)",
    );
  });

  it("stays failed: a later chunk throws the same error", () => {
    const reader = new HeadReader({ kind: "request" });
    const first = handshakeError(() => reader.push(bytesOf("\n")));
    const second = handshakeError(() => reader.push(bytesOf("GET / HTTP/1.1\r\n\r\n")));
    assert.equal(second, first);
    assert.equal(reader.head, undefined);
  });

  it("takes a head of exactly maxHeaderSize bytes, and refuses one byte more with 431", () => {
    for (const text of [GOOD_REQUESTS[0], GOOD_REQUESTS[1]]) {
      for (const chunks of splits(bytesOf(text))) {
        const exact = readHead(chunks, { kind: "request", maxHeaderSize: text.length });
        assert.ok(typeof exact === "object" && "head" in exact);
        const short = readHead(chunks, { kind: "request", maxHeaderSize: text.length - 1 });
        assert.ok(typeof short === "object" && "code" in short);
        assert.equal(short.code, "HEAD_TOO_LARGE");
        assert.equal(short.status, 431);
      }
    }
  });

  it("counts what follows the head toward no limit", () => {
    const text = GOOD_REQUESTS[0];
    const chunk = bytesOf(text + "x".repeat(100));
    const outcome = readHead([chunk], { kind: "request", maxHeaderSize: text.length });
    assert.ok(typeof outcome === "object" && "head" in outcome);
    assert.equal(outcome.size, text.length);
  });

  it("takes exactly maxHeaders lines, and refuses one more with 431", () => {
    const bytes = bytesOf(GOOD_REQUESTS[0]);
    const exact = readHead([bytes], { kind: "request", maxHeaders: 4 });
    assert.ok(typeof exact === "object" && "head" in exact);
    const short = readHead([bytes], { kind: "request", maxHeaders: 3 });
    assert.ok(typeof short === "object" && "code" in short);
    assert.equal(short.status, 431);
    assert.match(short.message, /option maxHeaders/);
  });

  it("refuses limits that are no limits", () => {
    assert.throws(() => new HeadReader({ kind: "request", maxHeaderSize: NaN }), RangeError);
    assert.throws(() => new HeadReader({ kind: "request", maxHeaders: -1 }), RangeError);
  });

  it("returns a head or a HandshakeError for any bytes, whatever the splits", () => {
    const pieces = fc.constantFrom(
      "GET ",
      "/ ",
      "HTTP/1.1",
      " 101 OK",
      " 100 ",
      "\r\n",
      "\r",
      "\n",
      "A: b\r\n",
      "\r\n\r\n",
    ).map(bytesOf);
    const chunks = fc.array(fc.oneof(pieces, pieces, fc.uint8Array({ maxLength: 4 })));
    const kinds = fc.constantFrom("request" as const, "response" as const);
    fc.assert(
      fc.property(chunks, kinds, fc.nat(60), (list, kind, maxHeaderSize) => {
        const joined = Uint8Array.from(list.flatMap((chunk) => [...chunk]));
        const options = { kind, maxHeaderSize, maxHeaders: 3 };
        const whole = readHead([joined], options);
        assert.deepEqual(readHead(list, options), whole);
        assert.deepEqual(
          readHead(Array.from(joined, (byte) => Uint8Array.of(byte)), options),
          whole,
        );
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
