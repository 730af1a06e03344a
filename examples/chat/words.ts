/**
 * What page and server say to each other: JSON, one object a message, and the limits of its parts.
 *
 * @module
 */

/** The longest name of a person or a room. */
export const MAX_NAME = 24;
/** The longest message, in UTF-16 code units, as a text field counts them. */
export const MAX_TEXT = 2000;

/** Something that was said. */
export interface Said {
  id: string;
  name: string;
  text: string;
  /** When, in milliseconds since 1970. */
  at: number;
}

/** What the server says. */
export type FromServer =
  | { type: "welcome"; you: string; people: string[]; history: Said[] }
  | { type: "joined"; name: string }
  | { type: "left"; name: string }
  | { type: "said"; said: Said }
  /** The answer to a ping. */
  | { type: "pong" }
  /** Each person's newest round trip, in milliseconds. */
  | { type: "roundTrips"; of: [name: string, milliseconds: number][] };

/** What a page says. */
export type FromPage =
  | { type: "say"; text: string }
  /** Asks for a pong: whether the link is alive. */
  | { type: "ping" };

/** A message that breaks the rules above, and the close code that says so. */
export class BadMessage extends Error {
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/**
 * Reads what a page said.
 *
 * @throws {BadMessage} If it is not what a page says.
 */
export function readMessage(data: string | Uint8Array): FromPage {
  if (typeof data !== "string") throw new BadMessage(1003, "This chat speaks text, not binary");
  let value: { type?: unknown; text?: unknown } | null;
  try {
    value = JSON.parse(data);
  } catch {
    throw new BadMessage(1007, "A message must be JSON");
  }
  if (value?.type === "ping") return { type: "ping" };
  if (value?.type !== "say" || typeof value.text !== "string") {
    throw new BadMessage(1008, 'A message must be {"type":"say","text":"..."}');
  }
  const text = value.text.trim();
  if (text === "") throw new BadMessage(1008, "A message must have a text");
  if (text.length > MAX_TEXT) {
    throw new BadMessage(1008, `A message must have at most ${MAX_TEXT} characters`);
  }
  return { type: "say", text };
}

/** A name of a person or room in its one spelling, or undefined if it is too long or empty. */
export function readName(value: string | null): string | undefined {
  // Control and formatting characters go: they could hide a name, or turn its direction around.
  const name = (value ?? "").normalize("NFC").replace(/[\p{C}\s]+/gu, " ").trim();
  return name === "" || name.length > MAX_NAME ? undefined : name;
}
