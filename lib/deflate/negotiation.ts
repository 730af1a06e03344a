/**
 * Agreeing on permessage-deflate (RFC 7692 sections 5 and 7.1): what a client offers, what a server
 * makes of it, and what a client makes of that.
 *
 * ```text
 *                              in an offer                     in a response
 * server_no_context_takeover   asks for it: must be granted    granted, or the server's own wish
 * client_no_context_takeover   a hint: the client will do so   the client has to do so
 * server_max_window_bits=N     asks for it: N or less          granted, or the server's own wish
 * client_max_window_bits       may be told a limit             -
 * client_max_window_bits=N     the same, and a hint: N or less the client has to keep to it
 * ```
 *
 * @module
 */
import type { ExtensionOffer } from "../message/extension.ts";
import { MAX_WINDOW_BITS, MIN_WINDOW_BITS, type ResolvedPerMessageDeflate } from "./options.ts";

/** The extension's name (section 7). */
export const PER_MESSAGE_DEFLATE = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER = "server_no_context_takeover"; // 7.1.1.1
const CLIENT_NO_CONTEXT_TAKEOVER = "client_no_context_takeover"; // 7.1.1.2
const SERVER_MAX_WINDOW_BITS = "server_max_window_bits"; // 7.1.2.1
const CLIENT_MAX_WINDOW_BITS = "client_max_window_bits"; // 7.1.2.2

/** What both ends have agreed on. */
export interface DeflateAgreement {
  /** Whether the server begins every message with an empty window. */
  serverNoContextTakeover: boolean;
  /** Whether the client begins every message with an empty window. */
  clientNoContextTakeover: boolean;
  /** The server's largest window, as a power of two. */
  serverMaxWindowBits: number;
  /** The client's largest window, as a power of two. */
  clientMaxWindowBits: number;
  /** The extension as it stands in the response's header. */
  header: string;
}

/** The parameters of one offer or response; undefined: not there. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  clientMaxWindowBits: number | undefined;
}

/** What a client offers. It can always be told a limit to its own window (section 7.1.2.2). */
export function offerDeflate(options: ResolvedPerMessageDeflate): ExtensionOffer {
  const params: ExtensionOffer["params"] = new Map();
  if (options.serverNoContextTakeover) params.set(SERVER_NO_CONTEXT_TAKEOVER, true);
  if (options.clientNoContextTakeover) params.set(CLIENT_NO_CONTEXT_TAKEOVER, true);
  const server = options.serverMaxWindowBits, client = options.clientMaxWindowBits;
  if (server < MAX_WINDOW_BITS) params.set(SERVER_MAX_WINDOW_BITS, `${server}`);
  params.set(CLIENT_MAX_WINDOW_BITS, client < MAX_WINDOW_BITS ? `${client}` : true);
  return { name: PER_MESSAGE_DEFLATE, params };
}

/**
 * What a server takes of a client's offers: the first that it can accept, or nothing. An offer with
 * anything in it that section 7.1 does not define, or with a parameter twice, is declined, as if it
 * were not there; so are other extensions.
 */
export function acceptDeflate(
  offers: readonly ExtensionOffer[],
  options: ResolvedPerMessageDeflate,
): DeflateAgreement | undefined {
  for (const offer of offers) {
    if (offer.name !== PER_MESSAGE_DEFLATE) continue;
    const offered = readParameters(offer, { offered: true });
    if (typeof offered === "string") continue;
    const agreement = accept(offered, options);
    if (agreement !== undefined) return agreement;
  }
  return undefined;
}

function accept(
  offered: Parameters,
  options: ResolvedPerMessageDeflate,
): DeflateAgreement | undefined {
  // 7.1.2.2: a client that does not say so cannot be told a limit.
  if (offered.clientMaxWindowBits === undefined && options.clientMaxWindowBits < MAX_WINDOW_BITS) {
    return undefined;
  }
  const server = minimum(offered.serverMaxWindowBits, options.serverMaxWindowBits);
  const client = minimum(offered.clientMaxWindowBits, options.clientMaxWindowBits);
  return agree({
    serverNoContextTakeover: offered.serverNoContextTakeover || options.serverNoContextTakeover,
    clientNoContextTakeover: offered.clientNoContextTakeover || options.clientNoContextTakeover,
    // 7.1.2.1: who was asked accepts by naming the figure, also the largest.
    serverMaxWindowBits: offered.serverMaxWindowBits === undefined && server === MAX_WINDOW_BITS
      ? undefined
      : server,
    clientMaxWindowBits: client === MAX_WINDOW_BITS ? undefined : client,
  });
}

