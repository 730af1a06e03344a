/** The same through node:zlib. */

import * as zlib from "node:zlib";
import { Buffer } from "node:buffer";

const { Z_SYNC_FLUSH } = zlib.constants;
const TAIL = [0x00, 0x00, 0xff, 0xff];

/** A message as zlib compresses it, without a context (RFC 7692 section 7.2.1). */
export function zlibMessage(bytes: Uint8Array, options: zlib.ZlibOptions = {}): Uint8Array {
  const packed = zlib.deflateRawSync(bytes, { ...options, finishFlush: Z_SYNC_FLUSH });
  // zlib gives nothing for nothing (7.2.3.6).
  return packed.length === 0 ? new Uint8Array(1) : new Uint8Array(packed.subarray(0, -4));
}

/** Messages as zlib compresses them, each in the context of those before. */
export async function zlibMessages(
  messages: readonly Uint8Array[],
  options: zlib.ZlibOptions = {},
): Promise<Uint8Array[]> {
  const deflate = zlib.createDeflateRaw(options);
  let gathered: Uint8Array[] = [];
  deflate.on("data", (piece: Uint8Array) => gathered.push(piece));
  const all: Uint8Array[] = [];
  for (const message of messages) {
    gathered = [];
    if (message.length > 0) deflate.write(message);
    await new Promise<void>((done) => deflate.flush(Z_SYNC_FLUSH, () => done()));
    const packed = Buffer.concat(gathered);
    all.push(packed.length === 0 ? new Uint8Array(1) : new Uint8Array(packed.subarray(0, -4)));
  }
  deflate.close();
  return all;
}

/**
 * What zlib makes of a message, where it accepts it and it ends as a message must; undefined where
 * not. zlib stops at a block with BFINAL set: what follows is given to it anew, with the window.
 */
export function zlibInflated(message: Uint8Array): Uint8Array | undefined {
  // What ends the stream must not become part of the message: two ends must agree.
  const [one, other] = [[1, 0, 0, 255, 255], [3, 0]].map((end) => inflated(message, end));
  return one !== undefined && other !== undefined && one.equals(other) ? one : undefined;
}

function inflated(message: Uint8Array, end: readonly number[]): Buffer | undefined {
  const bytes = Buffer.concat([message, new Uint8Array([...TAIL, ...end])]);
  let output = Buffer.alloc(0);
  for (let at = 0; at < bytes.length;) {
    const dictionary = output.subarray(Math.max(0, output.length - 32768));
    try {
      const { buffer, engine } = zlib.inflateRawSync(bytes.subarray(at), {
        info: true,
        ...(dictionary.length === 0 ? {} : { dictionary }),
      }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
      output = Buffer.concat([output, buffer]);
      at += engine.bytesWritten;
      if (at === bytes.length) return output;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
