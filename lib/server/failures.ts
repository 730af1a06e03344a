/**
 * Reports why an opening handshake failed: a refusal to `onRefused`, a fault to `onError`.
 *
 * @module
 */
import type { Clock } from "../protocol/clock.ts";
import type { RefusalContext, RefusalHandler } from "../connection/handlers.ts";
import { addressText, callHandler } from "../connection/report.ts";
import type { TransportAddress } from "../link/transport.ts";
import { HandshakeError, LimitError, refusalFor, type TransportError } from "../errors.ts";
import { isInstance } from "../thrown.ts";

/** The user's code took longer than `handshakeTimeout`: a fault of the server's, and a 503. */
export class OverdueError extends HandshakeError {
  /** Creates the error. */
  constructor(message: string, limit: number) {
    super("HANDSHAKE_TIMEOUT", message, {
      status: 503,
      cause: new LimitError(message, {
        option: "handshakeTimeout",
        limit,
        actual: limit,
        closeCode: 1011,
      }),
    });
  }
}

/** Returns the error for a hook, or `fetch`, that did not settle in time. */
export function overdue(what: string, limit: number): OverdueError {
  return new OverdueError(
    `Cannot accept handshake: ${what} did not settle within ${limit} ms (handshakeTimeout)`,
    limit,
  );
}

/** Reports a refusal; it does not throw. */
type ReportRefusal = (error: HandshakeError | TransportError, context: RefusalContext) => void;

/** The handlers that a failure is reported to. */
interface FailureHandlers {
  onRefused: ReportRefusal;
  onError(error: unknown, context: RefusalContext & { connection: undefined }): void;
}

/** Returns the context of a request for a handler; `read` is called when its `request` is read. */
export function requestContext(
  read: () => Request | undefined,
  remoteAddress: TransportAddress | undefined,
): RefusalContext {
  return {
    get request(): Request | undefined {
      return read();
    },
    remoteAddress,
  };
}

/** Returns the same for `onError`. */
export function faultContext(
  context: RefusalContext,
): RefusalContext & { connection: undefined } {
  return {
    connection: undefined,
    get request(): Request | undefined {
      return context.request;
    },
    remoteAddress: context.remoteAddress,
  };
}

/** Reports why a handshake is not accepted. */
export function reportFailure(
  error: unknown,
  handlers: FailureHandlers,
  context: RefusalContext,
): void {
  if (refusalFor(error).fault || isInstance(error, OverdueError)) {
    handlers.onError(error, faultContext(context));
  } else handlers.onRefused(error as HandshakeError, context);
}

/** Returns the error for a handshake that the hook refused by a Response. */
export function refusedByHook(status: number): HandshakeError {
  const why = `Cannot accept handshake: the handshake hook refused it with status ${status}`;
  return new HandshakeError(REFUSED, why, { status });
}

/** The code of these. */
const REFUSED = "REFUSED";
/** How often a line is printed for each kind of refusal, in milliseconds. */
const LOG_INTERVAL = 60_000;
/** How many kinds are kept: codes are few, but a hook may make up its own. */
const MAX_KINDS = 100;

/** A kind of refusal that was printed. */
interface Kind {
  readonly printedAt: number;
  hidden: number;
}

/**
 * Prints refusals, at most one line a minute for each code, with the number of those that were not
 * printed since the line before. There is no timer: the number comes with the next line.
 */
class RefusalLog {
  static readonly #all = /* @__PURE__ */ new WeakMap<Clock, RefusalLog>();
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the log of all that use this clock: one server may be many calls of `upgrade`. */
  static of(clock: Clock): RefusalLog {
    let log = RefusalLog.#all.get(clock);
    if (log === undefined) RefusalLog.#all.set(clock, log = new RefusalLog(clock));
    return log;
  }

  /** Prints a refusal, or counts it. */
  add({ code, message }: { code: string; message: string }, from: string): void {
    const now = this.#clock.now(), kind = this.#kinds.get(code);
    if (kind !== undefined && now - kind.printedAt < LOG_INTERVAL) {
      kind.hidden++;
      return;
    }
    // The oldest stands first.
    this.#kinds.delete(code);
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.#kinds.set(code, { printedAt: now, hidden: 0 });
    const more = kind?.hidden ? `; ${kind.hidden} more since the last such line` : "";
    console.warn(`${message} (${code}${from}${more})`);
  }
}

/** Returns the default of `onRefused`; a refusal by a Response of the hook is not printed. */
export function logRefusals(clock: Clock): RefusalHandler {
  return (error, { remoteAddress }): void => {
    if (error.code === REFUSED) return;
    const from = remoteAddress === undefined ? "" : `, from ${addressText(remoteAddress)}`;
    RefusalLog.of(clock).add(error, from);
  };
}

/** Returns the handler without its failures. */
export function guardRefusals(onRefused: RefusalHandler): ReportRefusal {
  return (error, context): void => callHandler("onRefused", error, () => onRefused(error, context));
}
