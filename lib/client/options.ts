/**
 * The options of `connect`, and what they come to.
 *
 * @module
 */
import type {
  ConnectionHandler,
  ErrorHandler,
  WebSocketConnection,
} from "../connection/connection.ts";
import { checkConnectionHandler } from "../connection/handlers.ts";
import type { AnyMessage, MessageModeOf } from "../connection/streamed_message.ts";
import type { HeaderEntries } from "../handshake/caller_headers.ts";
import type { Http2Headers } from "../handshake/http2.ts";
import type { ClientTlsOptions, TransportNetwork } from "../link/transport.ts";
import type { MessageData } from "../message/message.ts";
import { checkNames, checkSignal, type OptionNames } from "../options.ts";
import {
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  type ResolvedLimits,
} from "../protocol/options.ts";
import type { ClientOfferPair } from "../protocol/client_offer.ts";
import type { ResolvedConnectionOptions } from "../protocol/protocol_options.ts";
import type { ByteStreamPair } from "../transport/byte_stream.ts";
import type { Http2Session, Http2Stream } from "../transport/http2_api.ts";

/** What is used of a `ClientHttp2Session`: what `connect` of `node:http2` returns. */
export interface ClientHttp2Session extends Http2Session {
  /** Its socket is still being connected. */
  readonly connecting: boolean;
  /** It is gone. */
  readonly destroyed: boolean;
  /** It opens no more streams. */
  readonly closed: boolean;
  /** The settings of the server, once they have come. */
  readonly remoteSettings: { readonly enableConnectProtocol?: boolean | undefined };
  /** Opens a stream. */
  request(headers: Http2Headers): Http2Stream;
  /** Sends a ping, and calls back with its answer. */
  ping(callback: (error: Error | null) => void): boolean;
  /** Listens once for its failure. */
  once(event: "error", listener: (error: Error) => void): unknown;
  /** Listens once for its end. */
  once(event: "close", listener: () => void): unknown;
  /** Listens once for its socket being connected. */
  once(event: "connect", listener: () => void): unknown;
  /** Stops listening. */
  off(event: string, listener: (error?: Error) => void): unknown;
}

/** How to connect. */
export interface ConnectOptions<Message extends AnyMessage = MessageData>
  extends ConnectionOptions {
  /**
   * How messages are given: `"whole"`, or from their first bytes on as a {@linkcode StreamedMessage}
   * (`"stream"`), of any size. @default {"whole"}
   */
  messages?: MessageModeOf<Message>;
  /**
   * The subprotocols to offer, the preferred first. If the server chooses none, the connection opens and
   * its `protocol` is `""`; in a browser it fails. @default {[]}
   */
  protocols?: string | readonly string[];
  /**
   * Headers to add: `Authorization`, `Cookie`, `Origin`, say, or `Host` in place of the URL's. Those of another
   * request are passed on by `forwardedHeaders` of `./server`. Not in a browser.
   */
  headers?: HeaderEntries;
  /** Aborts connecting: the promise rejects with the signal's reason. No effect once open. */
  signal?: AbortSignal;
  /** For `wss:`: which certificates to trust, and the client's own. Not in a browser. */
  tls?: ClientTlsOptions;
  /** The path of a Unix socket to connect to in place of the URL's host. Not in a browser. */
  path?: string;
  /**
   * The proxy to connect through: `http://user:password@host:port` (CONNECT) or
   * `socks5://user:password@host:port`, where the proxy resolves names; `"environment"` reads `HTTPS_PROXY`,
   * `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. Not in a browser. @default {undefined, none}
   */
  proxy?: string | URL;
  /**
   * A pair of byte streams to open the connection on, in place of a socket: a tunnel, say. What `accept` of
   * `./server` is to a server. Both are locked, and when connecting fails the one is cancelled and the other
   * aborted; a wrong option, or a signal that has aborted before, leaves them as they are. For `wss:` the
   * streams must have TLS already. Not in `./browser`.
   */
  byteStream?: ByteStreamPair;
  /**
   * How many redirects of the server are followed, one after the other; never from wss: to ws:. To another
   * origin no credentials go along. Not in a browser. @default {0}
   */
  maxRedirects?: number;
  /**
   * How long name, TCP and TLS may take, in milliseconds, for each redirect anew: a TransportError with code
   * `TIMED_OUT`. `handshakeTimeout` applies to all together. Not in a browser. @default {Infinity}
   */
  connectTimeout?: number;
  /** How long connecting and the opening handshake may take, in milliseconds. @default {10000} */
  handshakeTimeout?: number;
  /**
   * A session of node:http2 to open the connection on, as a stream of it (RFC 8441), in place of a
   * socket of its own. The session is not closed with it.
   */
  http2?: ClientHttp2Session;
  /** What opens the socket, in place of the runtime: the `Network` of `./testing`, say. */
  network?: TransportNetwork;
  /** The longest response head, in bytes. @default {16384} */
  maxHeaderSize?: number;
  /** The most header lines of a response. @default {128} */
  maxHeaders?: number;
  /**
   * Handlers, or a function that is given the connection once it is open. Without it, read what
   * `connect` gives, or call `discard()` on it: a connection that is not read answers no pings once
   * `receiveHighWaterMark` is reached.
   */
  websocket?: ConnectionHandler<undefined, Message>;
  /** Called with errors of your code: what a handler throws. @default {prints them by console.error} */
  onError?: ErrorHandler<undefined, Message>;
}

