import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HandshakeError, type HandshakeErrorDetails, refusalFor } from "../lib/errors.ts";
import { oddValues } from "./support/odd.ts";

function failure(details: Partial<HandshakeErrorDetails> = {}): HandshakeError {
  return new HandshakeError("TEST", "Cannot pass: the test says so", { status: 403, ...details });
}

describe("the text of a HandshakeError", () => {
  const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
  const text = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): string =>
    failure({ body, headers: new Headers(headers) }).text;

  it("is the body as UTF-8, and empty if there is none", () => {
    assert.equal(failure().text, "");
    assert.equal(text(new TextEncoder().encode("Nö €")), "Nö €");
    assert.equal(text(bytes(0xef, 0xbb, 0xbf, 0x41)), "A");
    assert.equal(text(bytes(0x41, 0xff, 0x42)), "A\ufffdB");
  });

  it("is the body by the charset of its Content-Type", () => {
    for (
      const type of [
        "text/html; charset=iso-8859-1",
        'text/plain;format=flowed; Charset = "ISO-8859-1" ',
      ]
    ) {
      assert.equal(text(bytes(0x4e, 0xf6), { "content-type": type }), "Nö");
    }
    for (const type of ["text/html", "text/html; charset=none-such", "x; charset", ";", ""]) {
      assert.equal(text(bytes(0xc3, 0xb6), { "content-type": type }), "ö", type);
    }
  });

  it("leaves out a character of which the end is missing", () => {
    assert.equal(text(bytes(0x41, 0xe2, 0x82)), "A");
  });

  it("is empty if the body is compressed", () => {
    assert.equal(text(bytes(0x1f, 0x8b), { "content-encoding": "gzip" }), "");
    assert.equal(text(bytes(0x41), { "content-encoding": "Identity" }), "A");
  });
});

describe("the answer to a handshake that failed", () => {
  it("has the status and the message of a HandshakeError with a status from 400 to 599", async () => {
    for (const status of [400, 401, 403, 404, 426, 431, 499, 500, 501, 503, 599]) {
      const response = failure({ status }).toResponse();
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
      assert.equal(await response.text(), "Cannot pass: the test says so\n");
      assert.equal(refusalFor(failure({ status })).fault, false);
    }
  });

  it("is 502 for any other status, without headers or the message", async () => {
    const statuses = [0, 1, 100, 101, 200, 204, 302, 304, 399, 600, 999, 1000, 65_536];
    for (const status of [...statuses, -401, 400.5, NaN, Infinity, "401", undefined, null]) {
      const error = failure({ status: status as number, headers: new Headers({ "x-a": "b" }) });
      const response = error.toResponse();
      assert.equal(response.status, 502, String(status));
      assert.deepEqual([...response.headers], [["content-type", "text/plain; charset=utf-8"]]);
      assert.equal(await response.text(), "Cannot accept handshake: the server failed\n");
      assert.equal(refusalFor(error).fault, true);
    }
  });

  it("is 500 for any other error, whatever it is, without its text", () => {
    const others = [...oddValues(), ["an error", new Error("secret")], ["a text", "secret"]];
    for (const [name, value] of others) {
      const { status, text, fault } = refusalFor(value);
      assert.deepEqual([status, fault], [500, true], String(name));
      assert.equal(text, "Cannot accept handshake: the server failed\n");
    }
  });

  it("is 502 for a HandshakeError that cannot be read", () => {
    class Unreadable extends HandshakeError {
      override get text(): string {
        throw new Error("a trap");
      }
    }
    const unreadable = new Unreadable("TEST", "test", { status: 401 });
    Object.defineProperty(unreadable, "headers", {
      get: () => {
        throw new Error("a trap");
      },
    });
    assert.equal(refusalFor(unreadable).status, 502);
    const proxy = new Proxy(failure(), {
      get: () => {
        throw new Error("a trap");
      },
    });
    assert.equal(refusalFor(proxy).status, 502);
  });

  it("has the headers of an answer to send, without those of framing and of the connection", () => {
    const headers = new Headers({
      "content-encoding": "gzip",
      "content-length": "9999",
      "content-type": "image/png",
      "keep-alive": "timeout=5",
      "retry-after": "3",
      "sec-websocket-accept": "x",
      "sec-websocket-extensions": "x",
      "sec-websocket-protocol": "x",
      "sec-websocket-version": "13",
      "set-cookie": "a=b",
      "transfer-encoding": "chunked",
      "www-authenticate": "Basic",
      "x-why": "rights",
      connection: "x-why",
      te: "trailers",
      trailer: "x-end",
      upgrade: "h2c",
    });
    assert.deepEqual([...failure({ headers }).toResponse().headers].sort(), [
      ["content-type", "text/plain; charset=utf-8"],
      ["retry-after", "3"],
      ["sec-websocket-version", "13"],
      ["set-cookie", "a=b"],
      ["www-authenticate", "Basic"],
      ["x-why", "rights"],
    ]);
  });

  it("has of an answer that was received only what its client must know, and none of its text", async () => {
    const headers = new Headers({
      "content-encoding": "gzip",
      "content-length": "9999",
      "retry-after": "3",
      "set-cookie": "session=backend",
      "www-authenticate": 'Basic realm="backend"',
      "x-internal": "10.0.0.7",
      server: "backend/1.0",
    });
    const body = new TextEncoder().encode("of the backend");
    const error = failure({ status: 401, headers, body, received: true });
    const response = error.toResponse();
    assert.deepEqual([...response.headers].sort(), [
      ["content-type", "text/plain; charset=utf-8"],
      ["retry-after", "3"],
      ["www-authenticate", 'Basic realm="backend"'],
    ]);
    assert.equal(
      await response.text(),
      "Cannot accept handshake: the server behind this one answered 401\n",
    );
  });
});
