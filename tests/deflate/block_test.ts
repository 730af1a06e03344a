import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { BitWriter } from "../../lib/deflate/bit_writer.ts";
import { writeBlock } from "../../lib/deflate/block.ts";
import { BOUND_SYMBOLS, dynamicBound } from "../../lib/deflate/dynamic_bound.ts";
import { DynamicCodes } from "../../lib/deflate/dynamic_codes.ts";
import {
  BLOCK_SYMBOLS,
  distanceSymbol,
  LENGTH_SYMBOL,
  Symbols,
} from "../../lib/deflate/symbols.ts";
import { type Block, blocksOf, fixedLength, type Token } from "./block_inspector.ts";
import { randomBytes } from "./corpus.ts";

interface Written {
  /** The message that the block is. */
  message: Uint8Array;
  /** What it must inflate to. */
  bytes: Uint8Array;
  /** The block taken apart. */
  block: Block;
  /** What else it might have been: the bits with the fixed codes, and stored. */
  fixed: number;
  stored: number;
  /** The bits of codes of its own, as they were reckoned, and what they cannot go below. */
  dynamic: number;
  bound: number;
}

/** What tokens stand for. */
function expand(tokens: readonly Token[]): Uint8Array {
  const bytes: number[] = [];
  for (const token of tokens) {
    if ("literal" in token) bytes.push(token.literal);
    else for (let i = 0; i < token.length; i++) bytes.push(bytes[bytes.length - token.distance]);
  }
  return Uint8Array.from(bytes);
}

interface WriteOptions {
  /** Whether the bytes are still there. */
  storable?: boolean;
  /** How many empty blocks stand before, of ten bits each. */
  after?: number;
}

/** Writes one block as a message, and reckons what each kind of block would take. */
function write(
  tokens: readonly Token[],
  { storable = true, after = 0 }: WriteOptions = {},
): Written {
  const symbols = new Symbols();
  const fill = (): void => {
    for (const token of tokens) {
      if ("literal" in token) symbols.literal(token.literal);
      else symbols.match(token.length, token.distance);
    }
  };
  fill();
  symbols.count();
  const extra = symbols.extraBits;
  const dynamic = 3 + new DynamicCodes().build(symbols) + extra;
  const bound = tokens.length > BOUND_SYMBOLS ? 0 : 3 + dynamicBound(symbols) + extra;
  symbols.clear();
  fill();
  const bytes = expand(tokens);
  const writer = new BitWriter();
  const pieces: Uint8Array[] = [];
  const emit = (piece: Uint8Array): void => void pieces.push(piece.slice());
  for (let i = 0; i < after; i++) writer.write(0b010, 10);
  writeBlock(writer, symbols, bytes, storable ? 0 : -1, bytes.length, emit);
  writer.write(0, 3);
  writer.align();
  writer.flush(emit);
  const message = new Uint8Array(pieces.flatMap((piece) => [...piece]));
  const blocks = blocksOf(message);
  assert.equal(blocks.length, after + 1);
  assert.equal(symbols.length + symbols.matches, 0);
  assert.ok(symbols.literals.every((count) => count === 0));
  assert.ok(symbols.distances.every((count) => count === 0));
  let fixed = 3 + fixedLength(256);
  for (const token of tokens) {
    if ("literal" in token) fixed += fixedLength(token.literal);
    else fixed += fixedLength(LENGTH_SYMBOL[token.length]) + 5;
  }
  const header = Math.ceil((after * 10 + 3) / 8) * 8 - after * 10;
  const stored = storable ? header + 32 + bytes.length * 8 : Infinity;
  return { message, bytes, block: blocks[after], fixed: fixed + extra, stored, dynamic, bound };
}

/** Checks all that holds for any block, and gives its anatomy. */
function check(tokens: readonly Token[], options?: WriteOptions): Block {
  const written = write(tokens, options);
  const { block } = written;
  const message = Uint8Array.of(...written.message, 0, 0, 255, 255);
  const output = zlib.inflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  assert.ok(output.equals(written.bytes), "zlib inflates it");
  if (block.type !== "stored") assert.deepEqual(block.tokens, tokens);
  assert.equal(
    block.bits,
    Math.min(written.fixed, written.stored, written.dynamic),
    "the cheapest is written, and takes what was reckoned",
  );
  assert.ok(written.bound <= written.dynamic, `bound ${written.bound}, takes ${written.dynamic}`);
  return block;
}

