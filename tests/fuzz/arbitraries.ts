/** What the fuzz tests feed the codec: frames that are lawful, nearly lawful, and any bytes at all. */

import fc from "fast-check";
import type { Role } from "../../lib/frame/opcode.ts";
import { writeHeader } from "../../lib/frame/header.ts";
import type { Message } from "../../lib/message/message.ts";
import { fuzzRuns } from "../handshake/support.ts";
import { cut } from "../message/decode.ts";

/** How often a property is tried. */
export const runs: number = fuzzRuns();

/** Either role. */
export const role: fc.Arbitrary<Role> = fc.constantFrom("client", "server");

/** Few bytes, or as many as need each kind of length. */
export const payload: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  { weight: 12, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 135 }) },
  {
    weight: 1,
    arbitrary: fc.record({
      size: fc.constantFrom(511, 512, 513, 65_535, 65_536, 70_000),
      step: fc.nat(255),
    }).map(({ size, step }) => {
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) bytes[i] = i * step;
      return bytes;
    }),
  },
).map((bytes) => new Uint8Array(bytes));

/** Text with characters of every width; no lone surrogates, which UTF-8 cannot carry. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  { weight: 4, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.record({
      unit: fc.constantFrom("a", "\u00e9", "\u20ac", "\u{1f600}", "a\u20ac"),
      count: fc.constantFrom(41, 42, 62, 63, 125, 126, 700, 21_845, 21_846),
    }).map(({ unit, count }) => unit.repeat(count)),
  },
);

const closeCode = fc.oneof(
  fc.constantFrom(1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014),
  fc.integer({ min: 3000, max: 4999 }),
);
const control = fc.uint8Array({ maxLength: 125 }).map((bytes) => new Uint8Array(bytes));

/** A message of the application or a ping or pong. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 4, arbitrary: text.map((data): Message => ({ type: "text", data })) },
  { weight: 4, arbitrary: payload.map((data): Message => ({ type: "binary", data })) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom("ping", "pong"), control)
      .map(([type, data]): Message => ({ type, data })),
  },
);

/** Messages, perhaps with a Close at their end. */
export const conversation: fc.Arbitrary<Message[]> = fc.tuple(
  fc.array(message, { maxLength: 6 }),
  fc.option(fc.tuple(closeCode, fc.string({ unit: "binary", maxLength: 30 }))),
).map(([messages, close]): Message[] =>
  close === null
    ? messages
    : [...messages, { type: "close", closeCode: close[0], reason: close[1] }]
);

/** One frame as bytes: mostly as the receiver wants it, now and then with anything wrong. */
function frame(receiver: Role): fc.Arbitrary<Uint8Array> {
  const usual = receiver === "server";
  return fc.record({
    first: fc.oneof(
      {
        weight: 10,
        arbitrary: fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88),
      },
      { weight: 1, arbitrary: fc.nat(255) },
    ),
    masked: fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, {
      weight: 1,
      arbitrary: fc.constant(!usual),
    }),
    key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    payload: fc.oneof(
      { weight: 4, arbitrary: payload },
      {
        weight: 4,
        arbitrary: fc.string({ unit: "binary", maxLength: 30 }).map((s) => utf8.encode(s)),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom([], [3, 232], [3, 237], [3], [3, 232, 255]).map((b) =>
          new Uint8Array(b)
        ),
      },
    ),
    lie: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, {
      weight: 1,
      arbitrary: fc.integer({ min: -3, max: 3 }),
    }),
  }).map(({ first, masked, key, payload, lie }) => {
    const bytes = new Uint8Array(14 + payload.length);
    let at = writeHeader(bytes, 0, first, Math.max(0, payload.length + lie), masked ? 0x80 : 0);
    if (masked) {
      bytes.set(key, at);
      at += 4;
    }
    payload.forEach((byte, i) => bytes[at + i] = masked ? byte ^ key[i & 3] : byte);
    return bytes.subarray(0, at + payload.length);
  });
}

const utf8 = new TextEncoder();

/** Changes of single bytes: where, and to what. */
const mutations = fc.array(fc.tuple(fc.nat(1 << 20), fc.nat(255)), { maxLength: 2 });

/** What a receiver may be sent: frames in a row, some bytes of them changed; or any bytes. */
export function wire(receiver: Role): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const frames = fc.tuple(
    fc.array(frame(receiver), { maxLength: 6 }),
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: mutations }),
  ).map(([parts, changes]) => {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    for (const [where, value] of changes) if (bytes.length > 0) bytes[where % bytes.length] = value;
    return bytes;
  });
  const raw = fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes));
  return fc.oneof({ weight: 5, arbitrary: frames }, { weight: 1, arbitrary: raw });
}

/** Where bytes are cut: offsets modulo their number. */
export const splits: fc.Arbitrary<number[]> = fc.array(fc.nat(1 << 20), { maxLength: 8 });

/** `bytes` cut there. */
export function split(bytes: Uint8Array, offsets: readonly number[]): Uint8Array<ArrayBuffer>[] {
  return cut(bytes, offsets.map((offset) => offset % (bytes.length + 1)));
}
