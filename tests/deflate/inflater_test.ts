import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import { describe, it } from "node:test";
import { LimitError, ProtocolError } from "../../lib/errors.ts";
import { Inflater } from "../../lib/deflate/inflater.ts";
import { hex, join } from "../frame/notation.ts";
import { assertLinear } from "../handshake/support.ts";
import { byteByByte, cut } from "../message/decode.ts";
import { sizesAskedFor } from "../message/memory.ts";
import { Bits, canonical } from "./bits.ts";
import { CORPUS, randomBytes, SEQUENCES, tradesJson } from "./corpus.ts";
import { inflate, inflateStopping, inflateWith } from "./decode.ts";
import { zlibInflated, zlibMessage, zlibMessages } from "./zlib.ts";

const utf8 = new TextEncoder();
const HELLO = utf8.encode("Hello");

/** Inflates the message whole, byte by byte, and cut at every offset: it must give `expected`. */
function gives(message: Uint8Array, expected: Uint8Array, windowBits = 15): void {
  const everywhere = [...message.keys()].map((offset) => cut(message, [offset]));
  for (const pieces of [[message], byteByByte(message), ...everywhere]) {
    assert.deepEqual(inflate(pieces, { windowBits }), expected);
  }
}

/** The same must fail with 1007. */
function refuses(message: Uint8Array, why: string, make = (): Inflater => fresh()): void {
  const everywhere = [...message.keys()].map((offset) => cut(message, [offset]));
  for (const pieces of [[message], byteByByte(message), ...everywhere]) {
    assert.throws(
      () => inflateWith(make(), pieces),
      (error) =>
        error instanceof ProtocolError && error.code === "EXTENSION_DATA" &&
        error.closeCode === 1007 && error.message === `Cannot inflate message: ${why}`,
      why,
    );
  }
}

function fresh(windowBits = 15): Inflater {
  return new Inflater({ windowBits });
}

const LEVELS: zlib.ZlibOptions[] = [
  { level: 0 },
  { level: 1 },
  { level: 6 },
  { level: 9 },
  { strategy: zlib.constants.Z_FIXED },
  { strategy: zlib.constants.Z_HUFFMAN_ONLY },
  { strategy: zlib.constants.Z_RLE },
];

describe("inflater: RFC 7692 section 7.2.3", () => {
  it("7.2.3.1: one block", () => gives(hex("f2 48 cd c9 c9 07 00"), HELLO));

  it("7.2.3.2: messages that share the window", () => {
    const inflater = fresh();
    assert.deepEqual(inflateWith(inflater, [hex("f2 48 cd c9 c9 07 00")]), HELLO);
    assert.deepEqual(inflateWith(inflater, [hex("f2 00 11 00 00")]), HELLO);
    inflater.reset();
    refuses(hex("f2 00 11 00 00"), "a distance reaches back beyond the window", () => {
      inflater.reset();
      return inflater;
    });
  });

  it("7.2.3.3: a stored block", () => gives(hex("00 05 00 fa ff 48 65 6c 6c 6f 00"), HELLO));

  it("7.2.3.4: a block with BFINAL set", () => gives(hex("f3 48 cd c9 c9 07 00 00"), HELLO));

  it("7.2.3.5: two blocks", () => gives(hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), HELLO));

  it("7.2.3.6: an empty message", () => gives(hex("00"), hex("")));

  it("7.2.1: what follows a block with BFINAL set begins with the next byte, in the same window", () => {
    const blocks = new Bits().header(1, true).fixed(72).fixed(105).fixed(256).align()
      .header(1, true).fixedMatch(2).fixed(256).align().stored(HELLO, true).stored(HELLO)
      .header(1).fixedMatch(5).fixed(256).end();
    gives(blocks, utf8.encode("HiHiHHelloHelloHel"));
    const inflater = fresh();
    inflateWith(inflater, [new Bits().stored(HELLO, true).end()]);
    const next = new Bits().header(1).fixedMatch(5).fixed(256).end();
    assert.deepEqual(inflateWith(inflater, [next]), utf8.encode("Hel"));
  });

  it("7.2.2: a message that does not end where a block does is refused", () => {
    const why = "the message ends inside a block";
    for (
      const message of [
        hex(""), // not even the header of an empty block
        hex("f2 48 cd c9 c9"),
        hex("f2 48 cd c9 c9 07"),
        hex("f3 48 cd c9 c9 07 00"), // BFINAL, and no block after it
        hex("00 05 00 fa ff 48 65 6c 6c 6f"),
        hex("00 06 00 f9 ff 48"),
        hex("00 05"),
        new Bits().dynamic({ literals: { 256: 1 } }).bytes.subarray(0, 20),
      ]
    ) {
      assert.throws(() => inflate([message]), { closeCode: 1007 }, `${message}`);
    }
    refuses(new Bits().header(1).fixed(97).bytes, why);
    refuses(hex("00 09 00 f6 ff 00"), why);
    // The tail as symbols: sixteen of one bit, and the end of the block; one bit is left.
    const literals: Record<number, number> = { 256: 15 };
    for (let i = 0; i < 15; i++) literals[97 + i] = i + 1;
    refuses(new Bits().dynamic({ literals }).align().bytes, why);
  });
});

