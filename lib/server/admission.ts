/**
 * The server's decision about an opening handshake (RFC 6455 section 4.2), where the request comes
 * from a runtime and the answer is given to it: as a Response.
 *
 * @module
 */
import { Deadline, Deadlines } from "../connection/deadlines.ts";
import type { AnyMessage } from "../connection/incoming_message.ts";
import type { TransportAddress } from "../connection/transport.ts";
import { HandshakeError } from "../errors.ts";
import { isThenable, settleHook } from "../handshake/hook.ts";
import type { WebSocketRequest } from "../handshake/server.ts";
import { cancelBody } from "./response_sender.ts";
import type { UpgradeSettings } from "./upgrade_options.ts";

/** What is known of a request besides what it says. */
export interface AdmissionFacts {
  /** The request, for the hook: a getter need not make it before. */
  readonly request: Request;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The peer's address, where known. */
  readonly remoteAddress: TransportAddress | undefined;
  /** Called if the hook takes its time, before it is waited for. */
  waiting?(): void;
}

/** What was decided. */
export type Admission<Data> =
  | { kind: "refuse"; response: Response }
  | {
    kind: "accept";
    /** The request, judged. */
    asked: WebSocketRequest;
    /** The subprotocol to answer with, or `""`. */
    protocol: string;
    /** The header lines to add, checked. */
    headers: [string, string][];
    data: Data | undefined;
  };

/**
 * Judges a handshake and asks the hook, for as long as `handshakeTimeout`. Whatever is wrong becomes a
 * refusal, and is told to `onError`; a Response of the hook's refuses as well, and is no error.
 *
 * @param judge Reads the request by the rules of its protocol; throws a HandshakeError.
 */
export async function admit<Data, Message extends AnyMessage>(
  judge: () => WebSocketRequest,
  settings: UpgradeSettings<Data, Message>,
  facts: AdmissionFacts,
): Promise<Admission<Data>> {
  try {
    const asked = judge();
    const verdict = settleHook<Data>(await ask(asked, settings, facts), {
      protocols: asked.protocols,
      supported: settings.protocols,
    });
    return verdict.kind === "refuse" ? verdict : { ...verdict, asked };
  } catch (error) {
    settings.onError(error);
    return { kind: "refuse", response: refusalResponse(error) };
  }
}

function ask<Data, Message extends AnyMessage>(
  asked: WebSocketRequest,
  settings: UpgradeSettings<Data, Message>,
  facts: AdmissionFacts,
): ReturnType<NonNullable<typeof settings.handshake>> {
  const { handshake } = settings;
  const { secure, remoteAddress } = facts;
  const result = handshake?.(facts.request, {
    remoteAddress: remoteAddress?.transport === "tcp" ? remoteAddress : undefined,
    secure,
    protocols: asked.protocols,
    origin: asked.origin,
  });
  if (!isThenable(result)) return result;
  facts.waiting?.();
  return inTime(result, settings);
}

/** The same, or a rejection after `handshakeTimeout`; a Response that comes later is cancelled. */
function inTime<T, Data, Message extends AnyMessage>(
  result: PromiseLike<T>,
  { handshakeTimeout, connection }: UpgradeSettings<Data, Message>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let late: HandshakeError | undefined;
    const deadline = new Deadline(() => {
      late = new HandshakeError(
        "HANDSHAKE_TIMEOUT",
        "Cannot accept handshake: it was not decided within " +
          `${handshakeTimeout} ms (handshakeTimeout)`,
        { status: 503 },
      );
      reject(late);
    });
    Deadlines.of(connection.clock).set(deadline, handshakeTimeout);
    Promise.resolve(result).then((value) => {
      if (late === undefined) resolve(value);
      else cancelBody(value, late);
    }, reject).finally(() => deadline.cancel());
  });
}

/** A HandshakeError is the answer itself; anything else is an error of the user's code, and a 500. */
export function refusalResponse(error: unknown): Response {
  const known = error instanceof HandshakeError;
  const message = known ? error.message : "Cannot accept handshake: the server failed";
  const headers = new Headers(known ? error.headers : undefined);
  headers.set("content-type", "text/plain; charset=utf-8");
  return new Response(`${message}\n`, { status: (known && error.status) || 500, headers });
}
