/**
 * A synchronous decoder as a `{ readable, writable }` pair.
 *
 * A TransformStream would not do: an error thrown in its `transform` drops what is already queued,
 * and one call queues all that a chunk holds, however much. Here each pull decodes a bounded batch of
 * the current chunk, and a violation is raised only at the pull after the last good item was read.
 *
 * @module
 */

/** How many items one pull decodes: few enough to stay bounded, enough to share the cost. */
export const BATCH = 64;

/** The synchronous decoder behind a pair. */
export interface DecoderStreamCore<In> {
  /** Decodes the next batch of `input`: true when the input is used up. Throws a violation. */
  step(input: In): boolean;
  /** The input has ended. Throws if it ended inside something. */
  end(): void;
}

/** What a stream of the codec is: the two sides of a TransformStream, for `pipeThrough`. */
export interface CodecStream<In, Out> {
  /** Accepts the input. A write settles when its chunk is used up. */
  readonly writable: WritableStream<In>;
  /** Yields the output. */
  readonly readable: ReadableStream<Out>;
}

/** Creates a pair around the core that `makeCore` gives; the core hands each item to `emit`. */
export function decoderStream<In, Out>(
  makeCore: (emit: (item: Out) => void) => DecoderStreamCore<In>,
): CodecStream<In, Out> {
  let readableEnd!: ReadableStreamDefaultController<Out>;
  let writableEnd!: WritableStreamDefaultController;
  let input: In | undefined;
  let usedUp: () => void = nothing;
  let wake: () => void = nothing;
  let ended = false;
  let failure: { error: unknown } | undefined;
  let emitted = 0;

  const core = makeCore((item) => {
    emitted++;
    readableEnd.enqueue(item);
  });

  function attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      failure = { error };
    }
  }

  /** Settles the current write: its chunk is used up, or nobody wants it any more. */
  function finishInput(): void {
    input = undefined;
    const settle = usedUp;
    usedUp = nothing;
    settle();
  }

  async function pull(): Promise<void> {
    emitted = 0;
    while (emitted === 0) {
      if (failure !== undefined) {
        readableEnd.error(failure.error);
        writableEnd.error(failure.error);
        return finishInput();
      }
      if (input !== undefined) {
        const chunk = input;
        attempt(() => {
          if (core.step(chunk)) finishInput();
        });
      } else if (ended) return readableEnd.close();
      else await new Promise<void>((resolve) => wake = resolve);
    }
  }

  return {
    readable: new ReadableStream<Out>({
      start(controller): void {
        readableEnd = controller;
      },
      pull,
      cancel(reason): void {
        writableEnd.error(reason);
        finishInput();
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream<In>({
      start(controller): void {
        writableEnd = controller;
      },
      write(chunk): Promise<void> {
        input = chunk;
        wake();
        return new Promise((resolve) => usedUp = resolve);
      },
      close(): void {
        attempt(() => core.end());
        ended = true;
        wake();
      },
      abort(reason): void {
        readableEnd.error(reason);
        finishInput();
        wake();
      },
    }, { highWaterMark: 1 }),
  };
}

function nothing(): void {}
