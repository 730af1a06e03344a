/** DEFLATE written by hand, bit by bit, as no compressor would write it. */

/** What a dynamic block is made of. */
export interface DynamicBlock {
  /** The lengths of the codes of literals and lengths, by symbol; those left out are 0. */
  literals: Record<number, number>;
  /** The lengths of the codes of distances. */
  distances?: Record<number, number>;
  /** How many lengths are sent of each. @default {257 and 1, or as many as there are} */
  counts?: { literals?: number; distances?: number };
}

/** Bits to bytes, the lowest first (RFC 1951 section 3.1.1). */
export class Bits {
  readonly #bytes: number[] = [];
  #count = 0;

  /** The bytes so far; the last is filled with zeros. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes);
  }

  /** A number in `count` bits, the lowest first. */
  field(value: number, count: number): this {
    for (let i = 0; i < count; i++) {
      if (this.#count++ % 8 === 0) this.#bytes.push(0);
      this.#bytes[this.#bytes.length - 1] |= (value >> i & 1) << ((this.#count - 1) % 8);
    }
    return this;
  }

  /** A Huffman code, the highest bit first. */
  code(value: number, count: number): this {
    for (let i = count - 1; i >= 0; i--) this.field(value >> i & 1, 1);
    return this;
  }

  /** Zeros up to the next byte. */
  align(): this {
    return this.field(0, (8 - this.#count % 8) % 8);
  }

  /** Bytes, from a byte's start. */
  raw(...bytes: number[]): this {
    for (const byte of bytes) this.field(byte, 8);
    return this;
  }

  /** BFINAL and BTYPE (section 3.2.3). */
  header(type: number, final = false): this {
    return this.field(final ? 1 : 0, 1).field(type, 2);
  }

  /** A stored block (section 3.2.4). */
  stored(bytes: Uint8Array, final = false): this {
    this.header(0, final).align().field(bytes.length, 16).field(~bytes.length & 0xffff, 16);
    return this.raw(...bytes);
  }

  /** The code of a literal, length or the end in a fixed block (section 3.2.6). */
  fixed(symbol: number): this {
    if (symbol < 144) return this.code(0b00110000 + symbol, 8);
    if (symbol < 256) return this.code(0b110010000 + symbol - 144, 9);
    if (symbol < 280) return this.code(symbol - 256, 7);
    return this.code(0b11000000 + symbol - 280, 8);
  }

  /** A match of length 3 in a fixed block, at a distance (section 3.2.5). */
  fixedMatch(distance: number): this {
    this.fixed(257);
    let symbol = 0, base = 1, extra = 0;
    while (distance >= base + (1 << extra)) {
      base += 1 << extra;
      symbol++;
      extra = Math.max(0, (symbol >> 1) - 1);
    }
    return this.code(symbol, 5).field(distance - base, extra);
  }

  /** What ends a message: the header of an empty stored block (RFC 7692 section 7.2.1). */
  end(): Uint8Array<ArrayBuffer> {
    return this.header(0).align().bytes;
  }

  /**
   * The beginning of a dynamic block (section 3.2.7): every length is sent for itself, in a code of
   * four bits for each of 0 to 15.
   */
  dynamic(block: DynamicBlock, final = false): this {
    const literals = spread(block.literals, block.counts?.literals ?? 257);
    const distances = spread(block.distances ?? {}, block.counts?.distances ?? 1);
    this.header(2, final).field(literals.length - 257, 5).field(distances.length - 1, 5);
    this.field(15, 4).field(0, 9);
    for (let i = 0; i < 16; i++) this.field(4, 3);
    for (const length of [...literals, ...distances]) this.code(length, 4);
    return this;
  }
}

function spread(lengths: Record<number, number>, least: number): number[] {
  const symbols = Object.keys(lengths).map(Number);
  return Array.from(
    { length: Math.max(least, ...symbols.map((symbol) => symbol + 1)) },
    (_, i) => lengths[i] ?? 0,
  );
}

/** The codes that lengths make, by symbol (RFC 1951 section 3.2.2): value and length. */
export function canonical(lengths: Record<number, number>): Map<number, [number, number]> {
  const codes = new Map<number, [number, number]>();
  let code = 0;
  for (let bits = 1; bits <= 15; bits++) {
    for (const symbol of Object.keys(lengths).map(Number).sort((a, b) => a - b)) {
      if (lengths[symbol] === bits) codes.set(symbol, [code++, bits]);
    }
    code *= 2;
  }
  return codes;
}
