/** The opening handshake over HTTP/2 (RFC 8441), as header lists. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readPerMessageDeflate } from "../../lib/deflate/options.ts";
import { parseWebSocketURL } from "../../lib/handshake/client_url.ts";
import {
  checkConnectAnswer,
  connectAnswer,
  connectRefusal,
  connectRequest,
  type Http2Headers,
  notEnabled,
  readAnswer,
  validateConnect,
  type ValidateConnectOptions,
} from "../../lib/handshake/http2.ts";
import type { WebSocketRequest } from "../../lib/handshake/server.ts";
import { assertSyntaxError, handshakeError } from "./support.ts";

/** RFC 8441 section 5.1: the request of the example. */
const EXAMPLE: Http2Headers = {
  ":method": "CONNECT",
  ":protocol": "websocket",
  ":scheme": "https",
  ":path": "/chat",
  ":authority": "server.example.com",
  "sec-websocket-protocol": "chat, superchat",
  "sec-websocket-extensions": "permessage-deflate",
  "sec-websocket-version": "13",
  origin: "http://server.example.com",
};

function judge(
  fields: Http2Headers = {},
  options: Partial<ValidateConnectOptions> = {},
): WebSocketRequest {
  return validateConnect({ ...EXAMPLE, ...fields }, { secure: true, ...options });
}

function refused(
  fields: Http2Headers,
  code: string,
  options: Partial<ValidateConnectOptions> & { status?: number } = {},
): ReturnType<typeof handshakeError> {
  const { status = 400, ...rest } = options;
  return handshakeError(() => judge(fields, rest), { code, status });
}

