/**
 * How a test tells a peer program on which terms to compress: in the target of the request, whoever
 * makes it.
 *
 * @module
 */

/** The parameters of RFC 7692 section 7.1. */
export interface Terms {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  serverMaxWindowBits?: number;
  clientMaxWindowBits?: number;
}

/** The query that asks for these terms. */
export function queryOf(terms: object): string {
  return `terms=${encodeURIComponent(JSON.stringify(terms))}`;
}

/** The connection's id and the terms that the query of a URL, or of a target, asks for. */
export function readTerms(target: string): { id: string; terms: Terms } {
  const { searchParams } = new URL(target, "ws://127.0.0.1");
  return {
    id: searchParams.get("id") ?? "",
    terms: JSON.parse(searchParams.get("terms") ?? "{}") as Terms,
  };
}
