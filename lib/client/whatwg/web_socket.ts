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
import { typeName } from "../../options.ts";
import { type ConnectOptions, readConnectOptions } from "../options.ts";
import type { Connect } from "../options.ts";
import {
  defineInterface,
  requireArguments,
  toClampedShort,
  toProtocols,
  toUSVString,
  utf8Length,
} from "./web_idl.ts";
import { type EventHandler, EventHandlers } from "./event_handlers.ts";
import { CloseEvent, type CloseEventInit, MessageEvent } from "./events.ts";
import { queueTask } from "./tasks.ts";
import { checkClose } from "./web_socket_error.ts";

/** How binary messages are given. `"nodebuffer"` is a Buffer, where there is one. */
export type BinaryType = "blob" | "arraybuffer" | "nodebuffer";

/** The options of a {@linkcode WebSocketObject}, in place of its subprotocols. */
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
export interface WebSocketObject extends EventTarget {
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

/** The class of {@linkcode WebSocketObject}. */
export interface WebSocketConstructor {
  /**
   * Connects. The URL may be relative to the `location` of the program, if it has one.
   *
   * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or a subprotocol is not a
   * token or repeated.
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  new (
    url: string | URL,
    protocols?: string | readonly string[] | WebSocketOptions,
  ): WebSocketObject;
  /** What the objects inherit from. */
  readonly prototype: WebSocketObject;
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

/** Returns the class; its connections are opened by `connect`. */
export function defineWebSocket(connect: Connect): WebSocketConstructor {
  class WebSocket extends EventTarget {
    readonly #url: URL;
    readonly #handlers = new EventHandlers(this);
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
    /** What `bufferedAmount` has shown in this task: it does not fall before the next one. */
    #shown = 0;
    /** Messages that wait for their task. */
    #waiting = 0;
    /** Messages that have come here, and how many will have with those that were known to wait. */
    #count = 0;
    #batchEnd = 0;

    constructor(
      url: string | URL,
      second: string | readonly string[] | WebSocketOptions = [],
    ) {
      super();
      requireArguments("construct WebSocket", arguments.length, 1);
      const options = readOptions(second);
      this.#url = parseURL(url);
      const protocols = checkProtocols(options.protocols);
      this.#mustChoose = protocols.length > 0;
      const { signal } = options;
      signal?.throwIfAborted();
      connect(this.#url, {
        ...DEFAULTS,
        ...options,
        protocols,
        signal: signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal,
        websocket: {
          open: (connection) => this.#onOpen(connection),
          message: (connection, data) => this.#onMessage(connection, data),
          close: (_, info) => this.#onClose(info),
        },
      }).catch(() => this.#fail());
    }

    get url(): string {
      return this.#url.href;
    }

    /** The peer's Close counts once the messages before it have been given. */
    get readyState(): number {
      const { readyState = OPEN } = this.#connection ?? {};
      const isClosing = this.#state === OPEN && readyState > OPEN && this.#waiting === 0;
      return isClosing ? CLOSING : this.#state;
    }

    get bufferedAmount(): number {
      return Math.max(this.#shown, this.#buffered);
    }

    get #buffered(): number {
      const rest = this.#connection?.bufferedAmount ?? 0;
      if (rest === 0) this.#sent = 0;
      return Math.min(this.#sent, rest) + this.#reading + this.#dropped;
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

    send(data: WebSocketData): void {
      requireArguments("send", arguments.length, 1);
      const sent = toMessage(data);
      if (this.#state === CONNECTING) {
        throw new DOMException("Cannot send: it is still connecting", "InvalidStateError");
      }
      const size = sizeOf(sent), before = this.bufferedAmount, connection = this.#connection;
      if (this.readyState !== OPEN || connection === undefined) this.#dropped += size;
      else if (isBlob(sent)) {
        this.#reading += size;
        const done = (): void => void (this.#reading -= size);
        connection.send(sent, { type: "binary" }).then(done, () => {});
      } else if (connection.send(sent) || connection.bufferedAmount > 0) this.#sent += size;
      else this.#dropped += size;
      if (this.#shown === 0) queueTask(() => void (this.#shown = 0));
      this.#shown = before + size;
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

    #onOpen(connection: WebSocketConnection): void {
      // Section 3.1: offered subprotocols of which the server chose none fail the connection.
      if (this.#state !== CONNECTING || this.#mustChoose && connection.protocol === "") {
        this.#failed = true;
        return connection.terminate();
      }
      queueTask(() => {
        if (this.#state !== CONNECTING) {
          this.#failed = true;
          return connection.terminate();
        }
        this.#connection = connection;
        this.#state = OPEN;
        this.dispatchEvent(new Event("open"));
      });
    }

    /**
     * Each message has a task, and what comes waits for the promise, so that the peer waits for slow ones. All
     * messages that waited have their tasks queued at once: one turn of the event loop for each would cost
     * more than the messages.
     */
    #onMessage(connection: WebSocketConnection, data: MessageData): Promise<void> | void {
      this.#waiting++;
      if (++this.#count > this.#batchEnd) this.#batchEnd = connection.stats.messagesReceived;
      if (this.#count < this.#batchEnd) return queueTask(() => this.#give(data));
      return new Promise((resolve) =>
        queueTask(() => {
          this.#give(data);
          resolve();
        })
      );
    }

    #give(data: MessageData): void {
      try {
        if (this.#state !== OPEN) return;
        const init = { data: this.#show(data), origin: this.#url.origin };
        this.dispatchEvent(new MessageEvent("message", init));
      } finally {
        this.#waiting--;
      }
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

    #onClose({ closeCode, reason, wasClean, error }: CloseInfo): void {
      if (wasClean) this.#sent = 0; // all of it has left
      if (this.#failed || error !== undefined || !wasClean) return this.#fail();
      queueTask(() => this.#end({ wasClean, code: closeCode, reason }));
    }

    /** Two tasks: what follows from `error` happens before `close`. */
    #fail(): void {
      queueTask(() => {
        if (this.#state === CLOSED) return;
        queueTask(() => this.#end({ wasClean: false, code: 1006, reason: "" }));
        this.#dropped = this.#buffered;
        this.#sent = this.#reading = 0;
        this.#state = CLOSED;
        this.dispatchEvent(new Event("error"));
      });
    }

    #end(init: CloseEventInit): void {
      this.#state = CLOSED;
      this.dispatchEvent(new CloseEvent("close", init));
    }
  }

  defineInterface("WebSocket", WebSocket);
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

/** `(BufferSource or Blob or USVString)`: memory of another realm too, but neither shared nor resizable. */
export function toMessage(data: unknown): string | Uint8Array | Blob {
  if (typeof data === "string") return data.toWellFormed();
  const memory = ArrayBuffer.isView(data) ? data.buffer : data;
  const kind = typeName(memory);
  if (!ArrayBuffer.isView(data) && kind !== "ArrayBuffer") {
    return isBlob(data) ? data : toUSVString(data);
  }
  const { resizable, detached } = memory as ArrayBuffer;
  if (kind !== "ArrayBuffer" || resizable) {
    throw new TypeError("Cannot send: memory that is shared or resizable is not accepted");
  }
  if (detached) return new Uint8Array(0);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data as ArrayBuffer);
}

function isBlob(data: unknown): data is Blob {
  return typeof Blob === "function" && data instanceof Blob;
}

function sizeOf(data: string | Uint8Array | Blob): number {
  if (typeof data === "string") return utf8Length(data);
  return isBlob(data) ? data.size : data.length;
}

/** Constants stand on the interface and on its prototype. */
function defineConstants(type: { readonly prototype: object }): void {
  const states = { CONNECTING, OPEN, CLOSING, CLOSED };
  for (const [name, value] of Object.entries(states)) {
    const constant = { value, enumerable: true };
    Object.defineProperty(type, name, constant);
    Object.defineProperty(type.prototype, name, constant);
  }
}
