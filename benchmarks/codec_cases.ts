/**
 * What is encoded and decoded.
 *
 * @module
 */

/** One kind of work for a codec. */
export interface CodecCase {
  name: string;
  direction: "decode" | "encode";
  type: "binary" | "text";
  /** Bytes of payload. */
  size: number;
  /** Messages in a chunk: a busy socket gives many small ones at once. */
  batch: number;
  /** Always so for a server's decoder; for an encoder, a client's work or a server's. */
  masked: boolean;
}

/** One case, sent to the process that measures it. */
export interface CodecRequest extends CodecCase {
  rounds: number;
  /** Milliseconds that each measurement takes at least. */
  duration: number;
}

/** Nanoseconds a message, round by round. */
export interface CodecAnswer {
  name: string;
  rounds: number[];
}

const SIZES = [
  { label: "64", size: 64, batch: 32 },
  { label: "1k", size: 1024, batch: 32 },
  { label: "64k", size: 64 * 1024, batch: 1 },
];

function* makeCases(): Generator<CodecCase> {
  for (const { label, ...size } of SIZES) {
    for (const type of ["binary", "text"] as const) {
      yield { name: `decode-${label}-${type}`, direction: "decode", type, masked: true, ...size };
      for (const masked of [false, true]) {
        const name = `encode-${label}-${type}${masked ? "-masked" : ""}`;
        yield { name, direction: "encode", type, masked, ...size };
      }
    }
  }
}

/** All cases. */
export const CODEC_CASES: readonly CodecCase[] = [...makeCases()];