/** `connect` of an entry, with whole messages. */
export type Connect = (
  url: string | URL,
  options: ConnectOptions,
) => Promise<WebSocketConnection>;

const IN_URL = "is not an option: it is part of the URL";
const ELSEWHERE = { host: IN_URL, hostname: IN_URL, port: IN_URL };
/** The names of the options of `connect`. */
export const CONNECT_OPTIONS: OptionNames<ConnectOptions> = /* @__PURE__ */ connectOptions();

function connectOptions(): OptionNames<ConnectOptions> {
  return {
    ...ELSEWHERE,
    ...CONNECTION_OPTIONS,
    protocols: true,
    headers: true,
    signal: true,
    tls: true,
    path: true,
    proxy: true,
    byteStream: true,
    maxRedirects: true,
    connectTimeout: true,
    handshakeTimeout: true,
    http2: true,
    network: true,
    maxHeaderSize: true,
    maxHeaders: true,
    websocket: true,
    onError: true,
  };
}

/** Returns the options of `connect`; those that other functions read are checked there. */
export function readConnectOptions<Message extends AnyMessage>(
  given: string | readonly string[] | ConnectOptions<Message>,
  more: readonly unknown[],
): ConnectOptions<Message> {
  if (more.some((each) => each !== undefined)) {
    throw new TypeError(
      "Cannot connect: there are two arguments, the URL and the options; subprotocols are one of them, " +
        "as in connect(url, { protocols, headers })",
    );
  }
  const options = isProtocols(given) ? { protocols: given } : given;
  checkNames(options, CONNECT_OPTIONS);
  checkConnectionHandler(options);
  checkSignal("connect", options.signal);
  return options;
}

function isProtocols(given: object | string): given is string | readonly string[] {
  return typeof given === "string" ||
    typeof given === "object" && given !== null && Symbol.iterator in given;
}

/** What is to be done, checked. */
export interface ConnectPlan<Message extends AnyMessage> {
  /** Where to. */
  readonly target: URL;
  /** The subprotocols to offer. */
  readonly protocols: string[];
  /** Limits and times. */
  readonly settings: ResolvedLimits;
  /** The caller's options; those that only sockets have are not checked. */
  readonly options: ConnectOptions<Message>;
}

/** The same for our own protocol. */
export interface SocketPlan<Message extends AnyMessage>
  extends ConnectPlan<Message>, ClientOfferPair {
  readonly settings: ResolvedConnectionOptions;
}
