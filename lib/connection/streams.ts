/**
 * A connection as Web Streams.
 *
 * @module
 */
import { isNormalEnd } from "../message/close.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { AnyMessage } from "./incoming_message.ts";
import { isSource, type SendData, type SendSource } from "./send_data.ts";

/**
 * The messages that come, each when it is asked for. It ends after a normal close and errors with a
 * ConnectionClosedError after any other. Cancelling closes the connection with 1000.
 */
export function readableOf<Message extends AnyMessage>(
  next: () => Promise<IteratorResult<Message, undefined>>,
  close: () => void,
): ReadableStream<Message> {
  return new ReadableStream<Message>({
    async pull(controller): Promise<void> {
      const { done, value } = await next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: close,
  }, { highWaterMark: 0 });
}

/**
 * The way out. A write settles when the connection is below its high-water mark; closing it does the
 * closing handshake with 1000, aborting closes with 1011.
 */
export function writableOf<Data, Message extends AnyMessage>(
  connection: WebSocketConnection<Data, Message>,
): WritableStream<SendData | SendSource> {
  return new WritableStream<SendData | SendSource>({
    start(controller): void {
      // A writer that waits for nothing learns of the end here. After a normal end, a pipe from
      // `readable` that has had everything comes first, and closes this stream in good order.
      connection.closed.then(({ closeCode }) => {
        const tell = (): void => controller.error(connection.closedError());
        if (isNormalEnd(closeCode)) setTimeout(tell, 0);
        else tell();
      });
    },
    async write(data, { signal }): Promise<void> {
      // Aborting this stream waits for the write under way: so a message under way ends with it.
      const sent = isSource(data) ? connection.send(data, { signal }) : connection.send(data);
      if (sent === true) return;
      if (sent !== false) return await sent;
      await connection.ready;
      if (connection.readyState !== 1) throw connection.closedError();
    },
    async close(): Promise<void> {
      connection.close();
      await connection.closed;
    },
    abort(): void {
      connection.close({ closeCode: 1011 });
    },
  });
}
