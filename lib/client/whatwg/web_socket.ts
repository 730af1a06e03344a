/**
 * The class WebSocket of the WebSockets standard (https://websockets.spec.whatwg.org/, 26 May 2025), on this
 * library's own protocol.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { CloseInfo } from "../../errors.ts";
import { checkProtocols, parseWebSocketURL } from "../../handshake/client_url.ts";
import { CLOSED, CLOSING, CONNECTING, OPEN } from "../../link/link.ts";
import type { MessageData } from "../../message/message.ts";
import { toNodeBuffer } from "../../transport/node_api.ts";
import { connect } from "../connect.ts";
import { type ConnectOptions, readConnectOptions } from "../options.ts";
import {
  requireArguments,
  toClampedShort,
  toProtocols,
  toUSVString,
  utf8Length,
} from "./conversions.ts";
import { type EventHandler, EventHandlers } from "./event_handlers.ts";
import { CloseEvent, MessageEvent } from "./events.ts";
import { TaskQueue } from "./tasks.ts";
import { checkClose } from "./web_socket_error.ts";

/** How binary messages are given. `"nodebuffer"` is a Buffer, where there is one. */
export type BinaryType = "blob" | "arraybuffer" | "nodebuffer";

/** The options of a {@linkcode WebSocket}, in place of its subprotocols. */
export interface WebSocketOptions
  extends Omit<ConnectOptions, "messages" | "websocket" | "onError"> {
  /** The longest message, in bytes. @default {134217728} */
  maxMessageSize?: number;
  /** The most that may wait to be sent, in bytes. @default {Infinity} */
  maxBufferedAmount?: number;
  /** How long the peer may take nothing, in milliseconds. @default {Infinity} */
  sendTimeout?: number;
}

/** What `send` takes. */
export type WebSocketData = string | ArrayBuffer | ArrayBufferView | Blob;

/** A client's WebSocket, with the interface of the standard. */
export interface WebSocket extends EventTarget {
  /** The URL, with the scheme ws or wss. */
  readonly url: string;
  /** 0 while connecting, 1 while open, 2 while closing, 3 once closed. */
  readonly readyState: number;
  /** Bytes of messages that were sent and that the system has not taken; those after the end count too. */
  readonly bufferedAmount: number;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
  /** How binary messages are given. @default {"blob"} */
  binaryType: BinaryType;
  /** Called when it is open. */
  onopen: EventHandler;
  /** Called with each message. */
  onmessage: EventHandler<MessageEvent>;
  /** Called when it fails, before `onclose`. */
  onerror: EventHandler;
  /** Called when it is closed. */
  onclose: EventHandler<CloseEvent>;
  /**
   * Sends a message.
   *
   * @throws {DOMException} InvalidStateError While it is connecting.
   */
  send(data: WebSocketData): void;
  /**
   * Begins the closing handshake.
   *
   * @throws {DOMException} InvalidAccessError If the code is neither 1000 nor from 3000 to 4999; SyntaxError
   * if the reason has more than 123 bytes.
   */
  close(code?: number, reason?: string): void;
  /** 0. */
  readonly CONNECTING: 0;
  /** 1. */
  readonly OPEN: 1;
  /** 2. */
  readonly CLOSING: 2;
  /** 3. */
  readonly CLOSED: 3;
}

/** The class of {@linkcode WebSocket}. */
export interface WebSocketConstructor {
  /**
   * Connects. The URL may be relative to the `location` of the program, if it has one.
   *
   * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or a subprotocol is not a
   * token or repeated.
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  new (url: string | URL, protocols?: string | readonly string[] | WebSocketOptions): WebSocket;
  /** What the objects inherit from. */
  readonly prototype: WebSocket;
  /** 0. */
  readonly CONNECTING: 0;
  /** 1. */
  readonly OPEN: 1;
  /** 2. */
  readonly CLOSING: 2;
  /** 3. */
  readonly CLOSED: 3;
}

