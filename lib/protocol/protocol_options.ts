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

/** The options that were read last. */
let latest: ResolvedConnectionOptions | undefined;

/**
 * Returns the options, as one object for all that have the same values: behind a runtime's server each
 * connection reads its options by itself, and keeps them.
 */
function share(options: ResolvedConnectionOptions): ResolvedConnectionOptions {
  for (const name of Object.keys(options) as (keyof ResolvedConnectionOptions)[]) {
    if (latest?.[name] !== options[name]) return latest = options;
  }
  return latest!;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} As `readConnectionLimits` does, and for `perMessageDeflate`.
 */
export function readConnectionOptions(options: ConnectionOptions): ResolvedConnectionOptions {
  return share({
    ...readConnectionLimits(options),
    perMessageDeflate: readPerMessageDeflate(options.perMessageDeflate),
  });
}
