/**
 * Reads the option `protocols`: one subprotocol, or a list.
 *
 * @module
 */
import { typeName } from "../options.ts";

/**
 * Returns the subprotocols as a list. Whether they are tokens is not checked.
 *
 * @throws {TypeError} If the option is neither a string nor a list of strings.
 */
export function listProtocols(protocols: unknown = []): string[] {
  if (typeof protocols === "string") return [protocols];
  const wanted = "Cannot read options: protocols must be a string or a list of strings";
  if (typeof protocols !== "object" || protocols === null || !(Symbol.iterator in protocols)) {
    throw new TypeError(`${wanted}, got ${typeName(protocols)}`);
  }
  return Array.from(protocols as Iterable<unknown>, (protocol) => {
    if (typeof protocol === "string") return protocol;
    throw new TypeError(`${wanted}, got a list with ${typeName(protocol)} in it`);
  });
}

/** Returns what to add to an error about a subprotocol that is not a token. */
export function protocolHint(protocol: string): string {
  if (!protocol.includes(",")) return "";
  const list = protocol.split(",").map((each) => JSON.stringify(each.trim()));
  return `; pass several subprotocols as a list: [${list.join(", ")}]`;
}