describe("validateConnect", () => {
  it("5.1: accepts the request of the example", () => {
    const { headers, ...rest } = judge();
    assert.deepEqual(rest, {
      url: "https://server.example.com/chat",
      protocols: ["chat", "superchat"],
      extensions: [{ name: "permessage-deflate", params: new Map() }],
      origin: "http://server.example.com",
    });
    assert.equal(headers.get(":path"), undefined);
    assert.equal(headers.get("sec-websocket-version"), "13");
  });

  it("returns the :authority as Host too, as in HTTP/1.1", () => {
    assert.equal(judge().headers.get("host"), "server.example.com");
    const same = judge({ host: "server.example.com:443" });
    assert.deepEqual(same.headers.getAll("host"), ["server.example.com:443"]);
  });

  it("4: the method is CONNECT, 405 with Allow otherwise", () => {
    for (const method of ["GET", "POST", "connect", undefined]) {
      const error = refused({ ":method": method }, "METHOD", { status: 405 });
      assert.equal(error.headers.get("allow"), "CONNECT");
    }
  });

  it("4: a CONNECT without :protocol makes no tunnel to the authority: 501", () => {
    refused({ ":protocol": undefined, ":scheme": undefined, ":path": undefined }, "PROTOCOL", {
      status: 501,
    });
  });

  it("5: the :protocol is websocket, 501 otherwise (RFC 9220 section 3)", () => {
    for (const protocol of ["connect-udp", "webtransport", "WebSocket", "websocket, x", ""]) {
      refused({ ":protocol": protocol }, "PROTOCOL", { status: 501 });
    }
  });

  it("5: the :scheme is https or http, and is that of the URL", () => {
    assert.equal(judge({ ":scheme": "http" }).url, "http://server.example.com/chat");
    for (const scheme of ["wss", "ws", "HTTPS", "", undefined]) {
      refused({ ":scheme": scheme }, "TARGET");
    }
  });

  it("4: the :path is there, and is a path and a query", () => {
    assert.equal(judge({ ":path": "/a%20b?c=d&e" }).url, "https://server.example.com/a%20b?c=d&e");
    assert.equal(judge({ ":path": "//x.example/" }).url, "https://server.example.com//x.example/");
    for (const path of [undefined, "", "*", "chat", "https://server.example.com/", "/a#b"]) {
      refused({ ":path": path }, "TARGET");
    }
  });

  it("5: the :authority is there, and is a host; threat 19: whatever it has", () => {
    assert.equal(judge({ ":authority": "a:8443", origin: undefined }).url, "https://a:8443/chat");
    for (const authority of [undefined, "", "[::", "a b", "user@a", "a/b", "a:x", "a:65536"]) {
      refused({ ":authority": authority }, "HOST_HEADER");
    }
  });

  it("a Host that is not the :authority is refused (RFC 9113 section 8.3.1)", () => {
    refused({ host: "other.example" }, "HOST_HEADER");
    refused({ host: ["server.example.com", "other.example"] }, "HOST_HEADER");
    refused({ host: "[::" }, "HOST_HEADER");
  });

  it("lines of Cookie are joined by a semicolon (RFC 9113 section 8.2.3)", () => {
    const { headers } = judge({ cookie: ["a=1", "b=2"] });
    assert.equal(headers.toHeaders().get("cookie"), "a=1; b=2");
  });

  it("the default port of the :scheme counts as none, in :authority, Host and Origin", () => {
    const origin = "https://server.example.com", authority = "server.example.com:443";
    assert.ok(judge({ ":authority": authority, host: "server.example.com", origin }));
    assert.ok(judge({ ":authority": authority, origin }, { secure: false }));
    refused({ ":authority": "server.example.com:80", host: "server.example.com" }, "HOST_HEADER");
    refused({ ":authority": authority, origin: "http://server.example.com" }, "ORIGIN_REFUSED", {
      status: 403,
    });
  });

  it("5: Connection, Upgrade and what else is a connection's are refused", () => {
    for (
      const name of ["connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"]
    ) {
      refused({ [name]: "websocket" }, "CONNECTION_HEADER");
    }
  });

  it("5: the key is not processed, whatever it is", () => {
    assert.equal(judge({ "sec-websocket-key": "x" }).url, "https://server.example.com/chat");
  });

  it("5: the version is 13; the answer to another names it, and asks for no upgrade", () => {
    for (const version of [undefined, "8", "13, 13", "8, 13", ""]) {
      const error = refused({ "sec-websocket-version": version }, "VERSION_HEADER");
      assert.equal(error.headers.get("sec-websocket-version"), "13");
      assert.equal(error.headers.get("upgrade"), null);
    }
    refused({ "sec-websocket-version": ["13", "13"] }, "VERSION_HEADER");
  });

  it("5: subprotocols and extensions are checked as in HTTP/1.1", () => {
    refused({ "sec-websocket-protocol": "a, a" }, "PROTOCOL_HEADER");
    refused({ "sec-websocket-protocol": "a b" }, "PROTOCOL_HEADER");
    refused({ "sec-websocket-extensions": "x; y z" }, "EXTENSIONS_HEADER");
    const { protocols, extensions } = judge({
      "sec-websocket-protocol": undefined,
      "sec-websocket-extensions": undefined,
    });
    assert.deepEqual([protocols, extensions], [[], []]);
  });

  it("threat 11: names of Object.prototype are names like any other", () => {
    const name = "constructor", value = "__proto__";
    const { protocols, extensions, headers } = judge({
      "sec-websocket-protocol": name,
      "sec-websocket-extensions": value,
      [name]: value,
    });
    assert.deepEqual([protocols, extensions[0].name, headers.get(name)], [[name], value, value]);
  });

  it("a request with a body is refused", () => {
    refused({ "content-length": "5" }, "REQUEST_BODY");
    assert.ok(judge({ "content-length": "0" }));
  });

  it("threat 46: an origin of another host is refused, as is a host that is not ours", () => {
    refused({ origin: "https://evil.example" }, "ORIGIN_REFUSED", { status: 403 });
    refused({ origin: "null" }, "ORIGIN_REFUSED", { status: 403 });
    refused({ origin: "http://a, http://server.example.com" }, "ORIGIN_REFUSED", { status: 403 });
    refused({}, "HOST_REFUSED", { status: 403, hosts: ["a.example"] });
    refused({}, "HOST_REFUSED", { status: 403, boundToLoopback: true });
    assert.ok(judge({ origin: "https://evil.example" }, { origins: "*" }));
    assert.ok(judge({}, { hosts: ["server.example.com"] }));
  });

  it("threat 18: too many lines, or too long ones, are 431", () => {
    const many = Array.from({ length: 200 }, () => "x");
    refused({ cookie: many }, "HEAD_TOO_LARGE", { status: 431, maxHeaders: 128 });
    refused({ cookie: "x".repeat(20_000) }, "HEAD_TOO_LARGE", {
      status: 431,
      maxHeaderSize: 16_384,
    });
    assert.ok(judge({}, { maxHeaders: 9, maxHeaderSize: 700 }));
    refused({}, "HEAD_TOO_LARGE", { status: 431, maxHeaders: 8 });
  });
});

