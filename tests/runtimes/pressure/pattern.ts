/**
 * Bytes of which each tells where it belongs: 32-bit words, the number of each word times an odd
 * constant, so that no stretch comes twice in 16 GiB. What is lost, doubled or out of its place shows
 * at the first word behind it.
 *
 * @module
 */

/** Odd, so that different numbers give different words. */
const FACTOR = 0x9e3779b1;

/** So many bytes are checked at once when they lie across the borders of words. */
const SCRATCH = 64 * 1024;

/**
 * `size` bytes of the pattern from `position` on, both multiples of 4.
 *
 * @throws {RangeError} if they are not.
 */
export function patternAt(position: number, size: number): Uint8Array<ArrayBuffer> {
  if (position % 4 !== 0 || size % 4 !== 0) throw new RangeError("The pattern is made by words");
  const words = new Int32Array(size / 4);
  let word = Math.imul(position / 4, FACTOR);
  for (let i = 0; i < words.length; i++, word = (word + FACTOR) | 0) words[i] = word;
  return new Uint8Array(words.buffer);
}

/** The pattern up to `size`, as chunks of `chunkSize` bytes; calls `progress` before each. */
export async function* patternChunks(
  size: number,
  chunkSize: number,
  progress?: (position: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let at = 0; at < size; at += chunkSize) {
    progress?.(at);
    yield patternAt(at, Math.min(chunkSize, size - at));
  }
}

/** The same as a stream, which is read no faster than it is asked. */
export function patternStream(
  size: number,
  chunkSize: number,
  progress?: (position: number) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller): void {
      progress?.(at);
      const length = Math.min(chunkSize, size - at);
      if (length > 0) controller.enqueue(patternAt(at, length));
      at += length;
      if (at === size) controller.close();
    },
  }, { highWaterMark: 0 });
}

/** Checks that pieces, whatever their sizes, make up the pattern. */
export class PatternChecker {
  /** How many bytes have come, all of them right. */
  position = 0;
  readonly #scratch = new Uint8Array(SCRATCH);

  /**
   * Takes the next piece.
   *
   * @throws {Error} naming the place, if it is not what belongs there.
   */
  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length && this.position % 4 !== 0) this.#byte(piece[at++]);
    while (piece.length - at >= 4) at += this.#words(piece, at);
    while (at < piece.length) this.#byte(piece[at++]);
  }

  /** Checks as many whole words as it can, from the byte `at` on, and gives how many bytes that was. */
  #words(piece: Uint8Array, at: number): number {
    let size = (piece.length - at) & ~3, bytes = piece, from = at;
    if ((piece.byteOffset + at) % 4 !== 0) {
      size = Math.min(size, SCRATCH);
      this.#scratch.set(piece.subarray(at, at + size));
      bytes = this.#scratch;
      from = 0;
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, size / 4);
    const first = Math.imul(this.position / 4, FACTOR);
    let word = first, wrong = 0;
    for (let i = 0; i < words.length; i++, word = (word + FACTOR) | 0) wrong |= words[i] ^ word;
    if (wrong !== 0) {
      word = first;
      const index = words.findIndex((each) => {
        const differs = each !== word;
        word = (word + FACTOR) | 0;
        return differs;
      });
      this.#fail(this.position + index * 4);
    }
    this.position += size;
    return size;
  }

  #byte(byte: number): void {
    const word = Math.imul(Math.floor(this.position / 4), FACTOR);
    if (byte !== (word >>> 8 * (this.position % 4) & 255)) this.#fail(this.position);
    this.position++;
  }

  #fail(position: number): never {
    throw new Error(`The pattern is broken at byte ${position}`);
  }
}
