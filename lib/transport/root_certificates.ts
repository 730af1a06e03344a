/**
 * The certificates that a runtime trusts by itself. Node and Bun take a list of authorities in place
 * of these, where we mean "these as well".
 *
 * @module
 */

/** What is used of `node:tls` here. */
interface RootsModule {
  readonly rootCertificates: readonly string[];
  /** Those in force: the roots, and what the environment adds. Since Node 22.15. */
  getCACertificates?(): string[];
}

/** What is used of `process` here. */
interface RootsProcess {
  getBuiltinModule?(id: "node:tls"): RootsModule;
}

/** The PEM texts of the certificates that are trusted by default. */
export function rootCertificates(): readonly string[] {
  const { process } = globalThis as unknown as { process?: RootsProcess };
  const tls = process?.getBuiltinModule?.("node:tls");
  return tls?.getCACertificates?.() ?? tls?.rootCertificates ?? [];
}
