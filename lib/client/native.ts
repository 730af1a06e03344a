/**
 * Connecting where there are no sockets: through the platform's WebSocket, as in a browser.
 *
 * @module
 */
import { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/incoming_message.ts";
import { NativeLink, type WebSocketLike } from "../connection/native_link.ts";
import { HandshakeError } from "../errors.ts";
import type { ConnectPlan } from "./connect.ts";

/** Options that a page's WebSocket has no place for. */
const UNSUPPORTED = ["headers", "tls", "path"] as const;

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
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(target, protocols);
    const link = new NativeLink(socket as unknown as WebSocketLike, settings);
    const abort = (): void => {
      reject(signal.reason);
      socket.close();
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.addEventListener("open", () => {
      signal.removeEventListener("abort", abort);
      const connection = new WebSocketConnection<undefined, Message>(link, {
        url: socket.url,
        data: undefined,
        options: settings,
        onError: options.onError,
      });
      connection.start(options.websocket);
      resolve(connection);
    });
    socket.addEventListener("error", () => {
      signal.removeEventListener("abort", abort);
      reject(
        new HandshakeError(
          "PLATFORM_REFUSED",
          `Cannot open connection: the platform could not connect to ${target.href}; ` +
            "it does not tell why, its network panel may",
          { status: 0 },
        ),
      );
    });
  });
}
