import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { TransportError } from "../../lib/errors.ts";
import {
  acceptError,
  connectError,
  connectionError,
  endpointName,
  handshakeEndedError,
  listenError,
} from "../../lib/transport/errors.ts";

/** An error as a runtime makes it. */
function thrown(details: { code?: string; name?: string; message?: string }): Error {
  return Object.assign(new Error(details.message ?? "something"), details);
}

const endpoint = { hostname: "127.0.0.1", port: 80 };

describe("errors of the sockets", () => {
  it("an endpoint is named as users write it", () => {
    assert.equal(endpointName(endpoint), "127.0.0.1:80");
    assert.equal(endpointName({ hostname: "::1", port: 8080 }), "[::1]:8080");
    assert.equal(endpointName({ path: "/run/x.sock" }), "/run/x.sock");
    assert.equal(endpointName({ port: 1 }), "localhost:1");
  });

  it("each runtime's words for a cause give the same code", () => {
    const table: [string, { code?: string; name?: string; message?: string }][] = [
      ["ADDRESS_IN_USE", { code: "EADDRINUSE" }],
      ["ADDRESS_IN_USE", { name: "AddrInUse" }],
      ["CONNECTION_REFUSED", { code: "ECONNREFUSED", name: "AggregateError" }],
      ["CONNECTION_RESET", { name: "BrokenPipe" }],
      ["CONNECTION_RESET", { code: "EPIPE" }],
      ["NAME_NOT_RESOLVED", { code: "ENOTFOUND" }],
      ["NAME_NOT_RESOLVED", { message: "failed to lookup address information: unknown" }],
      ["HOST_UNREACHABLE", { code: "ENETUNREACH" }],
      ["TIMED_OUT", { code: "ETIMEDOUT" }],
      ["PERMISSION_DENIED", { name: "NotCapable" }],
      ["TOO_MANY_OPEN_FILES", { code: "EMFILE" }],
      ["CERTIFICATE_REJECTED", { code: "CERT_HAS_EXPIRED" }],
      ["CERTIFICATE_REJECTED", { name: "InvalidData", message: "invalid peer certificate: X" }],
      ["TLS_FAILED", { name: "InvalidData", message: "received corrupt message" }],
      ["TLS_FAILED", { code: "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE" }],
      ["IO_FAILED", { code: "EIO" }],
      ["IO_FAILED", {}],
    ];
    for (const [code, details] of table) {
      const cause = thrown(details);
      for (const error of [listenError(cause, endpoint), connectError(cause, endpoint)]) {
        assert.equal(error.code, code, JSON.stringify(details));
        assert.equal(error.cause, cause);
      }
    }
  });

  it("values that are not errors are reported as they are", () => {
    for (const cause of [undefined, null, "text", 7]) {
      assert.equal(connectionError(cause).code, "IO_FAILED");
      assert.equal(connectionError(cause).message, `Cannot use the connection: ${cause}`);
    }
  });

  it("no message ends in a period", () => {
    const causes = ["EADDRINUSE", "EACCES", "ECONNREFUSED", "ECONNRESET", "EMFILE", "EIO"]
      .map((code) => thrown({ code, message: "It failed." }));
    for (const cause of causes) {
      for (
        const error of [
          listenError(cause, endpoint),
          listenError(cause, { path: "/x" }),
          connectError(cause, endpoint),
          connectionError(cause),
          acceptError(cause),
        ]
      ) {
        assert.match(error.message, /^Cannot .*[^.]$/);
      }
    }
  });

  it("Deno's flag is named where Deno refused", () => {
    const cause = thrown({ name: "NotCapable" });
    assert.match(listenError(cause, endpoint).message, /--allow-net=127\.0\.0\.1:80$/);
    assert.match(connectError(cause, endpoint).message, /--allow-net=127\.0\.0\.1:80$/);
    const path = "/run/x.sock";
    assert.match(
      listenError(cause, { path }).message,
      /--allow-read=\/run\/x\.sock --allow-write=/,
    );
  });

  it("a low port without privileges says what to do", () => {
    const error = listenError(thrown({ code: "EACCES", name: "PermissionDenied" }), endpoint);
    assert.equal(error.code, "PERMISSION_DENIED");
    assert.match(error.message, /ports below 1024 often need privileges/);
  });

  it("a peer that hangs up in the TLS handshake is told in the words of connect", () => {
    const error = connectError(handshakeEndedError(), endpoint);
    assert.equal(error.code, "CONNECTION_ENDED");
    assert.match(error.message, /the peer hung up before the connection was ready$/);
  });

  it("a TransportError of an open connection stays itself", () => {
    const error = new TransportError("TIMED_OUT", "Cannot go on");
    assert.equal(connectionError(error), error);
  });
});
