/**
 * What is used of `node:http2`.
 *
 * @module
 */
import type { Http2Headers } from "../handshake/http2.ts";
import type { Duplex } from "./duplex_transport.ts";

/** What is used of an `Http2Session`. */
export interface Http2Session {
  /** Whether TLS protects it; unknown until it is connected. */
  readonly encrypted?: boolean | undefined;
  /** Its socket, of which only the addresses may be read. */
  readonly socket: Http2SessionSocket;
  /** Sends a ping, and calls back with its answer. */
  ping(callback: (error: Error | null) => void): boolean;
}

/** What is used of a session's socket. */
export interface Http2SessionSocket {
  /** The peer's address. */
  readonly remoteAddress?: string | undefined;
  /** The peer's port. */
  readonly remotePort?: number | undefined;
  /** Our address. */
  readonly localAddress?: string | undefined;
  /** Our port. */
  readonly localPort?: number | undefined;
  /** On a server, the server itself: it is not documented, but all three runtimes have it. */
  readonly server?: { address?(): string | { address: string } | null } | null | undefined;
}

/** What is used of an `Http2Stream`. */
export interface Http2Stream extends Duplex {
  /** The session; `undefined` once the stream is gone. */
  readonly session: Http2Session | undefined;
  /** It was reset, or its session has gone. */
  readonly aborted: boolean;
  /** It is closed, though that may not have been reported yet. */
  readonly closed: boolean;
  /** It is gone. */
  readonly destroyed: boolean;
  /** Writes, now or later; false above the stream's mark, and then `drain` follows. */
  write(bytes: Uint8Array): boolean;
  /** Ends both directions: RST_STREAM with this code. */
  close(code?: number): void;
  /** Listens for what the peer sends. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Listens for its failure. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Listens for the peer's end, for room to write again, or for its close. */
  on(event: "end" | "drain" | "close", listener: () => void): unknown;
  /** Listens for the answer; on a client. */
  on(event: "response", listener: (headers: Http2Headers) => void): unknown;
}
