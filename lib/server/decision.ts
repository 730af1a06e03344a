/**
 * The server's decision about an opening handshake (RFC 6455 section 4.2), where the request comes
 * from a runtime and the answer is given to it: as a Response.
 *
 * @module
 */
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type { RefusalContext } from "../connection/handlers.ts";
import { refusalFor } from "../errors.ts";
import { callHook, type HandshakeResult, readHookResult } from "../handshake/hook.ts";
import type { WebSocketRequest } from "../handshake/server.ts";
import { isThenable } from "../thrown.ts";
import {
  faultContext,
  overdue,
  type OverdueError,
  refusedByHook,
  reportFailure,
} from "./failures.ts";
import { cancelBody } from "./response_sender.ts";
import type { UpgradeSettings } from "./upgrade_options.ts";

/** What is known of a request besides what it says. */
export interface UpgradeInfo {
  /** The request, for the hook: a getter need not make it before. */
  readonly request: Request;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** What the handlers are told of it, judged or not. */
  readonly context: RefusalContext;
  /** Called if the hook takes its time, before it is waited for. */
  waiting?(): void;
  /** Returns whether the client has left: what the hook fails with then is its consequence. */
  gone?(): boolean;
}

/** What was decided. */
export type UpgradeDecision<Data> =
  | { kind: "refuse"; response: Response }
  | {
    kind: "accept";
    /** The request, judged. */
    validated: WebSocketRequest;
    /** The subprotocol to answer with, or `""`. */
    protocol: string;
    /** The header lines to add, checked. */
    headers: [string, string][];
    data: Data | undefined;
  };

/**
 * Judges a handshake and asks the hook, for as long as `handshakeTimeout`. Whatever is wrong becomes a
 * refusal, and is reported to `onRefused` or `onError`.
 *
 * @param validate Reads the request by the rules of its protocol; throws a HandshakeError.
 */
export async function decideUpgrade<Data, Message extends AnyMessage>(
  validate: () => WebSocketRequest,
  settings: UpgradeSettings<Data, Message>,
  info: UpgradeInfo,
): Promise<UpgradeDecision<Data>> {
  const { context } = info;
  try {
    const validated = validate();
    const outcome = readHookResult<Data>(await ask(validated, settings, info), {
      protocols: validated.protocols,
      supported: settings.protocols,
    });
    if (outcome.kind === "accept") return { ...outcome, validated };
    settings.onRefused(refusedByHook(outcome.response.status), context);
    return outcome;
  } catch (error) {
    const response = info.gone?.() ? failureResponse(error) : refuse(error, settings, context);
    return { kind: "refuse", response };
  }
}

function ask<Data, Message extends AnyMessage>(
  validated: WebSocketRequest,
  settings: UpgradeSettings<Data, Message>,
  info: UpgradeInfo,
): HandshakeResult<Data> | Promise<HandshakeResult<Data>> {
  const { handshake } = settings;
  if (handshake === undefined) return undefined;
  const { secure, context } = info;
  const { remoteAddress } = context;
  const result = callHook(handshake, info.request, {
    remoteAddress: remoteAddress?.transport === "tcp" ? remoteAddress : undefined,
    secure,
    protocols: validated.protocols,
    origin: validated.origin,
  });
  if (!isThenable(result)) return result;
  info.waiting?.();
  return withTimeout(result, settings, (error) => {
    if (!info.gone?.()) settings.onError(error, faultContext(context));
  });
}

/**
 * Returns what the hook gives, or a rejection after `handshakeTimeout`. A Response that comes later is
 * cancelled, an error goes to `failedLate`.
 */
function withTimeout<T, Data, Message extends AnyMessage>(
  result: PromiseLike<T>,
  { handshakeTimeout, connection }: UpgradeSettings<Data, Message>,
  failedLate: (error: unknown) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let late: OverdueError | undefined;
    const deadline = new ReadingTimer(() => {
      late = overdue("the handshake hook", handshakeTimeout);
      reject(late);
    });
    Timers.of(connection.clock).set(deadline, handshakeTimeout);
    Promise.resolve(result).then((value) => {
      if (late === undefined) resolve(value);
      else cancelBody(value, late);
    }, (error) => {
      if (late === undefined) reject(error);
      else failedLate(error);
    }).finally(() => deadline.cancel());
  });
}

/** Reports why a handshake is not accepted, and returns the answer. */
export function refuse<Data, Message extends AnyMessage>(
  error: unknown,
  settings: UpgradeSettings<Data, Message>,
  context: RefusalContext,
): Response {
  reportFailure(error, settings, context);
  return failureResponse(error);
}

/** Returns the answer to a handshake that failed. */
export function failureResponse(error: unknown): Response {
  const { status, headers, text } = refusalFor(error);
  return new Response(text, { status, headers: headers as [string, string][] });
}
