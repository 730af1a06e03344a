/**
 * A server with a listening socket of its own, the same in every runtime.
 *
 * @module
 */
import { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { ConnectionHandler } from "../connection/connection.ts";
import { type Watchable, type Watcher, Watchers } from "../connection/watcher.ts";
import type { CloseInfo, HandshakeError, TransportError } from "../errors.ts";
import type { MessageData } from "../message/message.ts";
import type { DataOf, HandshakeResult, WithHandshake } from "../handshake/hook.ts";
import type { AnyMessage, MessageOf } from "../connection/streamed_message.ts";
import type { MessageMode } from "../protocol/options.ts";
import type {
  TlsKeyPair,
  Transport,
  TransportAddress,
  TransportListener,
  TransportListenOptions,
  TransportNetwork,
} from "../link/transport.ts";
import { checkNetwork, withClockOf } from "../link/network.ts";
import { isLoopback } from "../handshake/host.ts";
import { readLimit } from "../limits.ts";
import { listenTransport } from "../transport/runtime.ts";
import { checkNewPair } from "../transport/tls_options.ts";
import { checkNames, type OptionNames } from "../options.ts";
import {
  ServerHandshake,
  type ServerHandshakeEvents,
  type ServerHandshakePhase,
} from "./handshake.ts";
import {
  ACCEPT_OPTIONS,
  type AcceptOptions,
  readServerOptions,
  type ServerSettings,
} from "./options.ts";
import { peerOf, PeerQueue } from "./peer_queue.ts";
import { ServerCounter, type ServerStats } from "./server_stats.ts";
import { requireConnectionHandler } from "./upgrade_options.ts";

/** How to listen. */
export interface ListenOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends AcceptOptions<Data, Message>, Omit<TransportListenOptions, "port"> {
  /** The port, also as a decimal string; 0 lets the system choose one. @default {0} */
  port?: number | string;
  /**
   * Handlers for every connection, or a function that is given each once it is open. A function reads it
   * one way (`for await`, `receive`, `readable`); one that only sends calls `discard()`, since a
   * connection that is not read answers no pings once `receiveHighWaterMark` is reached.
   */
  websocket: ConnectionHandler<Data, Message>;
  /** What is listened on, in place of the runtime's sockets: the `Network` of `./testing`, say. */
  network?: TransportNetwork;
  /**
   * Answers GET and HEAD requests that do not ask for a WebSocket; without it they get 426. Each
   * connection serves one request: this does not replace an HTTP framework.
   *
   * The body of the Response is sent as it comes, and read no faster than the client takes it. Its
   * head leaves with the first chunk: with `Content-Length` where the Response has one or the body
   * is short and at hand, else in chunks (`Transfer-Encoding: chunked`). The body is cancelled when
   * the client leaves, when it takes nothing for `closeTimeout`, and in answer to HEAD. A body
   * whose first chunk does not come within `handshakeTimeout` gets 503, one that fails before it
   * 500. After its first chunk a body may pause for any time, as a stream of events does, unless the
   * client has closed its side of the connection (half-closed): then for `handshakeTimeout` at most. A body that fails after its first chunk
   * ends the connection, so that the client sees that the rest is missing; the error goes to
   * `onError`. At most `maxPendingHandshakes` answers are sent at once. When there is one more, one
   * of the address that has most is dropped: the one whose client has taken nothing for the longest
   * time.
   */
  fetch?: (request: Request) => Response | Promise<Response>;
  /**
   * The most open connections, with the handshakes that are pending. When there is one more, an
   * incomplete handshake is dropped as with `maxPendingHandshakes`, or the new one gets 503.
   * @default {Infinity}
   */
  maxConnections?: number;
  /**
   * The most handshakes that are pending at once: those whose request is not complete (with TLS,
   * also those whose TLS handshake is not), and those about which the hook `handshake` or `fetch`
   * has not decided. When there is one more, an incomplete one is dropped without an answer: the
   * oldest of the address that has most of them. If all wait for a decision, the new one gets 503.
   * IPv6 addresses are compared by their first 64 bits; all peers of a Unix socket are one.
   *
   * Connections whose request was refused are not counted here. They stay open until the peer
   * closes, for 2 s at most; of more than this number of them, the oldest is dropped.
   *
   * @default {1024}
   */
  maxPendingHandshakes?: number;
  /**
   * The most handshakes of one address that are pending at once; when there is one more, the oldest
   * of that address whose request is not complete is dropped, or the new one gets 503. Behind a
   * proxy all peers have the proxy's address: leave it at `Infinity` there. @default {Infinity}
   */
  maxPendingHandshakesPerAddress?: number;
}

const LISTEN_OPTIONS: OptionNames<ListenOptions> = /* @__PURE__ */ listenOptions();

function listenOptions(): OptionNames<ListenOptions> {
  return {
    ...ACCEPT_OPTIONS,
    port: true,
    hostname: true,
    path: true,
    tls: true,
    network: true,
    fetch: true,
    maxConnections: true,
    maxPendingHandshakes: true,
    maxPendingHandshakesPerAddress: true,
  };
}

/** How to shut down. */
export interface ShutdownOptions {
  /** How long the peers may take to close, in milliseconds; then they are dropped. @default {10000} */
  timeout?: number;
}

const SHUTDOWN_OPTIONS: OptionNames<ShutdownOptions> = { timeout: true };

/** A listening server. */
export interface WebSocketServer<Data = undefined, Message extends AnyMessage = MessageData>
  extends AsyncDisposable {
  /** Where it listens: with `port: 0`, the port that the system chose. */
  readonly address: TransportAddress;
  /** The open connections. */
  readonly connections: ReadonlySet<WebSocketConnection<Data, Message>>;
  /**
   * What the server has counted so far. Each reading looks at every open connection once.
   */
  readonly stats: ServerStats<Data, Message>;
  /** Resolves when the server is shut down. */
  readonly finished: Promise<void>;
  /**
   * Stops listening, answers 503 to the handshakes under way, and closes every connection with 1001;
   * what is left after the timeout is dropped. Resolves when all is over.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid (rejects).
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /**
   * Uses another certificate, a renewed one say, for the connections that come from now on; open ones go
   * on. Resolves once it is in use. On Deno and Bun the listening socket is replaced for it: a client
   * that connects in that moment may be refused, and succeeds when it tries again.
   *
   * @throws {TypeError} If the certificate or its key is missing or is not PEM text (rejects).
   * @throws {TransportError} If they cannot be used: invalid PEM text, the key of another certificate
   * (rejects). The old certificate remains in use.
   * @throws {DOMException} InvalidStateError if the server listens without TLS, or has been shut down;
   * NotSupportedError on a `network` whose listeners cannot do it (rejects).
   */
  updateTls(pair: TlsKeyPair): Promise<void>;
}

/** The context of an error of the listener itself. */
const NOT_OF_A_PEER = { connection: undefined, request: undefined, remoteAddress: undefined };

function invalidState(why: string): DOMException {
  return new DOMException(`Cannot update TLS: ${why}`, "InvalidStateError");
}

class Server<Data, Message extends AnyMessage>
  implements WebSocketServer<Data, Message>, ServerHandshakeEvents<Data, Message>, Watchable {
  readonly connections: Set<WebSocketConnection<Data, Message>> = new Set();
  /**
   * The handshakes that are not over. Those that are "reading" and "deciding" are pending; of those
   * that are "answering", the one that has made progress last is the newest.
   */
  readonly #openings: Readonly<
    Record<"reading" | ServerHandshakePhase, PeerQueue<ServerHandshake<Data, Message>>>
  > = {
    reading: new PeerQueue(),
    deciding: new PeerQueue(),
    answering: new PeerQueue(),
    lingering: new PeerQueue(),
  };
  readonly #settings: ServerSettings<Data, Message>;
  readonly #maxConnections: number;
  readonly #maxPendingHandshakes: number;
  readonly #maxPendingHandshakesPerAddress: number;
  readonly #finished = Promise.withResolvers<void>();
  readonly #drop = new ReadingTimer(() => this.#dropAll());
  readonly #counter = new ServerCounter();
  #watchers: Watchers | undefined;
  #listener!: TransportListener;
  #isSecure = false;
  #updating: Promise<void> = Promise.resolve();
  #closing = false;
  #listenerClosed = false;
  boundToLoopback = false;

  constructor(options: ListenOptions<Data, Message>) {
    checkNetwork("listen", options.network);
    this.#settings = readServerOptions(withClockOf(options), LISTEN_OPTIONS);
    this.#maxConnections = readLimit("maxConnections", options.maxConnections, Infinity);
    this.#maxPendingHandshakes = readLimit(
      "maxPendingHandshakes",
      options.maxPendingHandshakes,
      1024,
    );
    this.#maxPendingHandshakesPerAddress = readLimit(
      "maxPendingHandshakesPerAddress",
      options.maxPendingHandshakesPerAddress,
      Infinity,
    );
  }

  get address(): TransportAddress {
    return this.#listener.address;
  }

  get stats(): ServerStats<Data, Message> {
    return this.#counter.stats(this.connections, this.#pending);
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  async listen(options: ListenOptions<Data, Message>): Promise<void> {
    this.#listener = await listenTransport(options, {
      onConnection: (transport): void => this.#connected(transport),
      onError: (error): void => this.#settings.onError(error, NOT_OF_A_PEER),
    });
    this.#isSecure = options.tls !== undefined;
    const { transport, hostname: bound } = this.#listener.address;
    this.boundToLoopback = transport === "tcp" && isLoopback(bound);
  }

  #connected(transport: Transport): void {
    const opening = new ServerHandshake(transport, this.#settings, this);
    const peer = peerOf(transport.remoteAddress);
    this.#openings.reading.add(opening, peer);
    opening.start();
    if (this.#closing) opening.unavailable("the server is shutting down");
    else if (!this.#makeRoom(opening, peer)) {
      opening.unavailable("the server has too many connections");
    }
  }

  /** How many handshakes are neither decided nor over. */
  get #pending(): number {
    return this.#openings.reading.size + this.#openings.deciding.size;
  }

  /** Drops another handshake if a newcomer is one too many. Returns false if there is none to drop. */
  #makeRoom(newcomer: ServerHandshake<Data, Message>, peer: string): boolean {
    const { reading, deciding } = this.#openings, pending = this.#pending;
    const isFull = pending > this.#maxPendingHandshakes ||
      this.connections.size + pending > this.#maxConnections;
    const first =
      reading.sizeOf(peer) + deciding.sizeOf(peer) > this.#maxPendingHandshakesPerAddress
        ? reading.oldestOf(peer)
        : isFull
        ? reading.oldestOfLargest()
        : undefined;
    if (first === newcomer) return false;
    first?.giveWay();
    return true;
  }

  onPhase(opening: ServerHandshake<Data, Message>, phase: ServerHandshakePhase): void {
    const peer = this.#remove(opening);
    if (peer === undefined) return;
    const queue = this.#openings[phase];
    queue.add(opening, phase === "lingering" ? "" : peer);
    // These are not pending any more, and have a bound of their own.
    if (phase === "deciding" || queue.size <= Math.max(this.#maxPendingHandshakes, 1)) return;
    const first = queue.oldestOfLargest();
    if (first === undefined) return;
    queue.delete(first);
    first.terminate();
  }

  /** Returns the peer of a handshake that is not over. */
  #remove(opening: ServerHandshake<Data, Message>): string | undefined {
    for (const queue of Object.values(this.#openings)) {
      const peer = queue.delete(opening);
      if (peer !== undefined) return peer;
    }
    return undefined;
  }

  onOpen(
    opening: ServerHandshake<Data, Message>,
    connection: WebSocketConnection<Data, Message>,
  ): void {
    this.#remove(opening);
    this.#counter.onOpen();
    this.connections.add(connection);
    this.#watchers?.onOpen(connection, "server", () => opening.heads);
    if (this.#closing) connection.close({ closeCode: 1001 });
  }

  onRefused(
    opening: ServerHandshake<Data, Message>,
    error: HandshakeError | TransportError,
  ): void {
    this.#counter.onRefused(error.code);
    this.#watchers?.onRefused(() => {
      const { request, remoteAddress, url } = opening;
      return { role: "server", error, url, remoteAddress, request };
    });
  }

  watch(watcher: Watcher): () => void {
    for (const connection of this.connections) watcher.onOpen(connection, "server", undefined);
    return (this.#watchers ??= new Watchers()).watch(watcher);
  }

  readonly onClose = (connection: WebSocketConnection<Data, Message>, info: CloseInfo): void => {
    this.#counter.onClose(connection.stats, info);
    this.connections.delete(connection);
    this.#settle();
  };

  onEnd(opening: ServerHandshake<Data, Message>): void {
    this.#remove(opening);
    this.#settle();
  }

  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkNames(options, SHUTDOWN_OPTIONS, { verb: "shut down" });
    const timeout = readLimit("timeout", options.timeout, 10_000);
    if (!this.#closing) {
      this.#closing = true;
      const { reading, deciding } = this.#openings;
      for (const opening of [...reading, ...deciding]) {
        opening.unavailable("the server is shutting down");
      }
      for (const connection of this.connections) connection.close({ closeCode: 1001 });
      Timers.of(this.#settings.connection.clock).set(this.#drop, timeout);
      await this.#listener.close();
      this.#listenerClosed = true;
      this.#settle();
    }
    await this.finished;
  }

  updateTls(pair: TlsKeyPair): Promise<void> {
    // One after the other, so that the last one called is the one in use.
    const updating = this.#updating.then(() => this.#updateTls(pair));
    this.#updating = updating.catch(() => {});
    return updating;
  }

  async #updateTls(pair: TlsKeyPair): Promise<void> {
    checkNewPair(pair);
    if (!this.#isSecure) {
      throw invalidState("the server listens without TLS; pass tls to listen");
    }
    if (this.#closing) throw invalidState("the server has been shut down");
    const listener = this.#listener;
    if (listener.updateTls === undefined) {
      throw new DOMException(
        "Cannot update TLS: the listener of the option network has no updateTls",
        "NotSupportedError",
      );
    }
    await listener.updateTls({ cert: pair.cert, key: pair.key });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #dropAll(): void {
    for (const connection of this.connections) connection.terminate();
    for (const queue of Object.values(this.#openings)) {
      for (const opening of queue) opening.terminate();
    }
  }

  #settle(): void {
    const isOver = this.#listenerClosed && this.connections.size === 0 &&
      Object.values(this.#openings).every(({ size }) => size === 0);
    if (!isOver) return;
    this.#drop.cancel();
    this.#finished.resolve();
  }
}

/**
 * Listens for WebSocket connections: TCP, TLS or a Unix socket, on Deno, Bun and Node.
 *
 * @throws {TransportError} If the server cannot listen (rejects): the port is in use
 * (`ADDRESS_IN_USE`), or the runtime cannot use the certificate or its key.
 * @throws {TypeError | RangeError} If an option is missing, unknown or invalid (rejects).
 *
 * @example
 * ```ts
 * import { listen } from "@sluice/websocket/server";
 *
 * const server = await listen({
 *   port: 0,
 *   websocket: {
 *     message(connection, data) {
 *       connection.send(data);
 *     },
 *   },
 * });
 * console.log(`ws://localhost:${server.address.port}`);
 * await server.shutdown();
 * ```
 */
export function listen<Result extends HandshakeResult | void, Mode extends MessageMode = "whole">(
  options: WithHandshake<ListenOptions<DataOf<Result>, MessageOf<Mode>>, Result> & {
    messages?: Mode;
  },
): Promise<WebSocketServer<DataOf<Result>, MessageOf<Mode>>>;
/** The same without a hook, or with a type for `data`. */
export function listen<Data = undefined, Mode extends MessageMode = "whole">(
  options: ListenOptions<Data, MessageOf<Mode>> & { messages?: Mode },
): Promise<WebSocketServer<Data, MessageOf<Mode>>>;
export async function listen<Data, Message extends AnyMessage>(
  options: ListenOptions<Data, Message>,
): Promise<WebSocketServer<Data, Message>> {
  requireConnectionHandler("listen", options);
  const server = new Server(options), caller = new CallSite(listen);
  try {
    await server.listen(options);
  } catch (error) {
    throw caller.addTo(error);
  }
  return server;
}
