/**
 * What a socket of `Deno.upgradeWebSocket` needs to be treated by.
 *
 * @module
 */
import type { ResolvedLimits } from "../protocol/options.ts";
import type { WebSocketLike } from "../connection/web_socket.ts";

/** Deno never sends a Close asked for while it has more messages to give: it gets a turn of its own. */
export function closeInTurn(socket: WebSocketLike): void {
  const close = socket.close.bind(socket);
  socket.close = (...status): void => void setTimeout(() => close(...status), 0);
}

/** In seconds: half of it to the ping, half to the end. Past 4,000,000 a timer would wrap around. */
export function idleTimeoutOf({ pingInterval, pingTimeout }: ResolvedLimits): number {
  const time = pingInterval + pingTimeout;
  return time === Infinity ? 0 : Math.min(Math.ceil(time / 1000), 4_000_000);
}