describe("inflater: what zlib makes", () => {
  for (const { name, bytes } of CORPUS) {
    it(`${name}: every kind of block, cut anywhere`, () => {
      for (const options of LEVELS) {
        const message = zlibMessage(bytes, options);
        assert.deepEqual(inflate([message]), new Uint8Array(bytes));
        if (message.length < 300) gives(message, new Uint8Array(bytes));
        else if (message.length < 20_000) {
          assert.deepEqual(inflate(byteByByte(message)), new Uint8Array(bytes));
        }
        for (const offset of [1, 5, 100, message.length >> 1, message.length - 1]) {
          const pieces = cut(message, [Math.min(offset, message.length)]);
          assert.deepEqual(inflate(pieces), new Uint8Array(bytes));
        }
      }
    });
  }

  for (const { name, messages } of SEQUENCES) {
    it(`${name}, in a shared window of every size`, async () => {
      for (const windowBits of [9, 10, 12, 14, 15]) {
        const packed = await zlibMessages(messages, { windowBits });
        const inflater = fresh(windowBits);
        packed.forEach((message, i) => {
          const offset = i * 7 % (message.length + 1);
          const output = inflateWith(inflater, cut(message, [offset]));
          assert.deepEqual(output, new Uint8Array(messages[i]));
        });
        assert.ok(inflater.memory <= Math.max(1 << windowBits, 2048));
      }
    });
  }
});

