/**
 * The user's side of a connection: handlers, called synchronously, or a function that gets the
 * connection once it is open.
 *
 * @module
 */
import type { HandshakeError, TransportError } from "../errors.ts";
import { bareName, checkFunction, checkNames, type OptionNames, typeName } from "../options.ts";
import type { ConnectionHandlers } from "./connection.ts";
import type { TransportAddress } from "../link/transport.ts";

/** Which handshake was refused. */
export interface RefusalContext {
  /** The request; undefined if its head could not be read, or has no valid host. */
  readonly request: Request | undefined;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
}

/**
 * Called with each handshake that failed where the server is not at fault: it broke a rule, a
 * policy or a limit refused it, it did not come in time ({@linkcode HandshakeError}, with the
 * status that was answered), or the connection failed before it was complete ({@linkcode
 * TransportError}: TLS that was not agreed on, a reset). A handshake that was dropped for another
 * one (`maxPendingHandshakes`) has the status 503, but got no answer. Anybody on the network can
 * cause these errors.
 *
 * It may be async. If it fails itself, that is printed together with the error.
 */
export type RefusalHandler = (
  error: HandshakeError | TransportError,
  context: RefusalContext,
) => void | Promise<void>;

const HANDLERS: OptionNames<ConnectionHandlers> = {
  open: true,
  message: true,
  drain: true,
  ping: true,
  pong: true,
  close: true,
};
const NAMES = /* @__PURE__ */ Object.keys(HANDLERS) as (keyof ConnectionHandlers)[];

/**
 * Checks the options `websocket` and `onError`. A plain object of handlers has nothing else. The members
 * of another object, an instance of a class for example, are the user's own, unless one is a function
 * whose name differs from a handler's by case, by a leading `on`, or by one letter where that handler is
 * missing.
 *
 * @throws {TypeError} If `websocket` is neither handlers nor a function, a handler is mistyped or not a
 * function, or `onError` is not a function.
 */
export function checkConnectionHandler(
  { websocket: user, onError }: { websocket?: unknown; onError?: unknown },
): void {
  checkFunction("onError", onError);
  if (user === undefined || typeof user === "function") return;
  if (typeof user !== "object" || user === null || Array.isArray(user)) {
    throw new TypeError(
      "Cannot read options: websocket must be an object of handlers or a function, got " +
        typeName(user),
    );
  }
  const values = user as Readonly<Record<string, unknown>>;
  for (const name of NAMES) {
    checkFunction(`websocket.${name}`, values[name]);
  }
  if (isRoot(user) || isRoot(Object.getPrototypeOf(user))) {
    return checkNames(user, HANDLERS, { prefix: "websocket.", noun: "a handler" });
  }
  for (let level: object = user; !isRoot(level); level = Object.getPrototypeOf(level)) {
    for (const member of Object.getOwnPropertyNames(level)) checkMember(level, member, values);
  }
}

/** Whether it inherits nothing, as `Object.prototype` of any realm. */
function isRoot(level: object): boolean {
  return Object.getPrototypeOf(level) === null;
}

/** Whether one letter is added, left out or replaced, or two neighbors are exchanged. */
function isOneOff(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1) return false;
  let start = 0, a = one.length, b = other.length;
  while (start < a && one[start] === other[start]) start++;
  while (a > start && b > start && one[a - 1] === other[b - 1]) a--, b--;
  const [left, right] = [one.slice(start, a), other.slice(start, b)];
  return left.length <= 1 && right.length <= 1 ||
    left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

function checkMember(
  level: object,
  member: string,
  handlers: Readonly<Record<string, unknown>>,
): void {
  if (member in HANDLERS) return; // also "constructor"
  const bare = bareName(member);
  const similar = NAMES.find((name) =>
    bare === name || handlers[name] === undefined && isOneOff(bare, name)
  );
  if (similar === undefined) return;
  if (typeof Object.getOwnPropertyDescriptor(level, member)?.value !== "function") return;
  throw new TypeError(
    `Cannot read options: websocket.${member} is not a handler; did you mean ${similar}?`,
  );
}