function literals(bytes: Iterable<number>): Token[] {
  return Array.from(bytes, (literal) => ({ literal }));
}

describe("writeBlock", () => {
  it("stores what is random", () => {
    assert.equal(check(literals(randomBytes(1000, 1))).type, "stored");
  });

  it("stores from the very bit on from which that is shorter", () => {
    for (let after = 0; after < 4; after++) {
      const types = [];
      // So many of the literals take nine bits in the fixed code.
      for (let nines = 25; nines <= 36; nines++) {
        const bytes = Array.from(
          { length: 60 },
          (_, i) => i < nines ? 255 - i * 3 : (i - nines) * 4,
        );
        types.push(check(literals(bytes), { after }).type);
      }
      assert.deepEqual(new Set(types), new Set(["fixed", "stored"]));
    }
  });

  it("does not store what has left the window", () => {
    const block = check(literals(randomBytes(1000, 1)), { storable: false });
    assert.equal(block.type, "dynamic");
  });

  it("stores no more bytes than it must: 16,384 literals are the most", () => {
    const block = check(literals(randomBytes(BLOCK_SYMBOLS, 2)));
    assert.equal(block.type, "stored");
    assert.equal(block.tokens.length, 16384);
  });

  it("uses the fixed codes for what is short", () => {
    assert.equal(check(literals([72, 101, 108, 108, 111])).type, "fixed");
  });

  it("makes codes for what is long and uneven", () => {
    assert.equal(check(literals(randomBytes(1000, 3, 4))).type, "dynamic");
  });

  it("writes each length, with its extra bits, in fixed and dynamic blocks", () => {
    for (let length = 3; length <= 258; length++) {
      const tokens: Token[] = [{ literal: 65 }, { length, distance: 1 }];
      assert.equal(check(tokens).type, "fixed", `${length}`);
      const many = [...literals(randomBytes(300, 5, 3)), { length, distance: 2 }];
      assert.equal(check(many).type, "dynamic", `${length}`);
    }
  });

  it("writes each distance symbol's first and last distance", () => {
    const before = [
      ...literals([1, 2, 3]),
      ...new Array<Token>(130).fill({ length: 258, distance: 3 }),
    ];
    for (let bits = 0; bits <= 15; bits++) {
      for (const distance of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1, 1.5 * 2 ** bits]) {
        if (distance < 1 || distance > 32768 || !Number.isInteger(distance)) continue;
        const block = check([...before, { length: 4, distance }]);
        assert.deepEqual(block.tokens.at(-1), { length: 4, distance });
      }
    }
  });

  it("tells runs of unused symbols of every length", () => {
    for (
      const gap of [1, 2, 3, 4, 9, 10, 11, 12, 13, 21, 22, 128, 137, 138, 139, 140, 141, 148, 149]
    ) {
      const used = [10, 11 + gap];
      const block = check(
        literals(Array.from({ length: 400 }, (_, i) => used[i % 3 === 0 ? 1 : 0])),
      );
      assert.equal(block.type, "dynamic");
      const runs = block.codes!.runs.map(({ symbol, count }) => [symbol, count]);
      // The ten symbols before the first are one run.
      assert.deepEqual(runs[0], [17, 10]);
      let at = 2, zeros = 0;
      for (; runs[at][0] === 0 || runs[at][0] > 16; at++) zeros += runs[at][1];
      assert.equal(zeros, gap);
      const expected = gap < 3 ? gap : gap <= 138 ? 1 : gap < 141 ? gap - 137 : 2;
      assert.equal(at - 2, expected, `gap ${gap}`);
    }
  });

  it("tells runs of equal lengths of every length", () => {
    for (let run = 1; run <= 21; run++) {
      // Of 4,096 symbols, so many take a 64th each, and thus 6 bits; the end of the block occurs
      // once; of others, apart from each other, each takes another power of 2.
      const tokens = Array.from({ length: run }, (_, i) => new Array<number>(64).fill(100 + i))
        .flat();
      const left = 4096 - 1 - tokens.length;
      for (let power = 0; power < 12; power++) {
        if (left >> power & 1) tokens.push(...new Array<number>(1 << power).fill(150 + power * 2));
      }
      const { codes } = check(literals(tokens));
      assert.deepEqual(codes?.literals.slice(100, 100 + run), new Array(run).fill(6));
      const [zeros, first, ...rest] = codes.runs;
      assert.deepEqual([zeros, first], [{ symbol: 18, count: 100 }, { symbol: 6, count: 1 }]);
      // The first for itself, then six at a time; three at least can be repeated.
      const repeats: number[] = [];
      let more = run - 1;
      for (; more >= 3; more -= repeats.at(-1)!) repeats.push(Math.min(more, 6));
      const expected = [
        ...repeats.map((count) => ({ symbol: 16, count })),
        ...new Array(more).fill({ symbol: 6, count: 1 }),
      ];
      assert.deepEqual(rest.slice(0, expected.length), expected, `${run}`);
      assert.ok(rest[expected.length].symbol > 16);
    }
  });

  it("keeps codes within fifteen bits", () => {
    const tokens: Token[] = [];
    // The end of the block is the other 1.
    for (let symbol = 0, a = 1, b = 2; symbol < 17; symbol++) {
      tokens.push(...literals(new Array(a).fill(symbol)));
      [a, b] = [b, a + b];
    }
    const block = check(tokens);
    assert.equal(block.type, "dynamic");
    assert.equal(Math.max(...block.codes!.literals), 15);
  });

  it("reports that there is no distance, or one, with one length (section 3.2.7)", () => {
    const some = literals(randomBytes(300, 9, 3));
    assert.deepEqual(check(some).codes!.distances, [0]);
    const one = check([...some, { length: 5, distance: 2 }]);
    assert.deepEqual(one.codes!.distances, [0, 1]);
  });

  it("writes the cheapest of the three, to the bit, and nothing but what it was given", () => {
    const literal = fc.oneof(
      fc.integer({ min: 97, max: 102 }),
      fc.integer({ min: 32, max: 126 }),
      fc.nat(255),
    );
    const token = fc.oneof(
      { weight: 4, arbitrary: literal.map((literal): Token => ({ literal })) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.integer({ min: 3, max: 258 }), fc.integer({ min: 1, max: 20 }))
          .map(([length, distance]): Token => ({ length, distance })),
      },
    );
    const long = fc.record({
      seed: fc.integer(),
      alphabet: fc.integer({ min: 2, max: 256 }),
      length: fc.constantFrom(253, 254, 255, 256, 1000, BLOCK_SYMBOLS),
    }).map(({ seed, alphabet, length }) => literals(randomBytes(length, seed, alphabet)));
    const tokens = fc.oneof(
      { weight: 10, arbitrary: fc.array(token, { minLength: 1, maxLength: 300 }) },
      { weight: 5, arbitrary: fc.array(token, { minLength: 1, maxLength: 30 }) },
      { weight: 1, arbitrary: long },
    ).map((list) => [...literals(randomBytes(20, 20)), ...list].slice(0, BLOCK_SYMBOLS));
    fc.assert(
      fc.property(tokens, fc.boolean(), (list, storable) => void check(list, { storable })),
    );
  });
});

