/**
 * The user's hook in the server's handshake: to authenticate, route, choose a subprotocol, set
 * cookies, and attach data to the connection.
 *
 * @module
 */

import { chooseProtocol } from "./answer.ts";
import { isThenable } from "../thrown.ts";
import { readCallerHeaders } from "./caller_headers.ts";

/** What a hook is told besides the request. */
export interface HandshakeInfo {
  /** The peer's address; undefined where there is none, as on a Unix socket. */
  remoteAddress: { hostname: string; port: number } | undefined;
  /** Whether TLS protects the connection. */
  secure: boolean;
  /** The subprotocols that the client offers, the preferred first. */
  protocols: readonly string[];
  /** The `Origin`, if one was sent. It has passed the option `origins`. */
  origin: string | undefined;
}

/** What a hook accepts with. */
export interface HandshakeDecision<Data = unknown> {
  /** One of the subprotocols that the client offers; `""` for none. Default: by `protocols`. */
  protocol?: string;
  /** Headers to add to the 101 response: `Set-Cookie`, say. */
  headers?: HeadersInit;
  /** What becomes `connection.data`. */
  data?: Data;
}

/** What a hook may give: a Response refuses, all else accepts. */
export type HandshakeResult<Data = unknown> = Response | HandshakeDecision<Data> | undefined;

/**
 * Judges a handshake that breaks no rule, before it is answered. It may take its time, up to the
 * `handshakeTimeout`. A Response refuses with that response; undefined or a decision accepts.
 */
export type HandshakeHook<Data = unknown> = (
  request: Request,
  info: HandshakeInfo,
) => HandshakeResult<Data> | Promise<HandshakeResult<Data>>;

/** What follows from a hook's result. */
export type HandshakeVerdict<Data = unknown> =
  | { kind: "refuse"; response: Response }
  | {
    kind: "accept";
    /** The subprotocol to answer with, or `""`. */
    protocol: string;
    /** The header lines to add, checked. */
    headers: [string, string][];
    data: Data | undefined;
  };

/**
 * What follows from what a hook gave, once it was awaited.
 *
 * @param result What the hook gave; undefined where there is no hook.
 * @param request What the client offers, and what the server supports, the preferred first.
 * @throws {TypeError} if the result is none that a hook may give: a value of another type, a
 * Response that cannot be sent, a subprotocol that was not offered, a header that is reserved.
 */
export function settleHook<Data>(
  result: HandshakeResult<Data>,
  request: { protocols: readonly string[]; supported?: readonly string[] | undefined },
): HandshakeVerdict<Data> {
  if (result !== undefined && (typeof result !== "object" || result === null)) {
    throw new TypeError(
      `Cannot settle handshake: the hook gave ${result === null ? "null" : typeof result}, ` +
        "it must give a Response, an object, or undefined",
    );
  }
  if (result !== undefined && isResponse(result)) {
    checkRefusal(result);
    return { kind: "refuse", response: result };
  }
  const { protocol, headers, data } = result ?? {};
  if (protocol !== undefined && typeof protocol !== "string") {
    throw new TypeError("Cannot settle handshake: the hook's protocol must be a string");
  }
  return {
    kind: "accept",
    protocol: chooseProtocol(request.protocols, { chosen: protocol, supported: request.supported }),
    headers: readCallerHeaders(headers),
    data,
  };
}

/**
 * Calls the hook. A Response that it throws, or rejects with, counts as one that it returned.
 */
export function callHook<Data>(
  hook: HandshakeHook<Data>,
  request: Request,
  info: HandshakeInfo,
): HandshakeResult<Data> | Promise<HandshakeResult<Data>> {
  try {
    const result = hook(request, info);
    if (!isThenable(result)) return result;
    return new Promise<HandshakeResult<Data>>((resolve) => resolve(result)).catch(thrownResponse);
  } catch (thrown) {
    return thrownResponse(thrown);
  }
}

function thrownResponse(thrown: unknown): Response {
  if (isResponse(thrown)) return thrown;
  throw thrown;
}

/** Whether it is a Response, by its brand and not its class: a framework may bring one of its own. */
export function isResponse(value: unknown): value is Response {
  try {
    return value instanceof Response ||
      Object.prototype.toString.call(value) === "[object Response]";
  } catch {
    return false; // a proxy that cannot be asked
  }
}

function checkRefusal(response: Response): void {
  if (response.status < 200) { // 101, or 0 of Response.error()
    throw new TypeError(
      `Cannot refuse handshake: the hook's Response has status ${response.status} ` +
        "(to accept, give an object or undefined)",
    );
  }
  if (response.bodyUsed) {
    throw new TypeError(
      "Cannot refuse handshake: the body of the hook's Response was already used",
    );
  }
}
