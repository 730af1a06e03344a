import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  BASE,
  CODE_BITS,
  codeLengthTable,
  type DecodeTable,
  distanceTable,
  END,
  EXTRA_SHIFT,
  find,
  fixedDistances,
  fixedLiterals,
  INVALID,
  KIND,
  literalTable,
  VALUE_SHIFT,
} from "../../lib/deflate/decode_table.ts";
import { fuzzRuns } from "../handshake/support.ts";
import { canonical } from "./bits.ts";

/** What the table has for a code, followed by `behind`. */
function look(table: DecodeTable, [code, bits]: [number, number], behind = 0): number {
  let turned = 0;
  for (let i = 0; i < bits; i++) turned |= (code >> i & 1) << (bits - 1 - i);
  return find(table.entries, table.mask, table.root, turned | behind << bits);
}

/** The entry must be of this length, and say the same whatever follows. */
function lookUp(table: DecodeTable, code: [number, number]): number {
  const entry = look(table, code);
  assert.equal(entry & CODE_BITS, code[1]);
  for (const behind of [1, 0x2aaa, 0x5555, 0x7fff]) {
    assert.equal(look(table, code, behind & (1 << 30 - code[1]) - 1), entry);
  }
  return entry;
}

/** Lengths of a complete code: codes are split in two until there are `count`. */
function completeLengths(count: number, choices: readonly number[], longest: number): number[] {
  const lengths = [1, 1];
  for (let i = 0; lengths.length < count; i++) {
    const open = [...lengths.keys()].filter((at) => lengths[at] < longest);
    const at = open[(choices[i % choices.length] + i) % open.length];
    lengths.push(++lengths[at]);
  }
  return lengths;
}

