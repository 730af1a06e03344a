/**
 * DEFLATE taken apart, slowly and by the letter of RFC 1951, to see what a compressor wrote: the
 * kinds of blocks, the lengths of codes and how they are told, literals and matches. It shares
 * nothing with lib/.
 */

/** One literal, or one match. */
export type Token = { literal: number } | { length: number; distance: number };

/** One block. */
export interface Block {
  type: "stored" | "fixed" | "dynamic";
  /** The bits from its first to its last, with the padding of a stored block. */
  bits: number;
  /** What it stands for. A stored block has literals only. */
  tokens: Token[];
  /** For a dynamic block: the lengths of its codes, and the symbols that told them. */
  codes?: { literals: number[]; distances: number[]; runs: { symbol: number; count: number }[] };
}

/** The blocks of a message, the empty one that ends it left out (RFC 7692 section 7.2.1). */
export function blocksOf(message: Uint8Array): Block[] {
  const reader = new Reader(message);
  const blocks: Block[] = [];
  for (;;) {
    const from = reader.at;
    if (reader.bits(1) !== 0) throw new Error("BFINAL is set");
    const type = reader.bits(2);
    if (type === 0) {
      while (reader.at % 8 !== 0) if (reader.bits(1) !== 0) throw new Error("padded with a 1");
      if (reader.at === message.length * 8) return blocks;
      const length = reader.bits(16);
      if (reader.bits(16) !== (length ^ 0xffff)) throw new Error("LEN and NLEN disagree");
      const tokens = Array.from({ length }, () => ({ literal: reader.bits(8) }));
      blocks.push({ type: "stored", bits: reader.at - from, tokens });
    } else if (type === 1) {
      const lengths = Array.from({ length: 288 }, (_, symbol) => fixedLength(symbol));
      const tokens = tokensOf(reader, lengths, Array.from({ length: 30 }, () => 5));
      blocks.push({ type: "fixed", bits: reader.at - from, tokens });
    } else if (type === 2) {
      const codes = codesOf(reader);
      const tokens = tokensOf(reader, codes.literals, codes.distances);
      blocks.push({ type: "dynamic", bits: reader.at - from, tokens, codes });
    } else {
      throw new Error("a block of the reserved type");
    }
  }
}

/** All matches of a message. */
export function matchesOf(message: Uint8Array): { length: number; distance: number }[] {
  return blocksOf(message).flatMap(({ tokens }) => tokens).filter((token) => "length" in token);
}

/** The greatest distance in a message; 0 when there is no match. */
export function greatestDistance(message: Uint8Array): number {
  return matchesOf(message).reduce((most, { distance }) => Math.max(most, distance), 0);
}

/** The length of a symbol in the fixed code (RFC 1951 section 3.2.6). */
export function fixedLength(symbol: number): number {
  return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bits(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++, this.at++) {
      if (this.at >= this.#bytes.length * 8) throw new Error("the message ends inside a block");
      value |= (this.#bytes[this.at >> 3] >> (this.at & 7) & 1) << bit;
    }
    return value;
  }

  /** Reads bits until they are a code (section 3.1.1: codes begin with their highest bit). */
  symbol(codes: Map<string, number>): number {
    for (let code = ""; code.length <= 15;) {
      code += this.bits(1);
      const symbol = codes.get(code);
      if (symbol !== undefined) return symbol;
    }
    throw new Error("no code");
  }
}

/** The codes of lengths, by the algorithm of section 3.2.2. */
function codesFor(lengths: readonly number[]): Map<string, number> {
  const codes = new Map<string, number>();
  let code = 0;
  for (let bits = 1; bits <= 15; bits++) {
    for (const [symbol, length] of lengths.entries()) {
      if (length === bits) codes.set((code++).toString(2).padStart(bits, "0"), symbol);
    }
    if (code > 1 << bits) throw new Error("more codes than there is room for");
    code *= 2;
  }
  return codes;
}

function codesOf(reader: Reader): NonNullable<Block["codes"]> {
  const literalCount = reader.bits(5) + 257;
  const distanceCount = reader.bits(5) + 1;
  const told = reader.bits(4) + 4;
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  const runLengths = new Array<number>(19).fill(0);
  for (const symbol of order.slice(0, told)) runLengths[symbol] = reader.bits(3);
  const codes = codesFor(runLengths);
  const lengths: number[] = [];
  const runs: { symbol: number; count: number }[] = [];
  while (lengths.length < literalCount + distanceCount) {
    const symbol = reader.symbol(codes);
    const [value, count] = symbol < 16
      ? [symbol, 1]
      : symbol === 16
      ? [lengths.at(-1), 3 + reader.bits(2)]
      : [0, symbol === 17 ? 3 + reader.bits(3) : 11 + reader.bits(7)];
    if (value === undefined) throw new Error("nothing to repeat");
    for (let i = 0; i < count; i++) lengths.push(value);
    runs.push({ symbol, count });
  }
  if (lengths.length > literalCount + distanceCount) throw new Error("too many lengths");
  return { literals: lengths.slice(0, literalCount), distances: lengths.slice(literalCount), runs };
}

function tokensOf(
  reader: Reader,
  literalLengths: readonly number[],
  distanceLengths: readonly number[],
): Token[] {
  const literals = codesFor(literalLengths);
  const distances = codesFor(distanceLengths);
  const tokens: Token[] = [];
  for (;;) {
    const symbol = reader.symbol(literals);
    if (symbol === 256) return tokens;
    if (symbol < 256) {
      tokens.push({ literal: symbol });
      continue;
    }
    const length = valueOf(symbol - 257, 3, 4, reader);
    const distance = valueOf(reader.symbol(distances), 1, 2, reader);
    tokens.push({ length: symbol === 285 ? 258 : length, distance });
  }
}

/** Each further extra bit serves `each` symbols, the first none for twice as many (3.2.5). */
function valueOf(symbol: number, first: number, each: number, reader: Reader): number {
  let value = first;
  for (let before = 0; before < symbol; before++) value += 1 << extraBits(before, each);
  return value + (symbol === 28 && each === 4 ? 0 : reader.bits(extraBits(symbol, each)));
}

function extraBits(symbol: number, each: number): number {
  return Math.max(0, Math.floor(symbol / each) - 1);
}
