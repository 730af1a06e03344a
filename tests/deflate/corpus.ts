/**
 * Messages to compress, real and varied: what APIs, chats, editors and games send, and the shapes
 * that a deflater can stumble over. Generated from a seed, or read from npm packages that the tests
 * use anyway.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** A message and where it is from. */
export interface CorpusItem {
  /** What it is, unique. */
  readonly name: string;
  /** The message. */
  readonly bytes: Uint8Array;
}

/** Messages that follow each other on one connection. */
export interface CorpusSequence {
  /** What they are, unique. */
  readonly name: string;
  /** The messages, in order. */
  readonly messages: readonly Uint8Array[];
}

/** Random 32-bit numbers from a seed (xorshift), the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = (seed | 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Bytes from 0 to `alphabet` - 1, drawn evenly. */
export function randomBytes(length: number, seed: number, alphabet = 256): Uint8Array {
  const next = randomNumbers(seed);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (next() >>> 8) % alphabet;
  return bytes;
}

/** The `index`-th message of a stream of trades in JSON, of about `size` bytes (110 at least). */
export function tradesJson(index: number, size: number): Uint8Array {
  const items: string[] = [];
  for (let item = 0, length = 0; length === 0 || length + 120 < size; item++) {
    const x = Math.imul(index * 64 + item, 2654435761) >>> 3;
    const text = `{"type":"trade","id":${100000 + index * 64 + item},"symbol":"${
      ["BTCUSD", "ETHUSD", "SOLUSD"][x % 3]
    }","price":${30000 + x % 997}.${padded(Math.floor(x / 7) % 100, 2)},"qty":${
      Math.floor(x / 13) % 9
    }.${padded(Math.floor(x / 3) % 100, 2)},"side":"${x & 64 ? "buy" : "sell"}","ts":17000${
      padded((index * 64 + item) * 137 + x % 50, 8)
    }}`;
    items.push(text);
    length += text.length + (item > 0 ? 1 : 0);
  }
  return utf8(items.join(","));
}

/** The `index`-th line of a chat, as such programs send it. */
export function chatLine(index: number): Uint8Array {
  const next = randomNumbers(index * 7919 + 17);
  const words =
    "the a we you is was to of and in on that it for not with this deploy build server " +
    "restarted looks good thanks again tomorrow meeting lunch review merged broken tests pass 👍 héllo";
  const vocabulary = words.split(" ");
  const text = Array.from(
    { length: 3 + next() % 12 },
    () => vocabulary[next() % vocabulary.length],
  );
  const user = ["ada", "grace", "linus", "margaret", "dennis"][next() % 5];
  return utf8(JSON.stringify({ room: "general", user, text: text.join(" ") }));
}

/** Answers of an API: users with nested fields, about `size` bytes. */
function usersJson(size: number): Uint8Array {
  const next = randomNumbers(size);
  const users: unknown[] = [];
  for (let length = 0; length < size; length += 260) {
    const id = next();
    users.push({
      id: `${hex(next())}-${hex(next())}`,
      name: `User ${id % 10_000}`,
      email: `user${id % 10_000}@example.com`,
      active: id % 3 !== 0,
      score: id / 2 ** 32,
      roles: ["reader", "writer", "admin"].slice(0, 1 + id % 3),
      address: { city: ["Oslo", "Lima", "Pune"][id % 3], zip: padded(id % 100_000, 5) },
      updated: new Date(1.7e12 + id).toISOString(),
    });
  }
  return utf8(JSON.stringify({ page: 1, users }, null, size > 2000 ? 1 : 0));
}

/** A page as a server renders it. */
function html(rows: number): Uint8Array {
  const next = randomNumbers(rows);
  const lines = [
    "<!doctype html>",
    '<html lang="en">',
    "<head><title>Orders</title></head>",
    "<body>",
  ];
  lines.push('<table class="table table-striped">');
  for (let row = 0; row < rows; row++) {
    lines.push(
      `  <tr class="${row % 2 ? "odd" : "even"}"><td><a href="/orders/${next() % 100_000}">`,
      `    #${row}</a></td><td>${next() % 500} &euro;</td><td class="state">open</td></tr>`,
    );
  }
  return utf8([...lines, "</table>", "</body>", "</html>", ""].join("\n"));
}

