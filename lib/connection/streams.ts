/**
 * A connection as Web Streams.
 *
 * @module
 */
import { afterTurn } from "../link/turn.ts";
import type { CloseInfo, CloseStatus } from "../errors.ts";
import { isNormalEnd } from "../message/close.ts";
import type { AnyMessage } from "./streamed_message.ts";
import { isSource, type SendData, type SendSource, type SendSourceOptions } from "./send_data.ts";

/**
 * The messages that come, each when it is asked for. It ends after a normal close and errors with a
 * ConnectionClosedError after any other. Cancelling closes the connection with 1000.
 */
export function readableOf<Message extends AnyMessage>(from: {
  /** The next message, if one waits. */
  take(): Message | undefined;
  /** The next message, when it comes. */
  next(): Promise<IteratorResult<Message, undefined>>;
  /** Nobody wants any more. */
  close(): void;
}): ReadableStream<Message> {
  return new ReadableStream<Message>({
    pull(controller): void | Promise<void> {
      const waiting = from.take();
      if (waiting !== undefined) return controller.enqueue(waiting);
      return from.next().then(({ done, value }) => {
        if (done) controller.close();
        else controller.enqueue(value);
      });
    },
    cancel: () => from.close(),
  }, { highWaterMark: 0 });
}

/** What a writable stream needs of its connection. */
interface Writer {
  readonly closed: Promise<CloseInfo>;
  readonly ready: Promise<void>;
  readonly bufferedAmount: number;
  send(data: SendData): boolean;
  close(status?: Partial<CloseStatus>): void;
  closedError(): Error;
}

/**
 * The way out. A write settles when the connection is below its high-water mark; closing it does the
 * closing handshake with 1000, aborting closes with 1011.
 */
export function writableOf<Data = SendData>(
  connection: Writer,
  { canSend, sendSource }: {
    /** Returns whether messages are still sent. */
    canSend: () => boolean;
    /** Sends what is read in pieces, where that can be. */
    sendSource?: (source: SendSource, options: SendSourceOptions) => Promise<void>;
  },
): WritableStream<Data> {
  return new WritableStream<SendData | SendSource>({
    start(controller): void {
      // A writer that waits for nothing learns of the end here. After a normal end, a pipe from
      // `readable` that has had everything comes first, and closes this stream in good order.
      connection.closed.then(({ closeCode }) => {
        const tell = (): void => controller.error(connection.closedError());
        if (isNormalEnd(closeCode)) afterTurn(tell);
        else tell();
      });
    },
    write(data, controller): void | Promise<void> {
      // Aborting this stream waits for the write under way: so a message under way ends with it. Node's
      // types do not have this signal.
      const { signal } = controller as unknown as { readonly signal: AbortSignal };
      if (sendSource !== undefined && isSource(data)) return sendSource(data, { signal });
      // True does not say that nothing waits: this message may be a large one.
      if (connection.send(data as SendData) && connection.bufferedAmount === 0) return;
      return connection.ready.then(() => {
        if (!canSend()) throw connection.closedError();
      });
    },
    async close(): Promise<void> {
      connection.close();
      await connection.closed;
    },
    abort(): void {
      connection.close({ closeCode: 1011 });
    },
  }) as WritableStream<Data>;
}
