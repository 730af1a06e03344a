/**
 * The server's decision about an opening handshake (RFC 6455 section 4.2): one for every way in, made in
 * one synchronous pass unless the hook returns a promise.
 *
 * @module
 */
import { ReadingTimer, Timers } from "../link/timers.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import type { RefusalContext } from "../connection/handlers.ts";
import { refusalFor } from "../errors.ts";
import {
  callHook,
  type HandshakeResult,
  type PeerCertificate,
  readHookResult,
} from "../handshake/hook.ts";
import type { WebSocketRequest } from "../handshake/server.ts";
import { isThenable } from "../thrown.ts";
import { faultContext, overdue, refusedByHook, reportFailure } from "./failures.ts";
import { cancelBody } from "./response_sender.ts";
import type { UpgradeSettings } from "./upgrade_options.ts";

/** What is known of a request besides what it says. */
export interface UpgradeInfo {
  /** The request, for the hook: a getter need not create it before. */
  readonly request: Request;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The client's certificate, if one was asked for. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** The context of what is reported, whether the request was valid or not. */
  readonly context: RefusalContext;
}

/** What was decided. */
export type UpgradeDecision<Data, Validated = WebSocketRequest> =
  /** The hook refused: this is its Response. */
  | { kind: "refuse"; response: Response }
  /** A rule, a policy or the hook failed. */
  | { kind: "fail"; error: unknown }
  | AcceptedUpgrade<Data, Validated>;

/** A handshake that is accepted. */
export interface AcceptedUpgrade<Data, Validated = WebSocketRequest> {
  kind: "accept";
  /** The request, once it was found valid. */
  validated: Validated;
  /** The subprotocol to answer with, or `""`. */
  protocol: string;
  /** The header lines to add, checked. */
  headers: [string, string][];
  data: Data | undefined;
}

/**
 * Decides about a handshake: by the rules of its protocol, then by the hook. Returns a promise only where
 * the hook does. Neither throws nor rejects.
 *
 * @param validate Reads the request by the rules of its protocol; throws a HandshakeError.
 */
export function decideUpgrade<Data, Message extends AnyMessage, Validated extends WebSocketRequest>(
  validate: () => Validated,
  settings: UpgradeSettings<Data, Message>,
  info: UpgradeInfo,
): UpgradeDecision<Data, Validated> | Promise<UpgradeDecision<Data, Validated>> {
  try {
    const validated = validate();
    const result = ask(validated, settings, info);
    const decide = (result: HandshakeResult<Data>): UpgradeDecision<Data, Validated> => {
      const { protocols } = validated;
      const outcome = readHookResult<Data>(result, { protocols, supported: settings.protocols });
      return outcome.kind === "accept" ? { ...outcome, validated } : outcome;
    };
    if (!isThenable(result)) return decide(result);
    return Promise.resolve(result).then(decide).catch(failed);
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): { kind: "fail"; error: unknown } {
  return { kind: "fail", error };
}

function ask<Data, Message extends AnyMessage>(
  validated: WebSocketRequest,
  { handshake }: UpgradeSettings<Data, Message>,
  info: UpgradeInfo,
): HandshakeResult<Data> | Promise<HandshakeResult<Data>> {
  if (handshake === undefined) return undefined;
  const { secure, peerCertificate, context: { remoteAddress } } = info;
  return callHook(handshake, info.request, {
    remoteAddress: remoteAddress?.transport === "tcp" ? remoteAddress : undefined,
    secure,
    protocols: validated.protocols,
    origin: validated.origin,
    ...(peerCertificate && { peerCertificate }),
  });
}

/** What a runtime's own server knows of the client while its request is decided about. */
export interface UpgradeClient {
  /** Called if the hook returns a promise, before it is awaited. */
  onWait?(): void;
  /** Returns whether the client has left: what the hook fails with then is its consequence. */
  hasLeft?(): boolean;
}

/**
 * Decides where the answer is a Response: as {@linkcode decideUpgrade}, for as long as
 * `handshakeTimeout`. Whatever is wrong becomes a refusal, and is reported to `onRefused` or
 * `onError`.
 */
export async function decideInTime<Data, Message extends AnyMessage>(
  validate: () => WebSocketRequest,
  settings: UpgradeSettings<Data, Message>,
  info: UpgradeInfo & UpgradeClient,
): Promise<{ kind: "refuse"; response: Response } | AcceptedUpgrade<Data>> {
  let decision = decideUpgrade(validate, settings, info);
  if (isThenable(decision)) {
    info.onWait?.();
    decision = await withTimeout(decision, settings, info);
  }
  const { context } = info;
  if (decision.kind === "fail") {
    const { error } = decision;
    const response = info.hasLeft?.() ? failureResponse(error) : refuse(error, settings, context);
    return { kind: "refuse", response };
  }
  if (decision.kind === "refuse") {
    settings.onRefused(refusedByHook(decision.response.status), context);
  }
  return decision;
}

/**
 * Resolves with the decision, or with a failure after `handshakeTimeout`. A Response that comes later is
 * cancelled, an error is reported.
 */
function withTimeout<Data, Message extends AnyMessage>(
  decision: Promise<UpgradeDecision<Data>>,
  settings: UpgradeSettings<Data, Message>,
  info: UpgradeInfo & UpgradeClient,
): Promise<UpgradeDecision<Data>> {
  const { handshakeTimeout, connection: { clock }, onError } = settings;
  return new Promise((resolve) => {
    const timer = new ReadingTimer(() => {
      const error = overdue("the handshake hook", handshakeTimeout);
      resolve(failed(error));
      decision.then((late) => {
        if (late.kind === "refuse") cancelBody(late.response, error);
        else if (late.kind === "fail" && !info.hasLeft?.()) {
          onError(late.error, faultContext(info.context));
        }
      });
    });
    Timers.of(clock).set(timer, handshakeTimeout);
    decision.then((decided) => {
      timer.cancel();
      resolve(decided);
    });
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
