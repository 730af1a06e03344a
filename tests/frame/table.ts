/**
 * Tables of bytes and what they must give. Rows are in the notation of notation.ts; each is sent to
 * a client and, masked, to a server.
 *
 * `!` before a frame: its header must fail, before any payload. `^` before a payload byte: the
 * failure must come with that byte, not later.
 */

import type { Frame } from "../../lib/frame/frame.ts";
import type { Opcode, Role } from "../../lib/frame/opcode.ts";
import type { Message } from "../../lib/message/message.ts";
import { frameBytes, headerOf, hex, join, payloadOf } from "./notation.ts";
import type { DriveOptions, Outcome } from "../message/decode.ts";

/** One row. */
export interface Vector {
  /** The section and the rule. */
  name: string;
  options: DriveOptions;
  bytes: Uint8Array<ArrayBuffer>;
  /** The frames before the first one that breaks a rule of frames. */
  frames: Frame[];
  /** The messages, and the error after them. */
  outcome: Outcome;
  /** The bytes after which the error must have been thrown, the last frame's header among them. */
  failsBy?: number;
  /** The bytes before the frame that fails, or before the byte that does. */
  failsAfter?: number;
}

/** A text message. */
export const text = (data: string): Message => ({ type: "text", data });
/** A binary message of these bytes. */
export const binary = (bytes: string): Message => ({ type: "binary", data: hex(bytes) });
/** A ping. */
export const ping = (bytes: string): Message => ({ type: "ping", data: hex(bytes) });
/** A pong. */
export const pong = (bytes: string): Message => ({ type: "pong", data: hex(bytes) });
/** A Close frame's content. */
export const close = (closeCode: number, reason = ""): Message => {
  return { type: "close", closeCode, reason };
};

/** One byte in hexadecimal. */
export const byte = (value: number): string => value.toString(16).padStart(2, "0");
/** Two bytes in hexadecimal. */
export const word = (value: number): string => `${byte(value >> 8)} ${byte(value & 255)}`;

/** The options of the decoders, but for the role. */
export type Limits = Omit<DriveOptions, "role">;
/** What a bad row adds: the messages that come before the error. */
export type BadOptions = Limits & { before?: readonly Message[] };
/** What a row for one role adds: the bytes, where the notation cannot write them. */
export type RowOptions = Limits & { error?: string; raw?: string };

/** The functions that fill one table. An error is named by its code, or by the option of a limit. */
export interface Table {
  /** The rows so far. */
  vectors: Vector[];
  /** A row for one role. */
  row(
    role: Role,
    name: string,
    frames: readonly string[],
    messages: readonly Message[],
    options?: RowOptions,
  ): void;
  /** Rows for both roles, of frames that break no rule. */
  good(
    name: string,
    frames: readonly string[],
    messages: readonly Message[],
    limits?: Limits,
  ): void;
  /** Rows for both roles, of frames that break one. */
  bad(name: string, frames: readonly string[], error: string, options?: BadOptions): void;
}

/** A new table. */
export function table(): Table {
  const vectors: Vector[] = [];
  const row: Table["row"] = (role, name, frames, messages, options = {}) => {
    vectors.push(vectorOf(role, name, frames, messages, options));
  };
  return {
    vectors,
    row,
    good(name, frames, messages, limits): void {
      for (const role of ["client", "server"] as const) row(role, name, frames, messages, limits);
    },
    bad(name, frames, error, { before = [], ...limits } = {}): void {
      for (const role of ["client", "server"] as const) {
        row(role, name, frames, before, { error, ...limits });
      }
    },
  };
}

/** The errors that a frame decoder finds by itself. */
const OF_FRAMES = /^(RESERVED|CONTROL|MASK|LENGTH)|maxFrameSize/;

function vectorOf(
  role: Role,
  name: string,
  notation: readonly string[],
  messages: readonly Message[],
  { error, raw, ...limits }: RowOptions,
): Vector {
  const sender = role === "client" ? "server" : "client";
  const vector: Vector = {
    name: `${name} (to a ${role})`,
    options: { role, ...limits },
    bytes: hex(raw ?? ""),
    frames: [],
    outcome: { messages: [...messages] },
  };
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const marked of notation) {
    const frame = marked.replaceAll(/[!^]/g, "");
    const bytes = frameBytes(frame, sender), header = headerOf(frame, sender);
    if (marked.includes("!")) {
      vector.failsAfter = length;
      vector.failsBy = length + header.length;
    } else if (marked.includes("^")) {
      vector.failsAfter = length + header.length + payloadOf(marked.split("^")[0]).length;
      vector.failsBy = vector.failsAfter + 1;
    }
    const failed = vector.failsBy !== undefined && OF_FRAMES.test(error ?? "");
    if (!failed) vector.frames.push(frameOf(header[0], payloadOf(frame)));
    parts.push(bytes);
    length += bytes.length;
  }
  if (raw === undefined) vector.bytes = join(parts);
  if (error !== undefined) vector.outcome.error = errorFor(error);
  return vector;
}

function frameOf(first: number, payload: Uint8Array<ArrayBuffer>): Frame {
  return { fin: first >= 0x80, rsv: first & 0x70, opcode: (first & 15) as Opcode, payload };
}

function errorFor(name: string): NonNullable<Outcome["error"]> {
  if (name.startsWith("max")) {
    const closeCode = name === "maxFragments" ? 1008 : 1009;
    return { code: "LIMIT_EXCEEDED", closeCode, option: name };
  }
  return { code: name, closeCode: name.includes("UTF8") ? 1007 : 1002 };
}