describe("answers over HTTP/2", () => {
  it("5.1: 200 accepts, with what was agreed and the caller's headers, in lower case", () => {
    assert.deepEqual({ ...connectAnswer({}) }, { ":status": 200 });
    const headers: [string, string][] = [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], [
      "X-One",
      "1",
    ]];
    const extensions = "permessage-deflate";
    assert.deepEqual({ ...connectAnswer({ protocol: "chat", extensions, headers }) }, {
      ":status": 200,
      "sec-websocket-protocol": "chat",
      "sec-websocket-extensions": "permessage-deflate",
      "set-cookie": ["a=1", "b=2"],
      "x-one": "1",
    });
  });

  it("threat 6: nothing that a caller passes can break out of its header", () => {
    assert.throws(() => connectAnswer({ protocol: "a\r\nb: c" }), TypeError);
    assert.throws(() => connectAnswer({ headers: [["a", "b\r\nc: d"]] }), TypeError);
    assert.throws(() => connectAnswer({ headers: [[":status", "404"]] }), TypeError);
    assert.throws(() => connectAnswer({ headers: { connection: "close" } }), TypeError);
    assert.throws(() => connectAnswer({ headers: { "Keep-Alive": "1" } }), /HTTP\/2 does not have/);
  });

  it("a refusal loses the headers of a connection, and keeps each cookie", () => {
    const response = new Response(null, { status: 426, headers: { upgrade: "websocket" } });
    response.headers.append("connection", "Upgrade");
    response.headers.append("set-cookie", "a=1");
    response.headers.append("set-cookie", "b=2");
    assert.deepEqual({ ...connectRefusal(response) }, {
      ":status": 426,
      "set-cookie": ["a=1", "b=2"],
    });
  });

  it("any status of 2xx would make a tunnel (RFC 9110 section 9.3.6): none refuses", () => {
    for (const status of [200, 204, 299]) {
      assert.throws(() => connectRefusal(new Response(null, { status })), /HTTP\/2 the status 2/);
    }
    assert.equal(connectRefusal(new Response(null, { status: 300 }))[":status"], 300);
  });
});

