/**
 * The memory that a caller passes: whether it is there, and copies of it.
 *
 * @module
 */

/**
 * Checks that data of 0 bytes is empty, and not data whose memory is gone: its buffer was transferred,
 * or has been resized so that the view lies outside. Call it where the length is 0, which is rare.
 *
 * @throws {TypeError} If the memory is gone.
 */
export function checkMemory(verb: string, data: ArrayBufferLike | ArrayBufferView): void {
  try {
    if (!ArrayBuffer.isView(data)) new Uint8Array(data);
    else if (Object.prototype.toString.call(data) === "[object DataView]") void data.byteLength;
    // Every method of a typed array validates its memory first (ECMAScript 23.2.4.4).
    else Uint8Array.prototype.indexOf.call(data as Uint8Array, 0);
  } catch (cause) {
    throw new TypeError(
      `Cannot ${verb}: the memory of the data is gone; its buffer was transferred, or resized so that ` +
        "the view lies outside of it",
      { cause },
    );
  }
}

/** Returns a copy in memory of its own; of a subclass, Node's Buffer for example, a plain Uint8Array. */
export function copyOf(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data);
}

/**
 * Returns the data itself, or a copy where its memory is shared or resizable: not every function of a
 * platform accepts that.
 */
export function plainMemory(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = data;
  return buffer instanceof ArrayBuffer && !buffer.resizable
    ? data as Uint8Array<ArrayBuffer>
    : copyOf(data);
}

/** Returns the bytes of both in memory of their own. */
export function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
