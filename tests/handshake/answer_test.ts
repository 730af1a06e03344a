import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HandshakeError, refusalFor } from "../../lib/errors.ts";
import {
  acceptHead,
  chooseProtocol,
  refusalBytes,
  refusalHead,
} from "../../lib/handshake/answer.ts";
import { ACCEPT, KEY, textOf } from "./support.ts";

describe("chooseProtocol (RFC 6455 section 4.2.2, /subprotocol/)", () => {
  it("returns the first of ours that the client offers", () => {
    assert.equal(chooseProtocol(["a", "b", "c"], { supported: ["x", "c", "a"] }), "c");
  });

  it("returns the empty string where nothing is in common, supported or offered", () => {
    assert.equal(chooseProtocol(["a"], { supported: ["b", "A"] }), "");
    assert.equal(chooseProtocol(["a"], {}), "");
    assert.equal(chooseProtocol([], { supported: ["a"] }), "");
  });

  it("returns what the hook chose, supported or not, and none if it chose that", () => {
    assert.equal(chooseProtocol(["a", "b"], { supported: ["a"], chosen: "b" }), "b");
    assert.equal(chooseProtocol(["a"], { supported: ["a"], chosen: "" }), "");
  });

  it("refuses a hook's choice that the client does not offer", () => {
    assert.throws(() => chooseProtocol(["a"], { chosen: "b" }), {
      name: "TypeError",
      message: 'Cannot choose subprotocol "b": the client offers "a"',
    });
    assert.throws(() => chooseProtocol([], { chosen: "b" }), /offers none/);
  });
});

describe("acceptHead (RFC 6455 section 4.2.2, item 5)", () => {
  it("writes status 101, Upgrade, Connection and the answer to the key", () => {
    assert.equal(
      textOf(acceptHead({ key: KEY })),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
  });

  it("adds the subprotocol, the extensions and the caller's headers, each cookie on its line", () => {
    const headers = new Headers({ "x-one": "1" });
    headers.append("set-cookie", "a=b, c");
    headers.append("set-cookie", "d=e");
    const lines = textOf(acceptHead({
      key: KEY,
      protocol: "chat",
      extensions: "permessage-deflate; server_max_window_bits=10",
      headers,
    })).split("\r\n");
    assert.deepEqual(lines.slice(4).sort(), [
      "",
      "",
      "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
      "Sec-WebSocket-Protocol: chat",
      "set-cookie: a=b, c",
      "set-cookie: d=e",
      "x-one: 1",
    ]);
  });

  it("writes no empty Sec-WebSocket-Protocol or -Extensions", () => {
    const text = textOf(acceptHead({ key: KEY, protocol: "", extensions: "" }));
    assert.doesNotMatch(text, /Protocol:|Extensions:/);
  });

  it("takes headers as pairs and as an object", () => {
    const pairs: [string, string][] = [["A", "1"], ["A", "2"]];
    assert.match(textOf(acceptHead({ key: KEY, headers: pairs })), /\r\nA: 1\r\nA: 2\r\n\r\n$/);
    assert.match(textOf(acceptHead({ key: KEY, headers: { B: "3" } })), /\r\nB: 3\r\n\r\n$/);
    const bad = [["a", "b", "c"]] as unknown as HeadersInit;
    assert.throws(() => acceptHead({ key: KEY, headers: bad }), TypeError);
    const text = ["a:"] as unknown as HeadersInit;
    assert.throws(() => acceptHead({ key: KEY, headers: text }), TypeError);
  });

  it("refuses headers that make the handshake, naming them", () => {
    const reserved = ["Upgrade", "connection", "Sec-WebSocket-Accept", "sec-websocket-protocol"];
    for (const name of [...reserved, "Content-Length", "TRANSFER-ENCODING", "sec-websocket-x"]) {
      assert.throws(() => acceptHead({ key: KEY, headers: { [name]: "x" } }), {
        name: "TypeError",
        message: `Cannot set header "${name}": it is reserved to the handshake`,
      });
    }
  });

  it("refuses a subprotocol or an extension that could end a line", () => {
    assert.throws(() => acceptHead({ key: KEY, protocol: "a\r\nX: y" }), TypeError);
    assert.throws(() => acceptHead({ key: KEY, protocol: "a, b" }), /"a, b" is not a token/);
    assert.throws(() => acceptHead({ key: KEY, extensions: "a\r\nX: y" }), TypeError);
  });
});

describe("refusalHead", () => {
  it("writes the status, the headers, Connection: close and the length", () => {
    const head = refusalHead({
      status: 403,
      headers: [["X", "y"], ["Connection", "keep-alive"], ["content-length", "99"]],
      contentLength: 5,
    });
    assert.equal(
      textOf(head),
      "HTTP/1.1 403 Forbidden\r\nX: y\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
    );
  });

  it("writes no length where it is not known, and none with 204 (RFC 9110 8.6)", () => {
    assert.equal(
      textOf(refusalHead({ status: 200 })),
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    );
    const head = textOf(refusalHead({ status: 204, contentLength: 0 }));
    assert.equal(head, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });

  it("writes the status text given, and the usual one for an empty one", () => {
    assert.match(
      textOf(refusalHead({ status: 404, statusText: "Gone" })),
      /^HTTP\/1.1 404 Gone\r\n/,
    );
    assert.match(
      textOf(refusalHead({ status: 404, statusText: "" })),
      /^HTTP\/1.1 404 Not Found\r/,
    );
  });

  it("writes 426 with Upgrade, named in Connection (RFC 9110 15.5.22), once", () => {
    for (const headers of [[], [["upgrade", "websocket"]] as [string, string][]]) {
      const head = textOf(refusalHead({ status: 426, headers }));
      assert.equal(head.match(/\r\nupgrade: websocket\r\n/gi)?.length, 1);
      assert.match(head, /\r\nConnection: Upgrade, close\r\n/);
    }
  });

  it("refuses a status that is not final", () => {
    for (const status of [101, 100, 0]) assert.throws(() => refusalHead({ status }), RangeError);
  });
});

describe("refusalBytes", () => {
  it("writes the whole response: the error's status, headers, and message with its length", () => {
    const headers = new Headers({ allow: "GET" });
    const error = new HandshakeError("METHOD", "Cannot \xe9", { status: 405, headers });
    assert.equal(
      textOf(refusalBytes(refusalFor(error))),
      "HTTP/1.1 405 Method Not Allowed\r\nallow: GET\r\n" +
        "content-type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" +
        "Cannot \xc3\xa9\n",
    );
  });

  it("writes 426 with Upgrade once, whatever the headers of the error are", () => {
    const headers = new Headers({ upgrade: "websocket", connection: "Upgrade" });
    for (const details of [{ status: 426 }, { status: 426, headers }]) {
      const text = textOf(refusalBytes(refusalFor(new HandshakeError("X", "x", details))));
      assert.equal(text.match(/\r\nupgrade: websocket\r\n/gi)?.length, 1);
      assert.equal(text.match(/\r\nConnection: Upgrade, close\r\n/gi)?.length, 1);
    }
  });
});
