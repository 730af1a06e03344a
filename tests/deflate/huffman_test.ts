import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assignCodes, codeLengths } from "../../lib/deflate/huffman.ts";
import { UsedSymbols } from "../../lib/deflate/used.ts";

/** Those that occur. */
function usedOf(frequencies: readonly number[]): UsedSymbols {
  const used = new UsedSymbols(frequencies.length);
  used.listCounted(Uint16Array.from(frequencies), frequencies.length);
  return used;
}

/** The lengths for these frequencies, and the bits that all occurrences are said to take. */
function lengthsFor(frequencies: readonly number[], limit: number): [number[], number] {
  const lengths = new Uint8Array(frequencies.length);
  const bits = codeLengths(Uint16Array.from(frequencies), usedOf(frequencies), limit, lengths);
  return [[...lengths], bits];
}

/** The bits that all occurrences take. */
function cost(frequencies: readonly number[], lengths: readonly number[]): number {
  return frequencies.reduce((bits, frequency, symbol) => bits + frequency * lengths[symbol], 0);
}

/** The shortest possible without a limit: the sum of all nodes of Huffman's tree, made naively. */
function shortest(frequencies: readonly number[]): number {
  const nodes = frequencies.filter((frequency) => frequency > 0);
  let bits = 0;
  while (nodes.length > 1) {
    nodes.sort((a, b) => b - a);
    const node = nodes.pop()! + nodes.pop()!;
    bits += node;
    nodes.push(node);
  }
  return bits;
}

/** 1, 1, 2, 3, 5: each as much as the two before, which makes the deepest tree. */
function fibonacci(count: number): number[] {
  const numbers = [1, 1];
  while (numbers.length < count) numbers.push(numbers.at(-1)! + numbers.at(-2)!);
  return numbers.slice(0, count);
}

/** The share of all codes that these lengths take: 1 for a complete code. */
function share(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + (length === 0 ? 0 : 2 ** -length), 0);
}

describe("codeLengths", () => {
  it("returns nothing where nothing occurs, and no length but 0", () => {
    assert.deepEqual(lengthsFor([0, 0, 0], 15), [[0, 0, 0], 0]);
  });

  it("assigns a lone symbol one bit", () => {
    assert.deepEqual(lengthsFor([0, 0, 7, 0], 15), [[0, 0, 1, 0], 7]);
  });

  it("assigns two symbols one bit each, however they are spread", () => {
    assert.deepEqual(lengthsFor([0, 1, 0, 900, 0], 15), [[0, 1, 0, 1, 0], 901]);
  });

  it("assigns the frequent shorter codes than the rare", () => {
    assert.deepEqual(lengthsFor([1, 4, 1, 2], 15)[0], [3, 1, 3, 2]);
  });

  it("keeps to the limit where the tree would be as deep, and just does", () => {
    // A tree of n such leaves is n - 1 deep.
    assert.equal(Math.max(...lengthsFor(fibonacci(16), 15)[0]), 15);
    assert.equal(cost(fibonacci(16), lengthsFor(fibonacci(16), 15)[0]), shortest(fibonacci(16)));
    for (const count of [17, 18, 19, 22]) {
      const [lengths] = lengthsFor(fibonacci(count), 15);
      assert.equal(Math.max(...lengths), 15, `${count}`);
      assert.equal(share(lengths), 1, `${count}`);
    }
  });

  it("keeps to the seven bits of the code of code lengths", () => {
    assert.equal(Math.max(...lengthsFor(fibonacci(8), 7)[0]), 7);
    for (let count = 9; count <= 19; count++) {
      const [lengths] = lengthsFor(fibonacci(count), 7);
      assert.equal(Math.max(...lengths), 7, `${count}`);
      assert.equal(share(lengths), 1, `${count}`);
    }
  });

  it("fits as many symbols as the limit has codes", () => {
    assert.deepEqual(lengthsFor(fibonacci(16), 4)[0], new Array(16).fill(4));
  });

  it("makes a complete code within the limit, as short as Huffman's where that fits", () => {
    const frequency = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 10 }).map((power) => 2 ** power),
      fc.nat(2000),
    );
    fc.assert(fc.property(
      fc.array(frequency, { minLength: 1, maxLength: 286 }),
      fc.constantFrom(9, 15),
      (frequencies, limit) => {
        const [lengths, bits] = lengthsFor(frequencies, limit);
        const used = frequencies.filter((each) => each > 0).length;
        assert.equal(bits, cost(frequencies, lengths));
        assert.ok(lengths.every((length) => length <= limit));
        frequencies.forEach((each, symbol) => assert.equal(lengths[symbol] > 0, each > 0));
        if (used < 2) return;
        assert.equal(share(lengths), 1);
        if (lengths.some((length) => length === limit)) {
          assert.ok(bits >= shortest(frequencies));
          assert.ok(bits <= shortest(frequencies) * 1.1);
        } else {
          assert.equal(bits, shortest(frequencies));
        }
      },
    ));
  });
});

describe("assignCodes", () => {
  /** The codes as RFC 1951 writes them. */
  function codesFor(lengths: readonly number[]): string[] {
    const codes = new Int32Array(lengths.length);
    assignCodes(Uint8Array.from(lengths), usedOf(lengths), codes);
    return [...codes].map((code) =>
      [...(code >>> 4).toString(2).padStart(code & 15, "0")].reverse().join("")
    );
  }

  it("returns the codes of the RFC's examples (section 3.2.2)", () => {
    assert.deepEqual(codesFor([2, 1, 3, 3]), ["10", "0", "110", "111"]);
    assert.deepEqual(
      codesFor([3, 3, 3, 3, 3, 2, 4, 4]),
      ["010", "011", "100", "101", "110", "00", "1110", "1111"],
    );
  });

  it("assigns codes of fifteen bits", () => {
    const lengths = [...Array.from({ length: 15 }, (_, i) => i + 1), 15];
    const codes = codesFor(lengths);
    assert.equal(codes[14], "111111111111110");
    assert.equal(codes[15], "111111111111111");
  });

  it("leaves the codes of what does not occur, and no trace of the call before", () => {
    codesFor([1, 1]);
    const codes = new Int32Array(3).fill(-1);
    assignCodes(Uint8Array.of(7, 1, 7), usedOf([0, 1, 0]), codes);
    assert.deepEqual([...codes], [-1, 1, -1]);
  });
});

describe("UsedSymbols", () => {
  const symbols = fc.uniqueArray(fc.nat(285));

  it("lists what was marked and what was counted alike, in ascending order", () => {
    const used = new UsedSymbols(286);
    fc.assert(fc.property(symbols, fc.integer({ min: 1, max: 65535 }), (some, frequency) => {
      const expected = some.toSorted((a, b) => a - b);
      const frequencies = new Uint16Array(286);
      for (const symbol of some) {
        frequencies[symbol] = frequency;
        used.mark(symbol);
        used.mark(symbol);
      }
      used.listMarked();
      assert.deepEqual([...used.list.subarray(0, used.length)], expected);
      assert.equal(used.end, 1 + (expected.at(-1) ?? -1));
      used.listCounted(frequencies, 286);
      assert.deepEqual([...used.list.subarray(0, used.length)], expected);
      used.listMarked();
      assert.equal(used.length, 0);
    }));
  });
});
