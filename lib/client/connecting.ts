/**
 * What connecting is on every platform: the arguments are checked, and one time limit and the caller's
 * signal apply to all that follows.
 *
 * @module
 */
import type { CallSite } from "../call_site.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { HandshakeError, TransportError } from "../errors.ts";
import { checkProtocols, parseWebSocketURL } from "../handshake/client_url.ts";
import { readLimit } from "../limits.ts";
import { ReadingTimer, Timers } from "../link/timers.ts";
import { readConnectionLimits } from "../protocol/options.ts";
import { isInstance } from "../thrown.ts";
import { type ConnectOptions, type ConnectPlan, readConnectOptions } from "./options.ts";
import { clients } from "./clients.ts";

/** What `connect` was called with. */
export interface ConnectCall<Message extends AnyMessage> {
  url: string | URL;
  given: string | readonly string[] | ConnectOptions<Message>;
  /** Arguments that it does not have. */
  more: readonly unknown[];
  /** The call itself, for the stacks of errors. */
  caller: CallSite;
}

/** Checks the arguments and has `open` connect; rejects when the time is over, or the signal aborts. */
export async function connectBy<Message extends AnyMessage>(
  { url, given, more, caller }: ConnectCall<Message>,
  open: (
    plan: ConnectPlan<Message>,
    signal: AbortSignal,
  ) => Promise<WebSocketConnection<undefined, Message>>,
): Promise<WebSocketConnection<undefined, Message>> {
  try {
    const target = parseWebSocketURL(url);
    const options = readConnectOptions<Message>(given, more);
    const protocols = checkProtocols(options.protocols);
    const settings = readConnectionLimits(options);
    const handshakeTimeout = readLimit("handshakeTimeout", options.handshakeTimeout, 10_000);
    options.signal?.throwIfAborted();

    // One controller for the caller's signal and the timeout: whichever comes first ends it all.
    const controller = new AbortController();
    const late = (): HandshakeError =>
      new HandshakeError(
        "HANDSHAKE_TIMEOUT",
        `Cannot open connection: ${target.host} did not answer within ${handshakeTimeout} ms ` +
          "(handshakeTimeout)",
        { status: 0 },
      );
    const deadline = new ReadingTimer(() => controller.abort(late()));
    const abort = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", abort, { once: true });
    Timers.of(settings.clock).set(deadline, handshakeTimeout);
    try {
      return await open({ target, protocols, settings, options }, controller.signal);
    } catch (error) {
      reportFailed(target.href, error);
      throw error;
    } finally {
      deadline.cancel();
      options.signal?.removeEventListener("abort", abort);
    }
  } catch (error) {
    throw caller.addTo(error);
  }
}

/** Reports to what observes the clients that a handshake failed: not an abort, nor a wrong option. */
function reportFailed(url: string, error: unknown): void {
  if (!isInstance(error, HandshakeError) && !isInstance(error, TransportError)) return;
  const rest = { remoteAddress: undefined, request: undefined };
  clients.onRefused(() => ({ role: "client", error, url, ...rest }));
}
