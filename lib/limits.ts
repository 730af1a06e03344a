/**
 * Reading a limit, a size or a time from a user's options: the one place that judges numbers.
 *
 * @module
 */
import { typeName } from "./options.ts";

/**
 * The number given under `name`, or `fallback` where none was. `Infinity` turns a limit off.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is NaN, negative or fractional.
 */
export function readLimit(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") {
    throw new TypeError(`Cannot read options: ${name} must be a number, got ${typeName(value)}`);
  }
  if (!(value >= 0) || (value !== Infinity && !Number.isSafeInteger(value))) {
    throw new RangeError(
      `Cannot read options: ${name} must be a whole number from 0, or Infinity, got ${value}`,
    );
  }
  return value;
}
