/**
 * A transport over one stream of an HTTP/2 session of `node:http2`, which Node, Deno and Bun have
 * (RFC 8441 section 5: the stream is used "as if it were the TCP connection").
 *
 * @module
 */
import type { ReadingTimer } from "../link/timers.ts";
import type { Transport, TransportAddress, TransportSink } from "../link/transport.ts";
import { TransportError } from "../errors.ts";
import type { Http2Headers } from "../handshake/http2.ts";
import { connectionError, resetError } from "./errors.ts";
import { countWaiting, sendQueued } from "./http2_queue.ts";
import { textOf } from "../thrown.ts";
import { toAddress } from "./node_api.ts";
import { startLinger } from "./timing.ts";

/** What is used of an `Http2Session`. */
export interface Http2Session {
  /** Whether TLS protects it; unknown until it is connected. */
  readonly encrypted?: boolean | undefined;
  /** Its socket, of which only the addresses may be read. */
  readonly socket: Http2SessionSocket;
  /** Sends a ping, and tells of its answer. */
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
  /** On a server, that one: documented nowhere, but there in all three runtimes. */
  readonly server?: { address?(): string | { address: string } | null } | null | undefined;
}

/** What is used of an `Http2Stream`. */
export interface Http2Stream {
  /** The session; `undefined` once the stream is gone. */
  readonly session: Http2Session | undefined;
  /** It was reset, or its session has gone. */
  readonly aborted: boolean;
  /** It is closed, though it may not have told so yet. */
  readonly closed: boolean;
  /** It is gone. */
  readonly destroyed: boolean;
  /** The peer's end has been told already. */
  readonly readableEnded: boolean;
  /** Bytes that wait to be written. */
  readonly writableLength: number;
  /** All was written, and our direction ended. */
  readonly writableFinished: boolean;
  /** Writes, now or later; false above the stream's mark, and then `drain` follows. */
  write(bytes: Uint8Array): boolean;
  /** Ends our direction after what was written: END_STREAM. */
  end(): unknown;
  /** Ends both directions: RST_STREAM with this code. */
  close(code?: number): void;
  /** Stops reading. */
  pause(): unknown;
  /** Reads again. */
  resume(): unknown;
  /** Hears what the peer sends. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Hears of its failure. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Hears of the peer's end, of room to write again, or that it is gone. */
  on(event: "end" | "drain" | "close", listener: () => void): unknown;
  /** Hears the answer; on a client. */
  on(event: "response", listener: (headers: Http2Headers) => void): unknown;
}

/** RFC 9113 section 7: nothing went wrong. */
const NO_ERROR = 0;
/** The stream is no longer needed; RFC 8441 section 5: what a reset is to a TCP connection. */
const CANCEL = 8;

/** The most that is written at once, in bytes: `writableLength` shrinks by whole writes. */
const MAX_WRITE_SIZE = 65_536;

class Http2Transport implements Transport {
  readonly remoteAddress: TransportAddress;
  readonly localAddress: TransportAddress;
  readonly secure: boolean;
  /** What is written waits in the caller's memory for the peer's window. */
  readonly copiesOnWrite = false;
  readonly maxWriteSize = MAX_WRITE_SIZE;
  readonly #stream: Http2Stream;
  readonly #session: Http2Session | undefined;
  #sink: TransportSink | undefined;
  #begun = false;
  #paused = false;
  #needDrain = false;
  #ended = false;
  #ending = false;
  /** `close` was called: the sink hears nothing more but `close`. */
  #closed = false;
  #gone = false;
  /** The sink, if there was one, has heard of the close. */
  #told = false;
  #error: Error | undefined;
  #linger: ReadingTimer | undefined;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
    // Read now: a stream that is gone has no session.
    const session = this.#session = stream.session;
    const socket = addressesOf(session);
    const bound = socket?.server?.address?.();
    const path = typeof bound === "string" ? bound : undefined;
    this.remoteAddress = toAddress(path, socket?.remoteAddress, socket?.remotePort);
    this.localAddress = toAddress(path, socket?.localAddress, socket?.localPort);
    this.secure = session?.encrypted === true;
    stream.on("error", (error: unknown): void => {
      this.#error ??= streamError(error);
    });
    stream.on("drain", () => this.#drain());
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#close());
    this.#ended = stream.readableEnded; // of that no event would tell any more
    if (stream.destroyed) this.#close();
  }