describe("inflater: blocks that no compressor writes", () => {
  it("3.2.3: the reserved type is refused", () => {
    refuses(hex("06"), "a block has the reserved type");
    refuses(hex("07"), "a block has the reserved type");
  });

  it("3.2.4: LEN and NLEN that differ are refused, in either byte", () => {
    const why = "a stored block's length and its complement differ";
    for (const message of ["00 01 00 ff ff 61 00", "00 00 01 ff ff 00", "00 05 00 fa fe 00"]) {
      refuses(hex(message), why);
    }
  });

  it("3.2.4: a stored block of no bytes, and one of 65,535", () => {
    gives(new Bits().stored(hex("")).stored(hex("")).end(), hex(""));
    const bytes = new Uint8Array(randomBytes(65_535, 1));
    for (const offset of [0, 3, 40_000]) {
      assert.deepEqual(
        inflate(cut(join([hex("00 ff ff 00 00"), bytes, hex("00")]), [offset])),
        bytes,
      );
    }
  });

  it("3.2.6: the symbols 286, 287 and the distances 30, 31 are refused", () => {
    const why = "a code stands for no symbol";
    for (const symbol of [286, 287]) {
      const bits = new Bits().header(1).fixed(97).fixed(symbol);
      refuses(bits.raw(...new Array(12).fill(0)).bytes, why);
      refuses(new Bits().header(1).fixed(97).fixed(symbol).end(), why);
    }
    for (const distance of [30, 31]) {
      const bits = new Bits().header(1).fixed(97).fixed(257).code(distance, 5);
      refuses(bits.raw(...new Array(12).fill(0)).bytes, why);
    }
  });

  it("3.2.7: more than 286 literals and lengths, or 30 distances, are refused", () => {
    const why = "a block has codes for too many symbols";
    for (const [literals, distances] of [[287, 1], [288, 1], [257, 31], [257, 32]]) {
      refuses(
        new Bits().header(2).field(literals - 257, 5).field(distances - 1, 5).field(0, 4).bytes,
        why,
      );
    }
    const most = { literals: 286, distances: 30 };
    const bits = new Bits().dynamic({ literals: { 256: 1 }, counts: most });
    gives(bits.code(0, 1).end(), hex(""));
  });

  it("3.2.7: lengths that make no code are refused, as zlib refuses them", () => {
    const why = "a block's code lengths make no code";
    const literals: Record<number, number>[] = [
      { 256: 2 }, // room left over
      { 97: 1, 98: 1, 256: 1 }, // more than there is room for
      { 97: 2, 98: 2, 256: 2 },
      { 97: 1, 98: 2, 256: 3 },
      { 97: 1, 256: 15 },
    ];
    for (const lengths of literals) {
      const bits = new Bits().dynamic({ literals: lengths }).raw(0, 0);
      refuses(bits.bytes, why);
      assert.equal(zlibInflated(bits.bytes), undefined);
    }
    const distances: Record<number, number>[] = [{ 0: 2 }, { 0: 1, 1: 1, 2: 1 }, { 0: 1, 1: 2 }];
    for (const lengths of distances) {
      const bits = new Bits().dynamic({ literals: { 97: 1, 256: 1 }, distances: lengths }).raw(
        0,
        0,
      );
      refuses(bits.bytes, why);
      assert.equal(zlibInflated(bits.bytes), undefined);
    }
    // The code of code lengths: none, one alone, room left over, too many.
    for (const lengths of [[0], [1], [1, 2], [1, 1, 1], [7, 7, 7]]) {
      const bits = new Bits().header(2).field(0, 10).field(15, 4);
      for (let i = 0; i < 19; i++) bits.field(lengths[i] ?? 0, 3);
      refuses(bits.bytes, why);
      assert.equal(zlibInflated(bits.bytes), undefined);
    }
  });

  it("3.2.7: a block without a code for its end is refused", () => {
    const bits = new Bits().dynamic({ literals: { 97: 1, 98: 1 } }).raw(0, 0);
    refuses(bits.bytes, "a block has no code for its end");
  });

  it("3.2.7: a repetition of nothing, or beyond the last length, is refused", () => {
    // 16 has the code 0, 18 the code 1.
    const begin = (): Bits => {
      const bits = new Bits().header(2).field(0, 10).field(15, 4);
      for (const symbol of [16, 17, 18]) bits.field(symbol === 17 ? 0 : 1, 3);
      return bits.field(0, 16 * 3);
    };
    refuses(begin().code(0, 1).field(0, 2).raw(0).bytes, "a block repeats no code length");
    const long = begin().code(1, 1).field(127, 7).code(1, 1).field(110, 7).raw(0);
    refuses(long.bytes, "a block has more code lengths than symbols");
    const all = begin().code(1, 1).field(127, 7).code(1, 1).field(109, 7).raw(0);
    refuses(all.bytes, "a block has no code for its end");
  });

  it("3.2.7: one code of one bit may stand alone, and its other bit is refused", () => {
    const literal = (): Bits => new Bits().dynamic({ literals: { 256: 1 } });
    gives(literal().code(0, 1).end(), hex(""));
    refuses(
      literal().code(1, 1).raw(...new Array(12).fill(0)).bytes,
      "a code stands for no symbol",
    );
    const literals = { 97: 2, 98: 2, 256: 2, 257: 2 };
    const codes = canonical(literals);
    const block = (distances: Record<number, number>): Bits =>
      new Bits().dynamic({ literals, distances, counts: { literals: 258 } })
        .code(...codes.get(97)!).code(...codes.get(257)!);
    gives(block({ 0: 1 }).code(0, 1).code(...codes.get(256)!).end(), utf8.encode("aaaa"));
    refuses(
      block({ 0: 1 }).code(1, 1).code(...codes.get(256)!).end(),
      "a code stands for no symbol",
    );
    // 3.2.7: "one distance code of zero bits means that there are no distance codes used at all".
    refuses(
      block({ 0: 0 }).code(0, 1).code(...codes.get(256)!).end(),
      "a code stands for no symbol",
    );
  });

  it("3.2.7: codes of up to 15 bits, for literals and for distances", () => {
    // Lengths 1, 2, 3 ... 15, 15: the most uneven code.
    const literals: Record<number, number> = { 256: 15, 257: 1 };
    for (let i = 0; i < 14; i++) literals[97 + i] = i + 2;
    const distances: Record<number, number> = { 15: 15 };
    for (let i = 0; i < 15; i++) distances[i] = i + 1;
    const codes = canonical(literals), distanceCodes = canonical(distances);
    const bits = new Bits().dynamic({ literals, distances });
    let text = "";
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 14; i++) {
        bits.code(...codes.get(97 + i)!);
        text += String.fromCharCode(97 + i);
      }
      bits.code(...codes.get(257)!).code(...distanceCodes.get(3)!); // a distance of 4
      text += text.slice(-4, -1);
      if (round < 15) continue;
      bits.code(...codes.get(257)!).code(...distanceCodes.get(15)!).field(63, 6); // of 256
      text += text.slice(-256, -253);
    }
    bits.code(...codes.get(256)!);
    const message = bits.end();
    assert.equal(new TextDecoder().decode(zlibInflated(message)), text);
    gives(message, utf8.encode(text));
  });

  it("3.2.5: the longest match there is, of 48 bits, cut anywhere", () => {
    const before = new Uint8Array(randomBytes(32_768, 3));
    const literals: Record<number, number> = { 256: 1, 284: 15, 283: 15 };
    const distances: Record<number, number> = { 28: 15, 29: 15 };
    for (let i = 2; i < 15; i++) literals[i] = distances[i] = i;
    distances[0] = 1;
    const codes = canonical(literals), distanceCodes = canonical(distances);
    const bits = new Bits().dynamic({ literals, distances });
    const expected = [...before];
    for (let round = 0; round < 26; round++) {
      const literal = 2 + round * 5 % 13;
      bits.code(...codes.get(literal)!);
      expected.push(literal);
      const length = 227 + round % 31, distance = 24_577 + round * 300;
      bits.code(...codes.get(284)!).field(length - 227, 5);
      bits.code(...distanceCodes.get(29)!).field(distance - 24_577, 13);
      for (let i = 0; i < length; i++) expected.push(expected[expected.length - distance]);
    }
    const message = bits.code(...codes.get(256)!).end();
    const stored = new Bits().stored(before).bytes, output = Buffer.from(expected);
    for (const offset of message.keys()) {
      const pieces = [stored, ...cut(message, [offset, offset + 1 + offset % 9])];
      assert.ok(output.equals(inflate(pieces)), `cut at ${offset}`);
    }
  });

  it("3.2.5: length 258 has two names", () => {
    const message = new Bits().header(1).fixed(97).fixed(285).code(0, 5)
      .fixed(284).field(31, 5).code(0, 5).fixed(256).end();
    gives(message, new Uint8Array(1 + 2 * 258).fill(97));
  });
});

