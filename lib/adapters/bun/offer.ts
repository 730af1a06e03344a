/**
 * Which offer of compression to show to `Bun.serve`, so that what it will answer is known: it does not
 * tell, and it reads all offers of a header as one.
 *
 * @module
 */
import type { ExtensionOffer } from "../../message/extension.ts";

const NAME = "permessage-deflate";
/** Answered with a smaller window, as RFC 7692 section 7.1.2.1 allows: Bun leaves 15 out. */
const MAX_WINDOW = 14;

/**
 * The first offer of permessage-deflate (RFC 7692 section 7.1) that Bun can fulfil, without what it
 * may leave out; `""` if there is none. With a context of its own for each connection Bun answers with
 * the very same.
 */
export function offerForBun(offers: readonly ExtensionOffer[]): string {
  for (const { name, params, repeated } of offers) {
    if (name !== NAME || repeated !== undefined || !isLawful(params)) continue;
    const window = params.get("server_max_window_bits");
    const forgets = params.has("server_no_context_takeover");
    if (window === undefined) return forgets ? `${NAME}; server_no_context_takeover` : NAME;
    // Bun answers one of the two. zlib has no window of 8 bits.
    if (forgets || window === "8") continue;
    return `${NAME}; server_max_window_bits=${Math.min(Number(window), MAX_WINDOW)}`;
  }
  return "";
}

function isLawful(params: ExtensionOffer["params"]): boolean {
  return Array.from(params).every(([name, value]) => {
    switch (name) {
      case "server_no_context_takeover":
      case "client_no_context_takeover":
        return value === true;
      case "client_max_window_bits":
        return value === true || isWindow(value);
      case "server_max_window_bits":
        return isWindow(value);
      default:
        return false;
    }
  });
}

function isWindow(value: string | true): boolean {
  return value === "8" || value === "9" || value !== true && /^1[0-5]$/.test(value);
}
