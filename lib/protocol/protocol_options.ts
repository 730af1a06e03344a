/**
 * The options of a connection with our own protocol, which compresses.
 *
 * @module
 */
import { readPerMessageDeflate, type ResolvedPerMessageDeflate } from "../deflate/options.ts";
import { type ConnectionOptions, readConnectionLimits, type ResolvedLimits } from "./options.ts";

/** Options with every default filled in. */
export interface ResolvedConnectionOptions extends ResolvedLimits {
  /** How to compress; undefined: not at all. */
  perMessageDeflate: ResolvedPerMessageDeflate | undefined;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} as `readConnectionLimits` does, and for `perMessageDeflate`.
 */
export function readConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  return {
    ...readConnectionLimits(options),
    perMessageDeflate: readPerMessageDeflate(options.perMessageDeflate),
  };
}