describe("inflater: the window", () => {
  /** A message of stored bytes. */
  const stored = (bytes: Uint8Array): Uint8Array => {
    const bits = new Bits();
    for (let at = 0; at < bytes.length; at += 65_535) {
      bits.stored(bytes.subarray(at, Math.min(at + 65_535, bytes.length)));
    }
    return bits.end();
  };
  const match = (distance: number): Uint8Array =>
    new Bits().header(1).fixedMatch(distance).fixed(256).end();

  for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
    const window = 1 << Math.max(windowBits, 9);
    it(`${windowBits} bits: a distance of ${window} is kept, one more is refused`, () => {
      for (const size of [window - 3, window, window + 1, 2 * window + 17, 70_000]) {
        const bytes = new Uint8Array(randomBytes(size, size));
        const reach = Math.min(size, window);
        for (const distance of [1, reach - 1, reach]) {
          const inflater = fresh(windowBits);
          assert.deepEqual(inflateWith(inflater, [stored(bytes)]), bytes);
          const from = size - distance;
          const expected = [0, 1, 2].map((i) => bytes[from + i % distance]);
          assert.deepEqual([...inflateWith(inflater, [match(distance)])], expected);
        }
        if (reach + 1 > 32768) continue;
        const inflater = fresh(windowBits);
        inflateWith(inflater, [stored(bytes)]);
        assert.throws(() => inflateWith(inflater, [match(reach + 1)]), {
          closeCode: 1007,
          message: "Cannot inflate message: a distance reaches back beyond the window",
        });
      }
    });
  }

  it("a distance beyond the beginning is refused, however the message is cut", () => {
    const why = "a distance reaches back beyond the window";
    const bits = (): Bits => new Bits().header(1).fixed(97).fixed(98);
    refuses(bits().fixedMatch(3).fixed(256).end(), why);
    refuses(bits().fixedMatch(3).raw(...new Array(20).fill(0)).bytes, why);
    gives(bits().fixedMatch(2).fixed(256).end(), utf8.encode("ababa"));
  });

  it("after a reset nothing of before can be reached, also where the ring was full", () => {
    const inflater = fresh(9);
    for (const size of [1, 600, 5000]) {
      inflateWith(inflater, [stored(randomBytes(size, size))]);
      inflater.reset();
      assert.throws(() => inflateWith(inflater, [match(1)]), { closeCode: 1007 });
      inflater.reset();
      inflateWith(inflater, [stored(hex("61"))]);
      assert.deepEqual(inflateWith(inflater, [match(1)]), hex("61x3"));
      inflater.reset();
    }
  });

  it("a reset leaves nothing of a message in progress, in whatever state it is", () => {
    const tail = hex("00 00 ff ff");
    const message = join([
      zlibMessage(tradesJson(1, 1000)),
      tail,
      zlibMessage(randomBytes(300, 1)),
      tail,
      zlibMessage(tradesJson(2, 200), { strategy: zlib.constants.Z_FIXED }),
    ]);
    const inflater = fresh();
    const hello = hex("f2 48 cd c9 c9 07 00");
    for (const offset of message.keys()) {
      inflater.inflate(message.subarray(0, offset), false, Infinity, () => {});
      inflater.reset();
      assert.deepEqual(inflateWith(inflater, [hello]), HELLO);
      inflater.reset();
    }
  });
});

