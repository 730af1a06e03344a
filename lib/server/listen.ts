/**
 * A server with a listening socket of its own, the same in every runtime.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import { Deadline, Deadlines } from "../connection/deadlines.ts";
import type { ConnectionUser } from "../connection/handlers.ts";
import type { MessageData } from "../connection/inbox.ts";
import type { AnyMessage, IncomingMessage } from "../connection/incoming_message.ts";
import type {
  Transport,
  TransportAddress,
  TransportListener,
  TransportListenOptions,
} from "../connection/transport.ts";
import { isLoopback } from "../handshake/host.ts";
import { readLimit } from "../limits.ts";
import { listenTransport } from "../transport/runtime.ts";
import { Opening, type OpeningOwner } from "./opening.ts";
import { type AcceptOptions, readServerOptions, type ServerSettings } from "./options.ts";

/** How to listen. */
export interface ListenOptions<Data = undefined, Message extends AnyMessage = MessageData>
  extends AcceptOptions<Data, Message>, TransportListenOptions {
  /** Handlers for every connection, or a function that is given each once it is open. */
  websocket: ConnectionUser<Data, Message>;
  /**
   * Answers GET and HEAD requests that ask for no WebSocket; without it they get 426. One request a
   * connection: it is no HTTP framework.
   */
  fetch?: (request: Request) => Response | Promise<Response>;
  /** The most open connections; past it 503. @default {Infinity} */
  maxConnections?: number;
  /** The most handshakes under way at once; past it 503. @default {1024} */
  maxPendingHandshakes?: number;
}

/** How to shut down. */
export interface ShutdownOptions {
  /** How long the peers may take to close, in milliseconds; then they are dropped. @default {10000} */
  timeout?: number;
}

/** A listening server. */
export interface WebSocketServer<Data = undefined, Message extends AnyMessage = MessageData>
  extends AsyncDisposable {
  /** Where it listens: with `port: 0`, the port that the system chose. */
  readonly address: TransportAddress;
  /** The open connections. */
  readonly connections: ReadonlySet<WebSocketConnection<Data, Message>>;
  /** Resolves when the server is shut down. */
  readonly finished: Promise<void>;
  /**
   * Stops listening, answers 503 to the handshakes under way, and closes every connection with 1001;
   * what is left after the timeout is dropped. Resolves when all is over.
   *
   * @throws {RangeError} if the timeout is none.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
}

class Server<Data, Message extends AnyMessage>
  implements WebSocketServer<Data, Message>, OpeningOwner<Data, Message> {
  readonly connections: Set<WebSocketConnection<Data, Message>> = new Set();
  readonly #openings = new Set<Opening<Data, Message>>();
  readonly #settings: ServerSettings<Data, Message>;
  readonly #maxConnections: number;
  readonly #maxPendingHandshakes: number;
  readonly #finished = Promise.withResolvers<void>();
  readonly #drop = new Deadline(() => this.#dropAll());
  #listener!: TransportListener;
  #closing = false;
  #listenerClosed = false;
  boundToLoopback = false;

  constructor(options: ListenOptions<Data, Message>) {
    this.#settings = readServerOptions(options);
    this.#maxConnections = readLimit("maxConnections", options.maxConnections, Infinity);
    this.#maxPendingHandshakes = readLimit(
      "maxPendingHandshakes",
      options.maxPendingHandshakes,
      1024,
    );
  }

  get address(): TransportAddress {
    return this.#listener.address;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  async listen(options: TransportListenOptions): Promise<void> {
    const { port, hostname, path, tls } = options;
    this.#listener = await listenTransport({
      ...(port === undefined ? {} : { port }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(path === undefined ? {} : { path }),
      ...(tls === undefined ? {} : { tls }),
    }, {
      connection: (transport): void => this.#connected(transport),
      error: (error): void => this.#settings.onError(error),
    });
    const { transport, hostname: bound } = this.#listener.address;
    this.boundToLoopback = transport === "tcp" && isLoopback(bound);
  }

  #connected(transport: Transport): void {
    const opening = new Opening(transport, this.#settings, this);
    const full = this.#openings.size >= this.#maxPendingHandshakes ||
      this.connections.size + this.#openings.size >= this.#maxConnections;
    this.#openings.add(opening);
    opening.start();
    if (this.#closing) opening.unavailable("the server is shutting down");
    else if (full) opening.unavailable("the server has too many connections");
  }

  opened(opening: Opening<Data, Message>, connection: WebSocketConnection<Data, Message>): void {
    this.#openings.delete(opening);
    this.connections.add(connection);
    if (this.#closing) connection.close({ closeCode: 1001 });
  }

  readonly closed = (connection: WebSocketConnection<Data, Message>): void => {
    this.connections.delete(connection);
    this.#settle();
  };

  ended(opening: Opening<Data, Message>, error: Error | undefined): void {
    this.#openings.delete(opening);
    // The peer was told; its owner wants to know too, as of a certificate that peers reject.
    if (error !== undefined && !opening.told) this.#settings.onError(error);
    this.#settle();
  }

  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const timeout = readLimit("timeout", options.timeout, 10_000);
    if (!this.#closing) {
      this.#closing = true;
      for (const opening of this.#openings) opening.unavailable("the server is shutting down");
      for (const connection of this.connections) connection.close({ closeCode: 1001 });
      Deadlines.of(this.#settings.connection.clock).set(this.#drop, timeout);
      await this.#listener.close();
      this.#listenerClosed = true;
      this.#settle();
    }
    await this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #dropAll(): void {
    for (const connection of this.connections) connection.terminate();
    for (const opening of this.#openings) opening.terminate();
  }

  #settle(): void {
    if (!this.#listenerClosed || this.#openings.size > 0 || this.connections.size > 0) return;
    this.#drop.cancel();
    this.#finished.resolve();
  }
}

/**
 * Listens for WebSocket connections: TCP, TLS or a Unix socket, on Deno, Bun and Node.
 *
 * @throws {TransportError} if the address cannot be had (rejects): `ADDRESS_IN_USE`, say.
 * @throws {TypeError | RangeError} if an option is none (rejects).
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
export function listen<Data = undefined>(
  options: ListenOptions<Data, IncomingMessage> & { messages: "stream" },
): Promise<WebSocketServer<Data, IncomingMessage>>;
/** The same with whole messages. */
export function listen<Data = undefined>(
  options: ListenOptions<Data>,
): Promise<WebSocketServer<Data>>;
export async function listen<Data, Message extends AnyMessage>(
  options: ListenOptions<Data, Message>,
): Promise<WebSocketServer<Data, Message>> {
  if (options.websocket === undefined) {
    throw new TypeError("Cannot listen: the option websocket (handlers or a function) is missing");
  }
  const server = new Server(options);
  await server.listen(options);
  return server;
}
