/**
 * What user code throws may be anything: a value without a text, a proxy that throws when it is looked
 * at. These functions look at such a value and never throw themselves.
 *
 * @module
 */

/** Returns whether `value` is an instance of `type`; `false` for a proxy that cannot be asked. */
export function isInstance<T>(
  value: unknown,
  type: abstract new (...args: never[]) => T,
): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Returns a text for any value: an error's message, or what `String` makes of it. */
export function textOf(value: unknown): string {
  try {
    const message: unknown = value instanceof Error ? value.message : undefined;
    return typeof message === "string" ? message : String(value);
  } catch {
    return `a value that has no text (${typeof value})`;
  }
}

/** Returns what was thrown as an Error: the same object if it is one, otherwise one with its text. */
export function toError(thrown: unknown): Error {
  return isInstance(thrown, Error) ? thrown : new Error(textOf(thrown));
}

/** Returns whether a value is a promise, or anything else with a method `then`. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === "function";
}

/**
 * Calls `onRejected` if `value` is a promise, or anything with `then`, that rejects: also one whose
 * `then` throws.
 */
export function catchRejection(value: unknown, onRejected: (reason: unknown) => void): void {
  if (isThenable(value)) {
    new Promise((resolve) => resolve(value)).then(undefined, onRejected);
  }
}

/** Prints an error; one that the console itself fails on is printed as text. */
export function printError(heading: string, error: unknown): void {
  try {
    console.error(heading, error);
  } catch {
    try {
      console.error(heading, stackOf(error));
    } catch {
      // The console has been replaced by one that fails on any text.
    }
  }
}

function stackOf(error: unknown): string {
  try {
    const { stack } = error as Error;
    if (typeof stack === "string") return stack;
  } catch {
    // It has none.
  }
  return textOf(error);
}
