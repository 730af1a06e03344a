/**
 * What is exchanged with every peer, whichever side is which: the peer programs echo and obey.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { CloseInfo, WebSocketConnection } from "../../mod.ts";
import type { PeerKind } from "./support.ts";

/** The lengths at which the frame header changes its shape, and one of many reads. */
const SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** Text of exactly so many bytes of UTF-8, of characters of one to four bytes. */
function textOf(size: number): string {
  const piece = "aé€😀"; // 1 + 2 + 3 + 4 bytes
  return piece.repeat(Math.floor(size / 10)) + "x".repeat(size % 10);
}

/** Every size, as text and as binary, all sent before the first echo is read. */
export async function exchangeSizes(connection: WebSocketConnection): Promise<void> {
  for (const size of SIZES) {
    connection.send(bytesOf(size));
    connection.send(textOf(size));
  }
  for (const size of SIZES) {
    const binary = await connection.receive();
    assert.ok(binary instanceof Uint8Array, `${size} bytes came back as text`);
    assert.ok(equal(binary, bytesOf(size)), `${size} bytes came back changed`);
    const text = await connection.receive();
    assert.equal(typeof text, "string", `text of ${size} bytes came back as binary`);
    assert.ok(text === textOf(size), `text of ${size} bytes came back changed`);
  }
}

/** A plain loop: deepEqual of a megabyte takes seconds in some runtimes. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Pings both ways, and a message that the peer sends in fragments, as far as the peer can. */
export async function exchangeControl(
  connection: WebSocketConnection,
  kind: PeerKind,
): Promise<void> {
  assert.ok(await connection.ping() >= 0);
  if (kind.pings) {
    connection.send("!ping hello");
    assert.equal(await connection.receive(), "pong hello");
  }
  if (kind.fragments) {
    connection.send("!fragments one twö three");
    assert.equal(await connection.receive(), "onetwöthree");
  }
}

/** The peer closes, with that code and reason. */
export async function peerCloses(
  connection: WebSocketConnection,
  status: { closeCode: number; reason: string },
): Promise<void> {
  connection.send(`!close ${status.closeCode} ${status.reason}`);
  const info: CloseInfo = await connection.closed;
  assert.deepEqual(info.received, status);
  assert.deepEqual(info.sent, { closeCode: status.closeCode, reason: "" });
  assert.equal(info.initiator, "remote");
  assert.equal(info.wasClean, true);
  assert.equal(info.error, undefined);
}
