/**
 * TLS of a server: its certificate, which can be replaced while it listens, and those of clients.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import type { PeerCertificate } from "../handshake/hook.ts";
import type { ServerTlsOptions, TlsKeyPair } from "../link/transport.ts";
import type { BunSocket, BunSocketOptions } from "./bun_api.ts";
import { classify, connectionError, words } from "./errors.ts";
import { checkKeyPair, type NodeModules, type NodeSocket, type NodeX509 } from "./node_api.ts";

/** Whether clients are asked for a certificate, and may come without one. */
export type ClientCertificates = "required" | "optional" | undefined;

/** What the option `requestClientCert` means. */
export function clientCertificatesOf(tls: ServerTlsOptions | undefined): ClientCertificates {
  const wish = tls?.requestClientCert;
  return wish === "optional" ? "optional" : wish === true ? "required" : undefined;
}

/**
 * Parses certificate and key.
 *
 * @throws {Error} If one of them cannot be read, or the key is not that of the certificate.
 */
export function nodeSecureContext(modules: NodeModules, options: ServerTlsOptions): object {
  const { cert, key, ca } = options;
  const context = modules.tls.createSecureContext({
    cert,
    key,
    ...(ca !== undefined && { ca }),
    // OpenSSL resumes no session that had a client's certificate without such a name.
    sessionIdContext: "sluice",
  });
  checkKeyPair(options);
  return context;
}

/** The option `tls` of `Bun.listen`. */
export function bunServerTls(
  options: ServerTlsOptions,
): NonNullable<BunSocketOptions<unknown>["tls"]> {
  const { cert, key, ca } = options;
  const clients = clientCertificatesOf(options);
  if (clients === undefined) return { cert, key };
  return {
    cert,
    key,
    ca: typeof ca === "string" ? [ca] : ca ?? [],
    requestCert: true,
    rejectUnauthorized: clients === "required",
  };
}

/** What Node itself knows of a socket of a TLS server: `authorized` is set by `tls.Server` alone. */
interface VerifyingHandle {
  verifyError?(): (Error & { code?: string }) | null | undefined;
}

/**
 * Checks the certificate of a client once its handshake is over: `node:tls` completes the handshake
 * with a certificate of any authority, and leaves the rest to `tls.Server`, which is not used here.
 *
 * @returns Why the client is to be dropped, if it is.
 */
export function checkNodeClient(
  socket: NodeSocket,
  clients: "required" | "optional",
): Error | undefined {
  // A client could show another certificate later on, which nobody would check (TLS 1.2).
  socket.disableRenegotiation?.();
  if (socket.authorized === true) return undefined;
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) {
    return clients === "optional" ? undefined : missingCertificateError();
  }
  const { _handle } = socket as { _handle?: VerifyingHandle | null };
  const error = _handle?.verifyError?.();
  // Anything else than a plain "no error" refuses: it is not known that the certificate is good.
  if (error === null) return undefined;
  return clientCertificateError(error);
}

/** The same for a socket of Bun's, whose handshake ended with `error`. */
export function checkBunClient(
  socket: BunSocket<unknown>,
  { success, error }: { success: boolean; error: Error | null },
  clients: ClientCertificates,
): TransportError | undefined {
  if (!success) return connectionError(error);
  if (clients === undefined || socket.authorized) return undefined;
  if (socket.getPeerX509Certificate() !== undefined) {
    return clientCertificateError(error);
  }
  return clients === "optional" ? undefined : missingCertificateError();
}

/** What the user's code is told of a certificate. */
export function toPeerCertificate(
  certificate: NodeX509 | undefined,
): PeerCertificate | undefined {
  if (certificate === undefined) return undefined;
  const { subject, subjectAltName, fingerprint256 } = certificate;
  return {
    subject,
    subjectAltName: subjectAltName ?? "",
    fingerprint256,
    pem: certificate.toString(),
  };
}

/**
 * Checks that a certificate and its key can be used.
 *
 * @throws {Error} If not.
 */
export function checkPairWith(modules: NodeModules | undefined, pair: TlsKeyPair): void {
  modules?.tls.createSecureContext(pair);
  checkKeyPair(pair);
}

/** The error for a new certificate that cannot be used. */
export function updateTlsError(cause: unknown): TransportError {
  const code = classify(cause);
  return new TransportError(
    code === "IO_FAILED" ? "TLS_FAILED" : code,
    `Cannot update TLS: the certificate and its key cannot be used (${words(cause)}); ` +
      "the old ones remain in use",
    { cause },
  );
}

/** The error for a client that sent no certificate, where no system says so. */
function missingCertificateError(): TransportError {
  const cause = Object.assign(new Error("no certificate came"), {
    code: "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
  });
  return connectionError(cause);
}

/** The error for a client whose certificate is of no authority in `tls.ca`, or is not valid now. */
function clientCertificateError(cause: Error | null | undefined): TransportError {
  const reason = cause?.message ?? "it was not verified";
  return new TransportError(
    "CLIENT_CERTIFICATE_REJECTED",
    `Cannot use the connection: the client's certificate was rejected (${reason})`,
    { cause },
  );
}