/** What code that was written for the standard expects: no limit on what waits. */
const DEFAULTS = {
  maxMessageSize: 134_217_728,
  maxBufferedAmount: Infinity,
  sendTimeout: Infinity,
};

/** Messages that each get a task of their own at first: code often changes its handlers then. */
const APART = 16;

/** Bytes of messages that wait for their task, past which reading stops. */
const MAX_WAITING = 1_048_576;
/** What a message counts besides. */
const MESSAGE_COST = 256;

function defineWebSocket(): WebSocketConstructor {
  class WebSocket extends EventTarget {
    readonly #url: URL;
    readonly #handlers = new EventHandlers(this);
    readonly #tasks = new TaskQueue();
    readonly #abort = new AbortController();
    readonly #mustChoose: boolean;
    #state: number = CONNECTING;
    #binaryType: BinaryType = "blob";
    #connection: WebSocketConnection | undefined;
    /** Failed by this end: what the peer says no longer counts. */
    #failed = false;
    /** Bytes of messages that were sent since nothing waited, and after the end. */
    #sent = 0;
    #dropped = 0;
    /** Bytes of Blobs that are being read. */
    #reading = 0;
    #waitingSize = 0;
    #messages = 0;
    /** A listener for messages may be gone after the next one. */
    #mayChange = false;

    constructor(
      url: string | URL,
      second: string | readonly string[] | WebSocketOptions = [],
    ) {
      super();
      requireArguments("construct WebSocket", arguments.length, 1);
      this.#url = parseURL(url);
      const options = readOptions(second);
      const protocols = checkProtocols(options.protocols);
      this.#mustChoose = protocols.length > 0;
      const { signal } = options;
      signal?.throwIfAborted();
      signal?.addEventListener("abort", () => this.#abort.abort(signal.reason));
      connect(this.#url, {
        ...DEFAULTS,
        ...options,
        protocols,
        signal: this.#abort.signal,
        websocket: {
          open: (connection) => this.#opened(connection),
          message: (_, data) => this.#received(data),
          close: (_, info) => this.#closed(info),
        },
      }).catch(() => this.#tasks.push(() => this.#end({ failed: true, code: 1006, reason: "" })));
    }

    get url(): string {
      return this.#url.href;
    }

    get readyState(): number {
      const { readyState = OPEN } = this.#connection ?? {};
      return this.#state === OPEN && readyState > OPEN ? CLOSING : this.#state;
    }

    get bufferedAmount(): number {
      const { bufferedAmount = 0, readyState = CLOSED } = this.#connection ?? {};
      const reading = this.#reading;
      if (readyState === CLOSED) return this.#sent + reading + this.#dropped;
      if (bufferedAmount === 0) this.#sent = 0;
      return Math.min(this.#sent, bufferedAmount) + reading + this.#dropped;
    }

    get extensions(): string {
      return this.#state === CONNECTING ? "" : this.#connection?.extensions ?? "";
    }

    get protocol(): string {
      return this.#state === CONNECTING ? "" : this.#connection?.protocol ?? "";
    }

    get binaryType(): BinaryType {
      return this.#binaryType;
    }

    /** What is no value of the enumeration is ignored, as Web IDL has it. */
    set binaryType(value: BinaryType) {
      const type = `${value}`;
      if (type === "blob" || type === "arraybuffer" || type === "nodebuffer") {
        this.#binaryType = type;
      }
    }

    get onopen(): EventHandler {
      return this.#handlers.get("open");
    }
    set onopen(value: EventHandler) {
      this.#handlers.set("open", value);
    }
    get onmessage(): EventHandler<MessageEvent> {
      return this.#handlers.get("message");
    }
    set onmessage(value: EventHandler<MessageEvent>) {
      this.#handlers.set("message", value);
    }
    get onerror(): EventHandler {
      return this.#handlers.get("error");
    }
    set onerror(value: EventHandler) {
      this.#handlers.set("error", value);
    }
    get onclose(): EventHandler<CloseEvent> {
      return this.#handlers.get("close");
    }
    set onclose(value: EventHandler<CloseEvent>) {
      this.#handlers.set("close", value);
    }

    override addEventListener(...given: Parameters<EventTarget["addEventListener"]>): void {
      if (typeof given[2] === "object" && given[2] !== null) this.#mayChange = true;
      super.addEventListener(...given);
    }

    override removeEventListener(...given: Parameters<EventTarget["removeEventListener"]>): void {
      this.#mayChange = true;
      super.removeEventListener(...given);
    }

    send(data: WebSocketData): void {
      requireArguments("send", arguments.length, 1);
      const sent = toMessage(data);
      if (this.#state === CONNECTING) {
        throw new DOMException("Cannot send: it is still connecting", "InvalidStateError");
      }
      const size = sizeOf(sent), connection = this.#connection;
      if (this.readyState !== OPEN || connection === undefined) this.#dropped += size;
      else if (isBlob(sent)) {
        this.#reading += size;
        const done = (): void => void (this.#reading -= size);
        connection.send(sent, { type: "binary" }).then(done, () => {});
      } else {
        if (connection.bufferedAmount === 0) this.#sent = 0;
        this.#sent += size;
        connection.send(sent);
      }
    }

    close(...given: [code?: number, reason?: string]): void {
      const [first, second] = given;
      const checked = checkClose(
        first === undefined ? undefined : toClampedShort(first),
        second === undefined ? "" : toUSVString(second),
      );
      const state = this.readyState;
      if (state > OPEN) return;
      this.#state = CLOSING;
      if (state === CONNECTING) this.#abort.abort(new DOMException("closed", "AbortError"));
      else this.#connection?.close(checked.code ?? 1005, checked.reason);
    }

    #opened(connection: WebSocketConnection): void {
      this.#connection = connection;
      // Section 3.1: offered subprotocols of which the server chose none fail the connection.
      if (this.#state !== CONNECTING || this.#mustChoose && connection.protocol === "") {
        this.#failed = true;
        connection.terminate();
        return;
      }
      this.#tasks.push(() => {
        if (this.#state !== CONNECTING) {
          this.#failed = true;
          connection.terminate();
          return true;
        }
        this.#state = OPEN;
        this.dispatchEvent(new Event("open"));
        return true;
      });
    }

    #received(data: MessageData): void {
      const size = data.length + MESSAGE_COST;
      this.#waitingSize += size;
      if (this.#waitingSize > MAX_WAITING) this.#connection!.pause();
      this.#tasks.push(() => {
        this.#waitingSize -= size;
        if (this.#waitingSize <= MAX_WAITING / 2) this.#connection!.resume();
        if (this.#state !== OPEN) return false;
        const isApart = this.#mayChange || ++this.#messages <= APART;
        this.dispatchEvent(
          new MessageEvent("message", { data: this.#show(data), origin: this.#url.origin }),
        );
        return isApart;
      });
    }

    #show(data: MessageData): unknown {
      if (typeof data === "string") return data;
      if (this.#binaryType === "arraybuffer") return data.buffer;
      if (this.#binaryType === "nodebuffer") {
        const buffer = toNodeBuffer(data.buffer);
        if (buffer !== undefined) return buffer;
      }
      return new Blob([data]);
    }

    #closed({ closeCode, reason, wasClean, error }: CloseInfo): void {
      const failed = this.#failed || error !== undefined || !wasClean;
      this.#tasks.push(() =>
        this.#end(failed ? { failed, code: 1006, reason: "" } : { failed, code: closeCode, reason })
      );
    }

    #end({ failed, code, reason }: { failed: boolean; code: number; reason: string }): void {
      if (this.#state === CLOSED) return;
      this.#state = CLOSED;
      if (failed) this.dispatchEvent(new Event("error"));
      this.dispatchEvent(new CloseEvent("close", { wasClean: !failed, code, reason }));
    }
  }

  defineConstants(WebSocket);
  return WebSocket as unknown as WebSocketConstructor;
}

