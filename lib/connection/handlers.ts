/**
 * The user's side of a connection: handlers, called synchronously, or a function that gets the
 * connection once it is open.
 *
 * @module
 */
import type { CloseInfo } from "../errors.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { MessageData } from "./inbox.ts";
import type { AnyMessage } from "./incoming_message.ts";

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
   * promise is returned, the next message waits for it. Without this handler messages are dropped.
   *
   * With `messages: "stream"` an {@linkcode IncomingMessage} has begun to come. What the handler has
   * not read of it when its promise settles is discarded; so is a message that it has not begun to
   * read when it returns without one.
   */
  message?(connection: WebSocketConnection<Data, Message>, data: Message): void | Promise<void>;
  /** `send` gave false before; now there is room again. */
  drain?(connection: WebSocketConnection<Data, Message>): void | Promise<void>;
  /** A ping came; its pong is on its way. */
  ping?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** A pong came. */
  pong?(connection: WebSocketConnection<Data, Message>, payload: Uint8Array): void | Promise<void>;
  /** The connection is closed: called once, last. */
  close?(connection: WebSocketConnection<Data, Message>, info: CloseInfo): void | Promise<void>;
}

/** Handlers, or a function that is given each connection once it is open. */
export type ConnectionUser<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> =
  | ConnectionHandlers<Data, Message>
  | ((connection: WebSocketConnection<Data, Message>) => void | Promise<void>);

/**
 * Where errors of the user's own code go, and what a server could not do for one peer; `connection`
 * is missing where there is none yet. By default `console.error`.
 */
export type ErrorHandler<
  Data = undefined,
  Message extends AnyMessage = MessageData,
> = (
  error: unknown,
  connection?: WebSocketConnection<Data, Message>,
) => void;
