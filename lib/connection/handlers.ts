/**
 * The user's side of a connection: handlers, called synchronously, or a function that gets the
 * connection once it is open.
 *
 * @module
 */
import type { CloseInfo, HandshakeError, TransportError } from "../errors.ts";
import { bareName, checkFunction, checkNames, type OptionNames, typeName } from "../options.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage } from "./streamed_message.ts";
import type { TransportAddress } from "../link/transport.ts";

/**
 * What is called as things happen, in this order: `open`, then `message`, `ping`, `pong` and `drain`
 * as they come, then `close`. Every handler is called synchronously, while the bytes are decoded.
 *
 * A handler that throws, or returns a promise that rejects, closes the connection with 1011; the
 * error goes to `onError`.
 */
export interface ConnectionHandlers<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> {
  /** The connection is open. */
  open?(connection: WebSocketConnection<Data, Message>): void | Promise<void>;
  /**
   * A message came: a string for text, a Uint8Array for binary, which is yours to keep. When a
   * promise is returned, the next message waits for it; pings, pongs and the peer's Close are handled
   * meanwhile, until more than `receiveHighWaterMark` waits. Without this handler messages are dropped.
   *
   * Messages that came before the connection closed are still given to it; each call then has
   * `closeTimeout` to settle, or else the rest is dropped and `onError` is told.
   *
   * With `messages: "stream"` a {@linkcode StreamedMessage} has begun to come. What the handler has
   * not read of it when its promise settles is discarded; so is a message that it has not begun to
   * read when it returns without one.
   */
  message?(connection: WebSocketConnection<Data, Message>, data: Message): void | Promise<void>;
  /** Called when no more than `sendHighWaterMark` waits, after a `send` that returned false. */
  drain?(connection: WebSocketConnection<Data, Message>): void | Promise<void>;
  /** A ping came; its pong is on its way. */
  ping?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** A pong came. */
  pong?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** The connection is closed: called once, last, after the `message` handler is done with what came. */
  close?(connection: WebSocketConnection<Data, Message>, info: CloseInfo): void | Promise<void>;
}

/** Handlers, or a function that is given each connection once it is open. */
export type ConnectionHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> =
  | ConnectionHandlers<Data, Message>
  | ((connection: WebSocketConnection<Data, Message>) => void | Promise<void>);

/** Where an error belongs: what is known of it besides the error. */
export interface ErrorContext<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> {
  /** The connection; undefined where there is none yet, as in the opening handshake. */
  readonly connection: WebSocketConnection<Data, Message> | undefined;
  /** On a server, the request, as far as it could be read. */
  readonly request: Request | undefined;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
}

/**
 * Called with each fault of the user's own code (a handler or a hook that throws, or returns what it
 * must not; a connection that nobody reads) and of the server itself (no more files to accept a
 * connection with). What a handler throws is passed as it is. A handshake that a server refuses is no
 * fault: see {@linkcode RefusalHandler}.
 *
 * It may be async. If it fails itself, that is printed together with the error.
 */
export type ErrorHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> = (
  error: unknown,
  context: ErrorContext<Data, Message>,
) => void | Promise<void>;

/** Which handshake was refused. */
export interface RefusalContext {
  /** The request; undefined if its head could not be read, or has no valid host. */
  readonly request: Request | undefined;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
}

/**
 * Called with each handshake that came to nothing through no fault of the server: it broke a rule, a
 * policy or a limit refused it, it did not come in time ({@linkcode HandshakeError}, with the status that
 * was answered), or the connection failed before it was complete ({@linkcode TransportError}: TLS that
 * was not agreed on, a reset). A handshake that gave way to another one (`maxPendingHandshakes`) has the
 * status 503, but got no answer. Anybody on the network can cause these.
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
const NAMES = Object.keys(HANDLERS) as (keyof ConnectionHandlers)[];

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
