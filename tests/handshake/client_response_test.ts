import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { acceptHead } from "../../lib/handshake/answer.ts";
import { checkResponse } from "../../lib/handshake/client_response.ts";
import type { ClientOffer } from "../../lib/handshake/client_response.ts";
import { HeadReader } from "../../lib/handshake/head_reader.ts";
import { ACCEPT, handshakeError, KEY, responseHead } from "./support.ts";
import type { Lines } from "./support.ts";

const OFFER: ClientOffer = { key: KEY, protocols: ["chat", "superchat"], extensions: ["e", "f"] };

function failed(lines: Lines, code: string, offer: ClientOffer = OFFER): string {
  const error = handshakeError(() => checkResponse(responseHead(lines), offer), {
    code,
    status: 101,
  });
  assert.match(error.message, /^Cannot open connection: the server/);
  return error.message;
}

function explained(status: number, lines: Lines = {}, statusText = ""): string {
  const head = responseHead(lines, { status, statusText });
  return handshakeError(() => checkResponse(head, OFFER), { code: "STATUS", status }).message;
}

describe("checkResponse (RFC 6455 section 4.1)", () => {
  it("accepts 101 with Upgrade, Connection and the answer to the key", () => {
    assert.deepEqual(checkResponse(responseHead(), OFFER), {
      protocol: "",
      extensions: [],
      deflate: undefined,
    });
  });

  it("returns the subprotocol and the extensions that the server chose", () => {
    const lines = {
      "sec-websocket-protocol": "superchat",
      "sec-websocket-extensions": ["f; a=1", "e"],
    };
    assert.deepEqual(checkResponse(responseHead(lines), OFFER), {
      protocol: "superchat",
      deflate: undefined,
      extensions: [
        { name: "f", params: new Map([["a", "1"]]) },
        { name: "e", params: new Map() },
      ],
    });
  });

  it("accepts what acceptHead writes", () => {
    const reader = new HeadReader({ kind: "response" });
    reader.push(acceptHead({ key: KEY, protocol: "chat", extensions: "e; x=1" }));
    assert.ok(reader.head);
    const { protocol, extensions } = checkResponse(reader.head, OFFER);
    assert.equal(protocol, "chat");
    assert.deepEqual(extensions, [{ name: "e", params: new Map([["x", "1"]]) }]);
  });

  it("item 1: another status than 101 is no acceptance; the error has status and headers", () => {
    const head = responseHead({ "x-why": "a" }, { status: 200, statusText: "OK" });
    const error = handshakeError(() => checkResponse(head, OFFER), { code: "STATUS", status: 200 });
    assert.equal(
      error.message,
      "Cannot open connection: the server answered 200 OK instead of 101: " +
        "no WebSocket endpoint at this URL",
    );
    assert.equal(error.headers.get("x-why"), "a");
  });

  it("item 1: says what to do about each status", () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const message = explained(status, { location: "https://b.example/" });
      assert.match(
        message,
        /to "https:\/\/b.example\/": connect to the new URL, or have it followed/,
      );
    }
    assert.match(explained(302), /a redirect elsewhere/);
    assert.match(explained(401, {}, "Who"), /401 Who: no credentials .* Authorization header$/);
    assert.match(explained(403), /403 Forbidden: the server refuses this client/);
    assert.match(explained(404), /404 Not Found instead of 101: no WebSocket endpoint/);
    assert.match(explained(407), /the proxy asks for credentials/);
    assert.match(explained(426, { "sec-websocket-version": "8, 7" }), /versions "8, 7", not 13/);
    assert.match(explained(426), /426 Upgrade Required instead of 101$/);
    assert.match(explained(400), /400 Bad Request instead of 101$/);
    assert.match(explained(429), /try again later$/);
    assert.match(explained(503, { "retry-after": "120" }), /try again after "120"$/);
    assert.match(explained(500), /the server, or a proxy in front of it, failed$/);
    assert.match(explained(999), /999 Server Error instead of 101/);
  });

  it("item 1: to a 401 suggests an Authorization header only if none was sent", () => {
    const head = responseHead({}, { status: 401, statusText: "Unauthorized" });
    const offered = { ...OFFER, authorized: true };
    const { message } = handshakeError(() => checkResponse(head, offered), {
      code: "STATUS",
      status: 401,
    });
    assert.equal(
      message,
      "Cannot open connection: the server answered 401 Unauthorized: " +
        "the credentials in the Authorization header were not accepted",
    );
  });

  it("refuses 101 in HTTP/1.0, which has no upgrade", () => {
    const head = responseHead({}, { minorVersion: 0 });
    handshakeError(() => checkResponse(head, OFFER), { code: "HTTP_VERSION", status: 101 });
  });

  it("item 2: Upgrade must be websocket, in any case, and nothing else", () => {
    checkResponse(responseHead({ upgrade: "WebSocket" }), OFFER);
    for (const upgrade of [undefined, "", "h2c", "websocket, h2c", ["websocket", "websocket"]]) {
      failed({ upgrade }, "UPGRADE_HEADER");
    }
  });

  it("item 3: Connection must have Upgrade, in any case, perhaps among others", () => {
    checkResponse(responseHead({ connection: "keep-alive, UPGRADE" }), OFFER);
    checkResponse(responseHead({ connection: ["keep-alive", "upgrade"] }), OFFER);
    for (const connection of [undefined, "", "close", "upgraded"]) {
      failed({ connection }, "CONNECTION_HEADER");
    }
  });

  it("item 4: Accept must be there once, and answer the key", () => {
    const wrong = [undefined, "", KEY, ACCEPT.toLowerCase(), `${ACCEPT}x`, [ACCEPT, ACCEPT]];
    for (const accept of wrong) failed({ "sec-websocket-accept": accept }, "ACCEPT_MISMATCH");
  });

  it("item 5: an extension that was not offered is refused", () => {
    const lines = { "sec-websocket-extensions": "e, g" };
    assert.match(failed(lines, "EXTENSION_NOT_OFFERED"), /"g", which was not offered/);
    failed(lines, "EXTENSION_NOT_OFFERED", { key: KEY });
  });

  it("item 5: extensions that break the grammar of 9.1 are refused", () => {
    for (const value of ["", "e;", "e; a=1; a=", "e f"]) {
      failed({ "sec-websocket-extensions": value }, "EXTENSIONS_HEADER");
    }
  });

  it("item 6: a subprotocol that was not offered is refused; case counts", () => {
    failed({ "sec-websocket-protocol": "other" }, "PROTOCOL_NOT_OFFERED");
    failed({ "sec-websocket-protocol": "CHAT" }, "PROTOCOL_NOT_OFFERED");
    failed({ "sec-websocket-protocol": "chat" }, "PROTOCOL_NOT_OFFERED", { key: KEY });
  });

  it("11.3.4: more than one subprotocol, on one line or two, is refused", () => {
    for (const value of ["chat, superchat", ["chat", "superchat"], ["chat", "chat"], ""]) {
      failed({ "sec-websocket-protocol": value }, "PROTOCOL_HEADER");
    }
  });
});
