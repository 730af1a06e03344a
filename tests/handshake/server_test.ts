import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HeaderLines } from "../../lib/handshake/head.ts";
import {
  isUpgradeRequest,
  packHeaders,
  toRequest,
  unpackRequest,
  validateRequest,
} from "../../lib/handshake/server.ts";
import type { UpgradeRequest, ValidateOptions } from "../../lib/handshake/server.ts";
import { fuzzRuns, handshakeError, KEY, requestHead } from "./support.ts";
import type { Lines } from "./support.ts";

function judge(
  lines: Lines = {},
  options: { target?: string; method?: string } & Partial<ValidateOptions> = {},
): UpgradeRequest {
  const { target = "/chat", method = "GET", ...judging } = options;
  return validateRequest(requestHead(lines, { target, method }), { secure: false, ...judging });
}

function refused(
  lines: Lines,
  code: string,
  options: Parameters<typeof judge>[1] & { status?: number } = {},
): void {
  const { status = 400, ...rest } = options;
  handshakeError(() => judge(lines, rest), { code, status });
}

describe("validateRequest", () => {
  it("accepts the request of RFC 6455 section 1.2", () => {
    const request = judge({
      origin: "http://server.example.com",
      "sec-websocket-protocol": "chat, superchat",
    });
    const { headers, ...rest } = request;
    assert.deepEqual(rest, {
      url: "http://server.example.com/chat",
      key: KEY,
      protocols: ["chat", "superchat"],
      extensions: [],
      origin: "http://server.example.com",
    });
    assert.equal(headers.get("host"), "server.example.com");
  });

  it("4.2.1 item 1: the method must be GET, in this case; 405 with Allow otherwise", () => {
    for (const method of ["POST", "HEAD", "get", "CONNECT", "OPTIONS"]) {
      const error = handshakeError(() => judge({}, { method }), { code: "METHOD", status: 405 });
      assert.equal(error.headers.get("allow"), "GET");
    }
  });

  it("4.2.1 item 1: the target is a resource name", () => {
    const url = (target: string): string => judge({ host: "a:81" }, { target }).url;
    assert.equal(url("/"), "http://a:81/");
    assert.equal(url("/a%20b?c=d&e"), "http://a:81/a%20b?c=d&e");
    assert.equal(url("/?q=http://x/"), "http://a:81/?q=http://x/");
    assert.equal(url("//other.example/x"), "http://a:81//other.example/x");
    assert.equal(url("/\\other.example"), "http://a:81//other.example");
    assert.equal(url("/@other.example:1/"), "http://a:81/@other.example:1/");
  });

  it("4.2.1 item 1: or an absolute URI of http, https, ws or wss", () => {
    const url = (target: string, secure = false): string =>
      judge({ host: "a:81" }, { target, secure }).url;
    assert.equal(url("http://a:81/b?c"), "http://a:81/b?c");
    assert.equal(url("HTTP://A:81"), "http://a:81/");
    assert.equal(url("http://a:81?b"), "http://a:81/?b");
    assert.equal(url("ws://a:81/b"), "http://a:81/b");
    assert.equal(url("WSS://a:81/b", true), "https://a:81/b");
    assert.equal(url("https://a:443/", true), "https://a/");
    assert.equal(url("http://[::1]:81//b//"), "http://[::1]:81//b//");
    for (const target of ["*", "a:81", "chat", "http:/a:81/", "ftp://a:81/", "https:a", "://a/"]) {
      refused({ host: "a:81" }, "TARGET", { target });
    }
    for (const host of ["", "u@a:81", "a:81@b", "a b", "[::", "a:x", "a:65536", "%61", "a\\b"]) {
      refused({ host: "a:81" }, "TARGET", { target: `http://${host}/` });
    }
  });

  it("RFC 9112 3.2.2: the host of an absolute target is taken, and Host is ignored", () => {
    const { url, headers } = judge({ host: "other.example" }, { target: "http://Site.example/b" });
    assert.equal(url, "http://site.example/b");
    assert.deepEqual(headers.getAll("host"), ["Site.example"]);
    const request = toRequest(judge({ host: "a" }, { target: "wss://b:81/", secure: true }));
    assert.deepEqual([request.url, request.headers.get("host")], ["https://b:81/", "b:81"]);
  });

  it("RFC 9112 3.2: an absolute target does not make up for a Host that is not valid", () => {
    const target = "http://a/";
    for (const host of [undefined, "", "a b", ["a", "a"]]) {
      refused({ host }, "HOST_HEADER", { target });
    }
  });

  it("the policies check the host of an absolute target, not the Host header", () => {
    const at = (target: string): { target: string } => ({ target });
    const hosts = ["site.example"],
      evil = at("http://evil.example/"),
      site = at("ws://site.example/");
    refused({ host: "site.example" }, "HOST_REFUSED", { status: 403, hosts, ...evil });
    judge({ host: "evil.example" }, { hosts, ...site });
    const loopback = { status: 403, boundToLoopback: true };
    refused({ host: "localhost" }, "HOST_REFUSED", { ...loopback, ...evil });
    judge({ host: "evil.example" }, { boundToLoopback: true, ...at("http://localhost:1/") });
    const lines = { host: "evil.example", origin: "https://evil.example" };
    refused(lines, "ORIGIN_REFUSED", { status: 403, ...site });
    judge({ ...lines, host: "site.example" }, evil);
    let told = "";
    judge(lines, {
      ...site,
      origins: (_origin, { url, headers }) => {
        told = `${url} ${headers.get("host")}`;
        return true;
      },
    });
    assert.equal(told, "http://site.example/ site.example");
  });

  it("an absolute target cannot claim TLS, nor deny it", () => {
    const url = (target: string, secure: boolean): string => judge({}, { target, secure }).url;
    for (const scheme of ["http", "https", "ws", "wss"]) {
      assert.equal(url(`${scheme}://a/`, false), "http://a/");
      assert.equal(url(`${scheme}://a/`, true), "https://a/");
    }
    assert.equal(url("https://a:443/", false), "http://a:443/");
    const origin = "https://a";
    judge({ origin }, { target: "https://a:443/" });
    refused({ origin: "http://a" }, "ORIGIN_REFUSED", { status: 403, target: "https://a:443/" });
  });

  it("3: a resource name has no fragment", () => {
    refused({}, "TARGET", { target: "/a#b" });
    refused({}, "TARGET", { target: "http://server.example.com/a#b" });
  });

  it("4.2.1 item 2: there must be one Host, and it must be a host", () => {
    refused({ host: undefined }, "HOST_HEADER");
    refused({ host: ["a", "a"] }, "HOST_HEADER");
    refused({ host: "a b" }, "HOST_HEADER");
  });

  it("returns the scheme by whether TLS is in use", () => {
    assert.equal(judge({ host: "a:443" }, { secure: true }).url, "https://a/chat");
    assert.equal(judge({ host: "a:443" }, { secure: false }).url, "http://a:443/chat");
  });

  it("4.2.1 item 3: Upgrade must have websocket, in any case, on any line; 426 otherwise", () => {
    for (const upgrade of ["WebSocket", "h2c, websocket", ["h2c", " websocket"]]) {
      judge({ upgrade });
    }
    for (const upgrade of [undefined, "", "h2c", "websockets", "web socket", "websocket/13"]) {
      const error = handshakeError(() => judge({ upgrade }), {
        code: "UPGRADE_HEADER",
        status: 426,
      });
      assert.deepEqual([...error.headers], [
        ["connection", "Upgrade"],
        ["sec-websocket-version", "13"],
        ["upgrade", "websocket"],
      ]);
    }
  });

  it("4.2.1 item 4: Connection must have Upgrade, in any case, on any line; 400 otherwise", () => {
    for (const connection of ["keep-alive, upgrade", ["keep-alive", "UPGRADE"]]) {
      judge({ connection });
    }
    for (const connection of [undefined, "", "close", "upgraded", "keep-alive upgrade"]) {
      refused({ connection }, "CONNECTION_HEADER");
    }
  });

  it("hints at a proxy where only Upgrade or Connection of a handshake is missing", () => {
    handshakeError(() => judge({ upgrade: undefined }), { message: /a proxy in between/ });
    handshakeError(() => judge({ connection: "close" }), { message: /a proxy in between/ });
    const lines = { upgrade: undefined, "sec-websocket-key": undefined };
    assert.doesNotMatch(handshakeError(() => judge(lines)).message, /proxy/);
  });

  it("4.2.1 item 5: there must be one key, of 16 bytes in base64", () => {
    for (const key of [undefined, "", "AQID", [KEY, KEY], `${KEY}, ${KEY}`, "x".repeat(24)]) {
      refused({ "sec-websocket-key": key }, "KEY_HEADER");
    }
  });

  it("4.2.1 item 6, 4.4: the version must be 13; 426 with the version to use otherwise", () => {
    for (const version of [undefined, "", "8", "12", "14", "99", "777", "013", "13.0", "13, 8"]) {
      const lines = { "sec-websocket-version": version };
      const error = handshakeError(() => judge(lines), { code: "VERSION_HEADER", status: 426 });
      assert.equal(error.headers.get("sec-websocket-version"), "13");
      assert.equal(error.headers.get("upgrade"), "websocket");
    }
  });

  it("11.3.5: the version must not come twice", () => {
    refused({ "sec-websocket-version": ["13", "13"] }, "VERSION_HEADER");
  });

  it("4.2.1 item 8: returns the subprotocols in order, from one line or several (11.3.4)", () => {
    const protocols = (value: string | string[]): string[] =>
      judge({ "sec-websocket-protocol": value }).protocols;
    assert.deepEqual(protocols("a, b"), ["a", "b"]);
    assert.deepEqual(protocols(["a", "b,c"]), ["a", "b", "c"]);
    assert.deepEqual(protocols("a, A"), ["a", "A"]);
  });

  it("4.1 item 10: refuses subprotocols that are no tokens, or come twice", () => {
    for (const value of ["", "a b", "a;b", "a, a", ["a", "a"], "\xff", '"a"']) {
      refused({ "sec-websocket-protocol": value }, "PROTOCOL_HEADER");
    }
  });

  it("4.2.1 item 9: returns the extensions in order, from one line or several (9.1)", () => {
    const value = ["permessage-deflate; client_max_window_bits", "x; y=1, z"];
    assert.deepEqual(judge({ "sec-websocket-extensions": value }).extensions, [
      { name: "permessage-deflate", params: new Map([["client_max_window_bits", true]]) },
      { name: "x", params: new Map([["y", "1"]]) },
      { name: "z", params: new Map() },
    ]);
  });

  it("9.1: refuses extensions that break the grammar", () => {
    for (const value of ["", "a;;b", "a; b=", "x-webkit- -frame", "a; b=1; b=", "\xff"]) {
      refused({ "sec-websocket-extensions": value }, "EXTENSIONS_HEADER");
    }
  });

  it("takes header fields it does not know as not its own (4.2.1)", () => {
    judge({ "x-unknown": "\xff", cookie: "a=b", constructor: "x", __proto__: undefined });
  });

  it("refuses a body, which would be frames to us and a body to a proxy", () => {
    judge({ "content-length": "0" });
    for (const length of ["1", "00", "", "-0", "0x0", ["0", "5"]]) {
      refused({ "content-length": length }, "REQUEST_BODY");
    }
    refused({ "transfer-encoding": "chunked" }, "REQUEST_BODY");
    refused({ "transfer-encoding": "" }, "REQUEST_BODY");
  });

  it("refuses another host's origin with 403, or accepts it as told", () => {
    const lines = { origin: "https://evil.example" };
    refused(lines, "ORIGIN_REFUSED", { status: 403 });
    judge(lines, { origins: "*" });
    judge(lines, { origins: ["https://evil.example"] });
    refused({ origin: ["https://a", "https://a"] }, "ORIGIN_HEADER");
  });

  it("passes the URL, the headers and whether TLS is in use to a function that checks origins", () => {
    let told: unknown;
    judge({ origin: "https://a", cookie: "x=y" }, {
      secure: true,
      origins: (origin, { url, secure, headers }) => {
        told = [origin, url, secure, headers.get("cookie")];
        return true;
      },
    });
    assert.deepEqual(told, ["https://a", "https://server.example.com/chat", true, "x=y"]);
  });

  it("refuses hosts it does not answer to with 403", () => {
    refused({}, "HOST_REFUSED", { status: 403, boundToLoopback: true });
    refused({}, "HOST_REFUSED", { status: 403, hosts: ["other.example"] });
    judge({ host: "localhost:8080" }, { boundToLoopback: true });
    judge({}, { hosts: ["server.example.com"] });
  });
});

