/** A platform whose strings are short, in place of one whose limit takes 512 MiB to reach. */

/** How it fails: as V8 does past 2^29 - 24 characters, or as Bun does from 2 GiB on. */
export type Failure = "throws" | "empty";

/** Runs `work` while no more than `most` bytes can be decoded to a string. */
export async function withShortStrings(
  most: number,
  failure: Failure,
  work: () => void | Promise<void>,
): Promise<void> {
  const { decode } = TextDecoder.prototype;
  TextDecoder.prototype.decode = function (bytes, options): string {
    if (bytes === undefined || bytes.byteLength <= most) return decode.call(this, bytes, options);
    if (failure === "empty") return "";
    throw new TypeError("Cannot allocate String from UTF-16: buffer exceeds maximum length.");
  };
  try {
    await work();
  } finally {
    TextDecoder.prototype.decode = decode;
  }
}
