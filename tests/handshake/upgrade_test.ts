import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { isWebSocketUpgrade, type RequestLike } from "../../lib/handshake/upgrade.ts";

function withUpgrade(...values: readonly string[]): Request {
  const headers = new Headers();
  for (const value of values) headers.append("Upgrade", value);
  return new Request("http://localhost/", { headers });
}

describe("isWebSocketUpgrade", () => {
  it("compares without regard to case, in a list (RFC 6455 4.2.1, RFC 9110 7.8)", () => {
    for (
      const value of ["websocket", "WebSocket", "WEBSOCKET", "h2c, WebSocket", ",websocket\t,"]
    ) {
      assert.equal(isWebSocketUpgrade(withUpgrade(value)), true, value);
    }
    assert.equal(isWebSocketUpgrade(withUpgrade("h2c", "websocket")), true);
  });

  it("is false of other requests", () => {
    for (const value of ["", "h2c", "websockets", "web socket", "websocket/13", "x-websocket"]) {
      assert.equal(isWebSocketUpgrade(withUpgrade(value)), false, value);
    }
    assert.equal(isWebSocketUpgrade(withUpgrade()), false);
  });

  it("takes a request of node:http", () => {
    const request = new IncomingMessage(new Socket());
    assert.equal(isWebSocketUpgrade(request), false);
    request.headers.upgrade = "h2c, WebSocket";
    assert.equal(isWebSocketUpgrade(request), true);
  });

  it("takes a header of any name for a header", () => {
    const headers = { get: "x", upgrade: "websocket" };
    assert.equal(isWebSocketUpgrade({ headers }), true);
  });

  it("refuses what has no headers, and says what it takes", () => {
    for (
      const value of [undefined, null, {}, "websocket", { headers: "upgrade" }, { headers: null }]
    ) {
      assert.throws(() => isWebSocketUpgrade(value as unknown as RequestLike), {
        name: "TypeError",
        message: "Cannot read request: expected a Request, or an IncomingMessage of node:http",
      });
    }
  });
});