/** A binary format with tags, lengths, floats and small integers: positions in a game, say. */
function records(count: number): Uint8Array {
  const next = randomNumbers(count);
  const bytes = new Uint8Array(count * 24);
  const view = new DataView(bytes.buffer);
  for (let at = 0, id = 0; at < bytes.length; at += 24, id++) {
    bytes.set([0x84, 0xa2, 0x69, 0x64, 0xcd], at);
    view.setUint16(at + 5, id);
    bytes.set([0xa1, 0x78, 0xca], at + 7);
    view.setFloat32(at + 10, Math.sin(id / 10) * 100);
    bytes.set([0xa1, 0x79, 0xca], at + 14);
    view.setFloat32(at + 17, next() % 1000);
    bytes.set([0xa1, 0x68, next() % 100], at + 21);
  }
  return bytes;
}

/** Random bytes that come again after `distance` bytes, twice. */
export function repeated(distance: number): Uint8Array {
  const once = randomBytes(distance, distance);
  const bytes = new Uint8Array(distance * 2 + Math.min(distance, 300));
  for (let at = 0; at < bytes.length; at++) bytes[at] = once[at % distance];
  return bytes;
}

function packageFile(path: string, from: number, to: number): Uint8Array {
  const bytes = readFileSync(new URL(`../../node_modules/${path}`, import.meta.url));
  return new Uint8Array(bytes.subarray(from, to));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Each message for itself. */
export const CORPUS: readonly CorpusItem[] = [
  { name: "empty", bytes: new Uint8Array(0) },
  { name: "one byte", bytes: Uint8Array.of(0x61) },
  { name: "two bytes", bytes: Uint8Array.of(0, 255) },
  // RFC 7692 section 7.2.3.1.
  { name: "Hello", bytes: utf8("Hello") },
  { name: "chat line", bytes: chatLine(1) },
  { name: "json 110 B", bytes: tradesJson(1, 110) },
  { name: "json 1 KiB", bytes: tradesJson(1, 1000) },
  { name: "json 64 KiB", bytes: tradesJson(1, 65536) },
  { name: "users json 1 KiB", bytes: usersJson(1000) },
  { name: "users json 20 KiB", bytes: usersJson(20_000) },
  { name: "html 10 KiB", bytes: html(75) },
  { name: "records 12 KiB", bytes: records(500) },
  // The source text of ws 8.23, MIT.
  { name: "source text", bytes: packageFile("ws/lib/websocket.js", 0, 36_000) },
  // Text in Markdown, of fast-check 4.10, MIT.
  { name: "markdown", bytes: packageFile("fast-check/README.md", 0, 12_000) },
  // Machine code, symbols and all, of bufferutil 4.1, MIT.
  {
    name: "machine code",
    bytes: packageFile("bufferutil/prebuilds/linux-x64/bufferutil.node", 0, 16_000),
  },
  { name: "random 5 KB", bytes: randomBytes(5000, 5) },
  // Two blocks at least, stored: one holds 65,535 bytes (RFC 1951 section 3.2.4).
  { name: "random 70 KB", bytes: randomBytes(70_000, 70) },
  { name: "four letters", bytes: randomBytes(8000, 4, 4) },
  { name: "zeros 257", bytes: new Uint8Array(257) },
  { name: "zeros 100 KB", bytes: new Uint8Array(100_000) },
  { name: "every byte thrice", bytes: Uint8Array.from({ length: 768 }, (_, at) => at) },
  ...[255, 256, 257, 511, 512, 513, 4096, 32767, 32768, 32769].map((distance) => ({
    name: `repeated after ${distance}`,
    bytes: repeated(distance),
  })),
];

/** Messages that share a context. */
export const SEQUENCES: readonly CorpusSequence[] = [
  { name: "json 110 B", messages: Array.from({ length: 400 }, (_, i) => tradesJson(i, 110)) },
  { name: "json 1 KiB", messages: Array.from({ length: 60 }, (_, i) => tradesJson(i, 1000)) },
  { name: "json 64 KiB", messages: Array.from({ length: 4 }, (_, i) => tradesJson(i, 65536)) },
  { name: "chat lines", messages: Array.from({ length: 400 }, (_, i) => chatLine(i)) },
  { name: "records", messages: Array.from({ length: 40 }, (_, i) => records(20 + i)) },
  { name: "the whole corpus", messages: CORPUS.map(({ bytes }) => bytes) },
];
