/**
 * The error for data that cannot be inflated.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";

/**
 * Fails the message. RFC 7692 names no close code for it; it is data that does not agree with its
 * type, as RFC 6455 section 7.4.1 says of 1007.
 *
 * @throws {ProtocolError} always.
 */
export function throwCorrupt(why: string): never {
  throw new ProtocolError("EXTENSION_DATA", `Cannot inflate message: ${why}`, 1007);
}
