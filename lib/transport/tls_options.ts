/**
 * Checks the option `tls` of a server and of a client.
 *
 * @module
 */
import type { ClientTlsOptions, ServerTlsOptions, TlsKeyPair } from "../link/transport.ts";
import { checkKeyPair } from "./node_api.ts";
import { checkNames, type Names, type OptionNames, typeName } from "../options.ts";

const KEY_PAIR: OptionNames<TlsKeyPair> = { cert: true, key: true };
const SERVER_TLS: OptionNames<ServerTlsOptions> & Names = {
  cert: true,
  key: true,
  ca: true,
  requestClientCert: true,
  requestCert: "is not an option; did you mean tls.requestClientCert?",
  rejectUnauthorized: "is not an option: certificates of clients are always checked; " +
    'pass tls.requestClientCert: "optional" to let clients without one in',
};

const ELSEWHERE = {
  ca: "is not an option; did you mean tls.caCerts, a list?",
  rejectUnauthorized: "is not an option: certificates are always checked; " +
    "pass the certificate of a private authority in tls.caCerts",
  ALPNProtocols: "is not an option; did you mean tls.alpn?",
};
const CLIENT_TLS: OptionNames<ClientTlsOptions> = /* @__PURE__ */ clientTls();

function clientTls(): OptionNames<ClientTlsOptions> {
  return {
    ...ELSEWHERE,
    caCerts: true,
    serverName: true,
    cert: true,
    key: true,
    alpn: true,
    dangerouslyAcceptAnyCertificate: true,
  };
}

/** What begins a part of PEM text (RFC 7468 section 3). */
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/;
const KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;

/**
 * Checks the option `tls` of a server.
 *
 * @throws {TypeError} If it is not an object with a certificate and its key as PEM text, or what it
 * says of clients is invalid.
 */
export function checkServerTls(tls: unknown): void {
  if (tls === undefined) return;
  if (typeof tls !== "object" || tls === null) {
    throw new TypeError(
      `Cannot listen: tls must be an object with tls.cert and tls.key, got ${typeName(tls)}; ` +
        "leave it out to listen without TLS",
    );
  }
  checkNames(tls, SERVER_TLS, { verb: "listen", prefix: "tls." });
  checkPair("Cannot listen: tls.", tls);
  const { ca, requestClientCert } = tls as { ca?: unknown; requestClientCert?: unknown };
  checkClients(ca, requestClientCert);
}

/**
 * Checks what `updateTls` is called with.
 *
 * @throws {TypeError} If it is not an object with a certificate and its key as PEM text.
 */
export function checkNewPair(pair: unknown): void {
  checkNames(pair, KEY_PAIR, { verb: "update TLS" });
  checkPair("Cannot update TLS: ", pair as object);
}

/** Checks a certificate and its key. */
function checkPair(name: string, pair: { cert?: unknown; key?: unknown }): void {
  const { cert, key } = pair;
  checkPem(`${name}cert`, cert, CERTIFICATE);
  checkPem(`${name}key`, key, KEY);
  if ((key as string).includes("ENCRYPTED")) {
    throw new TypeError(
      `${name}key is encrypted with a passphrase; decrypt it (openssl pkey)`,
    );
  }
}

/** Checks whether clients are asked for a certificate, and of which authorities. */
function checkClients(ca: unknown, wish: unknown): void {
  if (wish !== undefined && typeof wish !== "boolean" && wish !== "optional") {
    throw new TypeError(
      'Cannot listen: tls.requestClientCert must be true, false or "optional", got ' +
        (typeof wish === "string" ? JSON.stringify(wish) : typeName(wish)),
    );
  }
  const isEmpty = ca === undefined || Array.isArray(ca) && ca.length === 0;
  if (wish && isEmpty) {
    throw new TypeError(
      "Cannot listen: tls.requestClientCert needs tls.ca, the authorities (PEM) whose certificates " +
        "clients may have",
    );
  }
  if (ca === undefined) return;
  if (!wish) {
    throw new TypeError(
      "Cannot listen: tls.ca is for the certificates of clients, with tls.requestClientCert: true; " +
        "certificates that lead to the authority of tls.cert go behind it, in the same text",
    );
  }
  if (!Array.isArray(ca)) return checkPem("Cannot listen: tls.ca", ca, CERTIFICATE);
  ca.forEach((cert: unknown, i) => checkPem(`Cannot listen: tls.ca[${i}]`, cert, CERTIFICATE));
}

