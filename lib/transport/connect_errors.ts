/**
 * What `connect` fails with: what happened, and what to do about it. TLS has most to say, and each
 * runtime has its own words for the same cause.
 *
 * @module
 */
import { TransportError, type TransportErrorCode } from "../errors.ts";
import { isInstance } from "../thrown.ts";
import { classify, denoFlag, type Endpoint, endpointName, property, words } from "./errors.ts";

/** The code of `alpnMismatch`. */
const ALPN_MISMATCH = "ERR_ALPN_MISMATCH";

/**
 * The alerts (RFC 8446 section 6.2) by which a server refuses a client. OpenSSL has
 * "alert bad certificate", BoringSSL "ALERT_BAD_CERTIFICATE", rustls "fatal alert: BadCertificate".
 */
const REQUIRED_ALERT = /alert:?certificaterequired/;
const REJECTED_ALERT =
  /alert:?(badcertificate|unsupportedcertificate|certificate(revoked|expired|unknown)|unknownca)/;
const ALPN_ALERT = /alert:?noapplicationprotocol/;

/** The error for a `connect` that failed with `cause`. */
export function connectError(error: unknown, endpoint: Endpoint): TransportError {
  // What failed during a TLS handshake may have been told as an established connection's trouble.
  const cause = isInstance(error, TransportError) ? error.cause : error;
  let code = serverRefusal(cause) ?? classify(cause);
  const flag = denoFlag(cause, endpoint);
  // A path where no socket is: nobody listens there.
  if (endpoint.path !== undefined && property(cause, "code") === "ENOENT") {
    code = "CONNECTION_REFUSED";
  }
  return new TransportError(
    code,
    `Cannot connect to ${endpointName(endpoint)}: ${explain()}`,
    { cause },
  );

  function explain(): string {
    if (flag !== undefined) return `permission denied; run Deno with ${flag}`;
    switch (code) {
      case "CONNECTION_REFUSED":
        return "connection refused; nothing listens there";
      case "NAME_NOT_RESOLVED":
        return "the name was not resolved; check its spelling and the network";
      case "HOST_UNREACHABLE":
        return "no route to the host";
      case "PERMISSION_DENIED":
        return "permission denied by the system";
      case "TIMED_OUT":
        return "no answer in time";
      case "CONNECTION_RESET":
      case "CONNECTION_ENDED":
        return "the peer hung up before the connection was ready";
      case "CERTIFICATE_REJECTED":
        return `the certificate was rejected (${words(cause)}); ` +
          certificateAdvice(cause);
      case "CLIENT_CERTIFICATE_REQUIRED":
        return "the server wants a certificate of the client; pass tls.cert and tls.key";
      case "CLIENT_CERTIFICATE_REJECTED":
        return `the server rejected the client's certificate (${words(cause)}); ` +
          "pass one of an authority that it accepts in tls.cert and tls.key";
      case "ALPN_MISMATCH":
        return `no protocol was agreed on (${words(cause)}); ` +
          'WebSockets need HTTP/1.1: pass tls.alpn: ["http/1.1"], or leave it out';
      case "TLS_FAILED":
        return `the TLS handshake failed (${words(cause)}); check that TLS is spoken there, ` +
          "or connect to a ws: URL";
      default:
        return words(cause);
    }
  }
}

/**
 * The error for an opening handshake that failed with `error`. With TLS 1.3 (RFC 8446 appendix E.1) a
 * server refuses a client's certificate when the client takes the TLS handshake for complete; some
 * only hang up.
 */
export function openingError(
  error: unknown,
  endpoint: Endpoint & { hasCertificate: boolean },
): unknown {
  if (!isInstance(error, TransportError)) return error;
  if (serverRefusal(error.cause) !== undefined) return connectError(error, endpoint);
  const { code, message, cause } = error;
  const isEnd = code === "CONNECTION_ENDED" || code === "CONNECTION_RESET";
  if (!isEnd || !endpoint.hasCertificate) return error;
  const hint = "perhaps it does not accept the client's certificate (tls.cert)";
  return new TransportError(code, `${message}; ${hint}`, cause === undefined ? {} : { cause });
}

/** The code for a server that refused by TLS's own means, in the handshake or right behind it. */
function serverRefusal(cause: unknown): TransportErrorCode | undefined {
  const code = property(cause, "code");
  if (code === ALPN_MISMATCH) return "ALPN_MISMATCH";
  const text = `${code} ${property(cause, "message")}`.replaceAll(/[_ ]/g, "").toLowerCase();
  if (REQUIRED_ALERT.test(text)) return "CLIENT_CERTIFICATE_REQUIRED";
  if (REJECTED_ALERT.test(text)) return "CLIENT_CERTIFICATE_REJECTED";
  return ALPN_ALERT.test(text) ? "ALPN_MISMATCH" : undefined;
}

/** What to do about a certificate of a server that was rejected. */
function certificateAdvice(cause: unknown): string {
  const code = property(cause, "code"), message = property(cause, "message");
  if (code === "CERT_HAS_EXPIRED" || message.includes("certificate expired")) {
    return "it has expired: the server needs a new one, if the clock of this machine is right";
  }
  if (code === "CERT_NOT_YET_VALID" || message.includes("certificate not valid yet")) {
    return "it is not valid yet: check the clock of this machine";
  }
  if (
    code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH" ||
    message.includes("certificate not valid for name")
  ) {
    return "it is for another name: connect to a name that it has, or pass that as tls.serverName";
  }
  return "a private authority's certificate goes into tls.caCerts";
}

/** What connecting fails with where the server chose a protocol that we do not speak. */
export function alpnMismatch(chosen: string): Error {
  return Object.assign(new Error(`the server chose ${JSON.stringify(chosen)}`), {
    code: ALPN_MISMATCH,
  });
}
