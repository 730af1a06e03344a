/**
 * WebSocketStream (https://github.com/whatwg/websockets/pull/48), on this library's own protocol: a
 * connection as a pair of streams.
 *
 * @module
 */
import type { WebSocketConnection } from "../../connection/connection.ts";
import type { CloseInfo } from "../../errors.ts";
import { checkProtocols } from "../../handshake/client_url.ts";
import type { MessageData } from "../../message/message.ts";
import { typeName } from "../../options.ts";
import { isInstance } from "../../thrown.ts";
import type { Connect, ConnectOptions } from "../options.ts";
import { defineInterface, requireArguments, toProtocols } from "./web_idl.ts";
import { parseURL, readSocketOptions, toMessage } from "./web_socket.ts";
import {
  type CheckedClose,
  closedWith,
  mayClose,
  readCloseInfo,
  type WebSocketCloseInfo,
  WebSocketError,
} from "./web_socket_error.ts";

/** The options of a {@linkcode WebSocketStreamObject}: `protocols`, `signal`, and those of `connect`. */
export interface WebSocketStreamOptions
  extends Omit<ConnectOptions, "messages" | "websocket" | "onError"> {
  /** The subprotocols to offer. @default {[]} */
  protocols?: readonly string[];
}

/** What a WebSocketStream has once it is open. */
export interface WebSocketOpenInfo {
  /** The messages: strings, or bytes as Uint8Arrays. Reading slowly makes the peer wait. */
  readonly readable: ReadableStream<MessageData>;
  /** Sends what is written: strings, or bytes. A write waits while the peer does not read. */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  /** The agreed extensions, or `""`. */
  readonly extensions: string;
  /** The agreed subprotocol, or `""`. */
  readonly protocol: string;
}

/** A connection as a pair of streams. */
export interface WebSocketStreamObject {
  /** The URL, with the scheme ws or wss. */
  readonly url: string;
  /** Resolves when the connection is open. */
  readonly opened: Promise<WebSocketOpenInfo>;
  /**
   * Resolves when it was closed cleanly; rejects with a {@linkcode WebSocketError} otherwise. A rejection that
   * is not handled is not reported as unhandled.
   */
  readonly closed: Promise<WebSocketCloseInfo>;
  /**
   * Begins the closing handshake.
   *
   * @throws {DOMException} InvalidAccessError If the code is neither 1000 nor from 3000 to 4999; SyntaxError
   * if the reason has more than 123 bytes.
   */
  close(closeInfo?: WebSocketCloseInfo): void;
}

/** The class of {@linkcode WebSocketStreamObject}. */
export interface WebSocketStreamConstructor {
  /**
   * Connects. The URL may be relative to the `location` of the program, if it has one.
   *
   * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or a subprotocol is not a
   * token or repeated.
   */
  new (url: string | URL, options?: WebSocketStreamOptions): WebSocketStreamObject;
  /** What the objects inherit from. */
  readonly prototype: WebSocketStreamObject;
}

