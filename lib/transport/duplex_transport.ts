/**
 * What the sockets of `node:net` and the streams of `node:http2` have in common: both are Node's
 * duplex streams, in all three runtimes.
 *
 * @module
 */
import { BaseTransport } from "./base_transport.ts";

/** What is used of a duplex stream. */
export interface Duplex {
  /** Bytes that wait to be written. */
  readonly writableLength: number;
  /** All was written, and our direction ended. */
  readonly writableFinished: boolean;
  /** The peer's end has been reported already. */
  readonly readableEnded: boolean;
  /** Ends our direction after what was written. */
  end(): unknown;
  /** Stops reading. */
  pause(): unknown;
  /** Reads again. */
  resume(): unknown;
  /** Listens for what the peer sends. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Listens for its failure. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Listens for the peer's end, for room to write again, or for its close. */
  on(event: "end" | "drain" | "close", listener: () => void): unknown;
}

/** Where a stream keeps its transport. */
const OWNER = Symbol("transport");
type Owned<Stream extends Duplex> = Stream & { [OWNER]: DuplexTransport<Stream> };

/** A transport over a duplex stream. */
export abstract class DuplexTransport<Stream extends Duplex> extends BaseTransport {
  protected readonly stream: Stream;
  /** Whether the stream flows, as data are listened for. */
  protected flows = false;
  /** Whether the user has stopped reading. */
  protected paused = false;
  /** Whether our direction is ending. */
  protected ending = false;

  constructor(stream: Stream) {
    super();
    this.stream = stream;
    const owned = stream as Owned<Stream>;
    owned[OWNER] = this;
    owned.on("error", DuplexTransport.#onError);
    owned.on("drain", DuplexTransport.#onDrain);
    owned.on("end", DuplexTransport.#onEnd);
    owned.on("close", DuplexTransport.#onClose);
    this.peerEnded = stream.readableEnded; // of which no event would tell any more
  }

  // The listeners are the same for all streams: they find the transport by the stream.
  static #onError(this: Owned<Duplex>, error: unknown): void {
    const transport = this[OWNER];
    transport.error ??= transport.toError(error);
  }
  static #onDrain(this: Owned<Duplex>): void {
    this[OWNER].onDrain();
  }
  static #onData(this: Owned<Duplex>, chunk: Uint8Array): void {
    const transport = this[OWNER];
    if (transport.state === "open") transport.sink?.onData(chunk);
  }
  static #onEnd(this: Owned<Duplex>): void {
    this[OWNER].onEnd();
  }
  static #onClose(this: Owned<Duplex>): void {
    this[OWNER].onStreamClose();
  }

  /** Returns the error to report for what the stream failed with. */
  protected abstract toError(cause: unknown): Error;

  get bufferedAmount(): number {
    return this.isGone ? 0 : this.stream.writableLength;
  }

  pause(): void {
    this.paused = true;
    this.flow();
  }

  resume(): void {
    this.paused = false;
    if (this.flows) this.flow();
  }

  closeWrite(): void {
    if (this.ending) return;
    this.ending = true;
    this.stream.end();
  }

  /** Lets the stream read, or not. */
  protected flow(): void {
    if (this.paused) this.stream.pause();
    else this.stream.resume();
  }

  /** Reports an end that came before the sink, and listens for data, which sets the stream flowing. */
  protected override onStart(): void {
    queueMicrotask(() => {
      this.flows = true;
      if (this.peerEnded) this.reportEnd();
      if (this.isGone) return;
      (this.stream as Owned<Stream>).on("data", DuplexTransport.#onData);
      this.flow();
    });
  }

  protected onDrain(): void {
    if (!this.ending) this.reportDrain();
  }

  /** With nothing to read before it, the end comes even to a stream that nobody listens to yet. */
  protected onEnd(): void {
    this.peerEnded = true;
    if (this.flows) this.reportEnd();
  }

  protected onStreamClose(): void {
    this.onGone();
  }
}
