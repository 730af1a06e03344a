/**
 * A transport over one stream of an HTTP/2 session of `node:http2`, which Node, Deno and Bun have
 * (RFC 8441 section 5: the stream is used "as if it were the TCP connection").
 *
 * @module
 */
import {
  type Transport,
  type TransportAddress,
  type WriteResult,
  writeResult,
} from "../link/transport.ts";
import { TransportError } from "../errors.ts";
import { DuplexTransport } from "./duplex_transport.ts";
import { connectionError, resetError } from "./errors.ts";
import type { Http2Session, Http2SessionSocket, Http2Stream } from "./http2_api.ts";
import { countWaiting, sendQueued } from "./http2_queue.ts";
import { textOf } from "../thrown.ts";
import { toAddress } from "./node_api.ts";

/** RFC 9113 section 7: nothing went wrong. */
const NO_ERROR = 0;
/** The stream is no longer needed; RFC 8441 section 5: what a reset is to a TCP connection. */
const CANCEL = 8;

/** The most that is written at once, in bytes: `writableLength` shrinks by whole writes. */
const MAX_WRITE_SIZE = 65_536;

class Http2Transport extends DuplexTransport<Http2Stream> {
  readonly remoteAddress: TransportAddress;
  readonly localAddress: TransportAddress;
  readonly secure: boolean;
  /** What is written waits in the caller's memory for the peer's window. */
  readonly maxWriteSize = MAX_WRITE_SIZE;
  readonly #session: Http2Session | undefined;
  #needDrain = false;

  constructor(stream: Http2Stream) {
    super(stream);
    // Read now: a stream that is gone has no session.
    const session = this.#session = stream.session;
    const socket = addressesOf(session);
    const bound = socket?.server?.address?.();
    const path = typeof bound === "string" ? bound : undefined;
    this.remoteAddress = toAddress(path, socket?.remoteAddress, socket?.remotePort);
    this.localAddress = toAddress(path, socket?.localAddress, socket?.localPort);
    this.secure = session?.encrypted === true;
    if (stream.destroyed) this.onStreamClose();
  }

  write(bytes: Uint8Array): WriteResult {
    if (this.ending || this.state !== "open" || this.stream.closed) return writeResult(false, true);
    if (bytes.byteLength === 0) return writeResult(!this.#needDrain, true);
    if (!this.stream.write(bytes)) this.#wait(true);
    if (!this.#needDrain) sendQueued(this.#session);
    return writeResult(!this.#needDrain, false);
  }

  override closeWrite(): void {
    if (this.state === "open") super.closeWrite();
  }

  close(): void {
    if (!this.startClosing()) return;
    const { stream } = this;
    if (!this.ending) {
      stream.close(CANCEL);
      stream.resume(); // on Deno its close is reported only once what had come is read
      return;
    }
    // The peer's end makes it an orderly one, with no reset at all. RFC 9113 section 8.1: a peer that
    // goes on after we have sent all is asked to stop, which is not an error.
    this.linger(() => stream.close(stream.writableFinished ? NO_ERROR : CANCEL));
    stream.resume();
  }

  #wait(needDrain: boolean): void {
    if (this.#needDrain === needDrain) return;
    this.#needDrain = needDrain;
    countWaiting(this.#session, needDrain ? 1 : -1);
  }

  protected override toError(cause: unknown): Error {
    return streamError(cause);
  }

  protected override onDrain(): void {
    this.#wait(false);
    super.onDrain();
  }

  protected override onEnd(): void {
    // A stream that was reset also seems to end; its close follows.
    if (!this.stream.aborted) super.onEnd();
  }

  protected override onStreamClose(): void {
    const inOrder = this.peerEnded && this.ending;
    if (inOrder) this.error = undefined;
    this.#wait(false);
    this.onGone(inOrder ? undefined : resetError());
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
