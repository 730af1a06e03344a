/**
 * Web IDL, as far as the classes of the WebSockets standard need it: conversions of arguments, and the members of
 * an interface.
 *
 * @module
 */

/** USVString: any value as text without lone surrogates. */
export function toUSVString(value: unknown): string {
  return `${value as string}`.toWellFormed();
}

/** `[Clamp] unsigned short`: the nearest whole number from 0 to 65535, halves to the even one. */
export function toClampedShort(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65_535);
  const floor = Math.floor(clamped), rest = clamped - floor;
  return rest < 0.5 || rest === 0.5 && floor % 2 === 0 ? floor : floor + 1;
}

/** `(DOMString or sequence<DOMString>)`: what can be iterated is a list. */
export function toProtocols(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [`${value as string}`];
  return Array.from(value as Iterable<unknown>, (each) => `${each as string}`);
}

/** Throws what Web IDL demands for too few arguments. */
export function requireArguments(what: string, given: number, required: number): void {
  if (given >= required) return;
  throw new TypeError(
    `Cannot ${what}: ${required} argument is required, but only ${given} present`,
  );
}

/** The bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  if (text.length > 256) return new TextEncoder().encode(text).length;
  let size = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Each half of a pair of surrogates counts for two bytes, and stands for one already.
    if (code > 0x7f) size += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return size;
}

/** Sets attributes and methods to be enumerable, and names the interface in `Object.prototype.toString`. */
export function defineInterface(
  name: string,
  { prototype }: { readonly prototype: object },
): void {
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== "constructor") Object.defineProperty(prototype, member, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}