  get bufferedAmount(): number {
    return this.#gone ? 0 : this.#stream.writableLength;
  }

  start(sink: TransportSink): void {
    const first = this.#sink === undefined;
    this.#sink = sink;
    if (this.#told) this.#tellClose();
    else if (first && !this.#gone) queueMicrotask(() => this.#begin());
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ending || this.#closed || this.#gone || this.#stream.closed) return false;
    if (bytes.byteLength === 0) return !this.#needDrain;
    if (!this.#stream.write(bytes)) this.#wait(true);
    if (!this.#needDrain) sendQueued(this.#session);
    return !this.#needDrain;
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#begun) this.#stream.resume();
  }

  closeWrite(): void {
    if (this.#ending || this.#closed || this.#gone) return;
    this.#ending = true;
    this.#stream.end();
  }

  close(): void {
    if (this.#closed || this.#gone) return;
    this.#closed = true;
    const stream = this.#stream;
    if (!this.#ending) {
      stream.close(CANCEL);
      stream.resume(); // on Deno its close is told only once what had come is read
      return;
    }
    // The peer's end makes it an orderly one, with no reset at all. RFC 9113 section 8.1: a peer that
    // goes on after we have said all is told to stop, which is no error.
    this.#linger = startLinger(() => stream.close(stream.writableFinished ? NO_ERROR : CANCEL));
    stream.resume();
  }

  /** Reports an end that came before the sink, and listens for `data`, which sets the stream flowing. */
  #begin(): void {
    this.#begun = true;
    if (this.#gone) return;
    if (this.#ended && !this.#closed) this.#sink?.onEnd();
    this.#stream.on("data", (chunk: Uint8Array): void => {
      if (!this.#closed) this.#sink?.onData(chunk);
    });
    if (this.#paused) this.#stream.pause();
    else this.#stream.resume();
  }

  #wait(needDrain: boolean): void {
    if (this.#needDrain === needDrain) return;
    this.#needDrain = needDrain;
    countWaiting(this.#session, needDrain ? 1 : -1);
  }

  #drain(): void {
    this.#wait(false);
    if (!this.#closed && !this.#ending) this.#sink?.onDrain();
  }

  #end(): void {
    // A stream that was reset also seems to end; its close follows.
    if (this.#stream.aborted) return;
    this.#ended = true;
    if (this.#begun && !this.#closed) this.#sink?.onEnd();
  }

  #close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#wait(false);
    this.#linger?.cancel();
    if (this.#closed || (this.#ended && this.#ending)) this.#error = undefined;
    else this.#error ??= resetError();
    this.#tellClose();
  }

  /** Tells the sink of the close, in a turn of its own. */
  #tellClose(): void {
    queueMicrotask(() => {
      this.#told = true;
      this.#sink?.onClose(this.#error);
    });
  }
}

/** The socket's addresses; a session that has just gone throws when it is asked. */
function addressesOf(session: Http2Session | undefined): Http2SessionSocket | undefined {
  try {
    return session?.socket;
  } catch {
    return undefined;
  }
}

/** A stream or its session failed; most say no more than that they were reset. */
function streamError(cause: unknown): TransportError {
  const error = connectionError(cause);
  if (error.code !== "IO_FAILED") return error;
  const why = textOf(cause);
  return new TransportError(
    "CONNECTION_RESET",
    `Cannot use the connection: its HTTP/2 stream was reset (${why})`,
    { cause },
  );
}

/**
 * A transport over an open stream of `node:http2`. `closeWrite` sends END_STREAM, `close` resets with
 * CANCEL what has not ended (RFC 8441 section 5).
 */
export function fromHttp2Stream(stream: Http2Stream): Transport {
  return new Http2Transport(stream);
}
