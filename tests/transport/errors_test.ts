import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { TransportError } from "../../lib/errors.ts";
import { connectError, openingError } from "../../lib/transport/connect_errors.ts";
import {
  acceptError,
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
      ["TLS_FAILED", { code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" }],
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

  it("what a server refuses by TLS gives a client the same code on each runtime", () => {
    const table: [string, RegExp, { code?: string; name?: string; message?: string }[]][] = [
      ["CLIENT_CERTIFICATE_REQUIRED", /pass tls\.cert and tls\.key$/, [
        { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" },
        { name: "InvalidData", message: "received fatal alert: CertificateRequired" },
        { code: "EPROTO", message: "error:1000045c:SSL:TLSV1_ALERT_CERTIFICATE_REQUIRED" },
      ]],
      ["CLIENT_CERTIFICATE_REJECTED", /pass one of an authority that it accepts in tls\.cert/, [
        { code: "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE" },
        { code: "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED" },
        { code: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA" },
        { name: "InvalidData", message: "received fatal alert: UnknownCA" },
        { name: "InvalidData", message: "received fatal alert: CertificateUnknown" },
        { code: "EPROTO", message: "error:10000412:SSL:SSLV3_ALERT_BAD_CERTIFICATE" },
      ]],
      ["ALPN_MISMATCH", /no protocol was agreed on \(.+\).*pass tls\.alpn/, [
        { code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" },
        { name: "InvalidData", message: "received fatal alert: NoApplicationProtocol" },
        { code: "EPROTO", message: "error:10000460:SSL:TLSV1_ALERT_NO_APPLICATION_PROTOCOL" },
      ]],
    ];
    const client = { ...endpoint, hasCertificate: false };
    for (const [code, text, causes] of table) {
      for (const cause of causes.map(thrown)) {
        const error = connectError(cause, endpoint);
        assert.equal(error.code, code, cause.message);
        assert.match(error.message, text);
        // With TLS 1.3 the alert comes when the connection counts as open.
        const late = openingError(connectionError(cause), client) as TransportError;
        assert.deepEqual([late.code, late.message], [code, error.message]);
        // To a server the same alert says that the client does not trust it.
        assert.equal(connectionError(cause).code, "TLS_FAILED");
      }
    }
    const other = connectionError(thrown({ code: "ECONNRESET" }));
    assert.equal(openingError(other, client), other);
    assert.equal(openingError(7, client), 7);
    const told = openingError(other, { ...client, hasCertificate: true }) as TransportError;
    assert.equal(told.code, "CONNECTION_RESET");
    assert.match(told.message, /reset it; perhaps it does not accept .* \(tls\.cert\)$/);
  });

  it("a certificate that is rejected says what to do, on each runtime", () => {
    const table: [RegExp, { code?: string; name?: string; message?: string }[]][] = [
      [/it has expired: the server needs a new one/, [
        { code: "CERT_HAS_EXPIRED" },
        { message: "invalid peer certificate: certificate expired: verification time 1" },
      ]],
      [/it is not valid yet: check the clock/, [
        { code: "CERT_NOT_YET_VALID" },
        { message: "invalid peer certificate: certificate not valid yet: verification time 1" },
      ]],
      [/it is for another name: .* tls\.serverName$/, [
        { code: "ERR_TLS_CERT_ALTNAME_INVALID" },
        { message: "invalid peer certificate: certificate not valid for name x" },
      ]],
      [/a private authority's certificate goes into tls\.caCerts$/, [
        { code: "SELF_SIGNED_CERT_IN_CHAIN" },
        { message: "invalid peer certificate: UnknownIssuer" },
      ]],
    ];
    for (const [text, causes] of table) {
      for (const cause of causes.map(thrown)) {
        const error = connectError(cause, endpoint);
        assert.equal(error.code, "CERTIFICATE_REJECTED");
        assert.match(error.message, text);
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
