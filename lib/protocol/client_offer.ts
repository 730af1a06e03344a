/**
 * What a client offers (RFC 6455 section 4.1), by its options, and what the answer is checked against.
 *
 * @module
 */
import type { ResolvedPerMessageDeflate } from "../deflate/options.ts";
import { type HeaderEntries, readCallerHeaders } from "../handshake/caller_headers.ts";
import { type ClientOfferInit, isAuthorized } from "../handshake/client.ts";
import type { ClientTerms } from "../handshake/client_response.ts";
import { formatExtensions } from "../handshake/grammar.ts";
import type { ExtensionOffer } from "../message/extension.ts";

/** What the user asks for. */
export interface ClientWishes {
  protocols: readonly string[];
  headers: HeaderEntries | undefined;
  /** The extensions to offer. */
  extensions: readonly ExtensionOffer[];
  /** What the offer of permessage-deflate was made of, if the answer is to be checked against it. */
  deflate?: ResolvedPerMessageDeflate | undefined;
}

/** What is offered. */
export interface ClientOfferPair {
  /** What to offer. */
  readonly offer: ClientOfferInit;
  /** What was offered: the answer is checked against it. */
  readonly terms: ClientTerms;
}

/**
 * Returns what to offer to the server at `target`.
 *
 * @throws {TypeError} If a header is invalid or reserved.
 */
export function clientOffer(target: URL, wishes: ClientWishes): ClientOfferPair {
  const { protocols, deflate } = wishes;
  const headers = readCallerHeaders(wishes.headers);
  const names = wishes.extensions.map(({ name }) => name);
  const extensions = names.length === 0 ? undefined : formatExtensions(wishes.extensions);
  return {
    offer: { protocols, headers, extensions },
    terms: {
      protocols,
      deflate,
      extensions: names,
      authorized: isAuthorized(target, headers),
    },
  };
}
