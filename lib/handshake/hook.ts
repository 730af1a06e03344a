/**
 * The user's hook in the server's handshake: to authenticate, route, choose a subprotocol, set
 * cookies, and attach data to the connection.
 *
 * @module
 */

import { checkNames, typeName } from "../options.ts";
import { isInstance, isThenable, textOf } from "../thrown.ts";
import { chooseProtocol } from "./answer.ts";
import { type HeaderEntries, readCallerHeaders } from "./caller_headers.ts";
import { quote } from "./grammar.ts";

/** What is known of a client's certificate, which the server has checked by `tls.ca`. */
export interface PeerCertificate {
  /** The name of its owner, a line for each part: `"O=Example\nCN=device 7"`. */
  readonly subject: string;
  /** The names and addresses that it is for: `"DNS:device7.example"`; `""` if it has none. */
  readonly subjectAltName: string;
  /** The SHA-256 of it, as hexadecimal bytes with colons in between. */
  readonly fingerprint256: string;
  /** The whole certificate, as PEM text. */
  readonly pem: string;
}

/** What a hook receives besides the request. */
export interface HandshakeInfo {
  /** The peer's address; undefined where there is none, as on a Unix socket. */
  remoteAddress: { hostname: string; port: number } | undefined;
  /** Whether TLS protects the connection. */
  secure: boolean;
  /** The subprotocols that the client offers, the preferred first. */
  protocols: readonly string[];
  /** The `Origin`, if one was sent. It has passed the option `origins`. */
  origin: string | undefined;
  /** The client's certificate, with `tls.requestClientCert` of `listen` and if the client has one. */
  peerCertificate?: PeerCertificate;
}

/**
 * Keys that a decision does not have, so that TypeScript rejects what was meant to refuse: an Error, an
 * array, `{ status: 401 }`, also in one branch of several.
 */
export type NotADecision = {
  readonly [
    Key in
      | "accept"
      | "body"
      | "code"
      | "error"
      | "length"
      | "message"
      | "ok"
      | "protocols"
      | "reason"
      | "refuse"
      | "reject"
      | "status"
      | "statusCode"
      | "statusText"
  ]?: undefined;
};

/**
 * What a hook returns to accept: a plain object with no other keys than these. A key whose value is
 * undefined counts as missing.
 */
export interface HandshakeDecision<Data = unknown> extends NotADecision {
  /** One of the subprotocols that the client offers; `""` for none. Default: by `protocols`. */
  protocol?: string;
  /** Headers to add to the 101 response: `Set-Cookie`, say. */
  headers?: HeaderEntries;
  /** What becomes `connection.data`. */
  data?: Data;
}

/**
 * What a hook may return: a Response refuses; undefined or a decision accepts. Anything else (an Error,
 * an array, `{ status: 401 }`, an instance of a class) is a mistake: it is answered with 500, and
 * `onError` gets a TypeError.
 */
export type HandshakeResult<Data = unknown> = Response | HandshakeDecision<Data> | undefined;

/**
 * The type of `connection.data`, by what the hook returns: it includes undefined if one path
 * returns nothing, or a decision without `data`.
 */
export type DataOf<Result> = [DataOfEach<Result>] extends [never] ? undefined : DataOfEach<Result>;

/** The data of each type in a union; a Response refuses, so that there is no connection. */
export type DataOfEach<Result> = Result extends Response ? never
  : Result extends { data: infer Data } ? Data
  : Result extends { data?: unknown } ? "data" extends keyof Result ? Result["data"] : undefined
  : undefined;

/** Options with a hook, from whose result the type of `connection.data` is inferred. */
export type WithHandshake<Options, Result> = Omit<Options, "handshake"> & {
  handshake: (request: Request, info: HandshakeInfo) => Result | Promise<Result>;
};

/**
 * Decides about a handshake that follows the rules of the protocol, before it is answered. It may
 * be async, within the `handshakeTimeout`. A Response, returned or thrown, refuses with that
 * response; undefined or a decision accepts.
 *
 * A {@linkcode HandshakeError} that is thrown refuses as its `toResponse` says: with its status if
 * that is from 400 to 599, otherwise 502. Anything else that is thrown is a 500. An error that is
 * answered with 502 or 500 goes to `onError`; the client does not see it.
 */
export type HandshakeHook<Data = unknown> = (
  request: Request,
  info: HandshakeInfo,
) => HandshakeResult<Data> | Promise<HandshakeResult<Data>>;

/** What follows from a hook's result. */
export type HandshakeOutcome<Data = unknown> =
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
 * @throws {TypeError} If a hook must not return the result: a value of another type, a
 * Response that cannot be sent, a subprotocol that was not offered, a header that is reserved.
 */
export function readHookResult<Data>(
  result: HandshakeResult<Data>,
  request: { protocols: readonly string[]; supported?: readonly string[] | undefined },
): HandshakeOutcome<Data> {
  if (isResponse(result)) {
    checkRefusal(result);
    return { kind: "refuse", response: result };
  }
  checkDecision(result);
  const { protocol, headers, data } = result ?? {};
  if (protocol !== undefined && typeof protocol !== "string") {
    throw new TypeError(`${CANNOT}: protocol must be a string, got ${typeName(protocol)}`);
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

const CANNOT = "Cannot use what the handshake hook returned";
const DECISION_KEYS = { protocol: true, headers: true, data: true } as const;

/** Whatever was meant to refuse must not accept. */
function checkDecision(result: unknown): void {
  if (result === undefined) return;
  if (!isPlainObject(result)) {
    throw new TypeError(
      `${CANNOT}: it is ${
        shown(result)
      }; return a Response to refuse, and undefined or an object with ` +
        "protocol, headers or data to accept",
      isInstance(result, Error) ? { cause: result } : undefined,
    );
  }
  checkNames(result, DECISION_KEYS, {
    verb: "use what the handshake hook returned",
    noun: "a key of it (to refuse, return a Response)",
  });
  const [symbol] = Object.getOwnPropertySymbols(result);
  if (symbol !== undefined) throw new TypeError(`${CANNOT}: it has a key ${String(symbol)}`);
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  } catch {
    return false; // a proxy that cannot be asked
  }
}

/** An error's text, a primitive value, or else what it is. */
function shown(value: unknown): string {
  if (isInstance(value, Error)) return `an error (${quote(textOf(value))})`;
  if (typeof value === "string") return `the string ${quote(value)}`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return textOf(value);
  try {
    const { name } = (Object.getPrototypeOf(value) as object).constructor;
    return `an instance of ${name}`;
  } catch {
    return "an object of an unknown class";
  }
}

/** A Response's constructor allows 200 to 599; Response.error() has 0, and another class may have any. */
function checkRefusal({ status, bodyUsed, body }: Response): void {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(
      `${CANNOT}: a Response to refuse with must have a status from 200 to 599, got ${status}` +
        (status === 101 ? " (to accept, return undefined)" : ""),
    );
  }
  if (bodyUsed || body?.locked) {
    throw new TypeError(
      `${CANNOT}: the body of the Response is already ${bodyUsed ? "used" : "locked"}; ` +
        "create a Response for each request",
    );
  }
}