describe("inflater: distances, where much input and room are left", () => {
  const why = "a distance reaches back beyond the window";
  /** What stands behind the match: enough for the way that asks for input rarely. */
  const message = (size: number, distance: number): Uint8Array => {
    const bits = new Bits().stored(new Uint8Array(randomBytes(size, 1))).header(1);
    bits.fixedMatch(distance);
    for (let i = 0; i < 40; i++) bits.fixed(i);
    return bits.fixed(256).end();
  };

  it("a distance beyond the window is refused though the memory still has what it names", () => {
    for (const windowBits of [8, 9, 10]) {
      const window = 1 << Math.max(windowBits, 9);
      for (const size of [window + 1, 1500, 1700]) {
        const make = (): Inflater => fresh(windowBits);
        assert.equal(inflate([message(size, window)], { windowBits }).length, size + 43);
        refuses(message(size, window + 1), why, make);
        refuses(message(size, window + 17), why, make);
      }
    }
  });

  it("a distance beyond the first byte is refused, and past the ring's end it is not", () => {
    for (const size of [0, 1, 10, 500, 1500]) {
      refuses(message(size, size + 1), why);
      refuses(message(size, 32_768), why);
    }
    for (const windowBits of [9, 11]) {
      const window = 1 << windowBits;
      for (const size of [2048 - 300, 2048, 2048 + 100, 5000]) {
        if (size < window) continue;
        const plain = inflate([message(size, window)], { windowBits });
        assert.deepEqual(plain.subarray(size, size + 3), plain.subarray(size - window).slice(0, 3));
        refuses(message(size, window + 1), why, () => fresh(windowBits));
      }
    }
  });
});