describe("connectRequest", () => {
  const request = (url: string, init: Parameters<typeof connectRequest>[1] = {}): Http2Headers => ({
    ...connectRequest(parseWebSocketURL(url), init),
  });

  it("5: the scheme is https for wss and http for ws, the rest is the URL's", () => {
    const common = {
      ":method": "CONNECT",
      ":protocol": "websocket",
      "sec-websocket-version": "13",
    };
    assert.deepEqual(request("wss://server.example.com/chat?a=b"), {
      ...common,
      ":scheme": "https",
      ":authority": "server.example.com",
      ":path": "/chat?a=b",
    });
    assert.deepEqual(request("ws://a:81"), {
      ...common,
      ":scheme": "http",
      ":authority": "a:81",
      ":path": "/",
    });
  });

  it("5: it is what validateConnect accepts, with no field that HTTP/2 does not have", () => {
    const asked = request("wss://a/", {
      protocols: ["x", "y"],
      extensions: "permessage-deflate",
      headers: { Cookie: "a=1", Origin: "https://a" },
    });
    for (const name of ["host", "connection", "upgrade", "sec-websocket-key"]) {
      assert.equal(asked[name], undefined);
    }
    const { protocols, extensions, origin, headers } = validateConnect(asked, { secure: true });
    assert.deepEqual([protocols, extensions[0].name, origin, headers.get("cookie")], [
      ["x", "y"],
      "permessage-deflate",
      "https://a",
      "a=1",
    ]);
  });

  it("sends a user name and password as Basic authorization", () => {
    assert.equal(request("wss://me:it@a/").authorization, "Basic bWU6aXQ=");
    assert.equal(request("wss://me:it@a/")[":authority"], "a");
  });

  it("a Host of the caller's is the :authority, and no header", () => {
    const { ":authority": authority, host } = request("ws://a/", { headers: { Host: "b:1" } });
    assert.deepEqual([authority, host], ["b:1", undefined]);
    assert.throws(() => request("ws://a/", { headers: { Host: "b c" } }), TypeError);
  });

  it("threat 6: refuses what is not a token, and headers that are the handshake's", () => {
    assertSyntaxError(() => request("ws://a/", { protocols: ["a\r\nb"] }), /is not a token/);
    for (const name of [":path", "Upgrade", "Connection", "Sec-WebSocket-Protocol"]) {
      assert.throws(() => request("ws://a/", { headers: [[name, "x"]] }), TypeError);
    }
  });
});

describe("checkConnectAnswer", () => {
  const deflate = readPerMessageDeflate(true);
  const offered = { protocols: ["chat"], extensions: ["permessage-deflate"], deflate };
  const check = (fields: Http2Headers): ReturnType<typeof checkConnectAnswer> =>
    checkConnectAnswer(readAnswer({ ":status": 200, ...fields }), offered);
  const fails = (fields: Http2Headers, code: string, status: number): string =>
    handshakeError(() => check(fields), { code, status }).message;

  it("5.1: 200 accepts, without Upgrade, Connection or an answer to a key", () => {
    assert.deepEqual(check({}), { protocol: "", extensions: [], deflate: undefined });
    const { protocol, extensions, deflate: agreed } = check({
      "sec-websocket-protocol": "chat",
      "sec-websocket-extensions": "permessage-deflate",
    });
    assert.deepEqual([protocol, extensions.length, agreed?.header], [
      "chat",
      1,
      "permessage-deflate",
    ]);
  });

  it("any status of 2xx makes a tunnel (RFC 9110 section 9.3.6), and no other", () => {
    assert.ok(check({ ":status": 201 }));
    assert.ok(check({ ":status": "299" }));
    assert.match(fails({ ":status": 101 }, "STATUS", 101), /101 .*instead of 200/);
    assert.match(fails({ ":status": 404 }, "STATUS", 404), /404 Not Found instead of 200/);
    fails({ ":status": 300 }, "STATUS", 300);
    fails({ ":status": 500 }, "STATUS", 500);
  });

  it("subprotocol and extensions are checked as in HTTP/1.1", () => {
    fails({ "sec-websocket-protocol": "other" }, "PROTOCOL_NOT_OFFERED", 200);
    fails({ "sec-websocket-protocol": "chat, chat" }, "PROTOCOL_HEADER", 200);
    fails({ "sec-websocket-extensions": "x" }, "EXTENSION_NOT_OFFERED", 200);
    const terms = "permessage-deflate; server_max_window_bits=99";
    fails({ "sec-websocket-extensions": terms }, "EXTENSION_PARAMETERS", 200);
  });

  it("threat 20: bytes past ASCII in the answer fail the handshake", () => {
    fails({ "sec-websocket-protocol": "\xff" }, "PROTOCOL_HEADER", 200);
    fails({ "sec-websocket-extensions": "\xff" }, "EXTENSIONS_HEADER", 200);
  });

  it("3: the error for a server that has not allowed it says what to do", () => {
    const { code, status, message } = notEnabled("a:1");
    assert.deepEqual([code, status], ["HTTP2_NOT_ENABLED", 0]);
    assert.match(message, /^Cannot open connection: a:1 does not speak WebSocket over HTTP\/2/);
  });
});
