/**
 * Where a function was called. An error that is created later, in a callback of a socket or a timer, has
 * nothing of it in its stack.
 *
 * @module
 */
import { SluiceError } from "./errors.ts";
import { isInstance } from "./thrown.ts";

/** What most engines have; a standard of TC39 in the making. */
interface StackCapture {
  captureStackTrace?(target: object, callee: unknown): void;
}

/**
 * A call whose failure may come later. Creating one costs some microseconds, and no text is made of
 * it.
 */
export class CallSite {
  /** The stack, as text once it is read. */
  declare readonly stack?: string;

  /** Remembers who called `callee`, whose own line is left out. */
  constructor(callee: (...args: never[]) => unknown) {
    (Error as StackCapture).captureStackTrace?.(this, callee);
  }

  /**
   * Adds the caller's lines to the stack of an error of this library, unless they are there already, and
   * returns the error. Any other value is returned as it is.
   */
  addTo<Reason>(error: Reason): Reason {
    if (!isInstance(error, SluiceError)) return error;
    const lines = (this.stack ?? "").split("\n").filter((line) => line.trim().startsWith("at "));
    const before = error.stack ?? "";
    if (lines.length > 0 && !before.includes(lines[0])) error.stack = [before, ...lines].join("\n");
    return error;
  }
}