describe("decode table", () => {
  it("RFC 1951 section 3.2.6: the fixed codes", () => {
    const lengths: Record<number, number> = {};
    for (let i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    for (const [symbol, code] of canonical(lengths)) {
      const entry = lookUp(fixedLiterals, code);
      if (symbol < 256) assert.deepEqual([entry & KIND, entry >> VALUE_SHIFT], [0, symbol]);
      else if (symbol === 256) assert.equal(entry & KIND, END);
      else assert.equal(entry & KIND, symbol > 285 ? INVALID : BASE);
    }
    for (let symbol = 0; symbol < 32; symbol++) {
      const entry = lookUp(fixedDistances, [symbol, 5]);
      assert.equal(entry & KIND, symbol > 29 ? INVALID : BASE);
    }
  });

  it("RFC 1951 section 3.2.5: bases and extra bits of lengths and distances", () => {
    const of = (table: DecodeTable, code: [number, number]): [number, number] => {
      const entry = lookUp(table, code);
      return [entry >> VALUE_SHIFT, entry >> EXTRA_SHIFT & 15];
    };
    assert.deepEqual(of(fixedLiterals, [1, 7]), [3, 0]);
    assert.deepEqual(of(fixedLiterals, [9, 7]), [11, 1]);
    assert.deepEqual(of(fixedLiterals, [0b11000000 + 4, 8]), [227, 5]);
    assert.deepEqual(of(fixedLiterals, [0b11000000 + 5, 8]), [258, 0]);
    assert.deepEqual(of(fixedDistances, [0, 5]), [1, 0]);
    assert.deepEqual(of(fixedDistances, [4, 5]), [5, 1]);
    assert.deepEqual(of(fixedDistances, [29, 5]), [24577, 13]);
  });

  it("every code of any complete set is found, and the next set leaves nothing of the last", () => {
    const tables = [
      { table: literalTable(), most: 286, longest: 15 },
      { table: distanceTable(), most: 30, longest: 15 },
      { table: codeLengthTable(), most: 19, longest: 7 },
    ];
    fc.assert(
      fc.property(
        fc.nat(2),
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 12 }),
        fc.nat(1000),
        fc.nat(300),
        (which, choices, size, offset) => {
          const { table, most, longest } = tables[which];
          const lengths = completeLengths(2 + size % (most - 1), choices, longest);
          const array = new Uint8Array(offset + lengths.length);
          array.set(lengths, offset);
          assert.ok(table.build(array, offset, array.length));
          const seen = new Set<number>();
          for (const [symbol, code] of canonical(Object.assign({}, lengths))) {
            const entry = lookUp(table, code);
            const value = entry >> VALUE_SHIFT;
            if (which === 2 || which === 0 && symbol < 256) assert.equal(value, symbol);
            seen.add(entry & ~CODE_BITS);
          }
          assert.equal(seen.size, lengths.length);
        },
      ),
      { numRuns: Math.max(500, fuzzRuns() / 10) },
    );
  });

  it("the codes that need the largest tables fit", () => {
    // The worst for 286 symbols behind a root of 10 bits, and for 30 behind 8, up to 15 bits long:
    // each second table is as deep as the codes go and as empty as they allow.
    for (const [table, most] of [[literalTable(), 286], [distanceTable(), 30]] as const) {
      for (let step = 0; step < 60; step++) {
        const choices = Array.from({ length: 1 + step }, (_, i) => i * i * step);
        const lengths = completeLengths(most, choices, 15);
        const deep = Array.from({ length: most }, (_, i) => Math.min(i + 1, 15));
        for (const each of [lengths, deep]) {
          if (!table.build(Uint8Array.from(each), 0, most)) continue;
          for (const [, code] of canonical(Object.assign({}, each))) lookUp(table, code);
        }
      }
    }
  });

  it("fewer bits than a code has never lead to a shorter one", () => {
    const table = literalTable();
    const lengths = completeLengths(286, [3, 1, 4, 1, 5, 9, 2, 6], 15);
    assert.ok(table.build(Uint8Array.from(lengths), 0, 286));
    for (const [, [code, bits]] of canonical(Object.assign({}, lengths))) {
      let turned = 0;
      for (let i = 0; i < bits; i++) {
        const entry = find(table.entries, table.mask, table.root, turned);
        assert.ok((entry & CODE_BITS) > i, `${i} bits of ${bits} gave ${entry & CODE_BITS}`);
        turned |= (code >> (bits - 1 - i) & 1) << i;
      }
    }
  });

  it("lengths with more codes than there is room for, or room left over, build nothing", () => {
    const wrong = [[1, 1, 1], [1], [2, 2, 2], [1, 2], [1, 2, 3], [15], [1, 2, 2, 2], [7, 7]];
    for (const lengths of wrong) {
      assert.equal(codeLengthTable().build(Uint8Array.from(lengths), 0, lengths.length), false);
      const alone = lengths.length === 1 && lengths[0] === 1;
      assert.equal(distanceTable().build(Uint8Array.from(lengths), 0, lengths.length), alone);
    }
    assert.equal(codeLengthTable().build(new Uint8Array(19), 0, 19), false);
  });

  it("one code of one bit, or none: the rest is invalid", () => {
    const table = distanceTable();
    assert.ok(table.build(Uint8Array.of(0, 0, 1), 0, 3));
    assert.equal(lookUp(table, [0, 1]) >> VALUE_SHIFT, 3);
    assert.equal(lookUp(table, [1, 1]) & KIND, INVALID);
    assert.ok(table.build(new Uint8Array(30), 0, 30));
    assert.equal(lookUp(table, [0, 1]) & KIND, INVALID);
    assert.equal(lookUp(table, [1, 1]) & KIND, INVALID);
  });

  it("the root is no larger than the longest code", () => {
    const table = literalTable();
    const sizes = [[1, 1], [1, 2, 2], [2, 2, 2, 2]].map((lengths) => {
      assert.ok(table.build(Uint8Array.from(lengths), 0, lengths.length));
      return table.root;
    });
    assert.deepEqual(sizes, [1, 2, 2]);
  });
});
