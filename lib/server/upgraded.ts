/**
 * Which sockets and streams were upgraded: a second call for the same one, of another `upgrade`
 * listener say, must not break what the first has begun.
 *
 * @module
 */

const upgraded = new WeakSet<object>();

/**
 * Takes a socket for WebSocket.
 *
 * @throws {TypeError} If it was taken before.
 */
export function markUpgraded(socket: object): void {
  if (upgraded.has(socket)) {
    throw new TypeError("Cannot upgrade: the request was upgraded before; call upgrade once");
  }
  upgraded.add(socket);
}
