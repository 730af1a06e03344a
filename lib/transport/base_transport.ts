/**
 * The half that all transports share: what their sink may rely on. Nothing is reported before `start`,
 * the peer's end once, the close exactly once and last, and nothing else once `close` was called.
 *
 * @module
 */
import type { ReadingTimer } from "../link/timers.ts";
import type { Transport, TransportAddress, TransportSink, WriteResult } from "../link/transport.ts";
import { startLinger } from "./timing.ts";

/**
 * Where a transport stands:
 *
 * ```text
 *   open ── close() ──> closing ── the socket has gone ──> gone ── a turn later ──> closed
 *    └────────────────── the socket has gone ───────────────^
 * ```
 *
 * In "closing" what was written may still go out. In "closed" the close has been reported, if
 * there was a sink; it is reported to a sink that comes later as well.
 */
type TransportState = "open" | "closing" | "gone" | "closed";

/** Reports to a sink; a class for each kind of socket extends it. */
export abstract class BaseTransport implements Transport {
  abstract readonly remoteAddress: TransportAddress | undefined;
  abstract readonly localAddress: TransportAddress | undefined;
  abstract readonly secure: boolean;
  abstract readonly bufferedAmount: number;

  /** Receives what happens. Data go to it directly, while the state is "open". */
  protected sink: TransportSink | undefined;
  protected state: TransportState = "open";
  /** Whether the end of the peer's direction has come, reported or not. */
  protected peerEnded = false;
  /** Why the socket failed; nothing if it was closed in good order. */
  protected error: Error | undefined;
  #endReported = false;
  #linger: ReadingTimer | undefined;

  abstract write(bytes: Uint8Array): WriteResult;
  abstract pause(): void;
  abstract resume(): void;
  abstract closeWrite(): void;
  abstract close(): void;

  /** Begins to report to `sink`, or changes to another one. */
  start(sink: TransportSink): void {
    const isFirst = this.sink === undefined;
    this.sink = sink;
    if (this.state === "closed") this.#reportClose();
    else if (isFirst && this.state !== "gone") this.onStart();
  }

  /** Called once, when there is a sink: reading may begin. */
  protected abstract onStart(): void;

  /** Moves to "closing": false if that was done before, or the socket has gone. */
  protected startClosing(): boolean {
    if (this.state !== "open") return false;
    this.state = "closing";
    this.#endReported = true; // or not to be reported any more
    return true;
  }

  /** Calls `giveUp` if what was written has not gone out after a while. */
  protected linger(giveUp: () => void): void {
    this.#linger = startLinger(giveUp);
  }

  /** Reports that all that was written has been taken. */
  protected reportDrain(): void {
    if (this.state === "open") this.sink?.onDrain();
  }

  /** Reports the end of the peer's direction, once. */
  protected reportEnd(): void {
    this.peerEnded = true;
    if (this.#endReported || this.sink === undefined) return;
    this.#endReported = true;
    this.sink.onEnd();
  }

  /** Whether the socket has gone. */
  protected get isGone(): boolean {
    return this.state === "gone" || this.state === "closed";
  }

  /** Moves to "gone": false if that was done before. An error means nothing once `close` was called. */
  protected onGone(error?: Error): boolean {
    if (this.isGone) return false;
    this.error = this.state === "closing" ? undefined : this.error ?? error;
    this.state = "gone";
    this.#linger?.cancel();
    this.#reportClose();
    return true;
  }

  /** Calls back in a turn of its own: `close` may have brought it about. */
  protected later(action: () => void): void {
    queueMicrotask(action);
  }

  /** Called before the close is reported to a sink. */
  protected onBeforeClose(): void {}

  #reportClose(): void {
    this.later(() => {
      this.state = "closed";
      if (this.sink === undefined) return;
      this.onBeforeClose();
      this.sink.onClose(this.error);
    });
  }
}
