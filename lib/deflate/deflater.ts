/**
 * Bytes to DEFLATE (RFC 1951), message after message as permessage-deflate sends them (RFC 7692
 * section 7.2.1).
 *
 * @module
 */
import type { PieceSink } from "../message/extension.ts";
import { BitWriter } from "./bit_writer.ts";
import { writeBlock } from "./block.ts";
import { MAX_MATCH, MIN_MATCH } from "./codes.ts";
import { HashChains } from "./hash_chains.ts";
import { effortFor, type Level, LEVELS } from "./levels.ts";
import { BLOCK_SYMBOLS, Symbols } from "./symbols.ts";

/** How a deflater works. */
export interface DeflaterOptions {
  /** From 1, the fastest, to 9, the smallest. */
  level: number;
  /** No distance is over 2^windowBits: 8 to 15. */
  windowBits: number;
}

/** Shared by all deflaters, since each call ends before another begins. */
const writer = /* @__PURE__ */ new BitWriter();
const symbols = /* @__PURE__ */ new Symbols();

/** Compresses the messages of one connection, each with the ones before it as its context. */
export class Deflater {
  readonly #level: Level;
  /** The greatest distance: bytes further back are dropped. */
  readonly #reach: number;
  readonly #chains: HashChains;
  /** The bytes of the message in progress. */
  #taken = 0;
  /** Where in the window the bytes that are yet to be compressed begin. */
  #position = 0;
  /** Where in the window the bytes of the block begin; below 0 when they have left it. */
  #blockStart = 0;
  /** The bits that fill no byte yet, between the pieces of a message. */
  #bits = 0;
  #bitCount = 0;

  /** Creates a deflater without context. */
  constructor({ level, windowBits }: DeflaterOptions) {
    this.#level = LEVELS[level - 1];
    this.#reach = 1 << windowBits;
    this.#chains = new HashChains(windowBits, this.#level);
  }

  /** Bytes of memory held. */
  get memory(): number {
    return this.#chains.memory;
  }

  /** Forgets all messages before, and what there is of the one in progress. */
  reset(): void {
    this.#chains.reset();
    this.#position = 0;
    this.#taken = 0;
    this.#bits = 0;
    this.#bitCount = 0;
  }

  /**
   * Compresses a piece of a message; `final` for the last one. What `emit` is given is valid only
   * for the length of its call, in which no deflater may be used; a piece that is not the last may
   * yet give nothing. After an error of `emit` only `reset` makes sense.
   */
  deflate(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    const chains = this.#chains;
    this.#begin();
    this.#taken += piece.length;
    let room = chains.reserve(piece.length);
    let taken = 0;
    while (room < piece.length - taken) {
      this.#take(piece, taken, taken + room);
      taken += room;
      // What is left may continue the last match.
      this.#compress(chains.end - MAX_MATCH, emit);
      this.#slide(emit);
      room = chains.window.length - chains.end;
    }
    this.#take(piece, taken, piece.length);
    if (final) this.#compress(chains.end, emit);
    this.#endBlock(emit);
    if (final) {
      this.#taken = 0;
      // Section 7.2.1: an empty stored block ends the message, but for its last four bytes.
      writer.write(0, 3);
      writer.align();
    }
    this.#leave(emit);
  }

  /**
   * Returns all that was taken of a message in progress, so that the peer can read it without what
   * follows: behind an empty stored block, whole this time, the next piece begins at a byte.
   */
  flush(emit: PieceSink): void {
    if (this.#bitCount === 0 && this.#position === this.#chains.end) return;
    this.#begin();
    this.#compress(this.#chains.end, emit);
    this.#endBlock(emit);
    writer.write(0, 3);
    writer.align();
    writer.write(0, 16);
    writer.write(0xffff, 16);
    this.#leave(emit);
  }

  #begin(): void {
    // An `emit` that threw may have left something there, perhaps of another connection.
    if (symbols.length > 0) symbols.clear();
    writer.length = 0;
    writer.bits = this.#bits;
    writer.count = this.#bitCount;
    this.#blockStart = this.#position;
  }

  #leave(emit: PieceSink): void {
    this.#bits = writer.bits;
    this.#bitCount = writer.count;
    writer.flush(emit);
  }

  #take(piece: Uint8Array, from: number, to: number): void {
    const { window, end } = this.#chains;
    if (to - from < 32) {
      for (let at = from; at < to; at++) window[end + at - from] = piece[at];
    } else {
      window.set(from === 0 && to === piece.length ? piece : piece.subarray(from, to), end);
    }
    this.#chains.end = end + to - from;
  }

  /** Reserves room in the window for more. */
  #slide(emit: PieceSink): void {
    const shift = this.#position - this.#reach;
    if (this.#blockStart >= 0 && this.#blockStart < shift) {
      // The block can be stored no more. One that takes a quarter of its bytes or less goes on.
      if (symbols.length * 8 > this.#position - this.#blockStart) this.#endBlock(emit);
      else this.#blockStart = -1;
    }
    this.#chains.slide(shift);
    this.#position -= shift;
    if (this.#blockStart >= 0) this.#blockStart -= shift;
  }

  #endBlock(emit: PieceSink): void {
    if (symbols.length > 0) {
      writeBlock(writer, symbols, this.#chains.window, this.#blockStart, this.#position, emit);
    }
    this.#blockStart = this.#position;
  }

  /** Turns the bytes into symbols, up to `to`, or some more where a match goes on. */
  #compress(to: number, emit: PieceSink): void {
    const chains = this.#chains;
    const { good } = this.#level;
    // By all that has come of the message: the same, wherever it was cut.
    const effort = chains.effort = effortFor(this.#level, this.#taken);
    const { chain, lazy } = effort;
    const { window } = chains;
    let position = this.#position;
    /** The length of the match at `position`; -1 before it is looked for. */
    let length = -1;
    let distance = 0;
    while (position < to) {
      if (symbols.length === BLOCK_SYMBOLS) {
        this.#position = position;
        this.#endBlock(emit);
      }
      if (length < 0) {
        length = chains.find(position, MIN_MATCH - 1, chain);
        distance = chains.distance;
      }
      if (length < MIN_MATCH) {
        symbols.literal(window[position++]);
        length = -1;
        continue;
      }
      if (length < lazy) {
        const next = chains.find(position + 1, length - 1, length < good ? chain : chain >>> 2);
        // A longer match a byte later is worth a literal, and so is a much nearer one.
        if (
          next !== 0 &&
          (next - length) * 4 + Math.clz32(chains.distance) - Math.clz32(distance) > 2
        ) {
          symbols.literal(window[position++]);
          length = next;
          distance = chains.distance;
          continue;
        }
      }
      symbols.match(length, distance);
      position += length;
      chains.skip(position);
      length = -1;
    }
    this.#position = position;
  }
}
