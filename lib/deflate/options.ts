/**
 * The option `perMessageDeflate`.
 *
 * @module
 */
import { readLimit } from "../limits.ts";
import { checkNames, type OptionNames, typeName } from "../options.ts";

/** How messages are compressed. Windows are given as powers of two: 15 is 32 KiB. */
export interface PerMessageDeflateOptions {
  /** From 1, the fastest, to 9, the smallest. @default {6} */
  level?: number;
  /**
   * Shorter messages, in bytes, are sent as they are. A window shared with the messages before makes
   * even short ones a quarter of their size; alone they hardly shrink, while the work is the same.
   *
   * @default {64, or 256 where this end takes over no context}
   */
  threshold?: number;
  /** Whether the server begins every message with an empty window. @default {false} */
  serverNoContextTakeover?: boolean;
  /** Whether the client begins every message with an empty window. @default {false} */
  clientNoContextTakeover?: boolean;
  /** The largest window that the server may use, 8 to 15. @default {15} */
  serverMaxWindowBits?: number;
  /**
   * The largest window that the client may use, 8 to 15. A server with less than 15 agrees on
   * compression only with clients whose offer has the parameter `client_max_window_bits`.
   *
   * @default {15}
   */
  clientMaxWindowBits?: number;
}

/** The same with the defaults filled in; `threshold` has none before contexts are agreed on. */
export interface ResolvedPerMessageDeflate
  extends Required<Omit<PerMessageDeflateOptions, "threshold">> {
  /** Shorter messages are sent as they are. */
  threshold: number | undefined;
}

/** The smallest window that can be agreed on (RFC 7692 section 7.1.2). */
export const MIN_WINDOW_BITS = 8;
/** The largest window, which is what holds if none is agreed on (RFC 7692 section 7.1.2). */
export const MAX_WINDOW_BITS = 15;

const NAME = "perMessageDeflate";

const OPTIONS: OptionNames<PerMessageDeflateOptions> = {
  level: true,
  threshold: true,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
};

/**
 * Fills in the defaults; undefined where nothing is to be compressed.
 *
 * @throws {TypeError} If it is neither a boolean nor an object, or a property is unknown or of the wrong
 * type.
 * @throws {RangeError} If a number is out of range. Both name the option.
 */
export function readPerMessageDeflate(
  option: boolean | PerMessageDeflateOptions | undefined,
): ResolvedPerMessageDeflate | undefined {
  if (option === undefined || option === false) return undefined;
  if (option !== true && (typeof option !== "object" || option === null)) {
    throw new TypeError(
      `Cannot read options: ${NAME} must be a boolean or an object, got ${typeName(option)}`,
    );
  }
  const given: PerMessageDeflateOptions = option === true ? {} : option;
  checkNames(given, OPTIONS, { prefix: `${NAME}.` });
  const { threshold } = given;
  return {
    level: whole("level", given.level, { from: 1, to: 9, fallback: 6 }),
    threshold: threshold === undefined ? undefined : readLimit(`${NAME}.threshold`, threshold, 0),
    serverNoContextTakeover: flag("serverNoContextTakeover", given.serverNoContextTakeover),
    clientNoContextTakeover: flag("clientNoContextTakeover", given.clientNoContextTakeover),
    serverMaxWindowBits: windowBits("serverMaxWindowBits", given.serverMaxWindowBits),
    clientMaxWindowBits: windowBits("clientMaxWindowBits", given.clientMaxWindowBits),
  };
}

function windowBits(name: string, value: unknown): number {
  return whole(name, value, {
    from: MIN_WINDOW_BITS,
    to: MAX_WINDOW_BITS,
    fallback: MAX_WINDOW_BITS,
  });
}

function whole(
  name: string,
  value: unknown,
  range: { from: number; to: number; fallback: number },
): number {
  if (value === undefined) return range.fallback;
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot read options: ${NAME}.${name} must be a number, got ${typeName(value)}`,
    );
  }
  if (!Number.isInteger(value) || value < range.from || value > range.to) {
    throw new RangeError(
      `Cannot read options: ${NAME}.${name} must be a whole number from ${range.from} to ${range.to}, got ${value}`,
    );
  }
  return value;
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  throw new TypeError(
    `Cannot read options: ${NAME}.${name} must be a boolean, got ${typeName(value)}`,
  );
}
