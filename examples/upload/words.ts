/**
 * What the two sides say to each other. A connection carries one file, one way:
 *
 * ```text
 * sender                                   receiver
 *                              <-  download  (only if it is the receiver who asks)
 * upload, or file: name, size  ->
 * binary messages              ->
 *                              <-  stored    now and then: so much is on the disk
 * end: size, sha256            ->
 *                              <-  done      it is complete, under this name
 * ```
 *
 * Words are JSON, one object in a text message. The file's bytes are binary messages, one or many: a
 * program sends the file as one message of any size; a page, which can send and get messages only
 * whole, has many small ones, and no more than `WINDOW` bytes on their way. In the end the server
 * closes with 1000. Any other end of the connection means that there is no file, and the close
 * reason says why.
 *
 * @module
 */
import { LimitError, type StreamedMessage, type WebSocketConnection } from "../../mod.ts";

/** A connection whose messages come in pieces. */
export type Connection = WebSocketConnection<undefined, StreamedMessage>;

/** In how large parts files are read, and sent to a page (page/transfer.js has the same). */
export const PIECE: number = 256 * 1024;
/** How much may be on its way to a page that it has not stored yet (the same there). */
export const WINDOW: number = 4 * 1024 * 1024;
/** No word is longer than this, in bytes. */
const MAX_WORD = 4096;

/** What is said. */
export type Word =
  /** Here comes a file for you. */
  | { type: "upload"; name: string; size: number }
  /** Send me that file: as one message, or for a page as many, which it confirms. */
  | { type: "download"; name: string; as: "message" | "pieces" }
  /** Here comes the file that you asked for. */
  | { type: "file"; name: string; size: number }
  /** So many bytes are stored. */
  | { type: "stored"; size: number }
  /** That was all. A page cannot tell the digest: browsers take one only of what is in memory. */
  | { type: "end"; size: number; sha256?: string }
  /** All is stored, under this name. */
  | { type: "done"; name: string; size: number; sha256?: string };

/** The word of that type. */
export type WordOf<Type extends Word["type"]> = Extract<Word, { type: Type }>;

/** Why the server does not go on: the close code, and for the reader the reason. */
export class Refusal extends Error {
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Says a word. */
export function say(connection: Connection, word: Word): void {
  connection.send(JSON.stringify(word));
}

/** Waits for a word. Rejects with a Refusal for any but these, and when the connection closes. */
export async function hear<Type extends Word["type"]>(
  connection: Connection,
  ...types: Type[]
): Promise<WordOf<Type>> {
  return await readWord(await connection.receive(), ...types);
}

/** Reads a word. Rejects with a Refusal for any but these. */
export async function readWord<Type extends Word["type"]>(
  message: StreamedMessage,
  ...types: Type[]
): Promise<WordOf<Type>> {
  const wanted = types.join(" or ");
  if (message.type !== "text") throw new Refusal(1003, `Expected ${wanted}, got binary`);
  let word: Partial<Record<string, unknown>> | null;
  try {
    word = await message.json({ maxSize: MAX_WORD }) as typeof word;
  } catch (error) {
    if (error instanceof LimitError) throw new Refusal(1009, "A word is too long");
    if (error instanceof SyntaxError) throw new Refusal(1007, `Expected ${wanted}, got no JSON`);
    throw error;
  }
  if (!types.some((type) => word?.type === type) || !isWord(word!)) {
    throw new Refusal(1008, `Expected ${wanted}, got something else`);
  }
  return word as WordOf<Type>;
}

/** Whether the parts of a word are what they have to be, wherever they stand. */
function isWord({ name, size, sha256, as, type }: Partial<Record<string, unknown>>): boolean {
  const named = type === "stored" || type === "end" || typeof name === "string";
  const sized = type === "download"
    ? as === "message" || as === "pieces"
    : Number.isSafeInteger(size) && Number(size) >= 0;
  return named && sized && (sha256 === undefined || typeof sha256 === "string");
}
