/**
 * What one attempt connects with: the arguments that are functions are called for each.
 *
 * @module
 */
import { HandshakeError } from "../../errors.ts";
import type { HeaderEntries } from "../../handshake/caller_headers.ts";
import { ReadingTimer, type Timers } from "../../link/timers.ts";
import type { ForEachAttempt, ReconnectingPlan } from "./options.ts";

/** Where to connect, and what to offer. */
export interface AttemptValues {
  url: string | URL;
  protocols: string | readonly string[] | undefined;
  headers: HeaderEntries | undefined;
}

/**
 * Returns what the functions return. Rejects with what one of them fails with, with a HandshakeError when they
 * take longer than `handshakeTimeout`, or with the signal's reason.
 */
export async function attemptValues(
  { url, given: { protocols, headers }, handshakeTimeout }: ReconnectingPlan,
  timers: Timers,
  signal: AbortSignal,
): Promise<AttemptValues> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const late = new ReadingTimer(() => reject(lateError(handshakeTimeout)));
  const abort = (): void => reject(signal.reason);
  timers.set(late, handshakeTimeout);
  signal.addEventListener("abort", abort);
  try {
    const values = Promise.all([valueOf(url), valueOf(protocols), valueOf(headers)]);
    const [address, offered, added] = await Promise.race([over, values]);
    return { url: address, protocols: offered, headers: added };
  } finally {
    late.cancel();
    signal.removeEventListener("abort", abort);
  }
}

async function valueOf<Value>(given: ForEachAttempt<Value>): Promise<Value> {
  return await (typeof given === "function" ? (given as () => Value | Promise<Value>)() : given);
}

function lateError(timeout: number): HandshakeError {
  return new HandshakeError(
    "HANDSHAKE_TIMEOUT",
    `Cannot connect: url, protocols or headers did not return within ${timeout} ms (handshakeTimeout)`,
    { status: 0 },
  );
}
