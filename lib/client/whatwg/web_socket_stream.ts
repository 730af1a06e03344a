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
import { isInstance } from "../../thrown.ts";
import { connect } from "../connect.ts";
import type { ConnectOptions } from "../options.ts";
import { requireArguments, toProtocols } from "./conversions.ts";
import { parseURL, readSocketOptions, toMessage } from "./web_socket.ts";
import {
  type CheckedClose,
  closedWith,
  readCloseInfo,
  type WebSocketCloseInfo,
  WebSocketError,
} from "./web_socket_error.ts";

/** The options of a {@linkcode WebSocketStream}: `protocols`, `signal`, and those of `connect`. */
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
export interface WebSocketStream {
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

/** The class of {@linkcode WebSocketStream}. */
export interface WebSocketStreamConstructor {
  /**
   * Connects. The URL may be relative to the `location` of the program, if it has one.
   *
   * @throws {DOMException} SyntaxError If the URL is invalid or has a fragment, or a subprotocol is not a
   * token or repeated.
   */
  new (url: string | URL, options?: WebSocketStreamOptions): WebSocketStream;
  /** What the objects inherit from. */
  readonly prototype: WebSocketStream;
}

function defineWebSocketStream(): WebSocketStreamConstructor {
  class WebSocketStream {
    readonly #url: URL;
    readonly #opened = Promise.withResolvers<WebSocketOpenInfo>();
    readonly #closed = Promise.withResolvers<WebSocketCloseInfo>();
    readonly #abort = new AbortController();
    readonly #mustChoose: boolean;
    #connection: WebSocketConnection | undefined;
    /** Closed before it was open, or refused by this end. */
    #failed = false;

    constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
      requireArguments("construct WebSocketStream", arguments.length, 1);
      this.#url = parseURL(url);
      const given = readSocketOptions(options, "WebSocketStream");
      const protocols = checkProtocols(
        options?.protocols === undefined ? [] : toProtocols(options.protocols),
      );
      this.#mustChoose = protocols.length > 0;
      for (const { promise } of [this.#opened, this.#closed]) promise.catch(() => {});
      const { signal } = given;
      if (signal?.aborted) return this.#end(signal.reason), this;
      const abort = (): void => this.#abort.abort(signal!.reason);
      signal?.addEventListener("abort", abort, { once: true });
      connect(this.#url, {
        maxMessageSize: MAX_MESSAGE_SIZE,
        ...given,
        protocols,
        signal: this.#abort.signal,
        websocket: (connection) => this.#onOpen(connection),
      }).then(undefined, () => {
        this.#end(signal?.aborted ? signal.reason : closedWith("The connection failed", 1006, ""));
      }).finally(() => signal?.removeEventListener("abort", abort));
    }

    get url(): string {
      return this.#url.href;
    }

    get opened(): Promise<WebSocketOpenInfo> {
      return this.#opened.promise;
    }

    get closed(): Promise<WebSocketCloseInfo> {
      return this.#closed.promise;
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
      this.#close({ code: closeCode ?? undefined, reason: text });
    }

    #onOpen(connection: WebSocketConnection): void {
      this.#connection = connection;
      if (this.#failed || this.#mustChoose && connection.protocol === "") {
        connection.terminate();
        return this.#end(closedWith("The server chose no subprotocol", 1006, ""));
      }
      const { extensions, protocol } = connection;
      const readable = this.#createReadable(connection),
        writable = this.#createWritable(connection);
      this.#opened.resolve({ readable, writable, extensions, protocol });
    }

    /** Reads ahead by one message; the rest waits in the connection, until the peer has to. */
    #createReadable(connection: WebSocketConnection): ReadableStream<MessageData> {
      let isCancelled = false, pulled = Promise.withResolvers<void>();
      const read = async (controller: ReadableStreamDefaultController<MessageData>) => {
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
          const info = await connection.closed, error = errorOf(info);
          this.#end(error, info);
          if (isCancelled) return;
          if (error === undefined) controller.close();
          else controller.error(error);
        }
      };
      return new ReadableStream<MessageData>({
        start: (controller): void => void read(controller),
        pull: (): void => pulled.resolve(),
        cancel: async (reason): Promise<void> => {
          isCancelled = true;
          pulled.resolve();
          this.#closeBecause(reason);
          await connection.closed;
        },
      });
    }

    #createWritable(
      connection: WebSocketConnection,
    ): WritableStream<string | ArrayBuffer | ArrayBufferView> {
      return new WritableStream({
        start: (controller): void => {
          void connection.closed.then((info) => {
            controller.error(
              errorOf(info) ?? new DOMException("It is closed", "InvalidStateError"),
            );
          });
        },
        write: async (chunk): Promise<void> => {
          const message = toMessage(chunk);
          const data = message instanceof Blob ? `${chunk}` : message;
          if (!connection.send(data)) await connection.ready;
          if (connection.readyState !== 1 && connection.bufferedAmount > 0) await connection.closed;
        },
        close: async (): Promise<void> => {
          connection.close(1005);
          const error = errorOf(await connection.closed);
          if (error !== undefined) throw error;
        },
        abort: async (reason): Promise<void> => {
          this.#closeBecause(reason);
          await connection.closed;
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
  return WebSocketStream;
}

/** As the class WebSocket has it. */
const MAX_MESSAGE_SIZE = 134_217_728;

/** The error of an end that was not clean. */
function errorOf({ wasClean, closeCode, reason, error }: CloseInfo): WebSocketError | undefined {
  if (wasClean && error === undefined) return undefined;
  const code = error === undefined ? closeCode : 1006;
  return closedWith("The connection was not closed cleanly", code, code === 1006 ? "" : reason);
}

/**
 * A connection as a pair of streams with backpressure both ways, as the proposal of the WHATWG has it.
 *
 * @example
 * ```ts
 * import { WebSocketStream } from "@sluice/websocket";
 * import { listen } from "@sluice/websocket/server";
 * import assert from "node:assert/strict";
 *
 * await using server = await listen({
 *   port: 0,
 *   websocket: { message: (connection, data) => void connection.send(data) },
 * });
 * const stream = new WebSocketStream(`ws://localhost:${server.address.port}/`);
 * const { readable, writable } = await stream.opened;
 * const writer = writable.getWriter(), reader = readable.getReader();
 * await writer.write("Hello");
 * assert.deepEqual(await reader.read(), { done: false, value: "Hello" });
 * stream.close({ closeCode: 4001, reason: "done" });
 * assert.equal((await stream.closed).closeCode, 4001);
 * ```
 */
export const WebSocketStream: WebSocketStreamConstructor = /* @__PURE__ */ defineWebSocketStream();
