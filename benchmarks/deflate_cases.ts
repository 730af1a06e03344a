/**
 * What is compressed: the corpus of the tests, each message for itself, and the conversations, in
 * which each message has those before as its context.
 *
 * @module
 */
import { CORPUS, SEQUENCES } from "../tests/deflate/corpus.ts";

/** One kind of work. */
export interface DeflateCase {
  name: string;
  /** Whether the messages share a context. */
  context: boolean;
  messages: readonly Uint8Array[];
}

/** One case at one level, sent to the process that measures it. */
export interface DeflateRequest {
  /** The case's name. */
  name: string;
  level: number;
  rounds: number;
  /** Milliseconds of CPU time that each measurement takes at least. */
  duration: number;
}

/** What one contender needs for a message. */
export interface DeflateAnswer {
  name: string;
  /** Bytes it compresses a message to, without the four that permessage-deflate leaves out. */
  size: number;
  /** Microseconds of CPU time that compressing takes, round by round. */
  deflate: number[];
  /** Microseconds of CPU time that inflating takes, of the same bytes for each contender, round by round. */
  inflate: number[];
}

/** All cases. */
export const DEFLATE_CASES: readonly DeflateCase[] = [
  ...CORPUS.map(({ name, bytes }) => ({ name, context: false, messages: [bytes] })),
  ...SEQUENCES.map(({ name, messages }) => ({ name: `${name}, context`, context: true, messages })),
];

/** All levels. */
export const LEVELS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
