/**
 * Connecting where there are no sockets: through the platform's WebSocket, as in a browser.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/incoming_message.ts";
import { openWebSocket, type WebSocketLike } from "../connection/web_socket.ts";
import type { ConnectPlan } from "./connect.ts";

/** Options that a page's WebSocket has no place for. */
const UNSUPPORTED = ["headers", "tls", "path", "http2"] as const;

/**
 * Opens the platform's WebSocket. Why it failed, if it did, the platform tells nobody.
 *
 * @throws {DOMException} NotSupportedError for an option it cannot honour (rejects).
 */
export function connectNative<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, protocols, settings, options } = plan;
  // The platform compresses as it likes: to ask for that is no more than what it does.
  const asked = UNSUPPORTED.find((name) => options[name] !== undefined) ??
    (typeof options.perMessageDeflate === "object" ? "perMessageDeflate" : undefined);
  if (asked !== undefined) {
    throw new DOMException(
      `Cannot connect: the option ${asked} does not work on this platform's WebSocket`,
      "NotSupportedError",
    );
  }
  const socket = new WebSocket(target, protocols) as unknown as WebSocketLike;
  const opening = openWebSocket<undefined, Message>(socket, {
    url: target.href,
    data: undefined,
    options: settings,
    onError: options.onError,
    websocket: options.websocket,
  });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason);
      socket.close();
    };
    signal.addEventListener("abort", abort, { once: true });
    opening.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
