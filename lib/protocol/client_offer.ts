/**
 * What a client offers (RFC 6455 section 4.1), by its options, and what the answer is checked against.
 *
 * @module
 */
import { offerDeflate, PER_MESSAGE_DEFLATE } from "../deflate/negotiation.ts";
import { type HeaderEntries, readCallerHeaders } from "../handshake/caller_headers.ts";
import { type ClientOfferInit, isAuthorized } from "../handshake/client.ts";
import type { ClientTerms } from "../handshake/client_response.ts";
import { formatExtensions } from "../handshake/grammar.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/** What the user asks for. */
export interface ClientWishes {
  protocols: readonly string[];
  headers: HeaderEntries | undefined;
  settings: ResolvedConnectionOptions;
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
  const { protocols, settings: { perMessageDeflate: deflate } } = wishes;
  const headers = readCallerHeaders(wishes.headers, { alsoReserved: "host" });
  const extensions = deflate && formatExtensions([offerDeflate(deflate)]);
  return {
    offer: { protocols, headers, extensions },
    terms: {
      protocols,
      deflate,
      extensions: deflate ? [PER_MESSAGE_DEFLATE] : [],
      authorized: isAuthorized(target, headers),
    },
  };
}