describe("isUpgradeRequest", () => {
  it("is true of what asks for WebSocket, well or badly", () => {
    assert.equal(isUpgradeRequest(requestHead()), true);
    assert.equal(
      isUpgradeRequest(requestHead({ connection: undefined }, { method: "POST" })),
      true,
    );
  });

  it("is false of plain HTTP and of other upgrades", () => {
    assert.equal(isUpgradeRequest(requestHead({ upgrade: undefined })), false);
    assert.equal(isUpgradeRequest(requestHead({ upgrade: "h2c" })), false);
  });
});

describe("a request with two lines of Cookie", () => {
  const asked = judge({ cookie: ["a=1", "b=2"], "x-two": ["1", "2"] });
  const cookieOf = ({ headers }: Request): unknown => [headers.get("cookie"), headers.get("x-two")];

  it("has them joined by a semicolon, in the hook and afterwards (RFC 9113 section 8.2.3)", () => {
    assert.deepEqual(cookieOf(toRequest(asked)), ["a=1; b=2", "1, 2"]);
    const url = "ws://server.example.com/chat";
    const kept = unpackRequest(url, packHeaders(url, asked.headers));
    assert.deepEqual(cookieOf(kept), ["a=1; b=2", "1, 2"]);
  });
});

describe("packHeaders", () => {
  const url = "ws://server.example.com/chat";
  const usual: [string, string][] = [
    ["host", "server.example.com"],
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-version", "13"],
  ];
  const unpacked = (lines: [string, string][]): [string, string][] => {
    const packed = packHeaders(url, new HeaderLines(lines));
    return [...unpackRequest(url, packed).headers].sort();
  };
  const expected = (lines: [string, string][]): [string, string][] =>
    [...new Request("http://a/", { headers: new HeaderLines(lines).toHeaders() }).headers].sort();

  it("leaves out the lines that every request has", () => {
    assert.equal(packHeaders(url, new HeaderLines([...usual, ["x-a", "b"]])), "0123\nx-a\nb");
  });

  it("loses no line, whichever of the usual ones are there, twice or with another value", () => {
    const line = fc.oneof(
      fc.constantFrom(...usual),
      fc.constantFrom<[string, string]>(["host", "other.example.com"], [
        "connection",
        "keep-alive",
      ]),
      fc.constantFrom<[string, string]>(["upgrade", "WebSocket"], ["x-a", "0"], ["x-a", ""]),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        assert.deepEqual(unpacked(lines), expected(lines));
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

describe("toRequest", () => {
  it("returns the platform's Request with every header, those that a page may not set too", () => {
    const lines = {
      cookie: "a=b",
      origin: "http://server.example.com",
      authorization: "Basic eDp5",
      "x-bytes": "\xe9",
    };
    const request = toRequest(judge(lines, { target: "/a/../b?c" }));
    assert.equal(request.method, "GET");
    assert.equal(request.url, "http://server.example.com/b?c");
    assert.equal(request.body, null);
    for (const [name, value] of [...Object.entries(lines), ["sec-websocket-key", KEY]]) {
      assert.equal(request.headers.get(name), value, name);
    }
    assert.equal(request.headers.get("host"), "server.example.com");
    assert.equal(request.headers.get("upgrade"), "websocket");
  });

  it("is aborted by the signal", () => {
    const controller = new AbortController();
    const request = toRequest(judge(), controller.signal);
    assert.equal(request.signal.aborted, false);
    controller.abort();
    assert.equal(request.signal.aborted, true);
  });
});
