/**
 * Connecting where there are no sockets: through the platform's WebSocket, as in a browser.
 *
 * @module
 */
import type { WebSocketConnection } from "../connection/connection.ts";
import type { AnyMessage } from "../connection/streamed_message.ts";
import { refuseUnsupported } from "../protocol/options.ts";
import { openWebSocket, type WebSocketLike } from "../connection/web_socket.ts";
import type { ConnectPlan } from "./options.ts";
import { clients } from "./clients.ts";

/** Options that a page's WebSocket has no place for; an infinite limit holds there as well. */
const UNSUPPORTED = [
  "headers",
  "tls",
  "path",
  "proxy",
  "byteStream",
  "maxRedirects",
  "connectTimeout",
  "http2",
  "network",
  "maxHeaderSize",
  "maxHeaders",
] as const;

/** The platform's class as it was when this was loaded: a program may put ours in its place. */
const PlatformWebSocket: PlatformConstructor | undefined = /* @__PURE__ */ platformWebSocket();

interface PlatformConstructor {
  new (url: URL, protocols: readonly string[]): WebSocketLike;
}

function platformWebSocket(): PlatformConstructor | undefined {
  return (globalThis as unknown as { WebSocket?: PlatformConstructor }).WebSocket;
}

/**
 * Opens the platform's WebSocket. If it fails, the platform does not say why.
 *
 * @throws {DOMException} NotSupportedError If the platform cannot honour an option, unless it is off.
 */
export function connectNative<Message extends AnyMessage>(
  plan: ConnectPlan<Message>,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined, Message>> {
  const { target, protocols, settings, options } = plan;
  const given = { ...options, maxRedirects: options.maxRedirects || Infinity };
  const asked = UNSUPPORTED.find((name) => (given[name] ?? Infinity) !== Infinity);
  if (asked !== undefined) {
    throw new DOMException(
      `Cannot connect: this platform's WebSocket cannot honour ${asked}`,
      "NotSupportedError",
    );
  }
  const { perMessageDeflate } = options;
  refuseUnsupported(
    // The platform compresses as it likes: `true` asks for no more than that.
    { ...options, perMessageDeflate: perMessageDeflate === true ? false : perMessageDeflate },
    "this platform's WebSocket",
    ["pingInterval", "pingTimeout"],
  );
  if (PlatformWebSocket === undefined) {
    throw new DOMException("Cannot connect: this platform has no WebSocket", "NotSupportedError");
  }
  const socket = new PlatformWebSocket(target, protocols);
  const opening = openWebSocket<undefined, Message>(socket, {
    url: target.href,
    data: undefined,
    options: settings,
    onError: options.onError,
    websocket: options.websocket,
    onCreated: (connection) => clients.onOpen(connection, "client", undefined),
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