/** Section 3.1: "getting a URL record", relative to the program's own URL if it has one. */
export function parseURL(given: unknown): URL {
  const url = toUSVString(given);
  const { location } = globalThis as { location?: { href: string } };
  let base: string | undefined;
  try {
    base = location?.href;
  } catch {
    // A runtime may have a location that throws where it was given none.
  }
  if (base !== undefined && !URL.canParse(url) && URL.canParse(url, base)) {
    return parseWebSocketURL(new URL(url, base));
  }
  return parseWebSocketURL(url);
}

/** Subprotocols as the standard has them, or an object of options. */
function readOptions(second: unknown): WebSocketOptions {
  const isOptions = typeof second === "object" && second !== null && !(Symbol.iterator in second);
  return isOptions ? readSocketOptions(second, "WebSocket") : { protocols: toProtocols(second) };
}

/**
 * Returns the options of `connect` that go with a class of the standard.
 *
 * @throws {TypeError} If an option is unknown, or is one of `connect` alone.
 */
export function readSocketOptions(given: unknown, what: string): WebSocketOptions {
  const { messages, websocket, onError } = (given ?? {}) as ConnectOptions;
  for (const [name, value] of Object.entries({ messages, websocket, onError })) {
    if (value === undefined) continue;
    throw new TypeError(`Cannot construct ${what}: ${name} is an option of connect alone`);
  }
  return readConnectOptions<MessageData>((given ?? {}) as ConnectOptions, []) as WebSocketOptions;
}