/**
 * Checks the option `tls` of a client.
 *
 * @throws {TypeError} If it is not an object with certificates as PEM text and a name, if there is a
 * certificate without its key, or if the key is that of another certificate.
 */
export function checkClientTls(tls: unknown): void {
  if (tls === undefined) return;
  checkNames(tls, CLIENT_TLS, { verb: "connect", prefix: "tls." });
  const { caCerts, serverName, alpn, dangerouslyAcceptAnyCertificate: acceptsAny } =
    tls as Readonly<Record<keyof ClientTlsOptions, unknown>>;
  if (caCerts !== undefined && !Array.isArray(caCerts)) {
    throw new TypeError(
      `Cannot connect: tls.caCerts must be a list of PEM texts, got ${typeName(caCerts)}`,
    );
  }
  caCerts?.forEach((cert: unknown, i) =>
    checkPem(`Cannot connect: tls.caCerts[${i}]`, cert, CERTIFICATE)
  );
  if (serverName !== undefined && (typeof serverName !== "string" || serverName === "")) {
    throw new TypeError("Cannot connect: tls.serverName must be a name or an address");
  }
  checkAlpn(alpn);
  if (acceptsAny !== undefined && typeof acceptsAny !== "boolean") {
    throw new TypeError(
      "Cannot connect: tls.dangerouslyAcceptAnyCertificate must be true or false, got " +
        typeName(acceptsAny),
    );
  }
  checkClientPair(tls as { cert?: string; key?: string });
}

function checkClientPair({ cert, key }: { cert?: string; key?: string }): void {
  if (cert === undefined && key === undefined) return;
  checkPair("Cannot connect: tls.", { cert, key });
  try {
    checkKeyPair({ cert: cert!, key: key! });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `Cannot connect: tls.cert and tls.key cannot be used (${reason})`,
      { cause },
    );
  }
}

/** RFC 7301 section 3.1: a name has from 1 to 255 bytes, and there is at least one. */
function checkAlpn(alpn: unknown): void {
  if (alpn === undefined) return;
  const isName = (name: unknown): boolean =>
    typeof name === "string" && /^[\x21-\x7e]{1,255}$/.test(name);
  if (Array.isArray(alpn) && alpn.length > 0 && alpn.every(isName)) return;
  throw new TypeError(
    "Cannot connect: tls.alpn must be a list of names of protocols in ASCII, " +
      `each of 1 to 255 characters, like ["http/1.1"]; got ${typeName(alpn)}` +
      (Array.isArray(alpn) && alpn.length === 0 ? " that is empty; leave it out" : ""),
  );
}

/** Never quotes the value, which may be a private key. */
function checkPem(name: string, value: unknown, begin: RegExp): void {
  const label = begin === KEY ? "PRIVATE KEY" : "CERTIFICATE";
  const wanted = `PEM text (-----BEGIN ${label}-----)`;
  if (value === undefined) throw new TypeError(`${name} is missing: it must be ${wanted}`);
  if (typeof value !== "string") {
    throw new TypeError(
      `${name} must be ${wanted}, got ${typeName(value)}; read a file as text, in UTF-8`,
    );
  }
  if (!begin.test(value)) {
    throw new TypeError(`${name} must be ${wanted}; pass the text of a file, not its path`);
  }
  // As an environment variable, PEM text often has an escape sequence for each line break.
  if (value.includes("-----\\n")) {
    throw new TypeError(
      `${name} has a backslash and an n in place of line breaks; ` +
        'replace them: text.replaceAll("\\\\n", "\\n")',
    );
  }
}
