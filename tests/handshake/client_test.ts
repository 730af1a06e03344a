import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requestFor } from "../../lib/handshake/client.ts";
import { checkProtocols, parseWebSocketURL } from "../../lib/handshake/client_url.ts";
import type { ClientRequestInit } from "../../lib/handshake/client.ts";
import { HeadReader } from "../../lib/handshake/head_reader.ts";
import { validateRequest } from "../../lib/handshake/server.ts";
import { assertSyntaxError, KEY, textOf } from "./support.ts";

function linesOf(url: string, init: Partial<ClientRequestInit> = {}): string[] {
  return textOf(requestFor(parseWebSocketURL(url), { key: KEY, ...init })).split("\r\n");
}

describe("parseWebSocketURL", () => {
  it("takes ws and wss, and http and https for them", () => {
    const good: [string, string][] = [
      ["ws://Example.com", "ws://example.com/"],
      ["wss://example.com:443/a?b", "wss://example.com/a?b"],
      ["http://example.com:80/", "ws://example.com/"],
      ["http://example.com:443/", "ws://example.com:443/"],
      ["https://example.com/", "wss://example.com/"],
      ["https://example.com:80/", "wss://example.com:80/"],
    ];
    for (const [url, href] of good) assert.equal(parseWebSocketURL(url).href, href);
  });

  it("takes a URL object and leaves it as it was", () => {
    const url = new URL("http://example.com/");
    assert.equal(parseWebSocketURL(url).href, "ws://example.com/");
    assert.equal(url.href, "http://example.com/");
  });

  it("refuses what is no absolute URL, or has another scheme", () => {
    for (const url of ["", "/chat", "example.com", "ws://", "ws://[::"]) {
      assertSyntaxError(() => parseWebSocketURL(url), /not an absolute URL/);
    }
    for (const url of ["ftp://a/", "wsx://a/", "data:,x"]) {
      assertSyntaxError(() => parseWebSocketURL(url), /scheme must be ws, wss, http or https/);
    }
  });

  it("3: refuses a fragment, an empty one too", () => {
    assertSyntaxError(() => parseWebSocketURL("ws://a/#b"), /fragment/);
    assertSyntaxError(() => parseWebSocketURL("ws://a/#"), /fragment/);
    assert.equal(parseWebSocketURL("ws://a/%23").pathname, "/%23");
  });
});

describe("checkProtocols", () => {
  it("returns a list, of one, several or none", () => {
    assert.deepEqual(checkProtocols("a"), ["a"]);
    assert.deepEqual(checkProtocols(["a", "b"]), ["a", "b"]);
    assert.deepEqual(checkProtocols(), []);
  });

  it("4.1 item 10: refuses what is not a token, and what comes twice", () => {
    for (const bad of ["", "a b", "a,b", "a\r\nX: y", "\xe9"]) {
      assertSyntaxError(() => checkProtocols(bad), /not a token/);
    }
    assertSyntaxError(() => checkProtocols(["a", "b", "a"]), /"a": it is in the list twice/);
  });
});

describe("requestFor (RFC 6455 section 4.1)", () => {
  it("items 2 to 9: writes GET, HTTP/1.1, Host, Upgrade, Connection, key and version 13", () => {
    assert.deepEqual(linesOf("ws://server.example.com/chat?room=1"), [
      "GET /chat?room=1 HTTP/1.1",
      "Host: server.example.com",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${KEY}`,
      "Sec-WebSocket-Version: 13",
      "",
      "",
    ]);
  });

  it("item 2: the target is / and not empty where the URL has no path", () => {
    assert.equal(linesOf("ws://a")[0], "GET / HTTP/1.1");
    assert.equal(linesOf("ws://a?b")[0], "GET /?b HTTP/1.1");
    assert.equal(linesOf("ws://a/\u00e9 x")[0], "GET /%C3%A9%20x HTTP/1.1");
  });

  it("item 4: Host has the port unless it is the default one", () => {
    assert.equal(linesOf("ws://a:8080/")[1], "Host: a:8080");
    assert.equal(linesOf("ws://a:80/")[1], "Host: a");
    assert.equal(linesOf("wss://a:443/")[1], "Host: a");
    assert.equal(linesOf("wss://a:80/")[1], "Host: a:80");
    assert.equal(linesOf("ws://[::1]:1/")[1], "Host: [::1]:1");
  });

  it("takes another host when asked to, and refuses an invalid one", () => {
    assert.equal(linesOf("ws://a/", { host: "b:1" })[1], "Host: b:1");
    for (const host of ["b\r\nX: y", "b/c", ""]) {
      assert.throws(() => linesOf("ws://a/", { host }), {
        name: "TypeError",
        message: /not a host/,
      });
    }
  });

  it("items 10 and 11: writes the subprotocols and the extensions offered", () => {
    const lines = linesOf("ws://a/", { protocols: ["a", "b"], extensions: "x; y=1" });
    assert.deepEqual(lines.slice(6, 8), [
      "Sec-WebSocket-Protocol: a, b",
      "Sec-WebSocket-Extensions: x; y=1",
    ]);
  });

  it("item 12: adds the caller's headers, an Origin among them", () => {
    const headers = { Origin: "https://a.example", Cookie: "x=y" };
    assert.deepEqual(linesOf("ws://a/", { headers }).slice(6, 8), [
      "Origin: https://a.example",
      "Cookie: x=y",
    ]);
  });

  it("refuses headers that make the handshake", () => {
    for (const name of ["upgrade", "Connection", "Sec-WebSocket-Key", "content-length"]) {
      assert.throws(() => linesOf("ws://a/", { headers: { [name]: "x" } }), {
        name: "TypeError",
        message: `Cannot set header "${name}": it is reserved to the handshake`,
      });
    }
  });

  it("sends user name and password as Basic authorization, unless one is given (RFC 7617)", () => {
    const sent = (url: string): string | undefined =>
      linesOf(url).find((line) => line.startsWith("Authorization: "));
    assert.equal(
      sent("ws://Aladdin:open%20sesame@a/"),
      "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    );
    assert.equal(sent("ws://test:123%C2%A3@a/"), "Authorization: Basic dGVzdDoxMjPCow==");
    assert.equal(sent("ws://user@a/"), `Authorization: Basic ${btoa("user:")}`);
    assert.equal(sent("ws://a/"), undefined);
    const given = linesOf("ws://u:p@a/", { headers: { AUTHORIZATION: "Bearer t" } });
    assert.deepEqual(given.filter((line) => /^authorization/i.test(line)), [
      "AUTHORIZATION: Bearer t",
    ]);
    assert.equal(given[1], "Host: a");
    assertSyntaxError(() => linesOf("ws://u:%ff@a/"), /percent-encoded UTF-8/);
  });

  it("writes what validateRequest accepts", () => {
    const url = parseWebSocketURL("wss://a.example:8443/chat?x=%23");
    const reader = new HeadReader({ kind: "request" });
    reader.push(requestFor(url, { key: KEY, protocols: ["p", "q"], extensions: "e; f" }));
    assert.ok(reader.head);
    const request = validateRequest(reader.head, { secure: true });
    assert.equal(request.url, "https://a.example:8443/chat?x=%23");
    assert.equal(request.key, KEY);
    assert.deepEqual(request.protocols, ["p", "q"]);
    assert.deepEqual(request.extensions, [{ name: "e", params: new Map([["f", true]]) }]);
  });
});
