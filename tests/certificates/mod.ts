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

/** A certificate and its key, in PEM. */
export interface Pair {
  cert: string;
  key: string;
}

function readPair(name: string): Pair {
  return { cert: read(`./${name}.pem`), key: read(`./${name}.key`) };
}

/** The certificate of a second authority, which signed `renewed`, `expired` and `client`. */
export const secondCa: string = read("./second_ca.pem");
/** Another leaf for the same server, of the second authority. */
export const renewed: Pair = readPair("renewed");
/** A leaf for the same server that expired in 2020. */
export const expired: Pair = readPair("expired");
/** A client's certificate of the second authority, `CN=device 7`. */
export const client: Pair = readPair("client");
/** A client's certificate of an authority that nobody knows, `CN=stranger`. */
export const stranger: Pair = readPair("stranger");
