/**
 * A transport as a pair of byte streams.
 *
 * @module
 */
import { copyOf } from "../frame/memory.ts";
import type { Transport } from "../link/transport.ts";
import type { ByteStreamPair } from "../transport/byte_stream.ts";
import { resetError } from "../transport/errors.ts";

/** Returns the streams of a transport that nothing else reads. */
export function streamsOf(transport: Transport): ByteStreamPair {
  let source!: ReadableStreamDefaultController<Uint8Array>;
  let isReading = true, room = Promise.withResolvers<void>();
  let failure: Error | undefined;
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => void (source = controller),
    pull: () => transport.resume(),
    cancel: () => {
      isReading = false;
      transport.close();
    },
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    async write(chunk): Promise<void> {
      if (failure !== undefined) throw failure;
      if (transport.write(copyOf(chunk)).more) return;
      room = Promise.withResolvers();
      await room.promise;
    },
    close: () => transport.closeWrite(),
    abort: () => transport.close(),
  });
  transport.pause();
  transport.start({
    onData: (chunk) => {
      transport.pause();
      if (isReading) source.enqueue(copyOf(chunk));
    },
    onDrain: () => room.resolve(),
    onEnd: () => {
      if (isReading) source.close();
      isReading = false;
    },
    onClose: (error) => {
      failure = error ?? resetError();
      if (isReading) source.error(failure);
      isReading = false;
      room.reject(failure);
      room.promise.catch(() => {}); // where nobody writes
    },
  });
  return { readable, writable, remoteAddress: transport.remoteAddress };
}
