/**
 * What the codec benchmark asks of each codec: messages in, bytes out, and back, with no socket.
 *
 * @module
 */

/** A codec under test, in its best configuration: no compression, UTF-8 checked. */
export interface Codec {
  name: string;
  /**
   * A server's decoder. It takes masked bytes, and calls back with each message before it returns,
   * text as a string. It may change the chunk.
   */
  decoder(onMessage: (message: string | Uint8Array) => void): (chunk: Uint8Array) => void;
  /**
   * What encodes `message` anew, `batch` times, each time it is called, as though it were sent so
   * often in one tick: masked as a client's, or bare as a server's.
   */
  encoder(message: string | Uint8Array, options: EncoderOptions): () => void;
}

/** How to encode. */
export interface EncoderOptions {
  masked: boolean;
  batch: number;
  /** Takes what a codec would write to its socket, in as many pieces as it would. */
  sink(bytes: Uint8Array): void;
}
