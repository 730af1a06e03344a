/**
 * TLS of a client in each runtime's own options, whoever opens the socket below; and what the
 * handshake agreed on.
 *
 * @module
 */
import type { ClientTlsOptions } from "../link/transport.ts";
import type { BunSocketOptions } from "./bun_api.ts";
import type { DenoTlsOptions } from "./deno_api.ts";
import { type NodeModules, type NodeTlsConnectOptions, rootCertificates } from "./node_api.ts";
import { alpnMismatch } from "./connect_errors.ts";

/** TLS, and the host that is connected to, whose name is checked unless another is given. */
export type ClientTls = ClientTlsOptions & { hostname: string };

/** What a connection over HTTP/1.1 is called by ALPN (RFC 7301 section 6). */
const HTTP1 = "http/1.1";

/**
 * Which of Deno's functions has what is asked for. `Deno.startTls`, over a TCP connection that may be
 * aborted, takes no certificate of the client. `Deno.connectTls` does, and checks the name that it
 * connects to. Both always check the certificate of the server, which `node:tls` on Deno need not; but
 * that does not say why one was rejected.
 */
export function denoTlsFunction(tls: ClientTls): "startTls" | "connectTls" | "node:tls" {
  const { hostname, serverName = hostname, cert } = tls;
  if (tls.dangerouslyAcceptAnyCertificate === true) return "node:tls";
  if (cert === undefined) return "startTls";
  return serverName === hostname ? "connectTls" : "node:tls";
}

/** The options of `Deno.startTls`, and of `Deno.connectTls` besides the port. */
export function denoTlsOptions(tls: ClientTls): DenoTlsOptions {
  const { hostname, caCerts, serverName = hostname, cert, key, alpn } = tls;
  return {
    hostname: serverName,
    ...(caCerts && { caCerts }),
    ...(alpn && { alpnProtocols: alpn }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
  };
}

/** The options of `tls.connect`, besides those of the socket below. */
export function nodeTlsOptions(
  modules: NodeModules,
  tls: ClientTls,
): Partial<NodeTlsConnectOptions> {
  const { hostname, caCerts, serverName = hostname, cert, key, alpn } = tls;
  const acceptsAny = tls.dangerouslyAcceptAnyCertificate === true;
  return {
    ...(caCerts && { ca: [...rootCertificates(modules), ...caCerts] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(alpn && { ALPNProtocols: alpn }),
    // RFC 6455 section 4.1: a client names the server (SNI), which node:tls does only when told the
    // name. RFC 6066 section 3: an address is never sent. It is checked nevertheless.
    ...(modules.net.isIP(serverName) === 0 ? { servername: serverName } : {}),
    // Not by the environment's NODE_TLS_REJECT_UNAUTHORIZED, which nobody may have meant for us.
    rejectUnauthorized: !acceptsAny,
    checkServerIdentity: (_: string, certificate: unknown): Error | undefined =>
      acceptsAny ? undefined : modules.tls.checkServerIdentity(serverName, certificate),
  };
}

/** The option `tls` of `Bun.connect`. */
export function bunTlsOptions(
  modules: NodeModules | undefined,
  tls: ClientTls,
): NonNullable<BunSocketOptions<unknown>["tls"]> {
  const { hostname, caCerts, serverName = hostname, cert, key, alpn } = tls;
  return {
    serverName,
    ...(caCerts && { ca: [...rootCertificates(modules), ...caCerts] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(alpn && { ALPNProtocols: alpnWire(alpn) }),
    rejectUnauthorized: tls.dangerouslyAcceptAnyCertificate !== true,
  };
}

/** Names as RFC 7301 section 3.1 has them: each behind a byte with its length. */
function alpnWire(names: readonly string[]): Uint8Array {
  const utf8 = new TextEncoder();
  return Uint8Array.from(names.flatMap((name) => {
    const bytes = utf8.encode(name);
    return [bytes.length, ...bytes];
  }));
}

/**
 * Checks what the server chose of the names that were offered by ALPN. A server that knows nothing of
 * ALPN chooses none.
 *
 * @throws {Error} If it is another protocol than HTTP/1.1, for `connectError` to explain.
 */
export function checkChosenAlpn(chosen: unknown): void {
  if (typeof chosen === "string" && chosen !== "" && chosen !== HTTP1) throw alpnMismatch(chosen);
}

let warned = false;

/** Warns of the option `dangerouslyAcceptAnyCertificate`, once in a process. */
export function warnIfUnchecked(tls: ClientTlsOptions | undefined): void {
  if (tls?.dangerouslyAcceptAnyCertificate !== true || warned) return;
  warned = true;
  console.warn(
    "Warning: connect was called with tls.dangerouslyAcceptAnyCertificate: the certificate of the " +
      "server is not checked, and anyone in between can read and change what is sent. " +
      "Use it in development only; for a private authority, pass its certificate in tls.caCerts.",
  );
}