describe("inflater: limits and memory", () => {
  it("exactly the limit passes, one byte more is 1009, and never is more handed on", () => {
    const messages = CORPUS.filter(({ bytes }) => bytes.length > 0 && bytes.length < 40_000);
    for (const { bytes } of messages) {
      for (const options of LEVELS) {
        const message = zlibMessage(bytes, options);
        for (const pieces of [[message], cut(message, [message.length >> 1])]) {
          assert.equal(inflate(pieces, { limit: bytes.length }).length, bytes.length);
          for (const limit of [bytes.length - 1, bytes.length >> 1, 0]) {
            assert.throws(
              () => inflate(pieces, { limit }),
              (error) =>
                error instanceof LimitError && error.closeCode === 1009 &&
                error.option === "maxMessageSize",
            );
          }
        }
      }
    }
    assert.deepEqual(inflate([hex("00")], { limit: 0 }), hex(""));
  });

  it("a match stops at the limit, and at the end of the ring, to the byte", () => {
    const empty = hex("");
    for (let before = 240; before <= 264; before++) {
      for (const size of [512, 2048, 4096]) {
        const stored = new Uint8Array(randomBytes(size - before, before));
        const message = new Bits().stored(stored).header(1).fixed(285).code(0, 5).fixed(256)
          .stored(empty).stored(empty).stored(empty).end();
        const output = join([stored, new Uint8Array(258).fill(stored[stored.length - 1])]);
        assert.deepEqual(inflate([message], { windowBits: 9 }), output);
        assert.deepEqual(inflate([message], { limit: output.length }), output);
        for (const limit of [output.length - 1, output.length - 2, size]) {
          if (limit >= output.length) continue;
          assert.throws(() => inflate([message], { limit }), { closeCode: 1009 });
        }
      }
    }
  });

  it("it asks for no more memory than the window, doubling with what is written", () => {
    const megabytes = new Uint8Array(4 << 20);
    const bomb = zlibMessage(megabytes);
    const inflater = fresh();
    assert.equal(inflater.memory, 0);
    const asked = sizesAskedFor(() => inflater.inflate(bomb, true, Infinity, () => {}));
    const sizes = asked.filter((size) => size >= 512); // and perhaps the codes of a dynamic block
    assert.deepEqual(sizes, [512, 1024, 2048, 4096, 8192, 16384, 32768]);
    assert.equal(inflater.memory, 32768);
    for (const windowBits of [8, 9, 10, 11]) {
      const small = fresh(windowBits);
      small.inflate(new Bits().stored(new Uint8Array(9000)).end(), true, Infinity, () => {});
      assert.equal(small.memory, 2048);
    }
  });

  it("a limit below the ring's size does not make it grow", () => {
    const inflater = fresh();
    const hello = hex("f2 48 cd c9 c9 07 00");
    for (let i = 0; i < 50; i++) assert.deepEqual(inflateWith(inflater, [hello], 5), HELLO);
    assert.equal(inflater.memory, 512);
  });

  it("ten messages of 110 bytes take 2 KiB", async () => {
    const messages = Array.from({ length: 10 }, (_, i) => tradesJson(i, 110));
    const inflater = fresh();
    for (const message of await zlibMessages(messages)) inflateWith(inflater, [message]);
    assert.ok(inflater.memory <= 2048, `${inflater.memory}`);
  });

  it("a block that is cut keeps its codes, and releases them at its end", () => {
    const message = zlibMessage(tradesJson(1, 1000));
    const inflater = fresh();
    inflater.inflate(message.subarray(0, 40), false, Infinity, () => {});
    assert.ok(inflater.memory > 4096);
    inflater.inflate(message.subarray(40), true, Infinity, () => {});
    assert.ok(inflater.memory <= 2048, `${inflater.memory}`);
  });

  it("blocks of two messages that are cut do not share their codes", () => {
    const all = Array.from({ length: 12 }, (_, i) => tradesJson(i * 50, 1200 + i * 40));
    const packed = all.map((bytes) => zlibMessage(bytes, { level: 9 }));
    const inflaters = all.map(() => fresh());
    const outputs: number[][] = all.map(() => []);
    for (let at = 0; packed.some((message) => at < message.length); at++) {
      packed.forEach((message, i) => {
        if (at >= message.length) return;
        const final = at === message.length - 1;
        inflaters[i].inflate(message.subarray(at, at + 1), final, Infinity, (piece) => {
          outputs[i].push(...piece);
        });
      });
    }
    outputs.forEach((output, i) =>
      assert.deepEqual(new Uint8Array(output), new Uint8Array(all[i]))
    );
  });

  it("the caller's pieces are neither changed nor kept", () => {
    const message = zlibMessage(tradesJson(3, 2000));
    const before = message.slice();
    const pieces = cut(message, [5, 60, 200]);
    const inflater = fresh();
    const output: Uint8Array[] = [];
    pieces.forEach((piece, i) => {
      inflater.inflate(
        piece,
        i === pieces.length - 1,
        Infinity,
        (bytes) => void output.push(bytes.slice()),
      );
      piece.fill(0xff);
    });
    assert.deepEqual(join(output), new Uint8Array(tradesJson(3, 2000)));
    assert.deepEqual(message, before);
  });

  it("the work is linear in blocks of nothing, of each kind", () => {
    const stored = new Bits().stored(hex("")).bytes;
    const fixed = new Bits().header(1).fixed(256).header(1).fixed(256).header(1).fixed(256)
      .header(1).fixed(256).bytes;
    const dynamic = new Bits().dynamic({ literals: { 256: 1 } }, true).code(0, 1).bytes;
    for (const [block, count] of [[stored, 5000], [fixed, 2500], [dynamic, 200]] as const) {
      assertLinear((size) => {
        const message = join(Array.from({ length: size }, () => block));
        const inflater = fresh();
        inflater.inflate(message, false, 0, () => assert.fail("nothing is in it"));
      }, count);
    }
  });
});

