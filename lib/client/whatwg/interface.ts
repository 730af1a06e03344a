/**
 * What Web IDL says of the members of an interface.
 *
 * @module
 */

/** Makes attributes and methods enumerable, and names the interface in `Object.prototype.toString`. */
export function defineInterface(
  name: string,
  { prototype }: { readonly prototype: object },
): void {
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== "constructor") Object.defineProperty(prototype, member, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}