/** Returns the class; its connections are opened by `connect`. */
export function defineWebSocketStream(connect: Connect): WebSocketStreamConstructor {
  class WebSocketStream {
    readonly #url: URL;
    readonly #opened = Promise.withResolvers<WebSocketOpenInfo>();
    readonly #closed = Promise.withResolvers<WebSocketCloseInfo>();
    readonly #abort = new AbortController();
    readonly #mustChoose: boolean;
    #connection: WebSocketConnection | undefined;
    /** Closed before it was open, or refused by this end. */
    #failed = false;
    /** Writes that wait for the peer. */
    #writing = 0;

    constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
      requireArguments("construct WebSocketStream", arguments.length, 1);
      requireObject("the options", options);
      const given = readSocketOptions(options, "WebSocketStream"), { protocols: offered } = given;
      if (offered !== undefined) requireObject("protocols", offered, Symbol.iterator);
      this.#url = parseURL(url);
      const protocols = checkProtocols(offered === undefined ? [] : toProtocols(offered));
      this.#mustChoose = protocols.length > 0;
      for (const { promise } of [this.#opened, this.#closed]) promise.catch(() => {});
      const { signal } = given;
      if (signal?.aborted) return this.#end(signal.reason), this;
      connect(this.#url, {
        maxMessageSize: MAX_MESSAGE_SIZE,
        ...given,
        protocols,
        signal: signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal,
        websocket: (connection) => this.#onOpen(connection),
      }).catch(() => {
        this.#end(signal?.aborted ? signal.reason : closedWith("The connection failed", 1006, ""));
      });
    }

    get url(): string {
      return this.#url.href;
    }

    /** Web IDL: an attribute that is a promise rejects where another throws. */
    get opened(): Promise<WebSocketOpenInfo> {
      return #opened in this ? this.#opened.promise : Promise.reject(illegalInvocation());
    }

    get closed(): Promise<WebSocketCloseInfo> {
      return #closed in this ? this.#closed.promise : Promise.reject(illegalInvocation());
    }

    close(closeInfo: WebSocketCloseInfo = {}): void {
      this.#close(readCloseInfo(closeInfo));
    }

    #close({ code, reason }: CheckedClose): void {
      if (this.#connection !== undefined) this.#connection.close(code ?? 1005, reason);
      else {
        this.#failed = true;
        this.#abort.abort(new DOMException("closed", "AbortError"));
      }
    }

    /** Cancelling and aborting close with what a WebSocketError says. */
    #closeBecause(reason: unknown): void {
      const { closeCode, reason: text } = isInstance(reason, WebSocketError)
        ? reason
        : { closeCode: null, reason: "" };
      // One of a connection that has ended may have a code that is never sent.
      if (closeCode !== null && mayClose(closeCode)) this.#close({ code: closeCode, reason: text });
      else this.#close({ code: undefined, reason: "" });
    }

    #onOpen(connection: WebSocketConnection): void {
      if (this.#failed || this.#mustChoose && connection.protocol === "") {
        connection.terminate();
        return this.#end(closedWith("The server chose no subprotocol", 1006, ""));
      }
      this.#connection = connection;
      const { extensions, protocol } = connection;
      // One error for all that end by it.
      const ended = connection.closed.then((info) => {
        const error = errorOf(info, this.#writing > 0);
        this.#end(error, info);
        return error;
      });
      const readable = this.#createReadable(connection, ended);
      const writable = this.#createWritable(connection, ended);
      this.#opened.resolve({ readable, writable, extensions, protocol });
    }

    /**
     * Reads ahead by one message; the rest waits in the connection, until the peer has to. After a clean end
     * what waits can still be read.
     */
    #createReadable(connection: WebSocketConnection, ended: Ended): ReadableStream<MessageData> {
      let isCancelled = false, pulled = Promise.withResolvers<void>();
      const read = async (
        controller: ReadableStreamDefaultController<MessageData>,
      ): Promise<void> => {
        try {
          for (;;) {
            const message = await connection.receive();
            if (isCancelled) continue; // what comes behind is dropped
            controller.enqueue(message);
            if (controller.desiredSize! > 0) continue;
            pulled = Promise.withResolvers();
            await pulled.promise;
          }
        } catch {
          if (await ended === undefined && !isCancelled) controller.close();
        }
      };
      return new ReadableStream<MessageData>({
        start: (controller): void => {
          void read(controller);
          void ended.then((error) => error !== undefined && controller.error(error));
        },
        pull: (): void => pulled.resolve(),
        cancel: async (reason): Promise<void> => {
          isCancelled = true;
          pulled.resolve();
          this.#closeBecause(reason);
          await ended;
        },
      });
    }

    #createWritable(
      connection: WebSocketConnection,
      ended: Ended,
    ): WritableStream<string | ArrayBuffer | ArrayBufferView> {
      return new WritableStream({
        start: (controller): void => {
          void ended.then((error) => controller.error(error ?? closedError()));
        },
        write: async (chunk): Promise<void> => {
          const message = toMessage(chunk);
          if (connection.readyState !== 1) throw closedError();
          this.#writing++;
          connection.send(message instanceof Blob ? `${chunk}` : message);
          await connection.ready;
          if (isClosed(connection)) throw await ended ?? closedError();
          this.#writing--;
        },
        close: async (): Promise<void> => {
          connection.close(1005);
          const error = await ended;
          if (error !== undefined) throw error;
        },
        abort: async (reason): Promise<void> => {
          this.#closeBecause(reason);
          await ended;
        },
      });
    }

    /** Settles both promises, once. */
    #end(error: unknown, { closeCode, reason }: Partial<CloseInfo> = {}): void {
      if (error === undefined) this.#closed.resolve({ closeCode: closeCode!, reason: reason! });
      else {
        this.#opened.reject(error);
        this.#closed.reject(error);
      }
    }
  }
  defineInterface("WebSocketStream", WebSocketStream);
  return WebSocketStream;
}

/** The end of a connection: its error, where it was not clean. */
type Ended = Promise<WebSocketError | undefined>;

function closedError(): DOMException {
  return new DOMException("Cannot write: the connection is closing or closed", "InvalidStateError");
}

function isClosed({ readyState }: WebSocketConnection): boolean {
  return readyState === 3;
}

function illegalInvocation(): TypeError {
  return new TypeError("Cannot read a promise of what is not a WebSocketStream");
}

function requireObject(what: string, value: unknown, member?: symbol): void {
  const isObject = typeof value === "object" && value !== null || typeof value === "function";
  if (isObject && (member === undefined || member in value)) return;
  throw new TypeError(
    `Cannot construct WebSocketStream: ${what} must be ${
      member === undefined ? "an object" : "a list"
    }, got ${typeName(value)}`,
  );
}

/** As the class WebSocket has it. */
const MAX_MESSAGE_SIZE = 134_217_728;

/** The error of an end that was not clean; `isWriting` is whether something written has not left. */
function errorOf(
  { wasClean, closeCode, reason, error, received }: CloseInfo,
  isWriting: boolean,
): WebSocketError | undefined {
  if (wasClean && error === undefined && !isWriting) return undefined;
  const isPeers = received !== undefined && (error === undefined || isWriting);
  return closedWith(
    "The connection was not closed cleanly",
    isPeers ? closeCode : 1006,
    isPeers ? reason : "",
  );
}