describe("inflater: stopped, and gone on with", () => {
  const always = (): boolean => true;

  it("it stops when it is asked to, with input left, and goes on to the same output", () => {
    for (const { name, bytes } of CORPUS) {
      for (const options of LEVELS) {
        const message = zlibMessage(bytes, options);
        for (const windowBits of [9, 12, 15]) {
          const small = zlibMessage(bytes, { ...options, windowBits });
          const { output, stopped } = inflateStopping(fresh(windowBits), [small], always);
          assert.deepEqual(output, new Uint8Array(bytes), name);
          // The last piece may be handed on when all is read.
          const most = Math.ceil(bytes.length / Math.max(2048, 1 << windowBits));
          assert.ok(stopped <= most && (most < 8 || stopped >= most - 5), `${name}: ${stopped}`);
        }
        const { output } = inflateStopping(
          fresh(),
          byteByByte(message.slice(0, 3000)).concat(
            message.slice(3000),
          ),
          always,
        );
        assert.deepEqual(output, new Uint8Array(bytes), name);
      }
    }
  });

  it("it stops within a stored block, before a literal, and within a match, at each of its bytes", () => {
    // The ring of 2 KiB is full, and handed on, `before` bytes into what follows.
    const literals = new Bits().header(1);
    for (let i = 0; i < 400; i++) literals.fixed(i % 144);
    const matches = new Bits().header(1);
    for (let i = 0; i < 40; i++) matches.fixed(285).code(i % 4, 5);
    const blocks: [string, Bits][] = [["literals", literals], ["matches", matches]];
    for (const [name, block] of blocks) {
      const tail = block.fixed(256).end();
      for (let before = 0; before <= 300; before++) {
        const prefix = new Bits().stored(new Uint8Array(randomBytes(2048 - before, 5))).bytes;
        const message = join([prefix, tail]);
        const expected = inflate([message], { windowBits: 9 });
        const { output, stopped } = inflateStopping(fresh(9), [message], always);
        assert.deepEqual(output, expected, `${name} ${before}`);
        assert.ok(stopped >= (name === "matches" ? 4 : 1) || before === 0, `${name} ${before}`);
      }
    }
    const bytes = new Uint8Array(randomBytes(9000, 6));
    for (let before = 0; before < 10; before++) {
      const prefix = new Bits().stored(new Uint8Array(randomBytes(2048 - before, 5))).bytes;
      const message = join([prefix, new Bits().stored(bytes).end()]);
      const { output, stopped } = inflateStopping(fresh(9), [message], always);
      assert.deepEqual(output, inflate([message]));
      assert.equal(stopped, 5);
    }
  });

  it("it goes on with the bits that were read ahead, in any block that ends right behind the stop", () => {
    // Codes of one bit, and of fifteen.
    const long: Record<number, number> = { 256: 15, 97: 15 };
    for (let i = 1; i < 15; i++) long[97 + i] = i;
    const longCodes = canonical(long);
    const blocks: [number, (bits: Bits, symbols: number) => Bits][] = [
      [24, (bits, symbols): Bits => {
        bits.header(1);
        for (let i = 0; i < symbols; i++) bits.fixed(i % 2 * 255);
        return bits.fixed(256);
      }],
      [24, (bits, symbols): Bits => {
        bits.dynamic({ literals: { 97: 1, 256: 1 } });
        for (let i = 0; i < symbols; i++) bits.code(0, 1);
        return bits.code(1, 1);
      }],
      [4, (bits, symbols): Bits => {
        bits.dynamic({ literals: long });
        for (let i = 0; i < symbols; i++) bits.code(...longCodes.get(97)!);
        return bits.code(...longCodes.get(256)!);
      }],
    ];
    const next: ((bits: Bits) => Uint8Array)[] = [
      (bits): Uint8Array => bits.end(),
      (bits): Uint8Array => bits.stored(HELLO).end(),
      (bits): Uint8Array => bits.header(1, true).fixed(256).align().stored(HELLO, true).end(),
    ];
    for (const [most, block] of blocks) {
      for (let before = 0; before < most; before++) {
        const prefix = new Bits().stored(new Uint8Array(randomBytes(2048 - before, 5))).bytes;
        for (let symbols = before; symbols < before + 4; symbols++) {
          for (const end of next) {
            const rest = end(block(new Bits(), symbols)), message = join([prefix, rest]);
            const expected = inflate([message], { windowBits: 9 });
            for (let offset = 0; offset <= rest.length; offset++) {
              const pieces = cut(message, [prefix.length + offset]);
              assert.deepEqual(inflateStopping(fresh(9), pieces, always).output, expected);
            }
          }
        }
      }
    }
  });

  it("it goes on however the rest is cut, and with bits of the piece before", () => {
    const content = tradesJson(1, 12_000);
    for (const options of [{ level: 0 }, { level: 9 }, { strategy: zlib.constants.Z_FIXED }]) {
      const message = zlibMessage(content, { ...options, windowBits: 9 });
      for (let offset = 0; offset <= message.length; offset += 7) {
        const pieces = cut(message, [offset, Math.min(offset + offset % 5, message.length)]);
        const { output } = inflateStopping(fresh(9), pieces, always);
        assert.deepEqual(output, new Uint8Array(content));
      }
    }
  });

  it("asked to stop where a message ends, it reads it to the end", () => {
    for (const size of [2048, 2048 + 258, 4096]) {
      for (const tail of [new Bits().end(), new Bits().header(1).fixedMatch(1).fixed(256).end()]) {
        const message = join([new Bits().stored(randomBytes(size, 1)).bytes, tail]);
        const inflater = fresh(9);
        const { output } = inflateStopping(inflater, [message], always);
        assert.deepEqual(output, inflate([message]));
        // What follows begins a message of its own.
        assert.deepEqual(inflateWith(inflater, [hex("f2 48 cd c9 c9 07 00")]), HELLO);
      }
    }
  });

  it("asked to stop in symbols that 00 00 ff ff completes, it goes on with each bit once", () => {
    // 97 is one zero, 98 is fourteen ones and a zero, the end is fifteen ones. Its block has BFINAL
    // set, so that the bit that is left does not count.
    const literals: Record<number, number> = { 97: 1, 98: 15, 256: 15 };
    for (let i = 2; i < 15; i++) literals[i] = i;
    let stops = 0;
    for (let before = 0; before < 40; before++) {
      const prefix = new Bits().stored(new Uint8Array(randomBytes(2048 - before, 5))).bytes;
      for (let symbols = 0; symbols < 40; symbols++) {
        const bits = new Bits().dynamic({ literals }, true);
        for (let i = 0; i < symbols; i++) bits.code(0, 1);
        const block = bits.code(0x3fff, 14).bytes;
        // Only where the tail follows bit on bit.
        if (bits.field(0, 1).bytes.length === block.length) continue;
        const message = join([prefix, block]);
        const expected = inflate([message], { windowBits: 9 });
        const { output } = inflateStopping(fresh(9), [message], (): boolean => ++stops > 0);
        assert.deepEqual(output, expected);
        assert.equal(output[2048 - before + symbols], 98);
      }
    }
    assert.ok(stops > 100);
  });

  it("what the last bits make, those of 00 00 ff ff among them, is not stopped in: 8 KiB at most", () => {
    // Length 258 and distance 1 have codes of one bit: matches of zero bits, up to the tail's ones.
    const dynamic = (): Bits =>
      new Bits().dynamic({ literals: { 97: 2, 256: 2, 285: 1 }, distances: { 0: 1 } }).code(2, 2);
    const codes = canonical({ 97: 2, 256: 2, 285: 1 });
    assert.deepEqual(codes.get(285), [0, 1]);
    let most = 0;
    for (let matches = 0; matches < 60; matches++) {
      const bits = dynamic();
      for (let i = 0; i < matches; i++) bits.code(0, 1).code(0, 1);
      const message = bits.bytes;
      const inflater = fresh(9);
      let handed = 0, asked = 0;
      let left: Uint8Array = message;
      // It is no message that ends: what comes before that is known is what counts.
      assert.throws(() => {
        for (;;) {
          const from = handed;
          left = left.subarray(inflater.inflate(left, true, Infinity, (piece) => {
            if (handed > from) asked = Math.max(asked, handed - from);
            handed += piece.length;
            return false;
          }));
        }
      }, { closeCode: 1007 });
      most = Math.max(most, asked);
    }
    assert.ok(most > 2048 && most <= 8192, `${most}`);
  });

  it("a limit holds over a stop, to the byte", () => {
    const content = tradesJson(2, 10_000);
    const message = zlibMessage(content, { windowBits: 9 });
    const { output } = inflateStopping(fresh(9), [message], always, content.length);
    assert.deepEqual(output, new Uint8Array(content));
    for (const limit of [0, 1, 2047, 2048, 2049, 4096, content.length - 1]) {
      assert.throws(() => inflateStopping(fresh(9), [message], always, limit), {
        closeCode: 1009,
      });
    }
  });

  it("a bomb is inflated only as far as it was asked for", () => {
    const bomb = zlibMessage(new Uint8Array(16 << 20), { level: 9 });
    const inflater = fresh();
    let handed = 0;
    const read = inflater.inflate(bomb, true, Infinity, (piece) => (handed += piece.length) < 1e6);
    assert.ok(read > 0 && read < bomb.length / 10);
    assert.ok(handed >= 1e6 && handed <= 1e6 + 32_768);
  });

  it("reset forgets a message that was stopped in", () => {
    const message = zlibMessage(tradesJson(3, 10_000), { windowBits: 9 });
    const inflater = fresh(9);
    assert.ok(inflater.inflate(message, true, Infinity, () => false) < message.length);
    inflater.reset();
    assert.deepEqual(inflateWith(inflater, [hex("f2 48 cd c9 c9 07 00")]), HELLO);
  });

  it("what follows a message that was stopped in has its window", async () => {
    const messages = Array.from({ length: 6 }, (_, i) => tradesJson(i, 5000));
    const packed = await zlibMessages(messages, { windowBits: 10 });
    const inflater = fresh(10);
    packed.forEach((message, i) => {
      const { output, stopped } = inflateStopping(inflater, [message], always);
      assert.deepEqual(output, new Uint8Array(messages[i]));
      assert.ok(stopped > 0);
    });
  });
});
