/**
 * Whatever has the interface of the WebSocket standard, as a connection: a browser's socket, one of
 * Deno.serve's, one end of a pair.
 *
 * @module
 */
import { HandshakeError } from "../errors.ts";
import { type ConnectionInit, WebSocketConnection } from "./connection.ts";
import type { ConnectionUser } from "./handlers.ts";
import type { AnyMessage } from "./incoming_message.ts";
import { type Capabilities, CONNECTING, OPEN } from "./link.ts";
import { type NativeClose, NativeLink, type NativeSocket } from "./native_link.ts";
import type { TransportAddress } from "./transport.ts";

/** What is used of the interface that the WebSocket standard defines. */
export interface WebSocketLike extends NativeSocket {
  /** The URL. */
  readonly url?: string | null;
  /** How binary messages are given. */
  binaryType?: string;
  /** Adds a listener. */
  addEventListener(type: string, listener: (event: never) => void): void;
}

/** What a connection over such a socket is made with. */
export interface WebSocketInit<Data, Message extends AnyMessage>
  extends ConnectionInit<Data, Message> {
  /** Handlers, or a function that is given the connection once it is open. */
  websocket?: ConnectionUser<Data, Message> | undefined;
  /** What differs from a client's socket. */
  capabilities?: Partial<Capabilities>;
  /** The peer's address, where known. */
  remoteAddress?: TransportAddress | undefined;
}

/**
 * Makes the connection once the socket is open: at once, if it is. Listens from the call on, so that
 * nothing is missed.
 *
 * Rejects with a {@linkcode HandshakeError} if the socket does not open.
 */
export function openWebSocket<Data, Message extends AnyMessage>(
  socket: WebSocketLike,
  init: WebSocketInit<Data, Message>,
): Promise<WebSocketConnection<Data, Message>> {
  return new Promise((resolve, reject) => {
    let link: NativeLink | undefined;
    const opened = (): void => {
      const { options, remoteAddress, websocket } = init;
      const capabilities = {
        pause: false,
        ping: false,
        compression: socket.extensions.includes("permessage-deflate"),
        streaming: false,
        anyCloseCode: false,
        ...init.capabilities,
      };
      link = new NativeLink(socket, { options, capabilities, remoteAddress });
      const url = init.url || (socket.url ?? "");
      const connection = new WebSocketConnection<Data, Message>(link, { ...init, url });
      connection.start(websocket);
      resolve(connection);
    };
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }: { data: string | ArrayBuffer }) => {
      link?.gotMessage(typeof data === "string" ? data : new Uint8Array(data));
    });
    socket.addEventListener("close", (event: NativeClose) => {
      if (link !== undefined) link.gotClose(event);
      else reject(notOpened(socket, event));
    });
    if (socket.readyState === OPEN) opened();
    else if (socket.readyState === CONNECTING) socket.addEventListener("open", opened);
    else reject(notOpened(socket, {}));
  });
}

function notOpened(socket: WebSocketLike, { code, reason }: NativeClose): HandshakeError {
  const status = code === undefined ? "" : ` (${code}${reason ? `, ${reason}` : ""})`;
  return new HandshakeError(
    "PLATFORM_REFUSED",
    `Cannot open connection: the platform could not connect to ${socket.url || "the peer"}` +
      `${status}; it does not tell why, its network panel may`,
    { status: 0 },
  );
}
