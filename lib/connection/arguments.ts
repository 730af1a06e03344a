/**
 * Reads the arguments of a connection's methods.
 *
 * @module
 */
import type { CloseInfo, CloseStatus } from "../errors.ts";
import {
  checkNames,
  checkSignal,
  type NameContext,
  type OptionNames,
  typeName,
} from "../options.ts";

/** A `closed` connection's info may be passed on to another connection's `close`. */
const CLOSE_STATUS: OptionNames<CloseInfo> = {
  closeCode: true,
  reason: true,
  wasClean: true,
  sent: true,
  received: true,
  initiator: true,
  error: true,
};
const CLOSE: NameContext = { verb: "close", noun: "part of a close status" };
const SIGNAL: OptionNames<{ signal?: AbortSignal }> = { signal: true };

/**
 * Returns the close status that `close` was called with: `({ closeCode, reason })` or
 * `(closeCode, reason)`, 1000 and `""` where they are missing.
 *
 * @throws {TypeError} If it is neither, or has something else in it.
 */
export function readCloseArguments(
  status: Partial<CloseStatus> | number | undefined,
  second: string | undefined,
): CloseStatus {
  if (status === undefined || typeof status === "number") {
    const [closeCode = 1000, reason = ""] = [status, second];
    return { closeCode, reason };
  }
  if (typeof status !== "object" || status === null) {
    throw new TypeError(
      `Cannot close: expected a close code or { closeCode, reason }, got ${typeName(status)}`,
    );
  }
  if (second !== undefined) {
    throw new TypeError("Cannot close: with { closeCode, reason } there is no second argument");
  }
  // A CloseEvent has its code under another name.
  if ("code" in status && status.closeCode === undefined) {
    throw new TypeError(
      "Cannot close: code is not part of a close status; did you mean closeCode?",
    );
  }
  if (!(status instanceof Error)) checkNames(status, CLOSE_STATUS, CLOSE);
  const { closeCode = 1000, reason = "" } = status;
  return { closeCode, reason };
}

/**
 * Returns the option `signal` of `receive` and `ping`.
 *
 * @throws {TypeError} If there is another option, or the signal is not one.
 */
export function readSignal(
  verb: string,
  options: { signal?: AbortSignal } | undefined,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkNames(options, SIGNAL, { verb });
  checkSignal(verb, options.signal);
  return options.signal ?? undefined;
}