/**
 * What a client makes of the extensions in a response to its offer: what is agreed, undefined where
 * the server chose none; or, as text, why it has to fail the connection (section 7.1.3).
 */
export function readDeflateResponse(
  response: readonly ExtensionOffer[],
  options: ResolvedPerMessageDeflate,
): DeflateAgreement | string | undefined {
  const chosen = response.filter(({ name }) => name === PER_MESSAGE_DEFLATE);
  if (chosen.length === 0) return undefined;
  if (chosen.length > 1) return `${PER_MESSAGE_DEFLATE} came more than once`;
  const agreed = readParameters(chosen[0], { offered: false });
  if (typeof agreed === "string") return agreed;
  if (options.serverNoContextTakeover && !agreed.serverNoContextTakeover) { // 7.1.1.1
    return `${SERVER_NO_CONTEXT_TAKEOVER} was asked for and not granted`;
  }
  const server = options.serverMaxWindowBits;
  if ((agreed.serverMaxWindowBits ?? MAX_WINDOW_BITS) > server) { // 7.1.2.1
    return `${SERVER_MAX_WINDOW_BITS}=${server} was asked for and not granted`;
  }
  const client = options.clientMaxWindowBits;
  if ((agreed.clientMaxWindowBits ?? 0) > client) { // 7.1.2.2
    return `${CLIENT_MAX_WINDOW_BITS} is over the ${client} that were offered`;
  }
  return {
    ...agree(agreed),
    // What this end has announced of itself holds, whether the server repeats it or not.
    clientNoContextTakeover: agreed.clientNoContextTakeover || options.clientNoContextTakeover,
    clientMaxWindowBits: agreed.clientMaxWindowBits ?? client,
  };
}

/** The agreement that a response with these parameters makes. */
function agree(parameters: Parameters): DeflateAgreement {
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = parameters;
  let header = PER_MESSAGE_DEFLATE;
  if (parameters.serverNoContextTakeover) header += `; ${SERVER_NO_CONTEXT_TAKEOVER}`;
  if (parameters.clientNoContextTakeover) header += `; ${CLIENT_NO_CONTEXT_TAKEOVER}`;
  if (server !== undefined) header += `; ${SERVER_MAX_WINDOW_BITS}=${server}`;
  if (client !== undefined) header += `; ${CLIENT_MAX_WINDOW_BITS}=${client}`;
  return {
    ...parameters,
    serverMaxWindowBits: server ?? MAX_WINDOW_BITS,
    clientMaxWindowBits: client ?? MAX_WINDOW_BITS,
    header,
  };
}

/** Reads the parameters of an offer or a response; a text tells what is wrong with them. */
function readParameters(
  { params, repeated }: ExtensionOffer,
  { offered }: { offered: boolean },
): Parameters | string {
  if (repeated !== undefined) return `${shown(repeated)} came more than once`;
  const read: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  for (const [name, value] of params) {
    switch (name) {
      case SERVER_NO_CONTEXT_TAKEOVER:
      case CLIENT_NO_CONTEXT_TAKEOVER:
        if (value !== true) return `${name} has a value`;
        if (name === SERVER_NO_CONTEXT_TAKEOVER) read.serverNoContextTakeover = true;
        else read.clientNoContextTakeover = true;
        break;
      case SERVER_MAX_WINDOW_BITS:
      case CLIENT_MAX_WINDOW_BITS: {
        const bits = offered && name === CLIENT_MAX_WINDOW_BITS && value === true
          ? MAX_WINDOW_BITS
          : readWindowBits(value);
        if (bits === undefined) {
          return `${name} must be ${MIN_WINDOW_BITS} to ${MAX_WINDOW_BITS}, got ${shown(value)}`;
        }
        if (name === SERVER_MAX_WINDOW_BITS) read.serverMaxWindowBits = bits;
        else read.clientMaxWindowBits = bits;
        break;
      }
      default:
        return `${shown(name)} is no parameter of ${PER_MESSAGE_DEFLATE}`;
    }
  }
  return read;
}

/** Section 7.1.2: a decimal integer without leading zeros, and here nothing but digits at all. */
function readWindowBits(value: string | true): number | undefined {
  for (let bits = MIN_WINDOW_BITS; bits <= MAX_WINDOW_BITS; bits++) {
    if (value === `${bits}`) return bits;
  }
  return undefined;
}

function minimum(a: number | undefined, b: number): number {
  return a === undefined ? b : Math.min(a, b);
}

/** What came off the wire, at no length: the grammar of the header lets only tokens through. */
function shown(value: string | true): string {
  return value === true ? "no value" : JSON.stringify(value.slice(0, 40));
}
