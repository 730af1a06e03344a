/** What several tests of the handshake share. */

import assert from "node:assert/strict";
import process from "node:process";
import { HandshakeError } from "../../lib/errors.ts";
import { HeaderLines } from "../../lib/handshake/head.ts";
import type { RequestHead, ResponseHead } from "../../lib/handshake/head.ts";
import { HeadReader } from "../../lib/handshake/head_reader.ts";
import { ACCEPT, KEY } from "../support/opening.ts";
import type { HeadReaderOptions, Heads } from "../../lib/handshake/head_reader.ts";

export { ACCEPT, KEY };

/** A list of header lines; an entry with undefined takes out the default line of that name. */
export type Lines = Record<string, string | readonly string[] | undefined>;

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function headerLines(lines: Lines): HeaderLines {
  const headers = new HeaderLines();
  for (const [name, value] of Object.entries(lines)) {
    if (value === undefined) continue;
    for (const each of typeof value === "string" ? [value] : value) headers.append(name, each);
  }
  return headers;
}

/** A request that breaks no rule, with other lines in place of its own. */
export function requestHead(lines: Lines = {}, start: Partial<RequestHead> = {}): RequestHead {
  return {
    method: "GET",
    target: "/chat",
    headers: headerLines({
      host: "server.example.com",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": KEY,
      "sec-websocket-version": "13",
      ...lines,
    }),
    ...start,
  };
}

/** A response that accepts, with other lines in place of its own. */
export function responseHead(lines: Lines = {}, start: Partial<ResponseHead> = {}): ResponseHead {
  return {
    minorVersion: 1,
    status: 101,
    statusText: "Switching Protocols",
    headers: headerLines({
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-accept": ACCEPT,
      ...lines,
    }),
    ...start,
  };
}

/** Asserts that the call throws a HandshakeError, and gives it. */
export function handshakeError(
  call: () => unknown,
  expected: { code?: string; status?: number; message?: RegExp } = {},
): HandshakeError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof HandshakeError, `not a HandshakeError: ${error}`);
    if (expected.code !== undefined) assert.equal(error.code, expected.code);
    if (expected.status !== undefined) assert.equal(error.status, expected.status);
    if (expected.message !== undefined) assert.match(error.message, expected.message);
    return error;
  }
  assert.fail("nothing was thrown");
}

/** Asserts that the call throws a SyntaxError DOMException whose message matches. */
export function assertSyntaxError(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof DOMException, `not a DOMException: ${error}`);
    assert.equal(error.name, "SyntaxError");
    assert.match(error.message, message);
    return true;
  });
}

/** What came of reading a head, in a form that can be compared. */
export type Outcome =
  | { head: Record<string, unknown>; size: number }
  | { code: string; status: number; message: string }
  | "incomplete";

/** Reads chunks until a head or an error comes of them. */
export function readHead<Kind extends keyof Heads>(
  chunks: Iterable<Uint8Array>,
  options: HeadReaderOptions<Kind>,
): Outcome {
  const reader = new HeadReader(options);
  let size = 0;
  try {
    for (const chunk of chunks) {
      size += reader.push(chunk);
      const { head } = reader;
      if (head !== undefined) return { head: { ...head, headers: [...head.headers] }, size };
    }
  } catch (error) {
    assert.ok(error instanceof HandshakeError, `not a HandshakeError: ${error}`);
    return { code: error.code, status: error.status, message: error.message };
  }
  return "incomplete";
}

/** How often a property is tried: FUZZ_RUNS in the environment, or 2,000 times. */
export function fuzzRuns(): number {
  return Number(globalThis.process?.env?.FUZZ_RUNS) || 2000;
}

/** How many pairs are measured at least, and at most. */
const PAIRS = { least: 3, most: 21 };
/** Short work is repeated for so many microseconds: one run of the garbage collector would outweigh it. */
const SAMPLE = 2_000;

/**
 * Asserts that the time of work grows as its size does: eight times the size, from a quarter of `size` to
 * twice it, takes less than 22 times as long. Linear work takes 8 times as long and quadratic work 64 times,
 * so a garbage collector that doubles some of the times changes nothing. What counts is the time of the
 * processor, which other programs do not take part in, and the median of pairs, measured right after one
 * another.
 */
export function assertLinear(work: (size: number) => void, size: number): void {
  const small = Math.ceil(size / 4), large = 8 * small;
  work(large); // compiled
  const repeats = Math.ceil(SAMPLE / cpuTimeOf(() => work(small)));
  const timeFor = (size: number): number =>
    cpuTimeOf(() => {
      for (let repeat = 0; repeat < repeats; repeat++) work(size);
    });
  const ratios: number[] = [];
  let median = Infinity;
  while (ratios.length < PAIRS.most) {
    const before = timeFor(small), more = timeFor(large), after = timeFor(small);
    ratios.push(2 * more / (before + after));
    if (ratios.length < PAIRS.least) continue;
    median = ratios.toSorted((one, other) => one - other)[ratios.length >> 1];
    if (median < 22) return;
  }
  assert.fail(`8 times the work took ${median.toFixed(1)} times as long: ${ratios.join(" ")}`);
}

/** The time of the processor that the work takes, in microseconds; never 0. */
function cpuTimeOf(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return Math.max(user + system, 1);
}
