/**
 * What servers and clients report to code that observes them: opening handshakes, and the connections that
 * come of them.
 *
 * @module
 */
import type { HandshakeError, TransportError } from "../errors.ts";
import type { TransportAddress } from "../link/transport.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { AnyMessage } from "./streamed_message.ts";

/** The head of a request, as it was sent or received. */
export interface RequestInfo {
  /** The method: `GET`, or `CONNECT` over HTTP/2. */
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  /** The version of HTTP. */
  readonly httpVersion: "HTTP/1.1" | "HTTP/2";
  /** The header lines. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** The head of the answer. */
export interface ResponseInfo {
  /** The status. */
  readonly status: number;
  /** The reason phrase, or `""`. */
  readonly statusText: string;
  /** The header lines. */
  readonly headers: Iterable<readonly [string, string]>;
}

/** Both heads of an opening handshake that was accepted. */
export interface HandshakeHeads {
  /** The request. */
  readonly request: RequestInfo;
  /** The answer. */
  readonly response: ResponseInfo;
}

/** An opening handshake that failed. */
export interface FailedHandshake {
  /** Which side this is. */
  readonly role: "client" | "server";
  /** Why. */
  readonly error: HandshakeError | TransportError;
  /** The URL, as far as it is known. */
  readonly url: string;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** The request, as far as it is known. */
  readonly request: RequestInfo | undefined;
}

/** A connection with data of any type and messages of either. */
export type AnyConnection = WebSocketConnection<unknown, AnyMessage>;

/** Receives what happens on a server, or on all clients. */
export interface Watcher {
  /** A connection is open, and nothing has passed yet; `heads` reads both heads of the handshake. */
  onOpen(
    connection: AnyConnection,
    role: "client" | "server",
    heads: (() => HandshakeHeads) | undefined,
  ): void;
  /** An opening handshake failed, or was refused. */
  onRefused(failed: FailedHandshake): void;
}

/** What can be watched. */
export interface Watchable {
  /** @internal Reports to `watcher`, until the function that is returned is called. */
  watch(watcher: Watcher): () => void;
}

/** The watchers of one server, or of the clients. Without one, a connection costs a comparison. */
export class Watchers implements Watchable {
  #watchers: readonly Watcher[] = [];

  /** @internal Adds a watcher. */
  watch(watcher: Watcher): () => void {
    this.#watchers = [...this.#watchers, watcher];
    return (): void => {
      this.#watchers = this.#watchers.filter((each) => each !== watcher);
    };
  }

  /** A connection is open. */
  onOpen(...opened: Parameters<Watcher["onOpen"]>): void {
    for (const watcher of this.#watchers) watcher.onOpen(...opened);
  }

  /** An opening handshake failed. */
  onRefused(failed: () => FailedHandshake): void {
    for (const watcher of this.#watchers) watcher.onRefused(failed());
  }
}