/** `(BufferSource or Blob or USVString)`. */
export function toMessage(data: unknown): string | Uint8Array | Blob {
  if (typeof data === "string") return data.toWellFormed();
  if (ArrayBuffer.isView(data)) {
    if (!(data.buffer instanceof ArrayBuffer)) {
      throw new TypeError("Cannot send: the view must not be one of shared memory");
    }
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer) return data.detached ? new Uint8Array(0) : new Uint8Array(data);
  return isBlob(data) ? data : toUSVString(data);
}

function isBlob(data: unknown): data is Blob {
  return typeof Blob === "function" && data instanceof Blob;
}

function sizeOf(data: string | Uint8Array | Blob): number {
  if (typeof data === "string") return utf8Length(data);
  return isBlob(data) ? data.size : data.length;
}

/** As Web IDL defines an interface: constants on both, and all members enumerable. */
function defineConstants(type: { readonly prototype: object }): void {
  const states = { CONNECTING, OPEN, CLOSING, CLOSED };
  for (const [name, value] of Object.entries(states)) {
    const constant = { value, enumerable: true };
    Object.defineProperty(type, name, constant);
    Object.defineProperty(type.prototype, name, constant);
  }
  for (const name of Object.getOwnPropertyNames(type.prototype)) {
    if (name === "constructor" || name.endsWith("EventListener")) continue;
    Object.defineProperty(type.prototype, name, { enumerable: true });
  }
  Object.defineProperty(type.prototype, Symbol.toStringTag, {
    value: "WebSocket",
    configurable: true,
  });
}

/**
 * The class WebSocket of the standard, on this library's own protocol: for code and libraries that take one.
 * The second argument may also be an object of options, those of `connect`.
 *
 * @example
 * ```ts
 * import { WebSocket } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const socket = new WebSocket(`ws://localhost:${server.address.port}/`);
 * socket.onopen = () => socket.send("Hello");
 * const data = await new Promise((resolve) => socket.onmessage = (event) => resolve(event.data));
 * assert.equal(data, "Hello");
 * const closed = new Promise((resolve) => socket.onclose = resolve);
 * socket.close();
 * await closed;
 * ```
 */
export const WebSocket: WebSocketConstructor = /* @__PURE__ */ defineWebSocket();
