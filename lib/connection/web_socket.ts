/**
 * Whatever has the interface of the WebSocket standard, as a connection: a browser's socket, one of
 * Deno.serve's, one end of a pair.
 *
 * @module
 */
import { HandshakeError, TransportError } from "../errors.ts";
import { toError } from "../thrown.ts";
import { type ConnectionInit, WebSocketConnection } from "./connection.ts";
import type { ConnectionHandler } from "./connection.ts";
import type { MessageData } from "../message/message.ts";
import type { AnyMessage } from "./streamed_message.ts";
import { type Capabilities, CLOSING, CONNECTING, OPEN } from "../link/link.ts";
import { type NativeClose, NativeLink } from "../link/native_link.ts";
import type { TransportAddress } from "../link/transport.ts";

/** What is used of a WebSocket: the interface that the WebSocket standard defines. */
export interface WebSocketLike {
  /** Where it stands: 0 while connecting, 1 while open. */
  readonly readyState: number;
  /** Bytes that wait to leave. */
  readonly bufferedAmount: number;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;
  /** The URL; null on a socket of a server. */
  readonly url?: string | null;
  /** How binary messages are given: set to `"arraybuffer"`. */
  binaryType?: string;
  /** Sends a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Begins the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Drops the peer, where the platform can: Bun can, and `ws`. */
  terminate?(): void;
  /** Stops reading, where the platform can: Bun can, and `ws`. */
  pause?(): void;
  /** Reads again. */
  resume?(): void;
  /** Adds a listener. */
  addEventListener(type: string, listener: (event: WebSocketEventLike) => void): void;
}

/** What is used of the events of a WebSocket. */
export interface WebSocketEventLike {
  /** The event's name. */
  readonly type: string;
  /** Of a `message`: text, an ArrayBuffer, a view or a Blob. */
  readonly data?: unknown;
  /** Of an `error`, on some platforms: what went wrong. */
  readonly message?: unknown;
  /** Of a `close`: its code. */
  readonly code?: number;
  /** Of a `close`: its reason. */
  readonly reason?: string;
  /** Of a `close`: whether the closing handshake was completed. */
  readonly wasClean?: boolean;
}

/** What a connection over such a socket is made with. */
export interface WebSocketInit<Data, Message extends AnyMessage>
  extends ConnectionInit<Data, Message> {
  /** Handlers, or a function that is given the connection once it is open. */
  websocket?: ConnectionHandler<Data, Message> | undefined;
  /** What differs from a client's socket. */
  capabilities?: Partial<Capabilities>;
  /** The peer's address, where known. */
  remoteAddress?: TransportAddress | undefined;
  /** Called with the connection, before anything passes. */
  onCreated?: ((connection: WebSocketConnection<Data, Message>) => void) | undefined;
  /** The agreed subprotocol, where the socket does not know it. */
  protocol?: string | undefined;
}

/**
 * Creates the connection once the socket is open: at once, if it is. Listens from the call on, so
 * that nothing is missed.
 *
 * Rejects with a {@linkcode HandshakeError} if the socket does not open.
 */
export function openWebSocket<Data, Message extends AnyMessage>(
  socket: WebSocketLike,
  init: WebSocketInit<Data, Message>,
): Promise<WebSocketConnection<Data, Message>> {
  return new Promise((resolve, reject) => {
    let intake: Intake | undefined;
    const opened = (): void => {
      const { options, remoteAddress, protocol, websocket } = init;
      const capabilities = {
        pause: socket.pause !== undefined && socket.resume !== undefined,
        ping: false,
        compression: socket.extensions.includes("permessage-deflate"),
        streaming: false,
        anyCloseCode: false,
        ...init.capabilities,
      };
      const link = new NativeLink(socket, { options, capabilities, remoteAddress, protocol });
      intake = new Intake(link);
      const url = init.url || (socket.url ?? "");
      const connection = new WebSocketConnection<Data, Message>(link, { ...init, url });
      init.onCreated?.(connection);
      connection.start(websocket);
      resolve(connection);
    };
    askForArrayBuffers(socket);
    socket.addEventListener("message", ({ data }) => intake?.message(data));
    socket.addEventListener("error", ({ message }) => intake?.error(message));
    socket.addEventListener("close", (event) => {
      if (intake === undefined) return reject(notOpened(socket, event));
      intake.close(event);
      answerClose(socket, event);
    });
    if (socket.readyState === OPEN) opened();
    else if (socket.readyState === CONNECTING) socket.addEventListener("open", opened);
    else reject(notOpened(socket, {}));
  });
}

/**
 * Passes on the events of the socket in their order: a Blob is read asynchronously, and later
 * events wait for it.
 */
class Intake {
  readonly #link: NativeLink;
  #blobs = 0;
  #read: Promise<void> = Promise.resolve();

  constructor(link: NativeLink) {
    this.#link = link;
  }

  message(data: unknown): void {
    const link = this.#link;
    if (isBlob(data)) {
      this.#behind(async () => link.onMessage(new Uint8Array(await data.arrayBuffer())));
    } else if (this.#blobs > 0) this.#behind(() => link.onMessage(messageOf(data)));
    else link.onMessage(messageOf(data));
  }

  /** In a browser the event says nothing. */
  error(message: unknown): void {
    if (typeof message !== "string" || message === "") return;
    this.#link.onError(
      new TransportError("IO_FAILED", `The platform failed the connection: ${message}`),
    );
  }

  close(event: NativeClose): void {
    if (this.#blobs > 0) this.#behind(() => this.#link.onClose(event));
    else this.#link.onClose(event);
  }

  #behind(step: () => void | Promise<void>): void {
    this.#blobs++;
    this.#read = this.#read.then(step).catch((error: unknown) => {
      this.#link.fail({ closeCode: 1011, reason: "" }, toError(error));
    }).finally(() => this.#blobs--);
  }
}

function isBlob(data: unknown): data is { arrayBuffer(): Promise<ArrayBuffer> } {
  return typeof data === "object" &&
    typeof (data as { arrayBuffer?: unknown }).arrayBuffer === "function";
}

/** A view may be one of memory that the platform uses again. */
function messageOf(data: unknown): MessageData {
  if (typeof data === "string") return data;
  if (!ArrayBuffer.isView(data)) return new Uint8Array(data as ArrayBuffer);
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice();
}

function askForArrayBuffers(socket: WebSocketLike): void {
  try {
    socket.binaryType = "arraybuffer";
  } catch {
    // What comes in its place is read as well.
  }
}

/** A Worker's socket leaves it to its user to answer the peer's Close (RFC 6455 section 5.5.1). */
function answerClose(socket: WebSocketLike, { code, reason }: NativeClose): void {
  if (socket.readyState !== CLOSING) return;
  try {
    if (code === 1005) socket.close();
    else socket.close(code, reason);
  } catch {
    // It has been answered.
  }
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
