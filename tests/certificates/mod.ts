/**
 * The test certificate: a leaf for localhost, and the authority to trust for it.
 *
 * @module
 */

import { readFileSync } from "node:fs";

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}

/** The leaf's certificate, in PEM. */
export const cert: string = read("./leaf.pem");
/** The leaf's key, in PEM. */
export const key: string = read("./leaf.key");
/** The authority's certificate, in PEM. */
export const ca: string = read("./ca.pem");
