/**
 * What is exchanged with every peer over a compressed connection: the peer programs echo, and send in
 * fragments what they are told to.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { WebSocketConnection } from "../../mod.ts";
import { randomBytes, tradesJson } from "../deflate/corpus.ts";

/** How many small messages in a row. */
export const SMALL_COUNT = 50;

/** What there is to see of a peer. */
export interface ExchangeOptions {
  /** Whether it can be told to send a message in fragments. */
  fragments: boolean;
  /** Whether it compresses even what is short. */
  compressesShort: boolean;
  /** Whether messages of 1 MiB are to be among them. */
  large: boolean;
}

/** The terms that hold, as the header has them. */
function termsOf({ extensions }: WebSocketConnection, role: "server" | "client"): {
  takeover: boolean;
} {
  return { takeover: !extensions.includes(`${role}_no_context_takeover`) };
}

/** Every size and kind, all sent before the first echo is read, then a stream, then fragments. */
export async function exchangeCompressed(
  connection: WebSocketConnection,
  role: "server" | "client",
  options: ExchangeOptions,
): Promise<void> {
  await exchangeSmall(connection, role, options);
  const sizes = options.large ? [1000, 65_536, 1_048_576] : [1000, 65_536];
  const messages = ["", new Uint8Array(0), "é", new Uint8Array([7])].concat(
    sizes.flatMap((size, i) => [textOf(size), half(size, i)]) as never[],
  );
  for (const message of messages) connection.send(message);
  for (const message of messages) await echoed(connection, message);

  const parts = [half(70_000, 7), half(10, 8), half(50_000, 9)];
  const sent = connection.send(streamOf(parts));
  await Promise.all([sent, echoed(connection, joined(parts))]);

  if (options.fragments) {
    connection.send("!fragments one twö one twö three");
    await echoed(connection, "onetwöonetwöthree");
  }
  const { compression } = connection.stats;
  assert.ok(compression !== undefined);
  const { sentDecoded, sentEncoded, receivedDecoded, receivedEncoded } = compression;
  const size = messages.reduce((sum, message) => sum + sizeOf(message), sizeOf(joined(parts)));
  assert.ok(sentDecoded > size, "all that was sent was compressed");
  assert.ok(receivedDecoded > 0.9 * size, "what came was compressed");
  assert.ok(sentEncoded < 0.8 * sentDecoded, `sent ${sentEncoded} for ${sentDecoded}`);
  assert.ok(receivedEncoded < 0.8 * receivedDecoded, `${receivedEncoded} for ${receivedDecoded}`);
}

/** Small messages that are like each other: what a context is for. */
async function exchangeSmall(
  connection: WebSocketConnection,
  role: "server" | "client",
  options: ExchangeOptions,
): Promise<void> {
  const texts = Array.from({ length: SMALL_COUNT }, (_, i) => decode(tradesJson(i, 110)));
  for (const text of texts) connection.send(text);
  for (const text of texts) await echoed(connection, text);
  const { compression } = connection.stats;
  assert.ok(compression !== undefined, "compression was agreed on");
  const mine = compression.sentEncoded / compression.sentDecoded;
  assertRatio(mine, termsOf(connection, role).takeover, "sent");
  if (!options.compressesShort) return;
  const theirs = compression.receivedEncoded / compression.receivedDecoded;
  assertRatio(
    theirs,
    termsOf(connection, role === "server" ? "client" : "server").takeover,
    "came",
  );
}

/** A message like the one before is a quarter of itself, and one by itself four fifths or more. */
function assertRatio(ratio: number, takeover: boolean, what: string): void {
  if (takeover) assert.ok(ratio < 0.5, `${what}: ${ratio}, with contexts`);
  else assert.ok(ratio > 0.7, `${what}: ${ratio}, without`);
}

async function echoed(
  connection: WebSocketConnection,
  expected: string | Uint8Array,
): Promise<void> {
  const message = await connection.receive();
  const what = `${typeof expected} of ${expected.length}`;
  assert.equal(typeof message, typeof expected, what);
  // Plain comparisons: deepEqual of a megabyte takes seconds in some runtimes.
  const same = typeof message === "string" || typeof expected === "string"
    ? message === expected
    : message.length === expected.length && message.every((byte, i) => byte === expected[i]);
  assert.ok(same, `${what} came back changed`);
}

/** JSON with characters of one to four bytes among it. */
function textOf(size: number): string {
  return `${decode(tradesJson(3, size - 20))}aé€😀`;
}

/** Bytes of which one half shrinks and the other does not. */
function half(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  bytes.set(randomBytes(size >> 1, seed + 1));
  bytes.set(tradesJson(seed, size >> 1).subarray(0, size >> 1), size >> 1);
  return bytes;
}

function streamOf(parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller): void {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function sizeOf(message: string | Uint8Array): number {
  return typeof message === "string" ? new TextEncoder().encode(message).length : message.length;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
