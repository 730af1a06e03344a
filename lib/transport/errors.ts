/**
 * Turns what the runtimes throw into TransportErrors, with a stable code and a message that says
 * what happened and what to do about it.
 *
 * @module
 */

import { TransportError } from "../errors.ts";
import type { TransportErrorCode } from "../errors.ts";
import { isInstance, textOf } from "../thrown.ts";

/** The address that an attempt was about. */
export interface Endpoint {
  /** The host's name or address. */
  hostname?: string | undefined;
  /** The port. */
  port?: number | undefined;
  /** The path of a Unix socket, in place of the two. */
  path?: string | undefined;
}

/** The system's own codes, and the names of Deno's error classes, which have no code on TLS. */
const codes: ReadonlyMap<string, TransportErrorCode> = /* @__PURE__ */ new Map<
  string,
  TransportErrorCode
>([
  ["EADDRINUSE", "ADDRESS_IN_USE"],
  ["AddrInUse", "ADDRESS_IN_USE"],
  ["EADDRNOTAVAIL", "ADDRESS_NOT_AVAILABLE"],
  ["AddrNotAvailable", "ADDRESS_NOT_AVAILABLE"],
  ["EACCES", "PERMISSION_DENIED"],
  ["EPERM", "PERMISSION_DENIED"],
  ["PermissionDenied", "PERMISSION_DENIED"],
  ["NotCapable", "PERMISSION_DENIED"],
  ["ECONNREFUSED", "CONNECTION_REFUSED"],
  ["ConnectionRefused", "CONNECTION_REFUSED"],
  ["ENOTFOUND", "NAME_NOT_RESOLVED"],
  ["EAI_AGAIN", "NAME_NOT_RESOLVED"],
  ["EAI_NONAME", "NAME_NOT_RESOLVED"],
  ["EAI_FAIL", "NAME_NOT_RESOLVED"],
  ["EHOSTUNREACH", "HOST_UNREACHABLE"],
  ["ENETUNREACH", "HOST_UNREACHABLE"],
  ["EHOSTDOWN", "HOST_UNREACHABLE"],
  ["ECONNRESET", "CONNECTION_RESET"],
  ["ConnectionReset", "CONNECTION_RESET"],
  ["ECONNABORTED", "CONNECTION_RESET"],
  ["ConnectionAborted", "CONNECTION_RESET"],
  ["EPIPE", "CONNECTION_RESET"],
  ["BrokenPipe", "CONNECTION_RESET"],
  ["UnexpectedEof", "CONNECTION_ENDED"],
  ["ETIMEDOUT", "TIMED_OUT"],
  ["TimedOut", "TIMED_OUT"],
  ["EMFILE", "TOO_MANY_OPEN_FILES"],
  ["ENFILE", "TOO_MANY_OPEN_FILES"],
  ["EPROTO", "TLS_FAILED"],
  ["InvalidData", "TLS_FAILED"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "CLIENT_CERTIFICATE_REQUIRED"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "CERTIFICATE_REJECTED"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERTIFICATE_REJECTED"],
  ["UNABLE_TO_GET_ISSUER_CERT", "CERTIFICATE_REJECTED"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "CERTIFICATE_REJECTED"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "CERTIFICATE_REJECTED"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "CERTIFICATE_REJECTED"],
  ["CERT_HAS_EXPIRED", "CERTIFICATE_REJECTED"],
  ["CERT_NOT_YET_VALID", "CERTIFICATE_REJECTED"],
  ["CERT_REVOKED", "CERTIFICATE_REJECTED"],
  ["CERT_UNTRUSTED", "CERTIFICATE_REJECTED"],
  ["CERT_REJECTED", "CERTIFICATE_REJECTED"],
  ["CERT_SIGNATURE_FAILURE", "CERTIFICATE_REJECTED"],
  ["CERT_CHAIN_TOO_LONG", "CERTIFICATE_REJECTED"],
  ["INVALID_CA", "CERTIFICATE_REJECTED"],
  ["INVALID_PURPOSE", "CERTIFICATE_REJECTED"],
  ["PATH_LENGTH_EXCEEDED", "CERTIFICATE_REJECTED"],
  ["HOSTNAME_MISMATCH", "CERTIFICATE_REJECTED"],
]);

/** A thrown value's string property, or `""`. */
export function property(cause: unknown, name: "code" | "name" | "message"): string {
  if (typeof cause !== "object" || cause === null) return "";
  try {
    const value = (cause as Record<typeof name, unknown>)[name];
    return typeof value === "string" ? value : "";
  } catch {
    return ""; // a user's stream may fail with anything
  }
}

/** The stable code for what a runtime threw. */
export function classify(cause: unknown): TransportErrorCode {
  const message = property(cause, "message");
  // Deno tells these two apart from others of their class by the text alone.
  if (message.startsWith("invalid peer certificate")) return "CERTIFICATE_REJECTED";
  if (message.startsWith("failed to lookup address")) return "NAME_NOT_RESOLVED";
  const code = property(cause, "code");
  // Bun has EPROTO for whatever fails in a handshake.
  if (message.endsWith("PEER_DID_NOT_RETURN_A_CERTIFICATE")) return "CLIENT_CERTIFICATE_REQUIRED";
  const known = codes.get(code) ?? codes.get(property(cause, "name"));
  if (known !== undefined) return known;
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_OSSL_") ? "TLS_FAILED" : "IO_FAILED";
}

/** `host:port`, an IPv6 address in brackets, or the path of a Unix socket. */
export function endpointName({ hostname = "localhost", port = 0, path }: Endpoint): string {
  if (path !== undefined) return path;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** What a runtime said, for the causes that we have no better words for. */
export function words(cause: unknown): string {
  const text = property(cause, "message") || property(cause, "code") || textOf(cause);
  return text.trim().replace(/\.$/, "");
}

/** The permission that Deno wants for an endpoint, or `undefined` if it was not Deno who refused. */
export function denoFlag(cause: unknown, endpoint: Endpoint): string | undefined {
  if (property(cause, "name") !== "NotCapable") return undefined;
  return endpoint.path === undefined
    ? `--allow-net=${endpointName(endpoint)}`
    : `--allow-net=unix:${endpoint.path} --allow-read=${endpoint.path} ` +
      `--allow-write=${endpoint.path}`;
}

/** The codes of a path in a folder that does not exist, and Deno's names for them. */
const noFolder: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "ENOENT",
  "ENOTDIR",
  "NotFound",
  "NotADirectory",
]);