describe("dynamicBound", () => {
  it("rules out codes for a short message, where they would take more", () => {
    const { dynamic, bound, fixed } = write(literals(new TextEncoder().encode('{"type":"trade"}')));
    assert.ok(dynamic > fixed);
    assert.ok(bound >= fixed);
  });

  it("does not rule them out where they take less", () => {
    for (let length = 20; length <= BOUND_SYMBOLS; length++) {
      const { dynamic, bound, fixed } = write(literals(randomBytes(length, length, 2)));
      if (dynamic < fixed) assert.ok(bound < fixed, `${length}`);
    }
  });
});

describe("distanceSymbol and LENGTH_SYMBOL", () => {
  it("are those of RFC 1951 section 3.2.5", () => {
    const distances = new Map([[1, 0], [2, 1], [4, 3], [5, 4], [6, 4], [7, 5], [8, 5], [9, 6]]);
    for (
      const [first, symbol] of [[192, 14], [193, 15], [256, 15], [257, 16], [384, 16], [385, 17]]
    ) {
      distances.set(first, symbol);
    }
    distances.set(16384, 27).set(16385, 28).set(24576, 28).set(24577, 29).set(32768, 29);
    for (const [distance, symbol] of distances) assert.equal(distanceSymbol(distance), symbol);
    const lengths = [[3, 257], [10, 264], [11, 265], [12, 265], [13, 266], [226, 283], [227, 284]];
    for (const [length, symbol] of [...lengths, [257, 284], [258, 285]]) {
      assert.equal(LENGTH_SYMBOL[length], symbol);
    }
  });
});
