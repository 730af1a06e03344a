/**
 * Checks the option `tls` of a server and of a client.
 *
 * @module
 */
import type { TransportConnectOptions, TransportListenOptions } from "../link/transport.ts";
import { checkNames, type OptionNames, typeName } from "../options.ts";

const SERVER_TLS: OptionNames<NonNullable<TransportListenOptions["tls"]>> = {
  cert: true,
  key: true,
};

const ELSEWHERE = {
  ca: "is not an option; did you mean tls.caCerts, a list?",
  rejectUnauthorized: "is not an option: certificates are always checked; " +
    "pass the certificate of a private authority in tls.caCerts",
};
const CLIENT_TLS: OptionNames<NonNullable<TransportConnectOptions["tls"]>> =
  /* @__PURE__ */ clientTls();

function clientTls(): OptionNames<NonNullable<TransportConnectOptions["tls"]>> {
  return {
    ...ELSEWHERE,
    caCerts: true,
    serverName: true,
  };
}

/** What begins a part of PEM text (RFC 7468 section 3). */
const CERTIFICATE = /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/;
const KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/;

/**
 * Checks the option `tls` of a server.
 *
 * @throws {TypeError} If it is not an object with a certificate and its key as PEM text.
 */
export function checkServerTls(tls: unknown): void {
  if (tls === undefined) return;
  const context = { verb: "listen", prefix: "tls." };
  if (typeof tls !== "object" || tls === null) {
    throw new TypeError(
      `Cannot listen: tls must be an object with tls.cert and tls.key, got ${typeName(tls)}; ` +
        "leave it out to listen without TLS",
    );
  }
  checkNames(tls, SERVER_TLS, context);
  const { cert, key } = tls as { cert?: unknown; key?: unknown };
  checkPem("Cannot listen: tls.cert", cert, CERTIFICATE);
  checkPem("Cannot listen: tls.key", key, KEY);
  if ((key as string).includes("ENCRYPTED")) {
    throw new TypeError(
      "Cannot listen: tls.key is encrypted with a passphrase; decrypt it (openssl pkey)",
    );
  }
}

/**
 * Checks the option `tls` of a client.
 *
 * @throws {TypeError} If it is not an object with certificates as PEM text and a name.
 */
export function checkClientTls(tls: unknown): void {
  if (tls === undefined) return;
  checkNames(tls, CLIENT_TLS, { verb: "connect", prefix: "tls." });
  const { caCerts, serverName } = tls as { caCerts?: unknown; serverName?: unknown };
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