function listenCode(cause: unknown, { hostname, path }: Endpoint): TransportErrorCode {
  const code = property(cause, "code");
  if (path !== undefined && (noFolder.has(code) || noFolder.has(property(cause, "name")))) {
    return "ADDRESS_NOT_AVAILABLE";
  }
  // Bun gives no code, and these words, for a name that it does not find.
  const isUnknownName = code === "" && path === undefined &&
    property(cause, "message") === `Failed to listen at ${hostname}`;
  return isUnknownName ? "NAME_NOT_RESOLVED" : classify(cause);
}

/** The error for a `listen` that failed with `cause`. */
export function listenError(cause: unknown, endpoint: Endpoint): TransportError {
  const code = listenCode(cause, endpoint);
  const flag = denoFlag(cause, endpoint);
  return new TransportError(
    code,
    `Cannot listen on ${endpointName(endpoint)}: ${explain()}`,
    { cause },
  );

  function explain(): string {
    if (flag !== undefined) return `permission denied; run Deno with ${flag}`;
    switch (code) {
      case "ADDRESS_IN_USE":
        return endpoint.path === undefined
          ? "the port is in use; choose another or pass port: 0"
          : "the path is in use; choose another, or remove the file if nothing listens there";
      case "ADDRESS_NOT_AVAILABLE":
        return endpoint.path === undefined
          ? "the address is not one of this machine's; choose another hostname"
          : "its folder is missing; create the folder, or choose another path";
      case "PERMISSION_DENIED":
        return endpoint.path === undefined
          ? "permission denied; ports below 1024 often need privileges, choose a higher one"
          : "permission denied; choose a path in a folder that may be written";
      case "NAME_NOT_RESOLVED":
        return "the name was not resolved; pass an address of this machine as hostname";
      default:
        return words(cause);
    }
  }
}

/** The error for an established connection that failed with `cause`. */
export function connectionError(cause: unknown): TransportError {
  if (isInstance(cause, TransportError)) return cause;
  const code = classify(cause);
  return new TransportError(code, `Cannot use the connection: ${explain()}`, { cause });

  function explain(): string {
    switch (code) {
      case "CONNECTION_RESET":
        return "the peer reset it";
      case "TIMED_OUT":
        return "the peer stopped answering";
      case "CLIENT_CERTIFICATE_REQUIRED":
        return "the client sent no certificate (tls.requestClientCert)";
      case "TLS_FAILED":
        return `TLS failed (${words(cause)})`;
      default:
        return words(cause);
    }
  }
}

/** The error for a peer that dropped the connection, where no system tells it. */
export function resetError(): TransportError {
  return new TransportError("CONNECTION_RESET", "Cannot use the connection: the peer reset it");
}

/** The error for a peer that hung up in the middle of a TLS handshake. */
export function handshakeEndedError(): TransportError {
  const cause = new Error("the peer hung up");
  cause.name = "UnexpectedEof";
  const message = "Cannot use the connection: the peer hung up during the TLS handshake";
  return new TransportError("TLS_FAILED", message, { cause });
}

/**
 * What `accept` fails with because of one client alone, which has gone or cannot be reached: accept(2)
 * says to treat these as if nobody had come. ENOTCONN is Deno's, which asks for the peer's address.
 */
const leftEarly: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EINTR",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTCONN",
  "EPERM",
  "EPROTO",
  "ConnectionAborted",
  "ConnectionReset",
  "NotConnected",
]);

/** Whether `accept` failed only as the client was reset before: the next one can be accepted at once. */
export function hasLeftEarly(cause: unknown): boolean {
  return leftEarly.has(property(cause, "code")) || leftEarly.has(property(cause, "name"));
}

/** The error for an `accept` that failed with `cause`. */
export function acceptError(cause: unknown): TransportError {
  const code = classify(cause);
  const reason = code === "TOO_MANY_OPEN_FILES"
    ? "too many open files; raise the limit (ulimit -n) or set maxConnections"
    : words(cause);
  return new TransportError(code, `Cannot accept a connection: ${reason}`, { cause });
}
