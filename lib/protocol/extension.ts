/**
 * The extension that a connection has, of what its handshake agreed on.
 *
 * @module
 */
import { PerMessageDeflate } from "../deflate/extension.ts";
import type { DeflateAgreement } from "../deflate/negotiation.ts";
import type { Role } from "../frame/opcode.ts";
import type { MessageExtension } from "../message/extension.ts";
import type { ResolvedConnectionOptions } from "./protocol_options.ts";

/**
 * The level where the option is not given: a handshake that was made elsewhere may have agreed on
 * compression.
 */
const DEFAULT_LEVEL = 6;

/** One connection's extension, or none where none was agreed on. */
export function extensionFor(
  role: Role,
  agreement: DeflateAgreement | undefined,
  options: ResolvedConnectionOptions,
): MessageExtension | undefined {
  if (agreement === undefined) return undefined;
  const { level = DEFAULT_LEVEL, threshold } = options.perMessageDeflate ?? {};
  return new PerMessageDeflate({ role, agreement, level, threshold });
}
