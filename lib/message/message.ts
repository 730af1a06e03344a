/**
 * What the message streams carry.
 *
 * @module
 */

/** Whether a message is text or binary (RFC 6455 section 5.6). */
export type MessageType = "text" | "binary";

/** A message of the application, or a control frame between two of them (RFC 6455 section 5.6, 5.5). */
export type Message =
  | { type: "text"; data: string }
  | { type: "binary"; data: Uint8Array<ArrayBuffer> }
  | { type: "ping" | "pong"; data: Uint8Array<ArrayBuffer> }
  | { type: "close"; closeCode: number; reason: string };

/** A message: text as a string, binary as bytes that the receiver owns. */
export type MessageData = string | Uint8Array<ArrayBuffer>;
